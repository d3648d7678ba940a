"""From a published price to the last device: durable leases, and their delivery beside the raw bus.

Starts PostgreSQL, NATS, historian, gateway and governor as `manta up` would, in a directory that goes away,
and 10,000 MQTT sessions in a process of their own. The engine's journey runs in this process. Each round is
the same price revised by a dollar, so that every home gets a new lease. Prints JSON lines.

    python bench/bench_dispatch.py [--homes 10000] [--rounds 30]
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import shutil
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import structlog

from manta.app import plan
from manta.bus.governor import RemoteGovernor
from manta.bus.nats import Bus
from manta.domain.market import Price, PriceStatus, Region
from manta.domain.time import FIVE_MINUTES, DispatchInterval, epoch_ms
from manta.fleet.view import FleetView
from manta.flows.decision import Decision
from manta.settings.config import Config
from manta.simulators.fleet import FLEET_FILE, FleetFile
from manta.simulators.sessions import Sessions
from manta.store.decisions import Decisions
from manta.store.enrolment import Enrolment
from manta.store.pool import open_pool
from manta.supervisor import nats, postgres
from manta.supervisor.accounts import unprivileged
from manta.supervisor.children import Child, run_once
from manta.supervisor.crew import Crew
from manta.wire import columns, subjects
from manta.wire.columns import READING
from manta.wire.device import Lease, LeaseAck, SealedLease
from manta.wire.events import IntentsReady, LeasesWritten

REGIONS = (Region.NSW, Region.VIC, Region.QLD, Region.SA)
SETTLE_S = 1.0
RAW = b"raw fan-out".ljust(230, b".")
"""As long as a sealed lease."""


def devices(config: Config, sitting: Any, ready: Any, last: Any) -> None:
    """Hold every home's session; report when the last of a round came, and answer once it is quiet."""
    asyncio.run(_devices(config, sitting, ready, last))


async def _devices(config: Config, sitting: Any, ready: Any, last: Any) -> None:
    fleet = FleetFile.read(config.data / FLEET_FILE)
    homes, loop = fleet.homes, asyncio.get_running_loop()
    heard: list[tuple[int, bytes]] = []

    def hear(no: int, payload: bytes) -> None:
        heard.append((no, payload))
        if len(heard) == len(homes):
            last.put(time.monotonic())
            loop.call_later(0.2, answer)

    def answer() -> None:
        for no, payload in heard:
            if payload[:3] != RAW[:3]:
                lease = msgspec.msgpack.decode(
                    msgspec.msgpack.decode(payload, type=SealedLease).lease, type=Lease
                )
                ack = LeaseAck(lease.lease, lease.device, "accepted", lease.not_before_ms)
                topic = subjects.topic(subjects.acks_of(homes[no].site))  # type: ignore[arg-type]
                sessions.all[no].publish(topic, msgspec.msgpack.encode(ack))
        heard.clear()

    sessions = Sessions([home.site for home in homes], [home.password for home in homes], hear, seed=1)
    assert config.mqtt
    running = asyncio.create_task(sessions.run(config.mqtt.host, config.mqtt.port))
    while sessions.counts.connected < len(homes):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.1)
    await asyncio.sleep(SETTLE_S)
    ready.set()
    await asyncio.to_thread(sitting.wait)
    running.cancel()


class Timed:
    """The governor, and when it answered."""

    def __init__(self, governor: RemoteGovernor) -> None:
        self._governor = governor
        self.answered_s: list[float] = []
        self.leased = 0

    async def ask(self, ready: IntentsReady) -> LeasesWritten:
        written = await self._governor.ask(ready)
        self.answered_s.append(time.perf_counter())
        self.leased += written.leased
        return written


async def measure(homes: int, rounds: int, data: Path) -> None:
    """Start the house without its simulators, and time it."""
    account = unprivileged()
    plan.raise_descriptor_limit()
    options = plan.Options(data=data, homes=homes, story_after=None)
    house = plan.draw(options, plan.data_directory(data, account), account)
    house = replace(house, config=replace(house.config, homes=homes))
    crew = Crew()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(crew.stop)
        await _start(house, crew)
        context = multiprocessing.get_context("spawn")
        sitting, ready, last = context.Event(), context.Event(), context.Queue()
        process = context.Process(target=devices, args=(house.config, sitting, ready, last), daemon=True)
        process.start()
        stack.callback(process.join, 10)
        stack.callback(sitting.set)
        if not await asyncio.to_thread(ready.wait, 120):
            raise TimeoutError("the sessions did not connect within two minutes")
        await _rounds(house, rounds, last, stack)


async def _start(house: plan.Plan, crew: Crew) -> None:
    nats.prepare(house.bus)
    await postgres.prepare(house.cluster)
    await crew.start(
        Child(postgres.program(house.cluster)),
        Child(nats.program(house.bus, house.data / "logs" / "nats.log")),
        Child(house.program("historian")),
    )
    await run_once(house.program("record"), within_s=120)
    await crew.start(Child(house.program("governor")))
    gateway = house.program("gateway")
    await crew.start(Child(replace(gateway, ready=_listening(house, gateway))))


def _listening(house: plan.Plan, program: Any) -> Any:
    """Count a gateway ready that answers, though no site reports to it."""

    async def ready() -> None:
        try:
            await program.ready()
        except ConnectionError as error:
            if "telemetry" not in str(error):
                raise

    return ready


async def _rounds(house: plan.Plan, rounds: int, last: Any, stack: AsyncExitStack) -> None:
    engine, gateway = house.config_of("engine"), house.config_of("gateway")
    pool = await open_pool(engine.dsn("engine"))
    stack.push_async_callback(pool.close)
    bus = await Bus.connect(house.bus.url, name="bench", credentials=engine.nats_credentials)
    raw = await Bus.connect(house.bus.url, name="bench-raw", credentials=gateway.nats_credentials)
    stack.push_async_callback(bus.close)
    stack.push_async_callback(raw.close)
    enrolment, clock = Enrolment(pool), engine.clock()
    sites, table = await enrolment.tables()
    view, timed = FleetView(sites, table), Timed(RemoteGovernor(bus))

    async def silent(_: object) -> None: ...

    decision = Decision(clock, view, Decisions(pool), timed, silent)
    decision.enrol(sites, table, await enrolment.rules())
    stack.push_async_callback(decision.close)
    downs = [subjects.leases_of(site) for site in sites.ids]  # type: ignore[arg-type]

    interval = DispatchInterval.containing(clock.now())
    if interval.end - clock.now() < timedelta(seconds=3.0 * rounds + 20):
        await clock.sleep_until(interval.end)
        interval = DispatchInterval(interval.end + FIVE_MINUTES)
    durable_s, delivered_s, raw_s = [], [], []
    for number in range(rounds + 2):
        now = clock.now()
        rows = _readings(table, epoch_ms(now), number)
        view.fold(rows)
        await raw.publish(subjects.READINGS, columns.pack(rows))
        await raw.flush()
        await asyncio.sleep(0.3)
        prices = [Price(r, interval, 12_400.0 + number, PriceStatus.FIRM, now, now) for r in REGIONS]
        timed.answered_s.clear()
        timed.leased, began_s, began = 0, time.perf_counter(), time.monotonic()
        await decision.on_prices(prices)
        while len(timed.answered_s) < len(REGIONS):  # noqa: ASYNC110 - asked again, should one be late
            await asyncio.sleep(0.001)
        if timed.leased != len(sites.ids):
            raise RuntimeError(f"round {number}: {timed.leased} leases for {len(sites.ids)} homes")
        came = await asyncio.to_thread(last.get, timeout=30)
        await asyncio.sleep(SETTLE_S)
        raw_began = time.monotonic()
        for down in downs:
            await raw.publish(down, RAW)
        raw_came = await asyncio.to_thread(last.get, timeout=30)
        await asyncio.sleep(0.3)
        if number >= 2:  # two rounds to warm up
            durable_s.append(max(timed.answered_s) - began_s)
            delivered_s.append(came - began)
            raw_s.append(raw_came - raw_began)
    _print(len(sites.ids), durable_s, delivered_s, raw_s)


def _readings(table: Any, at_ms: int, number: int) -> np.ndarray:
    """Return a fresh reading of every device: full batteries, no sun, some load."""
    rows = np.zeros(len(table.ids), READING)
    rows["device_no"], rows["sequence"] = np.arange(len(rows)), number + 1
    rows["at_ms"] = rows["heard_ms"] = at_ms
    rows["soc"] = np.where(table.kind == 0, 0.9, np.nan)
    rows["power_kw"] = np.where(table.kind == 2, -0.8, np.where(table.kind == 3, -0.8, 0.0))
    rows["import_kwh"] = rows["export_kwh"] = np.nan
    return rows


def _print(homes: int, durable_s: list[float], delivered_s: list[float], raw_s: list[float]) -> None:
    sent_s = [came - written for came, written in zip(delivered_s, durable_s, strict=True)]
    ratios = [ours / theirs for ours, theirs in zip(sent_s, raw_s, strict=True)]
    for name, values, scale in (
        ("price to durable signed leases, ms", durable_s, 1e3),
        ("price to last device, ms", delivered_s, 1e3),
        ("durable to last device, ms", sent_s, 1e3),
        ("raw fan-out to last device, ms", raw_s, 1e3),
        ("durable to last device / raw fan-out", ratios, 1.0),
    ):
        ordered = sorted(value * scale for value in values)
        p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
        figures = {
            "p50": round(statistics.median(ordered), 2),
            "p99": round(p99, 2),
            "max": round(ordered[-1], 2),
        }
        print(
            json.dumps(
                {"bench": "dispatch", "figure": name, "leases": homes, "rounds": len(ordered)} | figures
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=30)
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    data = Path(tempfile.mkdtemp(prefix="manta-bench-"))
    data.chmod(0o711)
    try:
        asyncio.run(measure(asked.homes, asked.rounds, data / "data"))
    finally:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
