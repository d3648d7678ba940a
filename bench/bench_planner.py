"""The planner: equal to HiGHS, how fast, and how much faster than peers on equal schedules. JSON lines.

    python bench/bench_planner.py [--quick] [--peer NAME=PYTHON …]

A peer (cvxpy, emhass) is timed in its own interpreter, by ``bench/peers/NAME.py``, on the same
homes; CPU time, one thread each.
Real prices and the shared schedules are read from beside the checkout and skipped, with a line, where absent.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import highspy
import numpy as np
from tests.unit.trading.oracle import build, solved, some_sites

from manta.fleet.allocation import allocate
from manta.fleet.headroom import Rooms
from manta.trading.columns import HOME, LIMIT, PRICE, SITE, Chances, Outlook, Rows
from manta.trading.curves import Curves, flat, target
from manta.trading.policy import TARIFF, Moment, answer
from manta.trading.proof import Care, prove
from manta.trading.slope_merge import plan_fleet, trace_fleet
from manta.trading.spike_sdp import plan_chances
from manta.trading.stage import BREACH_PER_MWH

SHARED = Path(__file__).parents[2] / "shared/data"
THREADS = 2
CASES = ("calm", "volatile_curtail", "volatile_fixedpv")


def show(name: str, **figures: object) -> None:
    """Print one measurement."""
    print(json.dumps({"bench": name} | figures, default=lambda value: value.item()), flush=True)


def timed(work: Callable[[], object], times: int) -> dict[str, float]:
    """Return the median wall and CPU milliseconds of some work, after one run that is not counted."""
    work()
    wall, cpu = [], []
    for _ in range(times):
        began, began_cpu = time.perf_counter(), time.process_time()
        work()
        wall.append((time.perf_counter() - began) * 1e3)
        cpu.append((time.process_time() - began_cpu) * 1e3)
    return {"wall_ms": round(statistics.median(wall), 3), "cpu_ms": round(statistics.median(cpu), 3)}


def exactness(cases: int) -> None:
    """Compare with HiGHS: random sites as linear programmes, kinked ones as integer programmes."""
    rng = np.random.default_rng(1)
    sites, outlook = some_sites(rng, cases, 48)
    end = flat(sites, rng.uniform(0, 150, cases))
    trace, kinked = trace_fleet(sites, outlook, end), plan_fleet(sites, outlook, end).is_kinked
    worst, compared = 0.0, 0
    for i in np.flatnonzero(~kinked):
        steps = outlook.step_hours, outlook.price[i], outlook.limit[i], outlook.home[i]
        best, _ = solved(sites[i], *steps, *end.of(i))
        worst = max(worst, abs(trace.net_aud[i] + trace.end_aud[i] - best) / max(1.0, abs(best)))
        compared += 1
    show("random cases against HiGHS LP", cases=compared, worst_relative=worst, within_1e_9=worst <= 1e-9)
    cases //= 4
    sites, outlook = some_sites(rng, cases, 24, kinked=True)
    end = flat(sites, rng.uniform(0, 150, cases))
    trace, worst = trace_fleet(sites, outlook, end), 0.0
    for i in range(cases):
        steps = outlook.step_hours, outlook.price[i], outlook.limit[i], outlook.home[i]
        best, _ = solved(sites[i], *steps, *end.of(i), whole=True)
        worst = max(worst, abs(trace.net_aud[i] + trace.end_aud[i] - best))
    show("random kinked cases against HiGHS MILP", cases=cases, worst_aud=worst, within_1e_4=worst <= 1e-4)


def negative_days(days: int) -> None:
    """Plan real days at −$1,000 by half-hours, and compare with the integer programme."""
    found = _negative_days(days)
    if not found:
        show("real days at -$1,000", skipped="no prices beside the checkout")
        return
    worst, count, burning = 0.0, 0, 0
    for no, spot in enumerate(found):
        sites, outlook = some_sites(np.random.default_rng(no), 3, 48, services=False)
        outlook.step_hours[:] = 0.5
        outlook.price["export_per_mwh"] = spot
        outlook.price["import_per_mwh"] = (1.06 * spot + 105) * 1.1
        end = flat(sites, 50.0)
        trace, kinked = trace_fleet(sites, outlook, end), plan_fleet(sites, outlook, end).is_kinked
        for i in range(3):
            steps = outlook.step_hours, outlook.price[i], outlook.limit[i], outlook.home[i]
            best, _ = solved(sites[i], *steps, *end.of(i), whole=True)
            worst = max(worst, abs(trace.net_aud[i] + trace.end_aud[i] - best))
            count, burning = count + 1, burning + int(kinked[i])
    show("real days at -$1,000 against HiGHS MILP", site_days=count, kinked=burning, worst_aud=worst,
         within_1e_4=worst <= 1e-4)  # fmt: skip


def _negative_days(days: int) -> list[np.ndarray]:
    """Return the half-hourly prices of the days of Victoria that reached −$1,000 for longest."""
    paths = [SHARED / f"nem/VIC1_5min_{year}.parquet" for year in (2022, 2023, 2024)]
    if not all(path.is_file() for path in paths):
        return []
    import pyarrow.parquet as pq

    spot = np.concatenate([pq.read_table(path, columns=["RRP"])["RRP"].to_numpy() for path in paths])
    per_day = spot[: len(spot) // 288 * 288].reshape(-1, 288)
    order = np.argsort(-(per_day <= -900).sum(axis=1), kind="stable")[:days]
    return [per_day[day].reshape(48, 6).mean(axis=1) for day in order]


def fleet(count: int, steps: int, seed: int = 7) -> tuple[Rows, Outlook]:
    """Make a fleet under one tariff and three limits, each site with its own roof, load and battery."""
    rng = np.random.default_rng(seed)
    some, like = some_sites(rng, 1_000, steps, services=False)
    pick = rng.integers(0, 1_000, count)
    sites, home = some[pick], like.home[pick]
    sites["peak_kw"], sites["inverter_kw"], sites["curtails"] = np.inf, np.inf, True
    sites["stored_kwh"] = sites["reserve_kwh"] + rng.random(count) * (
        sites["capacity_kwh"] - sites["reserve_kwh"]
    )
    hours = np.full(steps, 1 / 12) if steps > 100 else np.where(np.arange(steps) < 12, 1 / 12, 0.5)
    day = np.cumsum(hours)
    price = np.zeros((1, steps), PRICE)
    noise = np.repeat(rng.normal(0, 12, steps), 6)[:steps] + rng.normal(0, 3, steps)
    spot = 80 + 220 * np.exp(-(((day - 7) / 1.5) ** 2)) - 90 * np.exp(-(((day - 20) / 3) ** 2)) + noise
    price["export_per_mwh"], price["import_per_mwh"] = spot, 1.1 * spot + 105
    limit = np.zeros((3, steps), LIMIT)
    limit["import_kw"], limit["export_kw"] = 14, np.array([[1.5], [5.0], [10.0]])
    nos = rng.integers(0, 3, count).astype(np.int32)
    return sites, Outlook(hours, price, np.zeros(count, np.int32), limit, nos, home)


def speed(count: int) -> None:
    """Time plans, the look-up and water-filling."""
    for steps, bound_ms in ((288, 1_000), (58, 150)):
        sites, outlook = fleet(count, steps)
        end = flat(sites, 60.0)
        took = timed(lambda s=sites, o=outlook, e=end: plan_fleet(s, o, e, threads=THREADS), 5)
        show(f"{count:,} sites, {steps} steps, exact", threads=THREADS, bound_ms=bound_ms, **took,
             cpu_us_a_site=round(took["cpu_ms"] * 1e3 / count, 2))  # fmt: skip
    chances = uncertain(outlook)
    took = timed(lambda: plan_chances(sites, chances, end, threads=THREADS), 2)
    show(f"{count:,} sites, 58 steps, 12 nodes, stochastic", threads=THREADS, bound_ms=3_000, **took)
    plan = plan_fleet(sites, outlook, end)
    moment = moment_of(outlook)
    show(f"{count:,} sites, decision on a published price", bound_ms=5, threads=1,
         **timed(lambda: answer(12_500.0, sites, plan.curves, moment), 50))  # fmt: skip
    for homes, bound_ms in ((10_000, 1), (100_000, 5), (1_000_000, 50)):
        rng = np.random.default_rng(7)
        ceiling_kw, spare_kwh = rng.uniform(0, 11, homes), rng.uniform(0.1, 9, homes)
        rooms = Rooms(np.arange(homes, dtype=np.int32), -rng.uniform(0, 11, homes), ceiling_kw, spare_kwh,
                      rng.uniform(0, 9, homes))  # fmt: skip
        target_kw = 0.6 * float(ceiling_kw.sum())
        took = timed(lambda r=rooms, t=target_kw: allocate(t, r), 15)
        error_kw = abs(float(allocate(target_kw, rooms).shares_kw.sum()) - target_kw)
        show(f"water-filling over {homes:,}", bound_ms=bound_ms, threads=1, **took, error_kw=error_kw)


def uncertain(outlook: Outlook) -> Chances:
    """Put nine ranks and three spikes around an outlook's prices, lasting ranks and rare spikes."""
    offsets = np.r_[np.linspace(-60, 80, 9), 500.0, 2_000.0, 9_000.0]
    price = np.repeat(outlook.price[:, :, None], 12, axis=2)
    for name in ("import_per_mwh", "export_per_mwh"):
        price[name] += offsets
    ranks = np.exp(-0.5 * (np.arange(9)[:, None] - np.arange(9)) ** 2)
    move = np.zeros((12, 12))
    move[:9, :9] = ranks / ranks.sum(axis=1, keepdims=True) * 0.98
    move[:9, 9:] = np.array([0.014, 0.004, 0.002])
    move[9:, 9:], move[9:, 8] = np.diag([0.5, 0.4, 0.7]), [0.5, 0.6, 0.3]
    moves = np.broadcast_to(move, (len(outlook.step_hours), 12, 12)).copy()
    nos = outlook.price_no, outlook.limit, outlook.limit_no, outlook.home
    return Chances(outlook.step_hours, price, *nos, moves)


def moment_of(outlook: Outlook) -> Moment:
    """Take the first step of an outlook as the moment."""
    tariff = np.zeros(1, TARIFF)
    tariff["import_scale"], tariff["import_adder_per_mwh"], tariff["export_scale"] = 1.1, 105, 1
    limit, home = np.ascontiguousarray(outlook.limit[:, 0]), np.ascontiguousarray(outlook.home[:, 0])
    return Moment(1 / 12, tariff, outlook.price_no, limit, outlook.limit_no, home)


def growth(counts: tuple[int, ...]) -> None:
    """Time 58 steps for ever larger fleets, drawn from the same sites in lots that fit in memory."""
    each = {}
    for count in counts:
        lot = min(count, 100_000)
        sites, outlook = fleet(lot, 58)
        end, cpu = flat(sites, 60.0), []
        plan_fleet(sites[:100], outlook.of(slice(0, 100)), end.some(slice(0, 100)))
        for _ in range(max(count // lot, 3)):
            began = time.process_time()
            plan_fleet(sites, outlook, end)
            cpu.append((time.process_time() - began) / lot * 1e6)
        each[count] = statistics.median(cpu)
    ratio = max(each.values()) / min(each.values())
    show("linear in sites, 58 steps", **{f"cpu_us_a_site_of_{n}": round(us, 2) for n, us in each.items()},
         greatest_over_least=round(ratio, 3))  # fmt: skip


def situations(count: int) -> None:
    """Answer random situations and share random targets; count whatever is outside headroom, or no number."""
    rng, outside, nan, off = np.random.default_rng(3), 0, 0, 0
    lots = max(1, count // 50_000)
    sites, outlook = fleet(50_000, 20)
    plan = plan_fleet(sites, outlook, flat(sites, 60.0))
    for _ in range(lots):
        sites["stored_kwh"] = rng.random(len(sites)) * sites["capacity_kwh"]
        home = np.zeros(len(sites), HOME)
        home["pv_kw"], home["load_kw"] = rng.uniform(0, 9, len(sites)), -rng.uniform(0, 9, len(sites))
        was = moment_of(outlook)
        now = Moment(1 / 12, was.tariff, was.tariff_no, was.limit, was.limit_no, home)
        found = answer(float(rng.uniform(-1_000, 17_500)), sites, plan.curves, now)
        out_kwh = np.maximum(found.battery_kw, 0) / sites["discharge_efficiency"] / 12
        in_kwh = np.maximum(-found.battery_kw, 0) * sites["charge_efficiency"] / 12
        spare_kwh = np.maximum(sites["stored_kwh"] - sites["reserve_kwh"], 0)
        room_kwh = sites["capacity_kwh"] - sites["stored_kwh"]
        outside += int(((out_kwh > spare_kwh + 1e-9) | (in_kwh > room_kwh + 1e-9)).sum())
        outside += int((found.battery_kw > sites["discharge_kw"] + 1e-9).sum())
        outside += int((found.battery_kw < -sites["charge_kw"] - 1e-9).sum())
        nan += int(np.isnan(found.battery_kw).sum() + np.isnan(found.meter_kw).sum())
        rooms = Rooms(np.arange(len(sites), dtype=np.int32), -sites["charge_kw"] * rng.random(len(sites)),
                      sites["discharge_kw"] * rng.random(len(sites)), spare_kwh, room_kwh)  # fmt: skip
        target_kw = float(rng.uniform(1.2 * rooms.floor_kw.sum(), 1.2 * rooms.ceiling_kw.sum()))
        shared = allocate(target_kw, rooms)
        outside += int(((shared.shares_kw < rooms.floor_kw) | (shared.shares_kw > rooms.ceiling_kw)).sum())
        nan += int(np.isnan(shared.shares_kw).sum())
        off += abs(shared.shares_kw.sum() + shared.shortfall_kw - target_kw) > 1e-6 * max(1, abs(target_kw))
    show("random situations", count=lots * 50_000, outside_headroom=outside, not_numbers=nan, sums_off=off)


def schedules(res: str, case: str) -> tuple[Rows, Outlook, Curves] | None:
    """Read the shared homes as sites and outlook, ending at the energy they began with."""
    folder = SHARED / "schedules"
    if not folder.is_dir():
        return None
    problem = json.loads((folder / "problem.json").read_text())
    battery, grid, how = problem["battery"], problem["grid"], problem["cases"][case]
    homes = np.genfromtxt(folder / f"homes_{res}.csv", delimiter=",", names=True)
    prices = np.genfromtxt(
        folder / f"prices_{res}.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
    )
    steps = len(prices)
    count = len(homes) // steps
    sites = np.zeros(count, SITE)
    sites["capacity_kwh"] = battery["energy_kwh"] * battery["soc_max"]
    sites["reserve_kwh"] = battery["energy_kwh"] * battery["soc_min"]
    sites["stored_kwh"] = battery["energy_kwh"] * battery["soc_init"]
    sites["charge_kw"], sites["discharge_kw"] = battery["p_charge_max_kw"], battery["p_discharge_max_kw"]
    sites["charge_efficiency"], sites["discharge_efficiency"] = (
        battery["eta_charge"],
        battery["eta_discharge"],
    )
    sites["inverter_kw"] = sites["peak_kw"] = np.inf
    sites["curtails"] = how["curtail"]
    home = np.zeros((count, steps), HOME)
    home["pv_kw"], home["load_kw"] = (
        homes["pv_kw"].reshape(count, steps),
        -homes["load_kw"].reshape(count, steps),
    )
    price = np.zeros((1, steps), PRICE)
    price["import_per_mwh"] = prices[f"imp_{how['prices']}"] * 1_000
    price["export_per_mwh"] = prices[f"exp_{how['prices']}"] * 1_000
    limit = np.zeros((1, steps), LIMIT)
    limit["import_kw"], limit["export_kw"] = grid["import_max_kw"], grid["export_max_kw"]
    none = np.zeros(count, np.int32)
    outlook = Outlook(np.full(steps, 24 / steps), price, none, limit, none.copy(), home)
    end = target(sites, battery["energy_kwh"] * battery["soc_final"], BREACH_PER_MWH / 2)
    return sites, outlook, end


def side_by_side(res: str, case: str, peers: dict[str, Path], homes: int) -> None:
    """Schedule the shared homes with Manta, HiGHS and peers; equal objective, CPU time a site."""
    given = schedules(res, case)
    if given is None:
        show("side by side", skipped="no schedules beside the checkout")
        return
    sites, outlook, end = given
    trace = trace_fleet(sites, outlook, end)
    care = Care(np.full(len(sites), np.inf), np.full(len(sites), np.inf))
    proved = bool(prove(trace.battery_kw, trace.meter_kw, sites, outlook, care).holds.all())
    ours = timed(lambda: trace_fleet(sites, outlook, end), 5)["cpu_ms"] / len(sites)
    policy = timed(lambda: plan_fleet(sites, outlook, end), 5)["cpu_ms"] / len(sites)
    whole = case == "volatile_fixedpv"
    cpu, gap = [], 0.0
    for i in range(homes):
        steps = outlook.step_hours, outlook.price[0], outlook.limit[0], outlook.home[i]
        if whole and i >= 2:
            continue
        cpu.append(_highs_ms(sites[i], steps, end.of(i)))
        began = time.process_time()
        best, _ = solved(sites[i], *steps, *end.of(i), whole=whole)
        if whole:  # the linear programme does both ways at once here: only the integer one is right
            cpu[-1] = (time.process_time() - began) * 1e3
        held = np.minimum(np.cumsum(end.of(i)[0]), trace.stored_kwh[i, -1] - end.floor_kwh[i])
        ended = float(np.diff(held, prepend=0.0) @ end.of(i)[1]) / 1_000
        gap = max(gap, abs(trace.net_aud[i] + ended - best))
    highs = statistics.median(cpu)
    figures = {
        "highs": "MILP" if whole else "LP",
        "highs_ms": round(highs, 3),
        "schedule_times_highs": round(highs / ours),
        "policy_times_highs": round(highs / policy),
    }
    for name, python in peers.items():
        figures |= _peer(name, python, res, case, ours, trace.net_aud)
    figures |= {"proved": proved, "gap_aud": gap, "equal": gap <= 1e-3}
    times = {"schedule_ms": round(ours, 4), "policy_ms": round(policy, 4)}
    show(f"schedules {case} {res}", homes=homes, **times, **figures)


def _highs_ms(site: Rows, steps: tuple, end: tuple) -> float:
    """Return the CPU milliseconds of HiGHS on one site's linear programme, matrix given, cold."""
    lp, _ = build(site, *steps, end, whole=False)
    began = time.process_time()
    solver = highspy.Highs()
    solver.silent()
    solver.setOptionValue("threads", 1)
    solver.passModel(lp)
    solver.run()
    np.asarray(solver.getSolution().col_value)
    return (time.process_time() - began) * 1e3


def _peer(
    name: str, python: Path, res: str, case: str, ours_ms: float, net_aud: np.ndarray
) -> dict[str, object]:
    """Run a peer in its own interpreter and compare what it earns and how long it takes."""
    script = Path(__file__).parent / "peers" / f"{name}.py"
    told = subprocess.run(
        [str(python), str(script), str(SHARED / "schedules"), res, case],
        capture_output=True, text=True, timeout=600, check=False, env={"PATH": os.environ.get("PATH", "")},
    )  # fmt: skip
    if told.returncode:
        return {f"{name}_failed": told.stderr.strip().splitlines()[-1:]}
    said = json.loads(told.stdout.strip().splitlines()[-1])
    earned = np.array(said["net_aud"])
    worst = float(np.abs(earned - net_aud[: len(earned)]).max())
    return {
        f"{name}_version": said["version"],
        f"{name}_ms": round(said["cpu_ms"], 3),
        f"times_{name}": round(said["cpu_ms"] / ours_ms),
        f"{name}_gap_aud": round(worst, 6),
    }


def main() -> None:
    """Measure all of it."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--quick", action="store_true", help="fewer cases, no million")
    asked.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    given = asked.parse_args()
    peers = {name: Path(python) for name, _, python in (peer.partition("=") for peer in given.peer)}
    exactness(40 if given.quick else 500)
    negative_days(2 if given.quick else 10)
    speed(1_000 if given.quick else 10_000)
    growth((1_000, 10_000) if given.quick else (10_000, 100_000, 1_000_000))
    situations(50_000 if given.quick else 1_000_000)
    for res in ("5min", "30min"):
        for case in CASES:
            side_by_side(res, case, peers, 5 if given.quick else 20)


if __name__ == "__main__":
    sys.exit(main())
