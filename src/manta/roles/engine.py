"""The engine: follows the market, keeps the fleet in view, decides, and shows what it sees."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import httpx
import msgspec
import prometheus_client
import structlog

from manta.bus.governor import RemoteGovernor
from manta.bus.nats import Bus
from manta.domain.market import Price
from manta.domain.time import FIVE_MINUTES
from manta.fleet import allocation
from manta.fleet.view import FleetView
from manta.flows.decision import Decision
from manta.flows.live import show_live, snapshots
from manta.flows.ports import Market
from manta.flows.telemetry import Telemetry
from manta.markets.aemo import Nemweb
from manta.markets.agreement import Agreement, Word
from manta.markets.bookmark import Bookmark
from manta.markets.feeds import Follower, Source
from manta.markets.words import READERS
from manta.mms.catalogue import FEEDS
from manta.roles.wiring import connected, recorded
from manta.settings.config import Config
from manta.settings.observe import Health, served
from manta.store.decisions import Decisions
from manta.store.enrolment import Enrolment
from manta.store.outbox import Outbox
from manta.store.pool import Pool
from manta.wire import columns, subjects
from manta.wire.events import DispatchMade, FleetSnapshot, PricePublished

log = structlog.get_logger()

ENROL_AGAIN_S = 60.0
RELAY_S = 5.0
"""A relay rings by itself; this is how long a change waits when the bell was missed."""
CATCH_UP = timedelta(hours=24)
SECOND_LOOK_BACK = timedelta(minutes=10)
"""How far back we read what the dispatch price is compared with."""
READINGS = prometheus_client.Counter(
    "manta_readings", "Readings folded into now, by what became of them", ["became"]
)
PRICES = prometheus_client.Counter("manta_prices", "Prices taken from the market")


async def main(config: Config) -> None:
    """Run until cancelled."""
    await asyncio.to_thread(allocation.warm_up)
    async with (
        served("engine", config) as health,
        recorded(config, "engine", health) as pool,
        connected(config, "engine", health) as bus,
        httpx.AsyncClient(follow_redirects=False) as client,
    ):
        nemweb = Nemweb(
            config.require("nemweb_url", str),
            client=client,
            clock=config.clock(),
            quarantine=_directory(config.data / "quarantine" / "market"),
            random=Random(config.seed),  # noqa: S311, TID251 - jitter
            catch_up=CATCH_UP,
        )
        agreement = Agreement(nemweb, config.clock())
        async with asyncio.TaskGroup() as tasks:
            for second in second_sources(config, client):
                tasks.create_task(_hear_second(second, _take_in(agreement)))
            await _run(config, health, pool, bus, Heard(agreement, health, config.speed))


async def _run(config: Config, health: Health, pool: Pool, bus: Bus, market: "Heard") -> None:
    clock, enrolment = config.clock(), Enrolment(pool)
    tables = await enrolment.tables()
    view = FleetView(*tables)
    decision = Decision(clock, view, Decisions(pool), RemoteGovernor(bus), _tell(bus))
    decision.enrol(*tables, await enrolment.rules())
    telemetry = Telemetry(view, lambda _: health.heard("readings"))
    health.expects("readings", within_s=30.0)

    async def read_again() -> None:
        decision.enrol(*await enrolment.tables(), await enrolment.rules())

    async def hear_readings(_: str, body: bytes) -> None:
        folded = telemetry.hear(columns.unpack(columns.READING, body))
        for became in ("folded", "late", "repeated", "strange", "unusable"):
            READINGS.labels(became).inc(getattr(folded, became))

    async def hear_acks(_: str, body: bytes) -> None:
        decision.hear_acks(columns.unpack(columns.ACK, body))

    async def hear_changes(_: str, __: bytes) -> None:
        await read_again()

    async def show(snapshot: FleetSnapshot) -> None:
        await bus.publish(subjects.LIVE, msgspec.msgpack.encode(snapshot))

    def look(at: datetime) -> list[FleetSnapshot]:
        return snapshots(view, at, decision.leased_until_ms)

    await bus.subscribe(subjects.READINGS, hear_readings)
    await bus.subscribe(subjects.ACKS, hear_acks)
    await bus.subscribe(subjects.CHANGES, hear_changes)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(decision.run(market))
        tasks.create_task(show_live(clock, look, show, timedelta(seconds=1) * config.speed))
        tasks.create_task(_relay(config, Outbox(pool), bus))
        tasks.create_task(_now_and_then(read_again))


def second_sources(config: Config, client: httpx.AsyncClient) -> Sequence[Follower[list[Word]]]:
    """Return the feeds that a jump of the dispatch price is compared with; they need no archive."""
    clock = config.clock()
    source = Source(
        base_url=config.require("nemweb_url", str),
        client=client,
        clock=clock,
        random=Random(config.seed),  # noqa: S311, TID251 - jitter
        quarantine=config.data / "quarantine" / "market",
    )
    feeds = (replace(feed, archived=False) for feed in FEEDS if feed.prefix in READERS)
    return [
        Follower(feed, source, Bookmark(feed, clock.now(), SECOND_LOOK_BACK), READERS[feed.prefix])
        for feed in feeds
    ]


async def _hear_second(
    second: Follower[list[Word]], take_in: Callable[[list[Word]], Awaitable[None]]
) -> None:
    """Follow a second source whatever becomes of it: without it a jump is doubted, no price is missed."""
    while True:
        try:
            await second.follow(take_in)
        except Exception as failure:  # noqa: BLE001 - prices must not end with it
            log.error("second source lost", feed=second.feed.directory, because=repr(failure))
        await asyncio.sleep(RELAY_S)


def _take_in(agreement: Agreement) -> Callable[[list[Word]], Awaitable[None]]:
    async def take_in(words: list[Word]) -> None:
        agreement.hear(words)

    return take_in


class Heard:
    """A market that tells our health when it spoke."""

    def __init__(self, market: Market, health: Health, speed: float) -> None:
        self._market, self._health = market, health
        health.expects("prices", within_s=2 * FIVE_MINUTES.total_seconds() / speed + 30)

    async def prices(self) -> AsyncIterator[Sequence[Price]]:
        """Yield what the market yields."""
        async for prices in self._market.prices():
            self._health.heard("prices")
            PRICES.inc(len(prices))
            yield prices


def _tell(bus: Bus) -> Callable[[PricePublished | DispatchMade], Awaitable[None]]:
    async def tell(news: PricePublished | DispatchMade) -> None:
        subject = subjects.PRICES if isinstance(news, PricePublished) else subjects.DISPATCHES
        await bus.publish(subject, msgspec.msgpack.encode(news))

    return tell


async def _relay(config: Config, outbox: Outbox, bus: Bus) -> None:
    """Send what changed in the record; a bell that breaks or a bus that is away is tried again."""
    clock = config.clock()
    while True:
        try:
            async with outbox.bell() as bell:
                while True:
                    bell.clear()
                    await outbox.relay(bus.publish, clock.now())
                    await _rung(bell)
        except Exception as failure:  # noqa: BLE001 - messages stay in the outbox until they are sent
            log.warning("outbox not relayed", because=repr(failure))
            await asyncio.sleep(RELAY_S)


async def _rung(bell: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(RELAY_S):
            await bell.wait()
    except TimeoutError:
        return


async def _now_and_then(read_again: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(ENROL_AGAIN_S)
        try:
            await read_again()
        except Exception as failure:  # noqa: BLE001 - we go on with whom we know
            log.warning("enrolment not read", because=repr(failure))


def _directory(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
