"""A site's reports until the house has them: on the disk, bounded, in order, through outage and power cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from manta.wire.device import DeviceReading, SiteReport

KEPT_MS = 3 * 24 * 3_600_000
"""Three days: one is promised; the house itself refuses what is older than seven."""
KEPT_ROWS = 3 * 17_280
"""As many reports as three days have at one in five seconds; some 15 MB."""
_TABLE = "CREATE TABLE IF NOT EXISTS report (sequence INTEGER PRIMARY KEY, at_ms INTEGER, body BLOB)"
_LAST = "CREATE TABLE IF NOT EXISTS last (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER)"


@dataclass(frozen=True, slots=True)
class Kept:
    """A report that the house has not acknowledged."""

    sequence: int
    body: bytes
    """An encoded SiteReport."""


class Buffer:
    """Reports by their sequence, which rises by one and never repeats, whatever is done to the machine.

    A report is on the disk before anybody can send it: were it sent first, a power cut could lose it here
    and its number would be given away a second time. A torn end is cut off by SQLite's own journal; a file
    that is no database any more is put aside, and numbers begin again at the time in milliseconds, far above.
    """

    def __init__(self, path: Path, at_ms: int, rows_at_most: int = KEPT_ROWS) -> None:
        self.dropped = 0
        """Reports given up because there was no more room for them."""
        self.is_begun_anew = False
        """Whether a broken file had to be put aside."""
        self._rows_at_most = rows_at_most
        self._acknowledged: list[int] = []
        self._last = at_ms
        self.waiting = 0
        """Reports that the house has not acknowledged."""
        try:
            self._open(path, at_ms)
        except sqlite3.DatabaseError:
            self.is_begun_anew = True
            self._put_aside(path)
            self._open(path, at_ms)

    def add(self, at_ms: int, readings: Sequence[DeviceReading]) -> Kept:
        """Keep a report and number it; what was acknowledged since the last goes in the same stroke."""
        sequence = self._last + 1
        body = msgspec.msgpack.encode(SiteReport(sequence, at_ms, list(readings)))
        with self._file:
            self._forget()
            self._file.execute("INSERT INTO report VALUES (?, ?, ?)", (sequence, at_ms, body))
            self._file.execute("INSERT OR REPLACE INTO last VALUES (1, ?)", (sequence,))
        self._last = sequence
        self.waiting += 1
        self._keep_bound(at_ms)
        return Kept(sequence, body)

    def oldest(self, count: int, besides: Collection[int] = ()) -> list[Kept]:
        """Return the oldest reports still waiting, in order, without those that are under way."""
        away = set(besides).union(self._acknowledged)
        found = self._file.execute(
            "SELECT sequence, body FROM report ORDER BY sequence LIMIT ?", (count + len(away),)
        )
        return [Kept(sequence, body) for sequence, body in found if sequence not in away][:count]

    def acknowledge(self, sequence: int) -> None:
        """Note that the house has a report; it leaves the disk with the next one that comes."""
        self._acknowledged.append(sequence)
        self.waiting -= 1

    def close(self) -> None:
        """Forget what was acknowledged, and close the file."""
        with self._file:
            self._forget()
        self._file.close()

    def _open(self, path: Path, at_ms: int) -> None:
        self._file = sqlite3.connect(path)
        try:
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute("PRAGMA synchronous=FULL")
            self._file.execute("PRAGMA cache_size=-512")
            if self._file.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError(f"{path} is broken")
            with self._file:
                self._file.execute(_TABLE)
                self._file.execute(_LAST)
            row = self._file.execute("SELECT sequence FROM last").fetchone()
            self._last = row[0] if row else at_ms
            self.waiting = self._file.execute("SELECT count(*) FROM report").fetchone()[0]
        except sqlite3.DatabaseError:
            self._file.close()
            raise

    def _put_aside(self, path: Path) -> None:
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + ending).replace(path.with_name(f"{path.name}.broken{ending}"))

    def _forget(self) -> None:
        self._delete(self._acknowledged)
        self._acknowledged = []

    def _keep_bound(self, at_ms: int) -> None:
        """Give up the oldest where they are too many or too old; rarely, so in a stroke of its own."""
        beyond = self.waiting - self._rows_at_most
        old = self._file.execute("SELECT at_ms FROM report ORDER BY sequence LIMIT 1").fetchone()[0]
        if beyond <= 0 and old >= at_ms - KEPT_MS:
            return
        found = self._file.execute(
            "SELECT sequence, at_ms FROM report ORDER BY sequence LIMIT ?", (max(beyond, 1_000),)
        ).fetchall()
        gone = [
            sequence
            for place, (sequence, kept_at_ms) in enumerate(found)
            if (place < beyond or kept_at_ms < at_ms - KEPT_MS) and sequence not in set(self._acknowledged)
        ]
        with self._file:
            self._delete(gone)
        self.waiting -= len(gone)
        self.dropped += len(gone)

    def _delete(self, sequences: Iterable[int]) -> None:
        self._file.executemany("DELETE FROM report WHERE sequence = ?", ((each,) for each in sequences))
