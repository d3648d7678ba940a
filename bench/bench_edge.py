"""What a box costs, and thousands of them coming back at once over mutual TLS 1.3, as JSON lines.

Run ``python bench/bench_edge.py [--sessions 2000] [--within 60]`` from a checkout with its environment. The
sessions are raw MQTT ones in a process of their own, against a real NATS on the same machine: what they cost
here, a house's gateway does not pay. They share one client certificate; each handshake is a whole one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import re
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nats
import psutil
from tests.dumps_of_devices import device_of, modbus_dumps
from tests.flows.mutual_tls import DAY, serving
from tests.unit.edge.certificates import Authority
from tests.unit.edge.home import SITE
from tests.unit.edge.leases import BATTERY, KEY, NOON_MS, lease, packed

from manta.domain.identity import SiteId
from manta.edge.buffer import Buffer
from manta.edge.identity import Identity
from manta.edge.keeper import Keeper, read_lease
from manta.edge.memory import Memory
from manta.settings.clock import wall
from manta.simulators.sessions import Sessions
from manta.supervisor.nats import Bus, site_password
from manta.supervisor.ports import free_port
from manta.wire import subjects
from manta.wire.device import DeviceReading

DAY_OF_REPORTS = 17_280
QUIET_S = 5.0
LEASE_EACH_S = 0.05


def say(**figures: object) -> None:
    print(json.dumps({"bench": "edge"} | figures), flush=True)


def bench_lease(folder: Path) -> None:
    """Time a lease from its bytes to the disk."""
    keeper, took_ms = Keeper(BATTERY, KEY, Memory(folder / "leases.json")), []
    for n in range(1, 201):
        payload = packed(lease(n))
        began_s = time.perf_counter()
        read = read_lease(payload)
        assert read is not None
        assert keeper.hear(*read, NOON_MS, 0.0).outcome == "accepted"
        took_ms.append((time.perf_counter() - began_s) * 1e3)
    say(what="lease checked and on the disk", p50_ms=_p(took_ms, 50), p99_ms=_p(took_ms, 99), leases=200)


def bench_buffer(folder: Path) -> None:
    """Time reports onto the disk, and a day of them read again in order."""
    buffer, took_ms = Buffer(folder / "reports.sqlite", NOON_MS), []
    readings = [
        DeviceReading(f"h-box-{kind}1", -1.234, 0.5, 1.0, 2.0) for kind in ("battery", "meter", "pv", "load")
    ]
    for n in range(300):
        began_s = time.perf_counter()
        buffer.add(NOON_MS + 5_000 * n, readings)
        took_ms.append((time.perf_counter() - began_s) * 1e3)
    say(what="report kept, synced to the disk", p50_ms=_p(took_ms, 50), p99_ms=_p(took_ms, 99))
    buffer._file.execute("PRAGMA synchronous=OFF")
    for n in range(300, DAY_OF_REPORTS):
        buffer.add(NOON_MS + 5_000 * n, readings)
    began_s, replayed = time.perf_counter(), 0
    while kept := buffer.oldest(8):
        for each in kept:
            buffer.acknowledge(each.sequence)
        replayed += len(kept)
        if replayed >= DAY_OF_REPORTS:
            break
        if replayed % 800 == 0:  # as the reports of that time do, which take what was acknowledged with them
            buffer.add(NOON_MS + 86_400_000, [])
    took_s = time.perf_counter() - began_s
    size_kib = sum(path.stat().st_size for path in folder.glob("reports.sqlite*")) // 1024
    buffer.close()
    say(
        what="a day of reports replayed from the disk",
        reports=replayed,
        took_s=round(took_s, 2),
        per_s=round(replayed / took_s),
        disk_kib=size_kib,
    )


async def bench_process(folder: Path, authority: Authority, seconds: float) -> None:
    """Weigh the whole process with one simulated Sungrow and its uplink."""
    authority.enrol(folder / "identity", SITE, wall() - DAY, wall() + 7 * DAY)
    device = device_of(modbus_dumps()["sungrow/SH10RT"])
    async with serving(folder / "bus", authority) as bus, device.serving() as port:
        path = _told(folder, bus, port)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "manta.app.cli", "edge", "--config", str(path)),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "src")},
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await asyncio.sleep(5.0)
            seen = psutil.Process(process.pid)
            before_s = sum(seen.cpu_times()[:2])
            await asyncio.sleep(seconds)
            used_s = sum(seen.cpu_times()[:2]) - before_s
            rollup = _rollup(process.pid)
            figures = {name.lower() + "_mib": _mib(rollup, name) for name in ("Pss", "Rss")}
            say(
                what="process with one Sungrow",
                **figures,
                cpu_share=round(used_s / seconds, 4),
                at_most_mib=96,
            )
            assert figures["rss_mib"] <= 96
        finally:
            process.terminate()
            await process.wait()


async def bench_reconnect(folder: Path, authority: Authority, sessions: int, within_s: float) -> None:
    """Cut every session at one moment: how long until all are back, and a lease to another takes."""
    async with serving(folder / "bus", authority) as bus:
        authority.enrol(folder / "box", "boxes", wall() - DAY, wall() + 7 * DAY)
        spawning = multiprocessing.get_context("spawn")
        ours, theirs = spawning.Pipe()
        crowd = spawning.Process(target=_crowd, args=(theirs, bus, str(folder / "box"), sessions, within_s))
        crowd.start()
        try:
            first = await asyncio.to_thread(ours.recv)
            say(what="first connection of all", sessions=sessions, **first)
            probe = await _Probe.open(bus, folder / "box")
            quiet_ms = await probe.during(asyncio.sleep(QUIET_S))
            ours.send("cut")
            again: dict[str, Any] = {}

            async def wait() -> None:
                again.update(await asyncio.to_thread(ours.recv))

            storm_ms = await probe.during(wait())
            await probe.close()
            say(what="all cut at once, all back", sessions=sessions, at_most_s=120, **again)
            for when, took_ms in (("quiet", quiet_ms), ("storm", storm_ms)):
                say(
                    what=f"lease to a session that was not cut, {when}",
                    p50_ms=_p(took_ms, 50),
                    p99_ms=_p(took_ms, 99),
                    leases=len(took_ms),
                )
        finally:
            crowd.terminate()
            crowd.join()


class _Probe:
    """A session that stays, and how long a lease takes to it from the gateway."""

    def __init__(self, gateway: nats.NATS, running: asyncio.Task[None], heard: asyncio.Queue[bytes]) -> None:
        self.gateway, self.running, self.heard = gateway, running, heard

    @classmethod
    async def open(cls, bus: Bus, box: Path) -> _Probe:
        tls = bus.tls.client_context() if bus.tls else None
        gateway = await nats.connect(bus.url, user_credentials=str(bus.credentials_of("gateway")), tls=tls)
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        site = SiteId("h-probe")
        sessions = Sessions(
            [site], [site_password(bus.keys, site)], lambda _, body: heard.put_nowait(body), seed=1
        )
        running = asyncio.create_task(sessions.run("localhost", bus.mqtt_port, Identity(box).context()))
        while not sessions.counts.connected:  # noqa: ASYNC110 - it counts, and tells nobody
            await asyncio.sleep(0.05)
        return cls(gateway, running, heard)

    async def during(self, body: Any) -> list[float]:
        """Send a lease each moment while something goes on; return what each took, in ms."""
        going, took_ms = asyncio.ensure_future(body), []
        while not going.done():
            began_s = time.perf_counter()
            await self.gateway.publish(subjects.leases_of(SiteId("h-probe")), b"lease")
            await self.heard.get()
            took_ms.append((time.perf_counter() - began_s) * 1e3)
            await asyncio.sleep(LEASE_EACH_S)
        await going
        return took_ms

    async def close(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.gateway.close()


def _crowd(told: Any, bus: Bus, box: str, count: int, within_s: float) -> None:
    """Be so many sessions: connect, say so, be cut, come back, say so."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    logging.disable()
    asyncio.run(_be_crowd(told, bus, Path(box), count, within_s))


async def _be_crowd(told: Any, bus: Bus, box: Path, count: int, within_s: float) -> None:
    names = [SiteId(f"h-{no:05d}") for no in range(count)]
    passwords = [site_password(bus.keys, site) for site in names]
    sessions = Sessions(names, passwords, lambda _, __: None, seed=1)
    running = asyncio.create_task(sessions.run("localhost", bus.mqtt_port, Identity(box).context()))
    began_s = time.perf_counter()
    told.send(await _until_all(sessions, count, began_s, within_s))
    await asyncio.to_thread(told.recv)
    began_s = time.perf_counter()
    for session in sessions.all:
        session.abort()
    await asyncio.sleep(0.2)  # so that every session has heard of it
    told.send(await _until_all(sessions, count, began_s, within_s))
    running.cancel()


async def _until_all(sessions: Sessions, count: int, began_s: float, within_s: float) -> dict[str, object]:
    while sessions.counts.connected < count and time.perf_counter() - began_s < within_s:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    took_s = time.perf_counter() - began_s
    back = sessions.counts.connected
    return {
        "back": back,
        "took_s": round(took_s, 1),
        "per_s": round(back / took_s),
        "refused": sessions.counts.refused,
    }


def _told(folder: Path, bus: Bus, port: int) -> Path:
    for name, text in (("password", site_password(bus.keys, SITE)), ("battery1.key", KEY.hex())):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    path = folder / "edge.toml"
    path.write_text(
        f'site = "{SITE}"\nhealth_port = {free_port()}\n'
        f'[uplink]\nhost = "localhost"\nport = {bus.mqtt_port}\npassword_file = "password"\n'
        'identity = "identity"\n[limits]\nimport_kw = 10.0\nexport_kw = 10.0\n'
        f'[[device]]\nmake = "sungrow"\nhost = "127.0.0.1"\nport = {port}\nbattery = "{BATTERY}"\n'
        'meter = "h-box-meter1"\nkey_file = "battery1.key"\n'
        "charge_kw = 5.0\ndischarge_kw = 5.0\nreserve_soc = 0.2\n"
    )
    return path


def _rollup(pid: int) -> str:
    return Path(f"/proc/{pid}/smaps_rollup").read_text()


def _mib(rollup: str, name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+)", rollup, re.M)
    assert found is not None
    return round(int(found[1]) / 1024, 1)


def _p(values: list[float], percentile: int) -> float:
    return round(statistics.quantiles(values, n=100, method="inclusive")[percentile - 1], 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=2_000)
    parser.add_argument("--within", type=float, default=60.0, help="seconds until we wait no longer")
    parser.add_argument("--only", choices=["box", "sessions"])
    asked = parser.parse_args()
    authority = Authority()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for room in ("disk", "process", "storm"):
            (folder / room).mkdir()
        if asked.only != "sessions":
            bench_lease(folder / "disk")
            bench_buffer(folder / "disk")
            asyncio.run(bench_process(folder / "process", authority, 20.0))
        if asked.only != "box":
            asyncio.run(bench_reconnect(folder / "storm", authority, asked.sessions, asked.within))


if __name__ == "__main__":
    main()
