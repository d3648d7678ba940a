"""AEMO's public market data, polled from NEMWEB in the market's own rhythm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import httpx
import structlog

from manta.domain.market import Price
from manta.domain.time import FIVE_MINUTES, DispatchInterval
from manta.markets.fetching import Clock, GoneError, Listing, UnreachableError, fetch, keep_refused
from manta.mms.dispatchis import NAME, interval_named, prices_in
from manta.mms.lines import MarketFileError

log = structlog.get_logger()

DIRECTORY = "/Reports/Current/DispatchIS_Reports/"
CATCH_UP = timedelta(hours=2)
"""How far back the first look reads."""
KEPT = timedelta(days=3)
"""NEMWEB lists two days; what is older than this is never read and need not be remembered."""
SKEW = timedelta(minutes=1)
"""How far NEMWEB's clock may be ahead of ours; a file of a later interval than that has to wait."""
FIRST_LOOK = timedelta(seconds=15)
"""After an interval has begun; AEMO publishes its price 10 to 40 s into it."""
EAGER = timedelta(seconds=90)
"""As long into an interval we look every few seconds; after that something is wrong over there."""
SATISFIED_S, EAGER_S, LATE_S = 60.0, 2.0, 10.0
"""Between looks: with the interval's price in hand, without it, and when it is overdue."""
LONGEST_WAIT_S = 60.0
ATTEMPTS = 8
"""A file that cannot be read may still have been in the middle of being written."""
MOST_FAILURES = 3
"""In one look; one file that cannot be had does not keep the others from us, a dead server does."""


@dataclass(slots=True)
class FeedHealth:
    """How the feed is doing, for those who watch it."""

    listed_at: datetime | None = None
    """When NEMWEB last answered."""
    last_interval: DispatchInterval | None = None
    """The newest interval whose price we have had."""
    published_at: datetime | None = None
    """When that price came into our hands."""
    files: int = 0
    quarantined: int = 0
    failures: int = 0
    """Looks in a row that failed."""
    because: str = ""
    """Why the last look failed."""


class Nemweb:
    """The market as NEMWEB publishes it: every file's prices, each file once, the newest never waiting."""

    def __init__(
        self,
        base_url: str,
        *,
        client: httpx.AsyncClient,
        clock: Clock,
        quarantine: Path,
        random: Random,
        catch_up: timedelta = CATCH_UP,
    ) -> None:
        self.health = FeedHealth()
        self._client = client
        self._listing = Listing(client, base_url.rstrip("/") + DIRECTORY, NAME)
        self._clock = clock
        self._quarantine = quarantine
        self._random = random
        self._since = clock.now() - catch_up
        self._done: set[str] = set()
        self._attempts: dict[str, int] = {}

    async def prices(self) -> AsyncIterator[Sequence[Price]]:
        """Yield each publication's prices for ever; nothing that NEMWEB does ends it."""
        while True:
            failed: list[UnreachableError] = []
            if error := await self._failure_of(self._list()):
                failed.append(error)
            for name in self._due():
                published: list[Price] = []
                if error := await self._failure_of(self._read(name, published)):
                    failed.append(error)
                if published:
                    yield published
                if len(failed) > MOST_FAILURES:
                    break
            self._count(failed)
            await self._clock.sleep_until(self._next_look())

    async def _failure_of(self, step: Coroutine[None, None, None]) -> UnreachableError | None:
        """Take a step that NEMWEB may let down, and return how it did, if it did."""
        try:
            await step
        except UnreachableError as error:
            return error
        return None

    def _count(self, failed: Sequence[UnreachableError]) -> None:
        self.health.failures = self.health.failures + 1 if failed else 0
        self.health.because = str(failed[-1]) if failed else ""
        if failed:
            log.warning("market unreachable", because=self.health.because, failures=self.health.failures)

    async def _list(self) -> None:
        """Read the directory, unless it says that it has not changed."""
        await self._listing.read()
        self._done = {name for name in self._done if self._is_wanted(name)}
        self.health.listed_at = self._clock.now()

    def _due(self) -> list[str]:
        """Return the files that we still want: the newest first, then what was missed, oldest first.

        After an outage the price that counts now must not wait behind a day of history.
        """
        wanted = [name for name in self._listing.files.keys() - self._done if self._is_wanted(name)]
        wanted.sort(key=str.upper)
        return wanted[-1:] + wanted[:-1]

    def _is_wanted(self, name: str) -> bool:
        """Tell whether a file is of our time: not from before we look back, and not of the future."""
        now = self._clock.now()
        interval = interval_named(name)
        return interval is not None and (
            max(self._since, now - KEPT) < interval.end <= now + FIVE_MINUTES + SKEW
        )

    async def _read(self, name: str, published: list[Price]) -> None:
        """Fetch one file and add its prices; a bad one goes to quarantine and adds none."""
        try:
            answer = await fetch(self._client, self._listing.files[name], {})
        except GoneError:
            self._attempt(name)
            raise
        heard_at = self._clock.now()
        try:
            published += await asyncio.to_thread(prices_in, name, answer.content, heard_at)
        except MarketFileError as error:
            self._attempt(name)
            self.health.quarantined += 1
            log.warning("market file quarantined", file=name, line=error.line, cause=error.cause)
            await asyncio.to_thread(keep_refused, self._quarantine, name, answer.content, error)
            return
        self._finish(name)
        self.health.files += 1
        newest = published[-1].interval
        if self.health.last_interval is None or newest > self.health.last_interval:
            self.health.last_interval, self.health.published_at = newest, heard_at
        log.info("prices published", file=name, interval=str(newest), regions=len(published))

    def _attempt(self, name: str) -> None:
        """Count a try that failed; after the last one the file is given up."""
        self._attempts[name] = self._attempts.get(name, 0) + 1
        if self._attempts[name] >= ATTEMPTS:
            self._finish(name)

    def _finish(self, name: str) -> None:
        self._done.add(name)
        self._attempts.pop(name, None)

    def _next_look(self) -> datetime:
        """Return when to look again: in the market's rhythm, or later and later while nobody answers."""
        now = self._clock.now()
        current = DispatchInterval.containing(now)
        if self.health.failures:
            wait_s = min(EAGER_S * 2.0 ** min(self.health.failures - 1, 8), LONGEST_WAIT_S)
            return now + timedelta(seconds=wait_s * self._random.uniform(0.5, 1.0))
        jitter = timedelta(seconds=self._random.uniform(0.0, 1.0))
        if self.health.last_interval is not None and self.health.last_interval >= current:
            first = current.end + FIRST_LOOK
            return min(first, now + timedelta(seconds=SATISFIED_S)) + jitter
        if now < current.start + FIRST_LOOK:
            return current.start + FIRST_LOOK + jitter
        wait_s = EAGER_S if now < current.start + EAGER else LATE_S
        return now + timedelta(seconds=wait_s) + jitter
