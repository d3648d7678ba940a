"""What devices cost: decoding, physics, and thousands of real MQTT sessions over a real NATS, as JSON.

Run ``python bench/bench_devices.py [--homes 5000] [--seconds 20]`` from a checkout with its environment.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from uuid import uuid4

import msgspec
import numpy as np
import psutil

from manta.bus.nats import Bus
from manta.domain.identity import SiteId
from manta.domain.time import epoch_ms
from manta.drivers.quarantine import Quarantine
from manta.drivers.sites import Answers, Register, Reports, addressed
from manta.settings.clock import wall
from manta.simulators.fleet import Fleet, FleetFile, SimulatedHome
from manta.simulators.homes import Homes
from manta.supervisor import credentials
from manta.supervisor import nats as nats_engine
from manta.supervisor.children import Child
from manta.supervisor.ports import free_port
from manta.wire import subjects
from manta.wire.batches import DeviceTable, SiteTable
from manta.wire.columns import READING, pack, unpack
from manta.wire.device import Lease, SealedLease
from manta.wire.events import SealedLeases
from manta.wire.seal import device_key, seal

MASTER = bytes(32)
CONNECT_WITHIN_S = 60.0


class Wall:
    """The wall's time, as the fleet asks for it."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        return wall()

    async def sleep_until(self, at: datetime) -> None:
        """Return once it is that late."""
        await asyncio.sleep(max(0.0, (at - wall()).total_seconds()))


def enrol(count: int, password: Callable[[str], str]) -> FleetFile:
    """Make homes up."""
    return FleetFile(seed=1, homes=[_home(f"h-{no:06d}", password) for no in range(count)])


def _home(site: str, password: Callable[[str], str]) -> SimulatedHome:
    return SimulatedHome(
        site=site,
        vpp="v",
        region="NSW1",
        battery=f"{site}-battery1",
        pv=f"{site}-pv1",
        load=f"{site}-load1",
        meter=f"{site}-meter1",
        key=device_key(MASTER, f"{site}-battery1"),
        password=password(site),
        charge_kw=11.04,
        discharge_kw=11.04,
        capacity_kwh=13.5,
        reserve_soc=0.2,
        pv_kw=6.6,
        import_limit_kw=15.0,
        export_limit_kw=10.0,
    )


def register_of(file: FleetFile) -> Register:
    """Make the register that fits."""
    homes, count = file.homes, len(file.homes)
    rated = np.full(4 * count, 15.0)
    sites = SiteTable(
        ids=[home.site for home in homes],
        tenant_no=np.zeros(count, np.int32),
        vpp_no=np.zeros(count, np.int32),
        region=np.zeros(count, np.int8),
        feeder_no=np.zeros(count, np.int32),
        import_limit_kw=np.full(count, 15.0),
        export_limit_kw=np.full(count, 10.0),
        tenants=["t"],
        vpps=["v"],
    )
    devices = DeviceTable(
        ids=[id_ for home in homes for id_ in (home.battery, home.pv, home.load, home.meter)],
        site_no=np.repeat(np.arange(count, dtype=np.int32), 4),
        kind=np.tile(np.arange(4, dtype=np.int8), count),
        charge_kw=rated,
        discharge_kw=rated,
        capacity_kwh=rated,
        reserve_soc=rated,
    )
    return Register(sites, devices)


def best(work: Callable[[], object], repeats: int = 5) -> float:
    """Return the least CPU seconds that some work takes."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def offline(file: FleetFile, directory: Path) -> dict[str, float]:
    """Measure what needs no wire."""
    count, now_ms = len(file.homes), epoch_ms(wall())
    homes = Homes(file.columns(), 1)
    step_s = best(lambda: homes.step(now_ms, 0.25), 20)
    homes.step(now_ms, 0.25)
    everyone = np.arange(count)
    encode = msgspec.msgpack.Encoder().encode
    report_s = best(lambda: [encode(report) for report in homes.reports(everyone, now_ms)])
    bodies = [(r.readings[0].device[:-9], encode(r)) for r in homes.reports(everyone, now_ms)]
    reports = Reports(register_of(file), Quarantine(directory / "quarantine.jsonl"))

    def decode() -> bytes:
        for site, body in bodies:
            reports.take(site, body, now_ms)
        return pack(reports.drain())

    decode_s = best(decode)
    packed = decode()
    unpack_s = best(lambda: unpack(READING, packed))
    leases = sealed(file, now_ms)
    return {
        "physics_ms_per_step": round(step_s * 1e3, 3),
        "report_us": round(report_s / count * 1e6, 2),
        "report_bytes": len(bodies[0][1]),
        "decode_us_per_report": round(decode_s / count * 1e6, 2),
        "decode_reports_per_s": round(count / decode_s),
        "fold_ready_rows_per_s": round(4 * count / decode_s),
        "unpack_us": round(unpack_s * 1e6, 1),
        "lease_address_us": round(best(lambda: list(addressed(leases, now_ms))) / count * 1e6, 2),
        "lease_judge_us": round(_judging_s(file, now_ms) / count * 1e6, 2),
    }


def _judging_s(file: FleetFile, now_ms: int) -> float:
    homes = Homes(file.columns(), 1)
    offers = [(no, lease) for no, (_, lease) in enumerate(addressed(sealed(file, now_ms), now_ms))]
    return best(lambda: homes.offer(offers, now_ms), 1)


def sealed(file: FleetFile, now_ms: int) -> bytes:
    """Seal a lease for every home, as the governor does."""
    encode, batch, out = msgspec.msgpack.Encoder().encode, str(uuid4()), []
    for home in file.homes:
        lease = encode(
            Lease(
                lease=batch,
                device=home.battery,
                epoch=1,
                sequence=1,
                power_kw=11.04,
                export_limit_kw=8.7,
                not_before_ms=now_ms,
                until_ms=now_ms + 300_000,
                ramp_kw_per_min=2.0,
                default="self_consumption",
                trace="bench",
            )
        )
        out.append((home.site, encode(SealedLease(lease, seal(home.key, lease)))))
    return encode(SealedLeases(batch, now_ms + 300_000, out))


def fleet_process(path: Path, port: int, directory: Path, connected: Synchronized[int]) -> None:
    """Be the fleet simulator until killed."""
    asyncio.run(_fleet(path, port, directory, connected))


async def _fleet(path: Path, port: int, directory: Path, connected: Synchronized[int]) -> None:
    fleet = Fleet(FleetFile.read(path), Wall(), directory / "memory")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fleet.run())
        tasks.create_task(fleet.sessions.run("127.0.0.1", port))
        tasks.create_task(_say(fleet, connected))


async def _say(fleet: Fleet, connected: Synchronized[int]) -> None:
    while True:
        connected.value = fleet.sessions.counts.connected
        await asyncio.sleep(0.02)


class House:
    """A gateway's two ears and its mouth."""

    def __init__(self, bus: Bus, register: Register, directory: Path) -> None:
        quarantine = Quarantine(directory / "quarantine.jsonl")
        self.bus, self.quarantine = bus, quarantine
        self.reports, self.answers = Reports(register, quarantine), Answers(register, quarantine)
        self.last_s = 0.0

    async def hear_report(self, subject: str, body: bytes) -> None:
        """Take a report, and publish when there are enough."""
        self.reports.take(subjects.site_in(subject), body, epoch_ms(wall()))
        if len(self.reports) >= 1_000:
            await self.bus.publish(subjects.READINGS, pack(self.reports.drain()))

    async def hear_answer(self, subject: str, body: bytes) -> None:
        """Take an answer."""
        self.answers.take(subjects.site_in(subject), body, epoch_ms(wall()))
        self.last_s = time.monotonic()


async def online(file: FleetFile, bus: nats_engine.Bus, seconds: float) -> dict[str, object]:
    """Measure real sessions, ours and NATS's share of it."""
    directory, count = bus.home, len(file.homes)
    file.write(directory / "fleet")
    home = await Bus.connect(bus.url, name="gateway", credentials=bus.credentials_of("gateway"))
    house = House(home, register_of(file), directory)
    await home.subscribe(subjects.SITE_TELEMETRY, house.hear_report)
    await home.subscribe(subjects.SITE_ACKS, house.hear_answer)
    context = multiprocessing.get_context("spawn")
    connected = context.Value("i", 0)
    child = context.Process(
        target=fleet_process, args=(directory / "fleet", bus.mqtt_port, directory, connected)
    )
    child.start()
    try:
        first_s = await _until(lambda: connected.value > 0, CONNECT_WITHIN_S)
        connect_s = await _until(lambda: connected.value == count, CONNECT_WITHIN_S) - first_s
        await asyncio.sleep(5.0)
        nats_pid = next(
            p.pid for p in psutil.Process().children(recursive=True) if p.name().startswith("nats")
        )
        pids = {"fleet": child.pid, "gateway": psutil.Process().pid, "nats": nats_pid}
        processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        before, reports = {n: sum(p.cpu_times()[:2]) for n, p in processes.items()}, house.reports.taken
        began_s = time.monotonic()
        await asyncio.sleep(seconds)
        took_s = time.monotonic() - began_s
        cores = {n: round((sum(p.cpu_times()[:2]) - before[n]) / took_s, 3) for n, p in processes.items()}
        heard = (house.reports.taken - reports) / 4
        result = {
            "sessions": count,
            "connect_s": round(connect_s, 2),
            "reports_per_s": round(heard / took_s, 1),
            "cores": cores,
            "gateway_us_per_report": round(cores["gateway"] * took_s / heard * 1e6, 1),
            "rss_mb": {n: round(p.memory_info().rss / 1e6) for n, p in processes.items()},
        }
        return result | await _fan_out(house, file) | {"quarantined": dict(house.quarantine.counts)}
    finally:
        child.kill()
        child.join()
        await home.close()


async def _until(condition: Callable[[], bool], within_s: float) -> float:
    """Wait across a process or a wire, and return when it was so."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - nobody there to ring a bell
            await asyncio.sleep(0.01)
    return time.monotonic()


async def _fan_out(house: House, file: FleetFile) -> dict[str, float]:
    """Send a lease to every home and wait for the last answer."""
    message = sealed(file, epoch_ms(wall()))
    began_s = time.monotonic()
    for subject, lease in addressed(message, 0):
        await house.bus.publish(subject, lease)
    published_s = time.monotonic()
    await _until(lambda: len(house.answers) == len(file.homes), 30.0)
    return {
        "fan_out_publish_ms": round((published_s - began_s) * 1e3, 1),
        "fan_out_last_answer_ms": round((house.last_s - began_s) * 1e3, 1),
    }


async def bench(homes: int, seconds: float) -> dict[str, object]:
    """Run everything."""
    with tempfile.TemporaryDirectory(prefix="manta-bench-") as where:
        directory = Path(where)
        seeds = [
            credentials.seed_from(secrets.token_bytes(32), kind)
            for kind in ("operator", "account", "account")
        ]
        bus = nats_engine.Bus(
            home=directory,
            keys=nats_engine.BusKeys(*seeds),
            port=free_port(),
            mqtt_port=free_port(),
            monitor_port=free_port(),
        )
        nats_engine.prepare(bus)
        site_key = bus.keys.site_key
        file = enrol(homes, lambda site: credentials.site_credentials(site_key, SiteId(site)))
        figures: dict[str, object] = dict(offline(file, directory))
        server = Child(nats_engine.program(bus, directory / "nats.log"))
        await server.start()
        try:
            return figures | await online(file, bus, seconds)
        finally:
            await server.stop()


def main() -> None:
    """Read the options and print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--homes", type=int, default=5_000)
    options.add_argument("--seconds", type=float, default=20.0)
    asked = options.parse_args()
    json.dump(asyncio.run(bench(asked.homes, asked.seconds)), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
