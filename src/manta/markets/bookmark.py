"""How far a feed has been read: which files, up to when without a gap; over a restart, in a small file."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from manta.markets.rhythm import kept, on_grid
from manta.mms.catalogue import Feed

log = structlog.get_logger()

MOST_BYTES = 10_000_000
FURTHEST = timedelta(days=35)
"""How far back we ever catch up by ourselves; for what is older there is ``manta market import``."""
PATIENCE = timedelta(days=3)
"""How long a hole is looked for; a day's archive appears the day after."""


class Bookmark:
    """What has been read of one feed, by the stems of the files' names, and the holes that are left."""

    def __init__(self, feed: Feed, now: datetime, catch_up: timedelta, path: Path | None = None) -> None:
        self.done: dict[str, datetime] = {}
        """Files read and kept, with the time each is named for."""
        self.lost: set[datetime] = set()
        """Times for which nothing was found anywhere."""
        self.began: datetime = on_grid(feed, now - catch_up)
        """Nothing named for this time or an earlier one is wanted."""
        self.through: datetime = self.began
        """All up to here has been read or is lost."""
        self._feed, self._path, self._is_changed = feed, path, True
        self._read()
        furthest = on_grid(feed, now - max(FURTHEST, catch_up, 7 * feed.every))
        self.began, self.through = max(self.began, furthest), max(self.through, furthest)

    @property
    def newest(self) -> datetime | None:
        """The latest time of which we have a file."""
        return max(self.done.values(), default=None)

    def holes(self) -> list[datetime]:
        """Return the times up to the newest of which we have no file, oldest first."""
        if (newest := self.newest) is None:
            return []
        have = {on_grid(self._feed, at) for at in self.done.values()} | self.lost
        count = max((newest - self.through) // self._feed.every, 0)
        times = (self.through + n * self._feed.every for n in range(1, count + 1))
        return [at for at in times if at not in have]

    def finish(self, stem: str, named: datetime) -> None:
        """Note that a file has been read and kept."""
        self.done[stem] = named
        self._is_changed = True

    def advance(self, now: datetime, still: Collection[datetime]) -> None:
        """Move on to the first hole, give up those that have been looked for long enough, forget, and save.

        ``still`` are times whose files are listed and will be tried again.
        """
        before = self.through, len(self.lost)
        patience = max(PATIENCE, 7 * self._feed.every)
        holes = self.holes()
        for at in [at for at in holes if now - at > patience and at not in still]:
            self.lost.add(at)
            holes.remove(at)
            log.warning("market report lost", feed=self._feed.prefix, named=at.isoformat())
        if holes:
            self.through = holes[0] - self._feed.every
        elif self.newest is not None:
            self.through = max(self.through, on_grid(self._feed, self.newest))
        oldest = now - kept(self._feed)
        self.done = {s: at for s, at in self.done.items() if at >= min(oldest, self.through)}
        self.lost = {at for at in self.lost if at > self.through}
        self._is_changed |= before != (self.through, len(self.lost))
        self._save()

    def _read(self) -> None:
        """Take up where we were; what cannot be read is begun anew, which upsert makes harmless."""
        if self._path is None or not self._path.exists():
            return
        try:
            if self._path.stat().st_size > MOST_BYTES:
                raise ValueError("it is too large")
            saved = json.loads(self._path.read_bytes())
            done = {str(stem): _instant(at) for stem, at in saved["done"].items()}
            lost = {_instant(at) for at in saved["lost"]}
            began, through = _instant(saved["began"]), _instant(saved["through"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            log.warning("bookmark begun anew", file=str(self._path), because=repr(error))
            return
        self.done, self.lost, self.began, self.through = done, lost, began, through

    def _save(self) -> None:
        """Replace the file at once, so that a kill leaves the old one or the new one."""
        if self._path is None or not self._is_changed:
            return
        said = {
            "began": self.began.isoformat(),
            "through": self.through.isoformat(),
            "lost": sorted(at.isoformat() for at in self.lost),
            "done": {stem: at.isoformat() for stem, at in self.done.items()},
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        with beside.open("w") as file:
            json.dump(said, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        self._is_changed = False


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return at.astimezone(UTC)
