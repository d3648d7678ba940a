"""How long a market file takes from bytes to prices, and how fast readings become history.

Run as ``python -m bench.bench_market``; it starts the historian in this process, over a temporary directory.
"""

import asyncio
import json
import socket
import statistics
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from manta.domain.time import NEM_TIME, DispatchInterval, epoch_ms
from manta.mms.dispatchis import prices_in
from manta.nemsim.dispatchis import packed, report
from manta.nemsim.market import SimulatedMarket
from manta.roles.serving import listening
from manta.store.historian import Historian
from manta.store.history import History
from manta.wire.columns import READING

GENUINE = Path(__file__).parents[2] / "shared/data/nem/PUBLIC_DISPATCHIS_202508201810_0000000477155219.CSV"
EVENING = datetime(2027, 1, 14, 18, 0, tzinfo=NEM_TIME)
DEVICES = 20_000


def main() -> None:
    """Print every figure, then all of them as JSON."""
    figures = {"market_file": market_file()} | asyncio.run(history())
    for name, figure in figures.items():
        print(f"{name:34} {figure}")
    print(json.dumps(figures))


def market_file() -> dict[str, float | str]:
    """Time one file from packed bytes to prices; the genuine one where it is to be had."""
    body, of = simulated(), "simulated"
    if GENUINE.exists():
        body, of = packed(GENUINE.name, GENUINE.read_bytes(), EVENING), "genuine"
    name = f"{GENUINE.stem}.zip" if of == "genuine" else "f"
    times = sorted(timed(lambda: prices_in(name, body)) for _ in range(200))
    return {"file": of, "p50_ms": round(times[100], 2), "p99_ms": round(times[197], 2)}


def simulated() -> bytes:
    """Return a packed report of the simulated market."""
    interval = DispatchInterval.containing(EVENING)
    return packed("f", report(SimulatedMarket(1), interval, EVENING + timedelta(seconds=20), 1), EVENING)


async def history() -> dict[str, object]:
    """Time appends and the questions of settlement and of the pages."""
    with tempfile.TemporaryDirectory() as directory, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        historian = Historian(Path(directory), user="u", password="p")
        try:
            async with listening(historian.application(), "127.0.0.1", port):
                opened = await History.open(f"http://u:p@127.0.0.1:{port}")
                figures = await appends(opened) | await questions(opened)
                await opened.close()
        finally:
            historian.close()
    return figures


async def appends(opened: History) -> dict[str, object]:
    """Append 20,000 devices' readings each 5 s for half an hour, in batches as the gateway sends them."""
    figures: dict[str, object] = {}
    start = 0
    for rows_at_once, seconds in ((4_000, 60), (10_000, 300), (100_000, 1_440)):
        batches = [
            readings(first, rows_at_once)
            for first in range(start, start + seconds * DEVICES // 5, rows_at_once)
        ]
        start += seconds * DEVICES // 5
        began, cpu = time.perf_counter(), time.process_time()
        times = []
        for batch in batches:
            before = time.perf_counter()
            await opened.append(batch)
            times.append((time.perf_counter() - before) * 1e3)
        rows = rows_at_once * len(batches)
        figures[f"append_{rows_at_once}_rows"] = {
            "p50_ms": round(statistics.median(times), 1),
            "max_ms": round(max(times), 1),
            "rows_per_s": round(rows / (time.perf_counter() - began)),
            "rows_per_cpu_s": round(rows / (time.process_time() - cpu)),
        }
    return figures


async def questions(opened: History) -> dict[str, object]:
    """Ask for two intervals' counters and for one site's day."""
    interval = DispatchInterval.containing(EVENING + timedelta(minutes=12))
    pair = [DispatchInterval(interval.start), interval]
    before = time.perf_counter()
    counters = await opened.meter_counters(pair)
    settled = time.perf_counter()
    await opened.device_power([0, 1, 2, 3], EVENING, EVENING + timedelta(days=1))
    return {
        "counters_of_two_intervals_ms": round((settled - before) * 1e3, 1),
        "counters": len(counters[interval]),
        "devices_day_ms": round((time.perf_counter() - settled) * 1e3, 1),
    }


def readings(first: int, count: int) -> np.ndarray:
    """Return consecutive readings of the whole fleet, from the first-th on."""
    number = np.arange(first, first + count)
    rows = np.zeros(count, READING)
    rows["device_no"], rows["sequence"] = number % DEVICES, number // DEVICES
    rows["at_ms"] = epoch_ms(EVENING) + number * 5_000 // DEVICES
    rows["heard_ms"] = rows["at_ms"] + 30
    rows["power_kw"] = np.sin(number) * 5.0
    rows["soc"] = 0.5
    rows["import_kwh"] = rows["export_kwh"] = number // DEVICES * 0.01
    return rows


def timed(call: object) -> float:
    """Return how long a call takes, in milliseconds."""
    before = time.perf_counter()
    call()  # type: ignore[operator] # any function without parameters
    return (time.perf_counter() - before) * 1e3


if __name__ == "__main__":
    main()
