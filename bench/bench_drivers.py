"""How many Modbus sites one process polls: drivers here, simulated inverters in one other process, as JSON.

Run ``python bench/bench_drivers.py [--sites 2000] [--every 5] [--seconds 30]`` from a checkout.
Every site is a TCP connection and a driver of its own; each poll is a whole look, as the product's is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import struct
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("src", ".")]

from tests.dumps_of_devices import modbus_dumps, space  # noqa: E402 - the path comes first

from manta.drivers.catalogue import CATALOGUE, Endpoint  # noqa: E402
from manta.drivers.modbus import blocks  # noqa: E402
from manta.drivers.port import DeviceError, Driver  # noqa: E402

EVENING = datetime(2027, 1, 14, 8, 0, tzinfo=UTC)
CONNECT_AT_ONCE = 50


@dataclass
class Polled:
    """What the polls came to."""

    late_s: list[float] = field(default_factory=list)
    """How long after its time each poll was done."""
    took_s: list[float] = field(default_factory=list)
    failed: int = 0
    missed: int = 0
    """Polls that were not begun before the next one's time."""


class Inverter(asyncio.Protocol):
    """Answers reads out of a dump as fast as can be, so that what is measured is the side that asks.

    Every address exists, as in an inverter; what the dump does not hold is 0.
    """

    def __init__(self, spaces: dict[int, bytes]) -> None:
        self._spaces = spaces
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._line = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while len(self._heard) >= QUESTION.size:
            question, self._heard = self._heard[: QUESTION.size], self._heard[QUESTION.size :]
            number, _, _, unit, function, address, count = QUESTION.unpack(question)
            if function == WRITE:
                self._line.write(question)
                continue
            words = self._spaces[function][2 * address : 2 * (address + count)]
            self._line.write(ANSWER.pack(number, 0, 3 + len(words), unit, function, len(words)) + words)


QUESTION, ANSWER = struct.Struct(">HHHBBHH"), struct.Struct(">HHHBBB")
"""Transaction, protocol, length, unit, function, and address with count, or how many bytes follow."""
READ_HOLDING, READ_INPUT, WRITE = 3, 4, 6


def inverters(name: str, to: Connection) -> None:
    """Answer as inverters until this process is ended."""
    dump = modbus_dumps()[name]
    spaces = {READ_HOLDING: laid(dump["holding"]), READ_INPUT: laid(dump["input"])}

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Inverter(spaces), "127.0.0.1", 0, backlog=1_000)
        to.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def laid(written: dict[str, list[int]]) -> bytes:
    """Return a whole space of registers as bytes."""
    words = space(written)
    return struct.pack(">65536H", *(words.get(address, 0) for address in range(65_536)))


async def polling(driver: Driver, first: float, every: float, until: float, polled: Polled) -> None:
    """Look at one site at its times, until time is over."""
    due = first
    while due < until:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        begun = time.monotonic()
        try:
            await driver.read(EVENING + timedelta(seconds=begun - first))
        except DeviceError:
            polled.failed += 1
        done = time.monotonic()
        polled.took_s.append(done - begun)
        polled.late_s.append(done - due)
        due += every
        while due + every < done:
            due += every
            polled.missed += 1


async def bench(port: int, make: str, unit: int, sites: int, every: float, seconds: float) -> dict:
    """Connect every site, poll them all, and return the figures."""
    connect = CATALOGUE[make].connect
    pace = replace(connect.pace, settle_s=0.0)
    drivers = [connect(Endpoint("127.0.0.1", port, unit, pace)) for _ in range(sites)]
    begun = time.monotonic()
    for n in range(0, sites, CONNECT_AT_ONCE):
        await asyncio.gather(*(each.identify() for each in drivers[n : n + CONNECT_AT_ONCE]))
    connected_s = time.monotonic() - begun

    polled, process = Polled(), psutil.Process()
    start, cpu = time.monotonic() + 0.1, process.cpu_times()
    until = start + seconds
    async with asyncio.TaskGroup() as group:
        for n, driver in enumerate(drivers):
            group.create_task(polling(driver, start + every * n / sites, every, until, polled))
    lasted = time.monotonic() - start
    after = process.cpu_times()
    spent_s = after.user + after.system - cpu.user - cpu.system
    await asyncio.gather(*(driver.close() for driver in drivers))
    late, took = sorted(polled.late_s), sorted(polled.took_s)
    return {
        "make": make,
        "sites": sites,
        "every_s": every,
        "connected_s": round(connected_s, 1),
        "wanted_per_s": round(sites / every, 1),
        "polls_per_s": round(len(late) / lasted, 1),
        "took_p50_ms": milliseconds(took, 0.5),
        "took_p99_ms": milliseconds(took, 0.99),
        "late_p50_ms": milliseconds(late, 0.5),
        "late_p99_ms": milliseconds(late, 0.99),
        "missed": polled.missed,
        "failed": polled.failed,
        "cpu_share": round(spent_s / lasted, 2),
        "cpu_ms_per_poll": round(1_000 * spent_s / len(late), 2),
        "rss_mib": round(process.memory_info().rss / 2**20),
    }


def milliseconds(ordered: list[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    return round(1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)


def questions(make: str) -> int:
    """Return how many questions a look costs: blocks of neighboring registers."""
    module = sys.modules[f"manta.drivers.{make}"]
    return len(blocks(module._LOOK, module.PACE.near_words))


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=2_000)
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--device", default="sungrow/SH10RT")
    asked = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * asked.sites + 500)), hard))
    dump = modbus_dumps()[asked.device]
    ours, theirs = multiprocessing.Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(
        target=inverters, args=(asked.device, theirs), daemon=True
    )
    server.start()
    try:
        if not ours.poll(30):
            raise TimeoutError("the simulated inverters did not begin to answer")
        figures = asyncio.run(
            bench(ours.recv(), dump["make"], dump["unit"], asked.sites, asked.every, asked.seconds)
        )
        theirs_s = sum(psutil.Process(server.pid).cpu_times()[:2])
    finally:
        server.terminate()
        server.join(10)
    print(
        json.dumps(
            {"bench": "drivers"}
            | figures
            | {"questions_per_poll": questions(dump["make"]), "inverters_cpu_s": round(theirs_s, 1)}
        )
    )


if __name__ == "__main__":
    main()
