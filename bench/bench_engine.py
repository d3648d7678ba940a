"""How fast the engine is: telemetry fold, one decision, allocation. One JSON line a measurement.

python bench/bench_engine.py [homes]
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import numpy as np

from manta.domain.identity import RuleId, VppId
from manta.domain.market import Price, Region
from manta.domain.rule import SpotRule
from manta.domain.time import DispatchInterval, epoch_ms
from manta.fleet.allocation import allocate
from manta.fleet.headroom import Rooms
from manta.fleet.view import FleetView
from manta.fleet.vpps import vpps_of
from manta.flows.wanted import Posture, decide
from manta.wire.batches import DeviceTable, SiteTable
from manta.wire.columns import READING

EVENING = datetime(2027, 1, 20, 8, 0, 20, tzinfo=UTC)
DEVICES = 4


def fleet(homes: int) -> tuple[SiteTable, DeviceTable]:
    """Enrol homes of battery, roof, load and meter, all in one VPP."""
    ones, none = np.ones(homes), np.zeros(homes, np.int32)
    ids = [f"h-{n}" for n in range(homes)]
    regions = np.zeros(homes, np.int8)
    sites = SiteTable(ids, none, none, regions, none, 15 * ones, 10 * ones, ["harbour"], ["nsw"])
    nan = np.nan
    devices = DeviceTable(
        ids=[f"{site}-{n}" for site in ids for n in range(DEVICES)],
        site_no=np.repeat(np.arange(homes, dtype=np.int32), DEVICES),
        kind=np.tile(np.arange(DEVICES, dtype=np.int8), homes),
        charge_kw=np.tile([11.04, 0.0, 2.2, 0.0], homes),
        discharge_kw=np.tile([11.04, 6.6, 0.0, 0.0], homes),
        capacity_kwh=np.tile([13.5, nan, nan, nan], homes),
        reserve_soc=np.tile([0.2, nan, nan, nan], homes),
    )
    return sites, devices


def reports(homes: int, sequence: int, rng: np.random.Generator) -> np.ndarray:
    """Let every device report once, in no particular order."""
    rows = np.zeros(homes * DEVICES, READING)
    rows["device_no"] = np.arange(len(rows))
    rows["sequence"] = sequence
    rows["at_ms"] = rows["heard_ms"] = epoch_ms(EVENING)
    rows["power_kw"] = np.tile([0.5, 0.2, -1.4, -0.7], homes)
    rows["soc"] = np.tile([0.9, np.nan, np.nan, np.nan], homes) - rng.random(len(rows)) * 0.3
    return rng.permutation(rows)


def timed_ms(work: Callable[[], object], times: int) -> list[float]:
    """Run work some times and return how long each took."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e3)
    return took


def show(name: str, took_ms: list[float], **more: object) -> None:
    """Print one measurement."""
    p50, p99 = statistics.median(took_ms), float(np.percentile(took_ms, 99))
    print(json.dumps({"bench": name, "p50_ms": round(p50, 3), "p99_ms": round(p99, 3), **more}))


def bench_fold(homes: int) -> FleetView:
    """Fold whole reporting periods, and the small batches that the bus really brings."""
    rng, view = np.random.default_rng(7), FleetView(*fleet(homes))
    batches = iter([reports(homes, sequence, rng) for sequence in range(1, 41)])
    took = timed_ms(lambda: view.fold(next(batches)), 40)
    count = homes * DEVICES
    show("fold", took, rows=count, readings_per_s=round(count / statistics.median(took) * 1e3))
    parts = iter(np.array_split(reports(homes, 99, rng), 20))
    took = timed_ms(lambda: view.fold(next(parts)), 20)
    rate = round(count / 20 / statistics.median(took) * 1e3)
    show("fold 250 ms of readings", took, rows=count // 20, readings_per_s=rate)
    mixed = iter(
        [np.concatenate([reports(homes, n + 1, rng), reports(homes, n, rng)]) for n in range(100, 120, 2)]
    )
    took = timed_ms(lambda: view.fold(next(mixed)), 10)
    rate = round(2 * count / statistics.median(took) * 1e3)
    show("fold, every device twice in a batch", took, rows=2 * count, readings_per_s=rate)
    return view


def bench_decision(view: FleetView, homes: int) -> None:
    """Look, arbitrate and share for one VPP, on a spike, each time from nothing held."""
    rule = SpotRule(RuleId(UUID(int=1)), VppId("nsw"), "Evening spike", 300.0, -20.0, 8.7, 0.2, enabled=True)
    price = Price(Region.NSW, DispatchInterval.containing(EVENING), 12_500.0)
    (vpp,) = vpps_of(view.sites, view.devices)
    wanted = decide(view, vpp, [rule], price, Posture(), EVENING)
    took = timed_ms(lambda: decide(view, vpp, [rule], price, Posture(), EVENING), 300)
    show("decision", took, sites=homes, asked=wanted.sites, target_kw=wanted.target.power_kw)


def bench_allocation(homes: int, times: int) -> None:
    """Share 60 % of what many homes can do, where no two of them are alike."""
    rng = np.random.default_rng(7)
    ceiling_kw, spare_kwh = rng.uniform(0, 11, homes), rng.uniform(0.1, 9, homes)
    site_no = np.arange(homes, dtype=np.int32)
    rooms = Rooms(site_no, -rng.uniform(0, 11, homes), ceiling_kw, spare_kwh, rng.uniform(0, 9, homes))
    target_kw = 0.6 * float(ceiling_kw.sum())
    took = timed_ms(lambda: allocate(target_kw, rooms), times)
    error_kw = abs(float(allocate(target_kw, rooms).shares_kw.sum()) - target_kw)
    show("allocation", took, sites=homes, error_kw=error_kw)


def main(homes: int) -> None:
    """Measure all of it."""
    view = bench_fold(homes)
    bench_decision(view, homes)
    for count, times in ((10_000, 200), (100_000, 30), (1_000_000, 5)):
        bench_allocation(count, times)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
