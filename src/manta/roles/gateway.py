"""The gateway: where sites are heard and leases go out. It believes what the register bears out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import prometheus_client
import structlog
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from manta.bus.nats import Bus
from manta.domain.time import epoch_ms
from manta.drivers.quarantine import Cause, Quarantine
from manta.drivers.sites import Answers, Register, Reports, addressed
from manta.flows import ports
from manta.flows.telemetry import HistoryQueue
from manta.roles.wiring import connected, recorded
from manta.settings.config import Config
from manta.settings.observe import Health, served
from manta.store.acks import Acks
from manta.store.enrolment import Enrolment
from manta.store.history import History
from manta.wire import subjects
from manta.wire.batches import DeviceTable, SiteTable
from manta.wire.columns import pack

log = structlog.get_logger()

FLUSH_S = 0.25
FLUSH_ROWS = 5_000
ANSWER_S = 0.05
RETRY_S = 5.0
REGISTER_S = 60.0
REGISTER_SOONEST_S = 5.0
HISTORY_ROWS = 3_000_000
"""Ten minutes and more of 5,000 homes, should the historian be away."""
ANSWER_ROWS = 500_000
LAST_WORDS_S = 2.5
type Tell = Callable[[SiteTable, DeviceTable], Awaitable[None]]
"""How history learns whose each device is."""
QUARANTINE_FILE = "quarantine-sites.jsonl"


async def main(config: Config) -> None:
    """Run until cancelled."""
    async with (
        served("gateway", config) as health,
        recorded(config, "gateway", health) as pool,
        connected(config, "gateway", health) as bus,
    ):
        history = await History.open(config.require("clickhouse_url", str))
        health.depends("historian", history.ping)
        enrolment = Enrolment(pool)
        sites, devices = await enrolment.tables()
        await history.enrol(sites, devices)
        if sites.ids:
            health.expects("telemetry", within_s=60.0)
        quarantine = Quarantine(config.data / QUARANTINE_FILE)
        gateway = Gateway(bus, config.clock(), Register(sites, devices), quarantine, history, Acks(pool))
        prometheus_client.REGISTRY.register(Figures(gateway, bus))
        try:
            await gateway.run(enrolment, history.enrol, health)
        finally:
            await history.close()


class Gateway:
    """Both ways between the sites and the house."""

    def __init__(
        self,
        bus: Bus,
        clock: ports.Clock,
        register: Register,
        quarantine: Quarantine,
        history: ports.History,
        acks: ports.AckRecord,
    ) -> None:
        self.reports = Reports(register, quarantine)
        self.answers = Answers(register, quarantine)
        self.quarantine = quarantine
        self.history = HistoryQueue(history, clock, rows_at_most=HISTORY_ROWS)
        self.leases = 0
        """Leases passed on to sites, repeats too."""
        self.unpublished = 0
        """Readings that found no bus; history has them."""
        self.answers_dropped = 0
        self._bus = bus
        self._clock = clock
        self._acks = acks
        self._unsaved: deque[NDArray[Any]] = deque()
        self._changed = asyncio.Event()
        self._heard_any = False

    async def run(self, register: ports.Enrolment, tell: Tell, health: Health) -> None:
        """Hear sites and pass on leases until cancelled; what was heard by then is still handed over."""
        await self.listen()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._flush_often(health))
                tasks.create_task(self._save_often())
                tasks.create_task(self.history.run())
                tasks.create_task(self._read_again(register, tell))
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):
                    await self.flush()
                    await self.save_answers()
                    await self.history.flush()

    async def listen(self) -> None:
        """Subscribe to sites and to leases."""
        await self._bus.subscribe(subjects.CHANGES, self._hear_change)
        await self._bus.subscribe(subjects.LEASES, self._hear_leases)
        await self._bus.subscribe(subjects.SITE_ACKS, self._hear_answer)
        await self._bus.subscribe(subjects.SITE_TELEMETRY, self._hear_report)

    async def flush(self) -> None:
        """Keep the readings heard since the last time for history, and publish them."""
        if not len(self.reports):
            return
        rows = self.reports.drain()
        self._heard_any = True
        self.history.add(rows)
        try:
            await self._bus.publish(subjects.READINGS, pack(rows))
        except ConnectionError as error:
            self.unpublished += len(rows)
            log.warning("readings not published", rows=len(rows), because=str(error))

    async def save_answers(self) -> bool:
        """Write answers to the record, then publish them; tell whether none is left."""
        if len(self.answers):
            self._unsaved.append(self.answers.drain())
        while self._unsaved:
            rows = self._unsaved[0]
            try:
                await self._acks.save_acks(rows)
            except Exception as error:  # noqa: BLE001 - whatever ails the record, the answers wait
                log.warning("answers not saved", answers=sum(map(len, self._unsaved)), because=repr(error))
                self._keep_bound()
                return False
            self._unsaved.popleft()
            try:
                await self._bus.publish(subjects.ACKS, pack(rows))
            except ConnectionError as error:
                log.warning("answers not published", answers=len(rows), because=str(error))
        return True

    async def _hear_report(self, subject: str, body: bytes) -> None:
        self.reports.take(subjects.site_in(subject), body, epoch_ms(self._clock.now()))
        if len(self.reports) >= FLUSH_ROWS:
            await self.flush()

    async def _hear_answer(self, subject: str, body: bytes) -> None:
        self.answers.take(subjects.site_in(subject), body, epoch_ms(self._clock.now()))

    async def _hear_leases(self, _: str, body: bytes) -> None:
        for subject, lease in addressed(body, epoch_ms(self._clock.now())):
            await self._bus.publish(subject, lease)
            self.leases += 1

    async def _hear_change(self, _: str, __: bytes) -> None:
        self._changed.set()

    async def _flush_often(self, health: Health) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()
            if self._heard_any:
                self._heard_any = False
                health.heard("telemetry")

    async def _save_often(self) -> None:
        while True:
            saved = await self.save_answers()
            await asyncio.sleep(ANSWER_S if saved else RETRY_S)

    async def _read_again(self, register: ports.Enrolment, tell: Tell) -> None:
        """Follow the enrolment: when told, when an unknown site speaks, and every minute."""
        told = len(self.reports.register.devices)
        while True:
            await asyncio.sleep(REGISTER_SOONEST_S)
            strangers = self.quarantine.counts[Cause.UNKNOWN_SITE]
            with suppress(TimeoutError):
                async with asyncio.timeout(REGISTER_S):
                    await self._until_changed(strangers)
            self._changed.clear()
            try:
                sites, devices = await register.tables()
                self.reports.register = self.answers.register = Register(sites, devices)
                if len(devices.ids) > told:
                    await tell(sites, devices)
                    told = len(devices.ids)
            except Exception as error:  # noqa: BLE001 - we go on with whom we know
                log.warning("enrolment not read", because=repr(error))

    async def _until_changed(self, strangers: int) -> None:
        while not self._changed.is_set() and self.quarantine.counts[Cause.UNKNOWN_SITE] == strangers:
            with suppress(TimeoutError):
                async with asyncio.timeout(REGISTER_SOONEST_S):
                    await self._changed.wait()

    def _keep_bound(self) -> None:
        while sum(map(len, self._unsaved)) > ANSWER_ROWS:
            self.answers_dropped += len(self._unsaved.popleft())


class Figures(Collector):
    """What /metrics shows of a gateway."""

    def __init__(self, gateway: Gateway, bus: Bus) -> None:
        self._gateway, self._bus = gateway, bus

    def collect(self) -> Iterable[Metric]:
        """Yield every figure as it stands."""
        gateway, bus = self._gateway, self._bus.counts
        yield CounterMetricFamily("manta_gateway_readings", "Readings believed", gateway.reports.taken)
        yield CounterMetricFamily(
            "manta_gateway_answers", "Answers to leases believed", gateway.answers.taken
        )
        yield CounterMetricFamily(
            "manta_gateway_answers_dropped", "Given up, no record", gateway.answers_dropped
        )
        yield CounterMetricFamily("manta_gateway_leases", "Leases passed on", gateway.leases)
        yield CounterMetricFamily("manta_gateway_unpublished", "Readings without a bus", gateway.unpublished)
        yield CounterMetricFamily("manta_gateway_history_written", "Rows written", gateway.history.written)
        yield CounterMetricFamily("manta_gateway_history_dropped", "Rows given up", gateway.history.dropped)
        yield GaugeMetricFamily(
            "manta_gateway_history_waiting", "Rows not yet written", gateway.history.waiting
        )
        yield CounterMetricFamily("manta_gateway_slow_consumer", "Messages come too fast", bus.slow_consumer)
        yield CounterMetricFamily("manta_gateway_bus_reconnects", "Bus connections lost", bus.reconnects)
        yield from _refused(gateway.quarantine)


def _refused(quarantine: Quarantine) -> Iterator[Metric]:
    refused = CounterMetricFamily("manta_gateway_quarantined", "Refused, by cause", labels=["cause"])
    for cause in Cause:
        refused.add_metric([cause], quarantine.counts[cause])
    yield refused
