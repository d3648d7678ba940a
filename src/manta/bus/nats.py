"""The bus: NATS with the pitfalls of its Python client taken out.

NATS carries and remembers nothing, so whatever matters stands in the record before it is published here. A
lost connection is taken up again for ever, with jittered back-off; a callback that fails is logged and
counted and never ends its subscription; a subscriber that falls behind is counted, not cut off in silence.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any
from urllib.parse import urlsplit

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

type Hear = Callable[[str, bytes], Awaitable[None]]
type Answer = Callable[[bytes], Awaitable[bytes]]

log = structlog.get_logger()

PENDING_MESSAGES = 1_000_000
PENDING_BYTES = 256 * 1024 * 1024
OUTBOUND_BYTES = 32 * 1024 * 1024
LONGEST_WAIT_S = 5.0
QUIET_S = 5.0
"""Of errors of one kind, at most one line in so many seconds."""

_jitter = SystemRandom()


@dataclass(slots=True)
class BusCounts:
    """What went wrong on one connection since it was made."""

    reconnects: int = 0
    slow_consumer: int = 0
    """Messages that a subscription of ours was too slow to take."""
    callback_failures: int = 0
    errors: int = 0


class Bus:
    """One connection to the bus."""

    def __init__(self, client: Client, name: str) -> None:
        self.counts = BusCounts()
        self.name = name
        self._client = client
        self._silent_until: dict[str, float] = {}
        self._attempt = 0
        self._closing = False
        self._answering: set[asyncio.Task[None]] = set()

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        name: str,
        credentials: Path | None = None,
        user: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        within_s: float = 15.0,
    ) -> Bus:
        """Connect with a credentials file or a password; ConnectionError if it cannot be done in time."""
        bus = cls(Client(), name)
        who: dict[str, Any] = {"user": user, "password": password}
        if credentials is not None:
            who = {"user_credentials": str(credentials)}
        if tls is not None:
            who |= {"tls": tls, "tls_hostname": urlsplit(url).hostname}
        try:
            async with asyncio.timeout(within_s):
                await bus._open(url, who)
        except (TimeoutError, OSError, nats.errors.Error) as error:
            why = bus._client.last_error or error
            await bus.close()
            raise ConnectionError(f"no bus at {_bare(url)} within {within_s:g} s: {why}") from error
        return bus

    async def publish(self, subject: str, body: bytes) -> None:
        """Send; while disconnected up to 32 MiB wait for the server, then ConnectionError."""
        try:
            await self._client.publish(subject, body)
        except nats.errors.MaxPayloadError as error:
            raise ValueError(f"{len(body)} bytes are more than one message holds, on {subject}") from error
        except nats.errors.Error as error:
            raise ConnectionError(f"not published on {subject}: {error}") from error

    async def request(self, subject: str, body: bytes, timeout: float = 5.0) -> bytes:
        """Ask and return the answer; TimeoutError if nobody listens or the time is up."""
        try:
            return bytes((await self._client.request(subject, body, timeout=timeout)).data)
        except nats.errors.NoRespondersError as error:
            raise TimeoutError(f"nobody answers on {subject}") from error
        except nats.errors.TimeoutError as error:
            raise TimeoutError(f"no answer on {subject} within {timeout:g} s") from error
        except nats.errors.Error as error:
            raise ConnectionError(f"not asked on {subject}: {error}") from error

    async def subscribe(self, subject: str, handler: Hear) -> None:
        """Have every message handed over, one after the other, for as long as the bus is open."""

        async def hear(message: Msg) -> None:
            try:
                await handler(message.subject, message.data)
            except Exception as error:
                self._failed(subject, error)

        await self._listen(subject, hear)

    async def reply(self, subject: str, handler: Answer) -> None:
        """Answer requests side by side; a handler that fails leaves its asker to time out."""

        async def answer(message: Msg) -> None:
            try:
                await message.respond(await handler(message.data))
            except Exception as error:
                self._failed(subject, error)

        async def begin(message: Msg) -> None:
            task = asyncio.create_task(answer(message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

        await self._listen(subject, begin)

    async def flush(self, timeout: float = 5.0) -> None:
        """Return once the server has everything published so far; TimeoutError if it does not answer.

        Asked twice, because the client's ping overtakes what it has not yet written.
        """
        try:
            for _ in range(2):
                await self._client.flush(timeout=timeout)  # type: ignore[arg-type] # it takes fractions
        except nats.errors.FlushTimeoutError as error:
            raise TimeoutError(f"the bus did not answer within {timeout:g} s") from error
        except nats.errors.Error as error:
            raise ConnectionError(f"the bus is gone: {error}") from error

    async def is_alive(self, timeout: float = 2.0) -> bool:
        """Tell by a real round trip whether the server answers."""
        if not self._client.is_connected:
            return False
        with suppress(TimeoutError, OSError, nats.errors.Error):
            await self._client.flush(timeout=timeout)  # type: ignore[arg-type] # it takes fractions
            return bool(self._client.is_connected)
        return False

    @property
    def is_closed(self) -> bool:
        """Tell whether the connection has ended for good (closed here, or refused by the server)."""
        return bool(self._client.is_closed)

    async def close(self) -> None:
        """Send what is waiting and end the connection."""
        self._closing = True
        with suppress(TimeoutError, ConnectionError, OSError, nats.errors.Error):
            if self._client.is_connected:
                await self.flush(2.0)
        with suppress(OSError, nats.errors.Error):
            await self._client.close()

    async def _open(self, url: str, who: dict[str, Any]) -> None:
        await self._client.connect(
            servers=[url],
            name=self.name,
            error_cb=self._erred,
            disconnected_cb=self._lost,
            reconnected_cb=self._found,
            closed_cb=self._ended,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,  # type: ignore[arg-type] # it takes fractions
            reconnect_to_server_handler=self._next,
            ping_interval=10,
            max_outstanding_pings=2,
            pending_size=OUTBOUND_BYTES,
            **who,
        )

    async def _listen(self, subject: str, callback: Callable[[Msg], Awaitable[None]]) -> None:
        await self._client.subscribe(
            subject,
            cb=callback,
            pending_msgs_limit=PENDING_MESSAGES,
            pending_bytes_limit=PENDING_BYTES,
        )
        if self._client.is_connected:
            await self.flush()

    def _next(self, servers: list[Any], seen: dict[str, Any]) -> tuple[None, float]:
        """Wait for a random time up to a bound that doubles with each attempt, then take any server."""
        self._attempt += 1
        return None, _jitter.uniform(0.0, min(LONGEST_WAIT_S, 0.1 * 2.0 ** min(self._attempt, 10)))

    async def _erred(self, error: Exception) -> None:
        if isinstance(error, nats.errors.SlowConsumerError):
            self.counts.slow_consumer += 1
            self._say("bus subscriber too slow", subject=error.subject, lost=self.counts.slow_consumer)
            return
        self.counts.errors += 1
        self._say("bus error", error=f"{type(error).__name__}: {error}")

    def _failed(self, subject: str, error: Exception) -> None:
        self.counts.callback_failures += 1
        why = f"{type(error).__name__}: {error}"
        self._say("bus callback failed", subject=subject, error=why, failures=self.counts.callback_failures)

    def _say(self, event: str, **fields: object) -> None:
        """Log an error, one line at most in a while: under a storm the count says the rest."""
        now = asyncio.get_running_loop().time()
        if now >= self._silent_until.get(event, 0.0):
            self._silent_until[event] = now + QUIET_S
            log.error(event, bus=self.name, **fields)

    async def _lost(self) -> None:
        if not self._closing:
            log.warning("bus connection lost", bus=self.name)

    async def _found(self) -> None:
        self._attempt = 0
        self.counts.reconnects += 1
        log.info("bus connection back", bus=self.name, reconnects=self.counts.reconnects)

    async def _ended(self) -> None:
        if not self._closing:
            log.error("bus connection ended by the server", bus=self.name, error=str(self._client.last_error))


def _bare(url: str) -> str:
    """Return an address without the password that may stand in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or 4222}"
