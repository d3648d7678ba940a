"""The way to the house: MQTT 3.1.1 over mutual TLS 1.3, made again with full jitter for as long as it takes.

The library runs its connection in a thread; all that happens there is handed to our loop. A connection
that is lost is thrown away whole: what was not acknowledged is known to the buffer, not to the library.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from random import Random

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from manta.domain.identity import SiteId
from manta.wire import subjects

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 60
SIGN_IN_S = 20.0
SILENCE_S = 30.0
"""Without an acknowledgement for so long a connection is taken for dead."""
LOOK_S = 1.0
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 120.0
"""Bounds of the jitter; after a restart of the house its sites come back over so long, not at once."""
MOST_UNDER_WAY = 64

type Done = Callable[[], None]


class Connection:
    """One MQTT connection, from signing in until it is lost."""

    def __init__(self, site: SiteId, password: str, hear: Callable[[bytes], None]) -> None:
        self.open = asyncio.Event()
        """Signed in and listening."""
        self.lost = asyncio.Event()
        self.because = ""
        self._loop = asyncio.get_running_loop()
        self._hear = hear
        self._topic = subjects.topic(subjects.leases_of(site))
        self._waiting: dict[int, tuple[float, Done | None]] = {}
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=site,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        self._client.username_pw_set(site, password)
        self._client.max_inflight_messages_set(MOST_UNDER_WAY)
        self._client.on_connect = lambda _c, _u, _f, code, _p: self._call(self._signed_in, code)
        self._client.on_disconnect = lambda _c, _u, _f, code, _p: self._call(self._is_lost, str(code))
        self._client.on_subscribe = lambda _c, _u, _m, codes, _p: self._call(self._listening, codes)
        self._client.on_message = lambda _c, _u, message: self._call(self._hear, bytes(message.payload))
        self._client.on_publish = lambda _c, _u, number, _r, _p: self._call(self._acknowledged, number)

    async def make(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Connect, sign in and listen; OSError or TimeoutError where that fails."""
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.connect_timeout = SIGN_IN_S
        await asyncio.to_thread(self._client.connect, host, port, KEEP_ALIVE_S)
        self._client.loop_start()
        opened, lost = (asyncio.ensure_future(event.wait()) for event in (self.open, self.lost))
        try:
            await asyncio.wait((opened, lost), timeout=SIGN_IN_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            opened.cancel()
            lost.cancel()
        if not self.open.is_set():
            raise ConnectionError(self.because or f"not let in within {SIGN_IN_S:g} s")

    async def until_lost(self) -> None:
        """Return once the connection is gone, or is silent for so long that it might as well be."""
        while not self.lost.is_set():
            try:
                async with asyncio.timeout(LOOK_S):
                    await self.lost.wait()
            except TimeoutError:
                oldest_s = min((at_s for at_s, _ in self._waiting.values()), default=self._loop.time())
                if self._loop.time() - oldest_s > SILENCE_S:
                    self.because = f"nothing acknowledged for {SILENCE_S:g} s"
                    return

    async def close(self) -> None:
        """End it, politely where it still stands."""
        self.lost.set()
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def publish(self, topic: str, body: bytes, done: Done | None) -> bool:
        """Send at QoS 1, if there is a connection and room."""
        if not self.open.is_set() or self.lost.is_set() or len(self._waiting) >= MOST_UNDER_WAY:
            return False
        sent = self._client.publish(topic, body, qos=1)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._waiting[sent.mid] = (self._loop.time(), done)
        return True

    def _call[*T](self, act: Callable[[*T], None], *words: *T) -> None:
        """Have our loop do something; once it is closed there is nobody to tell."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *words)

    def _signed_in(self, code: ReasonCode) -> None:
        if code.is_failure:
            self._is_lost(f"not let in: {code}")
            return
        self._client.subscribe(self._topic, qos=1)

    def _listening(self, codes: list[ReasonCode]) -> None:
        if any(code.is_failure for code in codes):
            self._is_lost("may not hear its own leases: its credential is another site's")
            return
        self.open.set()

    def _acknowledged(self, number: int) -> None:
        _, done = self._waiting.pop(number, (0.0, None))
        if done is not None:
            done()

    def _is_lost(self, because: str) -> None:
        self.because = self.because or because
        self.lost.set()


class Uplink:
    """The site's connection to the house, over as many as it takes."""

    def __init__(
        self,
        site: SiteId,
        host: str,
        port: int,
        credential: Callable[[], tuple[str, ssl.SSLContext | None]],
        random: Random,
    ) -> None:
        self.connects = 0
        self.because = "not connected yet"
        """Why there is no connection; empty while there is one."""
        self._site = site
        self._host = host
        self._port = port
        self._credential = credential
        """The site's password and its TLS, read anew for each connection."""
        self._random = random
        self._now: Connection | None = None
        self._attempts = 0

    @property
    def connection(self) -> int | None:
        """Which connection this is, counted up; None while there is none."""
        return None if self._now is None or self._now.lost.is_set() else self.connects

    def publish(self, topic: str, body: bytes, done: Done | None = None) -> bool:
        """Send at least once; call ``done`` when the house says it has it. False where nothing was sent."""
        return self._now is not None and self._now.publish(topic, body, done)

    async def run(self, hear: Callable[[bytes], None]) -> None:
        """Stay connected, for ever; what comes down is handed to ``hear``."""
        while True:
            await self._once(hear)
            await asyncio.sleep(self._random.uniform(0.0, wait_s(self._attempts)))
            self._attempts += 1

    async def _once(self, hear: Callable[[bytes], None]) -> None:
        connection: Connection | None = None
        try:
            password, tls = self._credential()
            connection = Connection(self._site, password, hear)
            await connection.make(self._host, self._port, tls)
            self._now, self.connects, self.because = connection, self.connects + 1, ""
            self._attempts = 0
            log.info("uplink open", extra={"connection": self.connects})
            await connection.until_lost()
            self.because = connection.because or "lost"
        except (OSError, ValueError, TimeoutError) as error:
            self.because = f"{type(error).__name__}: {error}"
        finally:
            self._now = None
            if connection is not None:
                await connection.close()
        log.warning("uplink cut", extra={"because": self.because, "attempts": self._attempts})


def wait_s(attempts: int) -> float:
    """Return the span that the wait before the next attempt is drawn from; it doubles with each."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempts, 10))
