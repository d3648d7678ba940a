"""The replay house: the product's own engines around simulated homes, in one process and in virtual time.

Market file to ledger entry, everything is what ``manta run`` runs: the poller and its parser, the decision,
every guard, signature and seal, the settlement. Only what carries and keeps is replaced: the bus by function
calls, the sites' sessions by a wire in memory, PostgreSQL and the historian by the record in memory.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import msgspec
import numpy as np
from numpy.typing import NDArray

from manta.app.virtual import VirtualClock
from manta.bus.leases import LeaseSender
from manta.bus.signing import BatchSigner
from manta.domain.market import REGIONS, Price
from manta.domain.site import DEVICE_KINDS, DeviceKind, Site
from manta.domain.time import FIVE_MINUTES, DispatchInterval, epoch_ms, from_epoch_ms
from manta.drivers.quarantine import Quarantine
from manta.drivers.sites import Answers, Register, addressed
from manta.fleet.view import FleetView
from manta.flows.decision import Decision
from manta.flows.leasing import Leasing
from manta.flows.ports import Market
from manta.flows.settlement import Settlement
from manta.flows.telemetry import HistoryQueue, Telemetry
from manta.governor.limits import Limits
from manta.markets.aemo import Nemweb
from manta.nemsim.market import SimulatedMarket
from manta.nemsim.nemweb import Fault, Publisher, application
from manta.nemsim.stories import Story, story
from manta.roles import demo
from manta.settings.clock import FIRST_EVENING
from manta.simulators.homes import HomeColumns, Homes
from manta.store import memory
from manta.wire import subjects
from manta.wire.batches import DeviceTable, SiteTable
from manta.wire.events import DispatchMade, IntentsReady, LeasesWritten, PricePublished
from manta.wire.seal import device_key
from manta.wire.stories import StoryName

type Rows = NDArray[Any]
type Kw = NDArray[np.float64]

BEGINS_AT = FIRST_EVENING.replace(hour=17, minute=49, second=30)
"""Half a minute before the first interval that is looked at, whose counters begin in the one before."""
ENDS_AT = FIRST_EVENING.replace(hour=18, minute=46)
"""A minute after the last interval, which is settled by then."""
STORY_AT = FIRST_EVENING + timedelta(minutes=3)
"""As ``manta up`` tells it."""
TURN = timedelta(seconds=5)
"""Homes report this often, all together."""
ANSWER_S = 0.05
OFFERED = timedelta(minutes=30)
"""How far back the market lists its files."""
CATCH_UP = timedelta(minutes=10)

_BATTERY, _METER = DEVICE_KINDS.index(DeviceKind.BATTERY), DEVICE_KINDS.index(DeviceKind.METER)
_INTERVAL_MS = FIVE_MINUTES // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Evening:
    """What is played."""

    homes: int = 5_000
    seed: int = 1
    stories: Sequence[Story] = (story(StoryName.SPIKE, STORY_AT),)
    market_faults: Mapping[DispatchInterval, Fault] = field(default_factory=dict)
    begins_at: datetime = BEGINS_AT
    ends_at: datetime = ENDS_AT
    turn: timedelta = TURN


class House:
    """Every part of the product, wired by function calls; ``opened`` builds and runs it."""

    def __init__(self, evening: Evening, quarantine: Path) -> None:
        self.evening, self.clock = evening, VirtualClock(evening.begins_at)
        sites = demo.homes(evening.homes, evening.seed)
        self.sites, self.devices = tables_of(sites)
        master = _key("lease master", evening.seed)
        self.record = memory.Decisions()
        self.leases = memory.Leases(self.record, self.clock.now)
        self.acks = memory.Acks()
        self.books = memory.Books(self.record)
        self.history = Counters(np.flatnonzero(self.devices.kind == _METER), len(self.devices.ids))
        rules = [(demo.HARBOUR, rule) for rule in demo.first_rules()]
        self.enrolment = memory.Enrolment(self.sites, self.devices, rules)
        view = FleetView(self.sites, self.devices, evening.turn)
        self._kept = HistoryQueue(self.history, self.clock)
        self._telemetry = Telemetry(view, lambda _: None, self._kept)
        self.quarantine = Quarantine(quarantine / "sites.jsonl")
        answers = Answers(Register(self.sites, self.devices), self.quarantine)
        homes = Homes(_home_columns(sites, master), evening.seed)
        self.street = Street(self.clock, homes, self.devices, answers, self._hear_acks)
        self.signer = BatchSigner(_key("signing seed", evening.seed))
        self.limits = Limits(expected_age_ms=evening.turn // timedelta(milliseconds=1))
        self._sender = LeaseSender(self.street, master)
        self.leasing = Leasing(
            self.clock, self.leases, self._sender, self.signer, "governor of the replay", self.limits
        )
        self.decision = Decision(self.clock, view, self.record, NextRoom(self.leasing), _tell_nobody)
        self.settlement = Settlement(self.clock, self.enrolment, self.history, self.books)
        self.track = Track()
        market = SimulatedMarket(evening.seed, tuple(evening.stories))
        self.publisher = Publisher(
            lambda: market, self.clock, evening.seed, dict(evening.market_faults), offered=OFFERED
        )
        self.published: list[Sequence[Price]] = []
        """Every publication as the poller passed it on, revisions too."""

    async def until(self, at: datetime) -> None:
        """Let the evening go on until an instant."""
        await self.clock.sleep_until(at)

    async def enrol(self) -> None:
        """Tell every part who takes part."""
        tables = await self.enrolment.tables()
        self._sender.enrol(*tables)
        rated_kw = float(self.devices.discharge_kw[self.devices.kind == _BATTERY].sum())
        await self.leasing.enrol(*tables, {demo.HARBOUR: rated_kw})
        self.decision.enrol(*tables, await self.enrolment.rules())

    async def turn_for_ever(self) -> None:
        """Move the homes on and have them report, again and again."""
        due = self.clock.now()
        while True:
            at_ms = epoch_ms(self.clock.now())
            rows = self.street.report(at_ms)
            self._telemetry.hear(rows)
            self.leasing.view.fold(rows)
            await self._kept.flush()
            self._note(at_ms)
            due += self.evening.turn
            await self.clock.sleep_until(due)

    async def _hear_acks(self, rows: Rows) -> None:
        await self.acks.save_acks(rows)
        self.decision.hear_acks(rows)
        self.leasing.delivery.hear(rows)

    def _note(self, at_ms: int) -> None:
        homes, region = self.street.homes, self.sites.region
        leased = int(np.count_nonzero(self.decision.leased_until_ms > at_ms))
        self.track.note(at_ms, homes.state.battery_kw, homes.meter_kw, region, leased)


@asynccontextmanager
async def opened(evening: Evening) -> AsyncIterator[House]:
    """Build a house and run it in virtual time until the block is left."""
    with TemporaryDirectory(prefix="manta-replay-") as directory:
        house = House(evening, Path(directory))
        await house.enrol()
        async with _market(house, Path(directory)) as market, asyncio.TaskGroup() as tasks:
            journeys = (
                house.leasing.run(),
                house.decision.run(market),
                house.settlement.run(),
                house.street.answer_for_ever(),
                house.turn_for_ever(),
            )
            running = [tasks.create_task(journey) for journey in journeys]
            yield house
            for task in running:
                task.cancel()


@asynccontextmanager
async def _market(house: House, directory: Path) -> AsyncIterator[Market]:
    """Serve the simulated market's files to the product's own poller."""
    app = application(house.publisher)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        nemweb = Nemweb(
            "http://nemweb.replay",
            client=client,
            clock=house.clock,
            quarantine=directory / "market",
            random=Random(house.evening.seed),  # noqa: S311, TID251 - jitter
            catch_up=CATCH_UP,
        )
        yield Overheard(nemweb, house.published)


class Overheard:
    """A market whose publications are written down as they pass."""

    def __init__(self, market: Market, into: list[Sequence[Price]]) -> None:
        self._market, self._into = market, into

    async def prices(self) -> AsyncIterator[Sequence[Price]]:
        """Yield what the market yields."""
        async for published in self._market.prices():
            self._into.append(published)
            yield published


class NextRoom:
    """The governor, as the engine sees it, without a bus between them."""

    def __init__(self, leasing: Leasing) -> None:
        self._leasing = leasing

    async def ask(self, ready: IntentsReady) -> LeasesWritten:
        """Have a recorded intent batch checked, signed and written; nobody's region is silence."""
        written = await self._leasing.answer(ready)
        if written is None:
            raise TimeoutError(f"{ready.region} is not this governor's now")
        return written


class Street:
    """The homes, at the other end of a wire that loses nothing but what belongs to a home cut off."""

    def __init__(
        self,
        clock: VirtualClock,
        homes: Homes,
        devices: DeviceTable,
        answers: Answers,
        hear: Callable[[Rows], Awaitable[None]],
    ) -> None:
        self.homes = homes
        self.cut = np.zeros(len(homes.enrolled.sites), np.bool_)
        """Homes that are neither heard nor reached; they go on by themselves."""
        self._clock, self._answers, self._hear = clock, answers, hear
        self._encode = msgspec.msgpack.Encoder().encode
        self._row = {site: row for row, site in enumerate(homes.enrolled.sites)}
        self._site_of = dict(zip(homes.enrolled.batteries, homes.enrolled.sites, strict=True))
        self._device_no = _rows_by_kind(homes.enrolled, devices)
        self._sequence = 0
        self._moved_ms: int | None = None
        self._answered = asyncio.Event()

    async def publish(self, subject: str, body: bytes) -> None:
        """Hand sealed leases to their homes, as the gateway would; the answers come a moment later."""
        if subject != subjects.LEASES:
            raise ValueError(f"nothing but leases goes down to homes, not {subject}")
        at_ms = epoch_ms(self._clock.now())
        self._move(at_ms)
        coming = ((self._row[subjects.site_in(to)], lease) for to, lease in addressed(body, at_ms))
        for ack in self.homes.offer((each for each in coming if not self.cut[each[0]]), at_ms):
            self._answers.take(self._site_of[ack.device], self._encode(ack), at_ms)
        self._answered.set()

    async def answer_for_ever(self) -> None:
        """Pass answers on, gathered for a moment, again and again."""
        while True:
            await self._answered.wait()
            await asyncio.sleep(ANSWER_S)
            self._answered.clear()
            if len(self._answers):
                await self._hear(self._answers.drain())

    def report(self, at_ms: int) -> Rows:
        """Return the readings of every home that can be heard."""
        self._move(at_ms)
        self._sequence += 1
        rows = self.homes.readings(self._device_no, self._sequence, at_ms)
        heard: Rows = rows.reshape(self._device_no.shape)[:, ~self.cut].reshape(-1)
        return heard

    def _move(self, at_ms: int) -> None:
        """Step the homes up to an instant, so that a lease begins exactly when it arrives."""
        if self._moved_ms is not None:
            self.homes.advance(self._moved_ms, at_ms)
        self._moved_ms = at_ms


class Counters:
    """Telemetry history as the historian's roll-up keeps it: each meter's last counter of each interval."""

    def __init__(self, meters: NDArray[np.integer], devices: int) -> None:
        self._place = np.full(devices, -1, np.int64)
        self._place[meters] = np.arange(len(meters))
        self._none = np.zeros(len(meters), memory.COUNTER)
        self._none["device_no"], self._none["at_ms"] = meters, -1
        self._kept: dict[DispatchInterval, Rows] = {}

    async def append(self, rows: Rows) -> None:
        """Keep meters' counters; the latest by the meter's own time stays."""
        rows = rows[(self._place[rows["device_no"]] >= 0) & ~np.isnan(rows["export_kwh"])]
        rows = rows[np.argsort(rows["at_ms"], kind="stable")]
        number = rows["at_ms"] // _INTERVAL_MS
        for each in np.unique(number).tolist():
            interval = DispatchInterval(from_epoch_ms((each + 1) * _INTERVAL_MS))
            self._keep(self._kept.setdefault(interval, self._none.copy()), rows[number == each])

    async def meter_counters(self, intervals: Sequence[DispatchInterval]) -> Mapping[DispatchInterval, Rows]:
        """Return the last counter of every meter in each interval."""
        kept = {interval: self._kept.get(interval, self._none) for interval in intervals}
        return {interval: counters[counters["at_ms"] >= 0] for interval, counters in kept.items()}

    def _keep(self, kept: Rows, rows: Rows) -> None:
        rows = rows[rows["at_ms"] >= kept["at_ms"][self._place[rows["device_no"]]]]
        place = self._place[rows["device_no"]]
        for name in ("import_kwh", "export_kwh", "at_ms"):
            kept[name][place] = rows[name]


@dataclass(slots=True)
class Track:
    """What the fleet did, turn by turn: the homes' true powers, by region."""

    at_ms: list[int] = field(default_factory=list)
    battery_kw: list[Kw] = field(default_factory=list)
    grid_kw: list[Kw] = field(default_factory=list)
    """At the meters, positive toward the grid."""
    leased: list[int] = field(default_factory=list)

    def note(self, at_ms: int, battery_kw: Kw, grid_kw: Kw, region: NDArray[np.integer], leased: int) -> None:
        """Add a turn."""
        self.at_ms.append(at_ms)
        self.battery_kw.append(np.bincount(region, battery_kw, len(REGIONS)))
        self.grid_kw.append(np.bincount(region, grid_kw, len(REGIONS)))
        self.leased.append(leased)


def tables_of(sites: Sequence[Site]) -> tuple[SiteTable, DeviceTable]:
    """Return the demonstration's homes as the register has them."""
    vpps = [vpp.id for vpp in demo.VPPS.values()]
    feeders = {name: no for no, name in enumerate(dict.fromkeys(site.feeder for site in sites))}
    devices = [(no, device) for no, site in enumerate(sites) for device in site.devices]
    unknown = float("nan")

    def column(of_device: Callable[[Any], float | None]) -> Kw:
        return np.array(
            [unknown if (value := of_device(device)) is None else value for _, device in devices], float
        )

    return (
        SiteTable(
            ids=[site.id for site in sites],
            tenant_no=np.zeros(len(sites), np.int32),
            vpp_no=np.array([vpps.index(demo.VPPS[site.region].id) for site in sites], np.int32),
            region=np.array([REGIONS.index(site.region) for site in sites], np.int8),
            feeder_no=np.array([feeders[site.feeder] for site in sites], np.int32),
            import_limit_kw=np.array([-site.connection.floor_kw for site in sites], float),
            export_limit_kw=np.array([site.connection.ceiling_kw for site in sites], float),
            tenants=[demo.HARBOUR],
            vpps=vpps,
        ),
        DeviceTable(
            ids=[device.id for _, device in devices],
            site_no=np.array([no for no, _ in devices], np.int32),
            kind=np.array([DEVICE_KINDS.index(device.kind) for _, device in devices], np.int8),
            charge_kw=column(lambda device: max(-device.rating.floor_kw, 0.0)),
            discharge_kw=column(lambda device: max(device.rating.ceiling_kw, 0.0)),
            capacity_kwh=column(lambda device: device.capacity_kwh),
            reserve_soc=column(lambda device: device.reserve_soc),
        ),
    )


def _home_columns(sites: Sequence[Site], master: bytes) -> HomeColumns:
    def ids(place: int) -> list[str]:
        return [site.devices[place].id for site in sites]

    def every(value: float) -> Kw:
        return np.full(len(sites), value)

    return HomeColumns(
        sites=[site.id for site in sites],
        batteries=ids(0),
        pvs=ids(1),
        loads=ids(2),
        meters=ids(3),
        keys=[device_key(master, battery) for battery in ids(0)],
        region=np.array([REGIONS.index(site.region) for site in sites], np.int8),
        charge_kw=every(-demo.BATTERY.floor_kw),
        discharge_kw=every(demo.BATTERY.ceiling_kw),
        capacity_kwh=every(demo.CAPACITY_KWH),
        reserve_soc=every(demo.RESERVE_SOC),
        pv_kw=every(demo.PV_KW),
        import_limit_kw=every(-demo.CONNECTION.floor_kw),
        export_limit_kw=every(demo.CONNECTION.ceiling_kw),
    )


def _rows_by_kind(who: HomeColumns, devices: DeviceTable) -> NDArray[np.int32]:
    number = {device: no for no, device in enumerate(devices.ids)}
    of_kind = (who.batteries, who.pvs, who.loads, who.meters)
    return np.array([[number[device] for device in kind] for kind in of_kind], np.int32)


def _key(purpose: str, seed: int) -> bytes:
    """Return a key of a world that exists in memory only; the same seed signs the same bytes."""
    return hashlib.sha256(f"manta replay {purpose} {seed}".encode()).digest()


async def _tell_nobody(news: PricePublished | DispatchMade) -> None:
    """Let news go: a replay has no page; the record has everything."""
