"""One port for every directory of NEMWEB: each report once, the newest first, nothing left out.

A feed is listed in its own rhythm and only read where it has changed. What left the current directory while
nobody looked is fetched from the archive. A report that cannot be believed is put aside with its cause. Of a
report that is late the health says since when; nothing is made up in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random

import httpx
import structlog

from manta.domain.time import NEM_TIME
from manta.markets.bookmark import Bookmark
from manta.markets.fetching import Clock, GoneError, Listing, UnreachableError, fetch, keep_refused
from manta.markets.rhythm import RHYTHMS, kept, newest_expected, on_grid, steady
from manta.mms.archive import MOST_PACKED, archived_files
from manta.mms.catalogue import Feed
from manta.mms.lines import MarketFileError

log = structlog.get_logger()

CURRENT, ARCHIVE = "/Reports/Current/", "/Reports/Archive/"
ATTEMPTS = 8
"""A file that cannot be read may still have been in the middle of being written."""
MOST_FAILURES = 3
"""In one look; one file that cannot be had does not keep the others from us, a dead server does."""
EAGER_S, LATE_S, LONGEST_WAIT_S = 5.0, 15.0, 120.0
"""Between looks: while a report is due, when it is overdue, and at most while nobody answers."""
PAUSE = timedelta(seconds=0.2)
"""Between two files of history, out of politeness."""
SKEW = timedelta(minutes=1)
ARCHIVE_AGAIN = timedelta(hours=1)
MOST_OF_A_DAY = 100_000_000
"""Bytes of a file that appears once a day: every unit's dispatch, every offer."""
MOST_OF_AN_ARCHIVE = 300_000_000
ARCHIVE_WITHIN_S = 600.0
SAVED_EVERY = 20
"""Files of a catch-up; so many may be read again after a kill."""
_DAILY = timedelta(days=1)

type Read[T] = Callable[[str, bytes], Sequence[T]]
"""From a file's name and bytes to what is in it; MarketFileError if it cannot be believed."""
type Keep[T] = Callable[[T], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Source:
    """A NEMWEB, and what it takes to follow it."""

    base_url: str
    client: httpx.AsyncClient
    clock: Clock
    random: Random
    """Jitter."""
    quarantine: Path


@dataclass(slots=True)
class FeedState:
    """How a feed is doing, for those who watch it."""

    listed_at: datetime | None = None
    """When the directory last answered."""
    is_there: bool = True
    """Not, where the server knows no such directory."""
    newest: datetime | None = None
    """The latest time of which we have a report."""
    heard_at: datetime | None = None
    """When that came into our hands."""
    files: int = 0
    quarantined: int = 0
    missing: int = 0
    """Reports between the first and the newest that we do not have."""
    lost: int = 0
    """Of which we have given up hope."""
    failures: int = 0
    """Looks in a row that failed."""
    because: str = ""
    """Why the last look failed."""


class Follower[T]:
    """One feed, followed for ever."""

    def __init__(self, feed: Feed, source: Source, bookmark: Bookmark, read: Read[T]) -> None:
        self.feed = feed
        self.state = FeedState(newest=bookmark.newest)
        self._source = source
        self._bookmark = bookmark
        self._reader = read
        self._rhythm, self._file_name = RHYTHMS[feed.prefix], feed.file_name
        base = source.base_url.rstrip("/")
        self._current = Listing(source.client, f"{base}{CURRENT}{feed.directory}/", self._file_name)
        self._archive = Listing(source.client, f"{base}{ARCHIVE}{feed.directory}/", feed.archive_name)
        self._archive_at: datetime | None = None
        self._searched: set[str] = set()
        self._attempts: dict[str, int] = {}
        self._began_at = source.clock.now()

    async def follow(self, keep: Keep[T]) -> None:
        """Hand over what each report holds, for ever; nothing that the server does ends it."""
        while True:
            await self.look(keep)
            await self._source.clock.sleep_until(self._next_look())

    def late_since(self, now: datetime) -> datetime | None:
        """Return since when a report is late that ought to be here, None while none is."""
        expected = newest_expected(self.feed, now, self._rhythm.late)
        had = self.state.newest
        had = (
            on_grid(self.feed, self._began_at - self._rhythm.late) if had is None else on_grid(self.feed, had)
        )
        return None if had >= expected else had + self.feed.every + self._rhythm.late

    async def look(self, keep: Keep[T]) -> None:
        """Look once: at the directory, then at each file that is new in it, then for what is missing."""
        failed: list[str] = []
        try:
            await self._current.read()
        except UnreachableError as error:
            self.state.is_there = not isinstance(error, GoneError)
            failed.append(str(error))
        else:
            self.state.is_there, self.state.listed_at = True, self._source.clock.now()
        due = self._due()
        for place, name in enumerate(due):
            if len(failed) > MOST_FAILURES:
                break
            if because := await self._read(name, keep):
                failed.append(because)
            if place and place % SAVED_EVERY == 0:
                self._save()
            if place + 1 < len(due):
                await self._source.clock.sleep_until(self._source.clock.now() + PAUSE)
        if not failed and (because := await self._fill(keep)):
            failed.append(because)
        self._save()
        self._count(failed)

    def _due(self) -> list[str]:
        """Return the files that we still want: the newest first, then what was missed, oldest first."""
        now = self._source.clock.now()
        oldest = max(self._bookmark.began, now - kept(self.feed))
        latest = now - self._rhythm.due + self.feed.every + SKEW
        wanted = []
        for name in self._current.files:
            at = self._named(name)
            fresh = _stem(name) not in self._bookmark.done and self._attempts.get(name, 0) < ATTEMPTS
            if at is not None and fresh and oldest < at <= latest:
                wanted.append((at, name.upper(), name))
        names = [name for _, _, name in sorted(wanted)]
        return names[-1:] + names[:-1]

    async def _read(self, name: str, keep: Keep[T]) -> str:
        """Fetch one file and hand over what it holds; return why not, if the server was at fault."""
        most = MOST_OF_A_DAY if self.feed.every >= _DAILY else MOST_PACKED
        try:
            answer = await fetch(self._source.client, self._current.files[name], {}, most)
        except UnreachableError as error:
            if isinstance(error, GoneError):
                self._attempts[name] = self._attempts.get(name, 0) + 1
            return str(error)
        return await self._take(name, answer.content, keep)

    async def _take(self, name: str, body: bytes, keep: Keep[T]) -> str:
        """Read a file's bytes and hand over what they hold; what cannot be believed is put aside."""
        heard_at = self._source.clock.now()
        try:
            held = await asyncio.to_thread(self._reader, name, body)
        except MarketFileError as error:
            await self._refuse(name, body, error)
            return ""
        try:
            for each in held:
                await keep(each)
        except Exception as failure:  # noqa: BLE001 - the file is read again at the next look
            log.error("market rows not kept", file=name, because=repr(failure))
            return f"{name} not kept: {failure!r}"
        self._attempts.pop(name, None)
        named = self._named(name)
        if named is not None:
            self._bookmark.finish(_stem(name), named)
            if self.state.newest is None or named > self.state.newest:
                self.state.newest, self.state.heard_at = named, heard_at
        self.state.files += 1
        return ""

    async def _refuse(self, name: str, body: bytes, error: MarketFileError) -> None:
        self._attempts[name] = self._attempts.get(name, 0) + 1
        self.state.quarantined += 1
        log.warning("market file quarantined", file=name, line=error.line, cause=error.cause)
        await asyncio.to_thread(keep_refused, self._source.quarantine, name, body, error)

    async def _fill(self, keep: Keep[T]) -> str:
        """Look in the archive for what is missing and no longer listed; return why that failed, if it did."""
        now = self._source.clock.now()
        waits = self._archive_at is not None and now < self._archive_at
        if waits or not self.feed.archived or not self._sought():
            return ""
        self._archive_at = now + ARCHIVE_AGAIN
        try:
            await self._archive.read()
            for name in self._archives():
                if self._sought():
                    await self._search(name, keep)
        except GoneError:
            return ""  # there is no archive, or not of that day; holes stay holes
        except UnreachableError as error:
            self._archive_at = None
            return str(error)
        return ""

    def _sought(self) -> set[datetime]:
        """Return the times that are missing and that the current directory does not offer any more."""
        offered = {self._named(name) for name in self._due()}
        return set(self._bookmark.holes()) - {on_grid(self.feed, at) for at in offered if at is not None}

    def _archives(self) -> list[str]:
        since = min(self._sought()) - self.feed.every
        names = self.feed.missed(since, self._current.files, self._archive.files)
        return [name for name in names if name in self._archive.files and name not in self._searched]

    async def _search(self, name: str, keep: Keep[T]) -> None:
        """Take from one archive the reports that are missing, one at a time."""
        url = self._archive.files[name]
        answer = await fetch(self._source.client, url, {}, MOST_OF_AN_ARCHIVE, ARCHIVE_WITHIN_S)
        missing, found = self._sought(), 0
        try:
            members = archived_files(name, answer.content)
            while (member := await asyncio.to_thread(_next, members)) is not None:
                report, body = member
                at = self._named(report)
                if (
                    at is None
                    or on_grid(self.feed, at) not in missing
                    or _stem(report) in self._bookmark.done
                ):
                    continue
                await self._take(report, body, keep)
                found += 1
        except MarketFileError as error:
            await self._refuse(name, answer.content, error)
            if self._attempts[name] < ATTEMPTS:
                return
        self._searched.add(name)
        log.info("market archive searched", file=name, missing=len(missing), found=found)

    def _named(self, name: str) -> datetime | None:
        """Return the time that a file is named for, UTC; None where its name is of another kind."""
        match = self._file_name.fullmatch(name)
        return _instant(match[1]) if match else None

    def _save(self) -> None:
        listed = {at for name in self._due() if (at := self._named(name)) is not None}
        try:
            self._bookmark.advance(self._source.clock.now(), listed)
        except OSError as failure:
            log.error("bookmark not saved", feed=self.feed.prefix, because=str(failure))
        self.state.missing, self.state.lost = len(self._bookmark.holes()), len(self._bookmark.lost)

    def _count(self, failed: Sequence[str]) -> None:
        self.state.failures = self.state.failures + 1 if failed else 0
        self.state.because = failed[-1] if failed else ""
        is_worth_a_line = self.state.failures & (self.state.failures - 1) == 0  # the 1st, 2nd, 4th, 8th …
        if failed and self.state.is_there and is_worth_a_line:
            log.warning("feed unreachable", feed=self.feed.prefix, because=failed[-1])

    def _next_look(self) -> datetime:
        """Return when to look again: in the feed's rhythm, or later and later while nobody answers."""
        clock, state = self._source.clock, self.state
        now, jitter = clock.now(), timedelta(seconds=self._source.random.uniform(0.0, 1.0))
        if not state.is_there:
            return now + steady(self.feed) + jitter
        if state.failures:
            wait_s = min(EAGER_S * 2.0 ** min(state.failures - 1, 8), LONGEST_WAIT_S)
            return now + timedelta(seconds=wait_s * self._source.random.uniform(0.5, 1.0))
        expected = newest_expected(self.feed, now, self._rhythm.due)
        if state.newest is not None and on_grid(self.feed, state.newest) >= expected:
            return min(expected + self.feed.every + self._rhythm.due, now + steady(self.feed)) + jitter
        if now < expected + self._rhythm.late:
            return now + timedelta(seconds=EAGER_S) + jitter
        return now + min(timedelta(seconds=LATE_S), steady(self.feed)) + jitter


def _next(members: Iterator[tuple[str, bytes]]) -> tuple[str, bytes] | None:
    return next(members, None)


def _stem(name: str) -> str:
    return name.rpartition(".")[0].upper()


@lru_cache(maxsize=10_000)
def _instant(named: str) -> datetime | None:
    try:
        local = datetime.strptime(named.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=NEM_TIME)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
