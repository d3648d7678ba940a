"""All sites' sessions: connected at a pace, and again with full jitter for as long as they are wanted."""

from __future__ import annotations

import asyncio
import heapq
import resource
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

import structlog

from manta.domain.identity import SiteId
from manta.simulators.mqtt import Counts, Session
from manta.wire import subjects

PACE_PER_S = 1_000.0
AT_ONCE = 64
"""Connections being made at the same time."""
SIGN_IN_S = 20.0
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
"""Bounds of the jitter; after a broker's restart a fleet comes back over so many seconds, not at once."""

log = structlog.get_logger()


class Sessions:
    """One MQTT session a site; what comes down is handed to ``hear`` with the site's row."""

    def __init__(
        self,
        sites: Sequence[str],
        passwords: Sequence[str],
        hear: Callable[[int, bytes], None],
        seed: int,
    ) -> None:
        self.counts = Counts()
        loop = asyncio.get_running_loop()
        self.all = [
            Session(no, site, subjects.topic(subjects.leases_of(SiteId(site))), self, loop.time)
            for no, site in enumerate(sites)
        ]
        self._passwords = passwords
        self._hear = hear
        self._random = Random(seed)  # noqa: S311 - jitter, not a secret
        self._loop = loop
        self._wanted = [True] * len(sites)
        self._attempts = [0] * len(sites)
        self._due: list[tuple[float, int]] = []
        self._said_s = 0.0
        self._wake = asyncio.Event()

    def password(self, session: Session) -> str:
        """Return what a session signs in with."""
        return self._passwords[session.no]

    def heard(self, session: Session, payload: bytes) -> None:
        """Hand a lease to its home."""
        self._hear(session.no, payload)

    def ended(self, session: Session) -> None:
        """Have a lost connection made again, unless it is cut on purpose."""
        if self._wanted[session.no]:
            self._later(session.no)

    def cut(self, no: int) -> None:
        """Cut a site off; what it publishes meanwhile is kept."""
        self._wanted[no] = False
        self.all[no].abort()

    def mend(self, no: int) -> None:
        """Let a site come back, each in its own time."""
        if not self._wanted[no]:
            self._wanted[no] = True
            self._attempts[no] = 0
            self._later(no)

    async def run(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Connect every site and keep it connected, for ever."""
        raise_file_limit(len(self.all) + 256)
        began_s = self._loop.time()
        self._due = [(began_s + no / PACE_PER_S, no) for no in range(len(self.all))]
        free = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await self._until_due()
                _, no = heapq.heappop(self._due)
                if self._wanted[no]:
                    await free.acquire()
                    making = group.create_task(self._connect(no, host, port, tls))
                    making.add_done_callback(lambda _: free.release())

    def close(self) -> None:
        """End every session politely, for good."""
        self._wanted = [False] * len(self.all)
        for session in self.all:
            session.close()

    async def _until_due(self) -> None:
        while not self._due or self._due[0][0] > self._loop.time():
            self._wake.clear()
            left_s = self._due[0][0] - self._loop.time() if self._due else LONGEST_WAIT_S
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._wake.wait()

    async def _connect(self, no: int, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        session = self.all[no]
        try:
            async with asyncio.timeout(SIGN_IN_S):
                wire, _ = await self._loop.create_connection(lambda: session, host, port, ssl=tls)
        except (OSError, TimeoutError) as error:
            self._complain(error)
            self._later(no)
            return
        self._loop.call_later(SIGN_IN_S, self._check_in, session, wire)

    def _check_in(self, session: Session, wire: asyncio.Transport) -> None:
        """Drop a connection on which nobody let the session in; one that is open starts its waits anew."""
        if session.open:
            self._attempts[session.no] = 0
        else:
            wire.abort()

    def _later(self, no: int) -> None:
        """Put a site in the queue, after a wait drawn from a span that doubles with each attempt."""
        span_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self._attempts[no], 10))
        self._attempts[no] += 1
        heapq.heappush(self._due, (self._loop.time() + self._random.uniform(0.0, span_s), no))
        self._wake.set()

    def _complain(self, error: Exception) -> None:
        """Log a failure, one line at most in five seconds for all sites together."""
        if self._loop.time() - self._said_s > 5.0:
            self._said_s = self._loop.time()
            log.warning("sites cannot connect", because=f"{type(error).__name__}: {error}")


def raise_file_limit(wanted: int) -> None:
    """Let this process hold so many connections, as far as the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < wanted:
        log.warning("fewer connections permitted than sites", permitted=hard, wanted=wanted)
