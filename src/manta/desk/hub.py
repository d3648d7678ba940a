"""The hub: hears the bus and tells every page that is open.

A message is encoded once for a tenant. A page that is slow loses the oldest messages and never delays the
others, and none sees another tenant's.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import structlog
from fastapi import WebSocket, WebSocketDisconnect
from prometheus_client import CollectorRegistry, Counter, Gauge

from manta.desk.board import Board, price_of
from manta.desk.messages import (
    ChangedMessage,
    DispatchMessage,
    FleetMessage,
    LiveMessage,
    PingMessage,
    PriceMessage,
    StoryMessage,
)
from manta.domain.identity import TenantId, UserId
from manta.domain.market import Region
from manta.domain.time import from_epoch_ms
from manta.door.errors import Unavailable
from manta.door.shapes import Overview, encoder
from manta.wire import subjects
from manta.wire.events import Changed, DispatchMade, FleetSnapshot, PricePublished, StoryStarted

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take, in seconds of the wall."""

    ping_s: float = 15.0
    recheck_s: float = 60.0
    send_s: float = 10.0
    """A page that takes nothing for so long is let go."""
    farewell_s: float = 1.0


PACE = Pace()
PING = encoder.encode(PingMessage("ping")).decode()
MOST_SOCKETS = 50
"""For one user."""
QUEUE = 32
"""Topics that wait for one page: one publication alone is five prices and a dispatch for each VPP."""
MOST_SAID = 100
"""Messages that a page may send before it is let go; there is nothing that it could tell us."""
GONE = 1000
POLICY = 1008
LEAVING = 1012
EXPIRED = 4401
SLOW = 4408
TOO_MANY = 4429


class Listener(Protocol):
    """The bus, as the hub hears it."""

    async def subscribe(self, subject: str, handler: Callable[[str, bytes], Awaitable[None]]) -> None:
        """Have every message of a subject handed over."""
        ...


class Mailbox:
    """What waits for one page: of one topic the newest only, of all together a few."""

    def __init__(self, size: int = QUEUE) -> None:
        self.lost = 0
        self._size = size
        self._waiting: OrderedDict[str, str] = OrderedDict()
        self._filled = asyncio.Event()

    def put(self, topic: str, text: str) -> None:
        """Add a message in place of one that waits on the same topic; when it is full the oldest goes."""
        self._waiting.pop(topic, None)
        self._waiting[topic] = text
        if len(self._waiting) > self._size:
            self._waiting.popitem(last=False)
            self.lost += 1
        self._filled.set()

    async def take(self) -> str:
        """Return the oldest message, once there is one."""
        await self._filled.wait()
        _, text = self._waiting.popitem(last=False)
        if not self._waiting:
            self._filled.clear()
        return text


@dataclass(eq=False, slots=True)
class Viewer:
    """One open page."""

    tenant: TenantId
    user: UserId
    mailbox: Mailbox
    told_by: asyncio.Task[Any]


class Hub:
    """Hears the bus and tells the pages."""

    def __init__(self, board: Board, registry: CollectorRegistry, pace: Pace = PACE) -> None:
        self._board, self._pace = board, pace
        self._viewers: set[Viewer] = set()
        self._leaving = asyncio.Event()
        self.story: StoryStarted | None = None
        """The one last started, as far as we heard."""
        gauge = Gauge("manta_api_live_sockets", "Pages on the live stream", registry=registry)
        gauge.set_function(lambda: len(self._viewers))
        self._lost = Counter("manta_api_live_lost", "Messages dropped for slow pages", registry=registry)

    async def listen(self, bus: Listener) -> None:
        """Begin to hear the bus."""
        await bus.subscribe(subjects.LIVE, self.hear_fleet)
        await bus.subscribe(subjects.PRICES, self.hear_price)
        await bus.subscribe(subjects.DISPATCHES, self.hear_dispatch)
        await bus.subscribe(subjects.CHANGES, self.hear_change)
        await bus.subscribe(subjects.STORIES, self.hear_story)

    async def close(self) -> None:
        """Let every page go, and return once they have been told; each comes back by itself."""
        self._leaving.set()
        if told := {viewer.told_by for viewer in self._viewers}:
            await asyncio.wait(told, timeout=self._pace.farewell_s)

    async def serve(
        self, websocket: WebSocket, tenant: TenantId, user: UserId, holds: Callable[[], Awaitable[bool]]
    ) -> None:
        """Tell one page what happens until it leaves, falls behind, or its session no longer holds."""
        if sum(viewer.user == user for viewer in self._viewers) >= MOST_SOCKETS:
            await websocket.close(TOO_MANY)
            return
        speaker = asyncio.current_task()
        assert speaker is not None  # noqa: S101 - we are awaited
        viewer = Viewer(tenant, user, Mailbox(), speaker)
        self._viewers.add(viewer)
        try:
            await websocket.accept()
            with suppress(Unavailable):
                self._greet(viewer, await self._board.overview(tenant))
            code = await self._first(
                self._speak(websocket, viewer.mailbox),
                _hear_out(websocket),
                self._recheck(holds),
                self._leave(),
            )
            with suppress(RuntimeError, WebSocketDisconnect):
                await websocket.close(code)
        finally:
            self._viewers.discard(viewer)

    async def _first(self, *ways_to_end: Coroutine[Any, Any, int]) -> int:
        tasks = [asyncio.create_task(way) for way in ways_to_end]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _speak(self, websocket: WebSocket, mailbox: Mailbox) -> int:
        while True:
            try:
                text = await asyncio.wait_for(mailbox.take(), self._pace.ping_s)
            except TimeoutError:
                text = PING
            try:
                async with asyncio.timeout(self._pace.send_s):
                    await websocket.send_text(text)
            except TimeoutError:
                return SLOW
            except (WebSocketDisconnect, RuntimeError):
                return GONE

    async def _recheck(self, holds: Callable[[], Awaitable[bool]]) -> int:
        while True:
            await asyncio.sleep(self._pace.recheck_s)
            if not await holds():
                return EXPIRED

    async def _leave(self) -> int:
        await self._leaving.wait()
        return LEAVING

    async def hear_fleet(self, _subject: str, body: bytes) -> None:
        """Put up a tenant's snapshot and show it to its pages."""
        snapshot = msgspec.msgpack.decode(body, type=FleetSnapshot)
        self._board.heard(snapshot)
        tenant = TenantId(snapshot.tenant)
        if any(viewer.tenant == tenant for viewer in self._viewers):
            self._tell(tenant, "fleet", _fleet(await self._board.overview(tenant)))

    async def hear_price(self, _subject: str, body: bytes) -> None:
        """Put up a price and show it to everybody; prices are public."""
        price = price_of(msgspec.msgpack.decode(body, type=PricePublished))
        self._board.priced(price)
        message = PriceMessage("price", price.region, price.interval.end, price.per_mwh, price.status)
        self._tell(None, f"price {price.region}", message)

    async def hear_dispatch(self, _subject: str, body: bytes) -> None:
        """Tell a tenant's pages of a decision."""
        made = msgspec.msgpack.decode(body, type=DispatchMade)
        message = DispatchMessage(
            "dispatch", made.dispatch, Region(made.region), from_epoch_ms(made.interval_end_ms), made.stage
        )
        self._tell(TenantId(made.tenant), f"dispatch {made.region}", message)

    async def hear_change(self, _subject: str, body: bytes) -> None:
        """Tell a tenant's pages to read something again."""
        changed = msgspec.msgpack.decode(body, type=Changed)
        self._tell(
            TenantId(changed.tenant), f"changed {changed.subject}", ChangedMessage("changed", changed.subject)
        )

    async def hear_story(self, _subject: str, body: bytes) -> None:
        """Tell everybody that a story was started."""
        self.tell_story(msgspec.msgpack.decode(body, type=StoryStarted))

    def tell_story(self, story: StoryStarted) -> None:
        """Keep a story that was started, and tell everybody."""
        if story == self.story:
            return
        self.story = story
        message = StoryMessage(
            "story", story.name, from_epoch_ms(story.begins_ms), from_epoch_ms(story.ends_ms)
        )
        self._tell(None, "story", message)

    def _greet(self, viewer: Viewer, seen: Overview) -> None:
        viewer.mailbox.put("fleet", encoder.encode(_fleet(seen)).decode())

    def _tell(self, tenant: TenantId | None, topic: str, message: LiveMessage) -> None:
        text = encoder.encode(message).decode()
        for viewer in self._viewers:
            if tenant is None or viewer.tenant == tenant:
                lost = viewer.mailbox.lost
                viewer.mailbox.put(topic, text)
                self._lost.inc(viewer.mailbox.lost - lost)


def _fleet(seen: Overview) -> FleetMessage:
    return FleetMessage("fleet", seen.at, seen.fleet, seen.regions)


async def _hear_out(websocket: WebSocket) -> int:
    """Return once the page leaves, or has said more than there is to say."""
    for _ in range(MOST_SAID):
        if (await websocket.receive())["type"] == "websocket.disconnect":
            return GONE
    return POLICY
