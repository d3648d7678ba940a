"""The release of what a cloud would hold for ever: promised before it begins, kept by a task of its own.

The promise is durable before the first command leaves. A driver commands a site only under its promise, and
the watchdog redeems each one whose time is over, in this process or in the one that comes after it, until
the vendor shows that the site is as its householder had set it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from manta.drivers.cloud import Clock, LaterError

log = structlog.get_logger()

LOOK_EVERY = timedelta(seconds=30)
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(minutes=15)
_ALARM_AFTER = 5
_BROKEN = (OSError, ValueError, msgspec.MsgspecError)
"""A cloud, a disk or a record that fails; none of them may end the watchdog."""


class Promise(msgspec.Struct, frozen=True):
    """A site that is to be released at an instant."""

    site: str
    until: datetime
    before: str = ""
    """What the householder had set, as its driver wrote it down: what the release puts back."""


class Undo(Protocol):
    """Where promises are kept. One process at a time keeps those of an account."""

    async def prepare(self, promise: Promise) -> Promise:
        """Write a promise down, durable once it returns; return it as it stands.

        Where the site has one already, its ``before`` stays, for what is set now is ours.
        """
        ...

    async def done(self, site: str) -> None:
        """Strike the promise out: the release was seen."""
        ...

    async def open(self) -> Mapping[str, Promise]:
        """Return every promise still to be kept, by site."""
        ...


class UndoFile:
    """Promises in one file, replaced whole and forced to the disk at each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()

    async def prepare(self, promise: Promise) -> Promise:
        """Write a promise down."""
        async with self._turn:
            promises = dict(await self.open())
            if promise.site in promises:
                promise = msgspec.structs.replace(promise, before=promises[promise.site].before)
            promises[promise.site] = promise
            await asyncio.to_thread(self._write, promises)
        return promise

    async def done(self, site: str) -> None:
        """Strike a promise out."""
        async with self._turn:
            promises = dict(await self.open())
            if promises.pop(site, None) is not None:
                await asyncio.to_thread(self._write, promises)

    async def open(self) -> Mapping[str, Promise]:
        """Read the file; one that cannot be read is an error, not an empty one."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> dict[str, Promise]:
        with suppress(FileNotFoundError):
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Promise])
        return {}

    def _write(self, promises: Mapping[str, Promise]) -> None:
        new = self._path.with_name(self._path.name + ".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(promises))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


type Release = Callable[[Promise], Awaitable[None]]
"""Put a site back and return once that was seen; DeviceError until then. It strikes the promise out itself,
unless the promise was prolonged meanwhile."""


class Watchdog:
    """Keeps every promise of an account whose time is over."""

    def __init__(self, clock: Clock, undo: Undo, release: Release) -> None:
        self._clock = clock
        self._undo = undo
        self._release = release
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, datetime] = {}

    async def run(self) -> None:
        """Keep promises until cancelled."""
        while True:
            try:
                await self.look()
            except _BROKEN as error:
                log.error("promises cannot be read", because=str(error))
            await self._clock.sleep_until(self._clock.now() + LOOK_EVERY)

    async def look(self) -> None:
        """Release what is due now, one site after the other; what fails is tried again later."""
        for site, promise in (await self._undo.open()).items():
            now = self._clock.now()
            if promise.until > now or self._not_before.get(site, now) > now:
                continue
            try:
                await self._release(promise)
            except _BROKEN as error:
                self._later(site, error)
            else:
                self._failures.pop(site, None)
                self._not_before.pop(site, None)

    def _later(self, site: str, error: Exception) -> None:
        failures = self._failures[site] = self._failures.get(site, 0) + 1
        now = self._clock.now()
        if isinstance(error, LaterError) and error.retry_at is not None:
            self._not_before[site] = error.retry_at
        else:
            self._not_before[site] = now + min(_FIRST_WAIT * 2 ** min(failures - 1, 16), _LONGEST_WAIT)
        if failures == _ALARM_AFTER:
            log.error("site is not released", site=site, because=str(error), tries=failures)
