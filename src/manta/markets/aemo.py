"""AEMO's public market data, polled from NEMWEB in the market's own rhythm."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Protocol
from urllib.parse import unquote, urljoin, urlsplit

import httpx
import structlog

from manta.domain.market import Price
from manta.domain.time import FIVE_MINUTES, DispatchInterval
from manta.mms.archive import MOST_PACKED
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
MOST_QUARANTINED = 500
_TIMEOUT_S = 10.0
_AS_IT_IS = {"Accept-Encoding": "identity"}
"""Unpacking is ours to bound."""
_HREF = re.compile(r"""href\s*=\s*["']([^"'<>\s]{1,500})["']""", re.IGNORECASE)


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        ...

    async def sleep_until(self, at: datetime) -> None:
        """Return once it is that late."""
        ...


class UnreachableError(ConnectionError):
    """NEMWEB did not answer, or not with what was asked for."""


class GoneError(UnreachableError):
    """What was listed is not there."""


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
        self._url = base_url.rstrip("/") + DIRECTORY
        self._client = client
        self._clock = clock
        self._quarantine = quarantine
        self._random = random
        self._since = clock.now() - catch_up
        self._validators: dict[str, str] = {}
        self._listed: dict[str, str] = {}
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
        answer = await self._get(self._url, self._validators)
        if answer.status_code != httpx.codes.NOT_MODIFIED:
            asked = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
            self._validators = {asked[k]: answer.headers[k] for k in asked if k in answer.headers}
            self._listed = _files_listed(self._url, answer.text)
            self._done = {name for name in self._done if self._is_wanted(name)}
        self.health.listed_at = self._clock.now()

    def _due(self) -> list[str]:
        """Return the files that we still want: the newest first, then what was missed, oldest first.

        After an outage the price that counts now must not wait behind a day of history.
        """
        wanted = [name for name in self._listed.keys() - self._done if self._is_wanted(name)]
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
            answer = await self._get(self._listed[name], {})
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
            await asyncio.to_thread(_keep, self._quarantine, name, answer.content, error)
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

    async def _get(self, url: str, headers: dict[str, str]) -> httpx.Response:
        """Fetch within bounds of time and size; UnreachableError if that was not to be had."""
        try:
            async with (
                asyncio.timeout(2 * _TIMEOUT_S),
                self._client.stream(
                    "GET", url, headers=headers | _AS_IT_IS, follow_redirects=False, timeout=_TIMEOUT_S
                ) as answer,
            ):
                body = bytearray()
                async for chunk in answer.aiter_raw():
                    body += chunk
                    if len(body) > MOST_PACKED:
                        raise UnreachableError(f"{url} answers with more than {MOST_PACKED:,} bytes")
        except (httpx.HTTPError, httpx.StreamError, TimeoutError, ValueError) as error:
            raise UnreachableError(f"{url}: {type(error).__name__} {error}".rstrip()) from error
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise UnreachableError(f"{url} answers packed although asked not to")
        if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
            raise GoneError(f"{url} is not there")
        if answer.status_code not in (httpx.codes.OK, httpx.codes.NOT_MODIFIED):
            raise UnreachableError(f"{url} answers {answer.status_code}")
        return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(body))

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


def _files_listed(directory: str, page: str) -> dict[str, str]:
    """Return the DISPATCHIS files that a listing names, with their addresses.

    Only files of the very directory count: a listing cannot send us to another host or directory.
    """
    here = urlsplit(directory)
    found: dict[str, str] = {}
    for href in _HREF.findall(page):
        try:
            there = urlsplit(urljoin(directory, href))
            folder, _, name = unquote(there.path).rpartition("/")
            same = (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
        except ValueError:
            continue
        same &= folder.casefold() == here.path.rstrip("/").casefold()
        if same and NAME.fullmatch(name) and not (there.query or there.username or there.password):
            found[name] = f"{directory}{name}"
    return found


def _keep(directory: Path, name: str, body: bytes, error: MarketFileError) -> None:
    """Write a refused file and the cause beside it, once for the same bytes."""
    stem = f"{name}.{hashlib.sha256(body).hexdigest()[:12]}"
    cause = {"file": error.file, "line": error.line, "cause": error.cause, "bytes": len(body)}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if (directory / f"{stem}.json").exists():
            return
        if sum(1 for _ in directory.glob("*.json")) >= MOST_QUARANTINED:
            raise OSError(f"there are {MOST_QUARANTINED} files in it already")
        (directory / f"{stem}.bytes").write_bytes(body)
        (directory / f"{stem}.json").write_text(json.dumps(cause, indent=1))
    except OSError as failure:
        log.error(
            "market quarantine cannot be written", directory=str(directory), because=str(failure), **cause
        )
