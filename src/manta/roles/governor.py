"""The governor: the only holder of the key that devices obey, in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from uuid import uuid4

import msgspec
import prometheus_client
import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from manta.bus.leases import LeaseSender
from manta.bus.nats import Bus
from manta.bus.signing import BatchSigner
from manta.flows.leasing import Leasing
from manta.governor.limits import Limits
from manta.roles.wiring import connected, recorded
from manta.settings.config import Config
from manta.settings.observe import Health, served
from manta.store.enrolment import Enrolment
from manta.store.leases import Leases
from manta.store.pool import Pool
from manta.supervisor.secrets import read_governor_key
from manta.wire import columns, subjects
from manta.wire.events import IntentsReady, LeasesWritten

log = structlog.get_logger()

ENROL_AGAIN_S = 60.0
LEASED = prometheus_client.Counter("manta_governor_leased", "Leases signed and written")
REFUSED = prometheus_client.Counter("manta_governor_refused", "Intents refused", ["guard"])
UNANSWERED = prometheus_client.Counter("manta_governor_unanswered", "Questions about regions not held")
ANSWER_SECONDS = prometheus_client.Histogram(
    "manta_governor_answer_seconds",
    "From a question to its durable answer",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0),
)


async def main(config: Config) -> None:
    """Run until cancelled."""
    key = read_governor_key(config.require("governor_key", Path))
    async with (
        served("governor", config) as health,
        recorded(config, "governor", health) as pool,
        connected(config, "governor", health) as bus,
    ):
        sender = LeaseSender(bus, key.lease_master)
        signer = BatchSigner(key.signing_seed)
        leasing = Leasing(
            config.clock(), Leases(pool), sender, signer, f"governor {uuid4()}", Limits(), config.speed
        )
        prometheus_client.REGISTRY.register(Figures(leasing, sender))
        await run(leasing, sender, pool, bus, health)


async def run(leasing: Leasing, sender: LeaseSender, pool: Pool, bus: Bus, health: Health) -> None:
    """Answer the engine and deliver until cancelled; all that it needs is connected."""
    enrolment = Enrolment(pool)

    async def read_again() -> None:
        tables = await enrolment.tables()
        sender.enrol(*tables)
        await leasing.enrol(*tables, {tenant.id: tenant.cap_kw for tenant in await enrolment.tenants()})

    async def hear_readings(_: str, body: bytes) -> None:
        leasing.view.fold(columns.unpack(columns.READING, body))
        health.heard("readings")

    async def hear_acks(_: str, body: bytes) -> None:
        leasing.delivery.hear(columns.unpack(columns.ACK, body))

    async def hear_changes(_: str, __: bytes) -> None:
        await read_again()

    async def holds_its_regions() -> None:
        if missing := [region for region, epoch in leasing.epochs.items() if epoch is None]:
            raise LookupError(f"not ours: {', '.join(missing)}")

    await read_again()
    health.depends("regions", holds_its_regions)
    health.expects("readings", within_s=30.0)
    await bus.subscribe(subjects.READINGS, hear_readings)
    await bus.subscribe(subjects.ACKS, hear_acks)
    await bus.subscribe(subjects.CHANGES, hear_changes)
    await bus.reply(subjects.INTENTS, answering(leasing))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(leasing.run())
        tasks.create_task(_now_and_then(read_again))


def answering(leasing: Leasing) -> Callable[[bytes], Awaitable[bytes]]:
    """Return how questions on the bus are answered; one that is not ours to answer is left to time out."""

    async def answer(body: bytes) -> bytes:
        ready = msgspec.msgpack.decode(body, type=IntentsReady)
        with ANSWER_SECONDS.time():
            written = await leasing.answer(ready)
        if written is None:
            UNANSWERED.inc()
            raise LookupError(f"{ready.region} is not this governor's now")
        _count(written)
        return msgspec.msgpack.encode(written)

    return answer


def _count(written: LeasesWritten) -> None:
    LEASED.inc(written.leased)
    for guard, rows in written.refused.items():
        REFUSED.labels(guard).inc(rows)


async def _now_and_then(read_again: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(ENROL_AGAIN_S)
        try:
            await read_again()
        except Exception as failure:  # noqa: BLE001 - we go on with whom we know
            log.warning("enrolment not read", because=repr(failure))


class Figures(Collector):
    """What /metrics shows of a governor beside its answers."""

    def __init__(self, leasing: Leasing, sender: LeaseSender) -> None:
        self._leasing, self._sender = leasing, sender

    def collect(self) -> Iterable[Metric]:
        """Yield every figure as it stands."""
        yield CounterMetricFamily("manta_governor_sent", "Leases sent, repeats too", self._sender.sent)
        yield CounterMetricFamily(
            "manta_governor_resent", "Leases sent again for want of an answer", self._leasing.delivery.resent
        )
        epoch = GaugeMetricFamily("manta_governor_epoch", "Of a region held, else 0", labels=["region"])
        for region, held in self._leasing.epochs.items():
            epoch.add_metric([region], held or 0)
        yield epoch
