"""Perfect foresight: the exact programme over the whole span, every price, load and sun known beforehand.

The bound that nobody can pass. Value curves are kept at the start of each day and computed again day by day
going forward, so that a year needs the memory of a day. Energy left at the end is worth nothing,
as in every run.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from manta.backtest.accounts import Run
from manta.backtest.ahead import FAR_KW, site_rows
from manta.backtest.rules import play
from manta.backtest.series import STEP_HOURS, STEPS_PER_DAY
from manta.backtest.site import Case, Timing
from manta.backtest.steps import compiled
from manta.trading.columns import HOME, LIMIT, PRICE, Rows
from manta.trading.merging import best_release, fill, value_curve
from manta.trading.stage import ROWS, SEGMENTS, WIDTH, power_of, stage

MOST_SLOPES = 8_192
"""Of a value curve; a year of a home's has some hundreds."""

type Floats = NDArray[np.float64]
type Counts = NDArray[np.int64]


def foresight(case: Case) -> Run:
    """Return the best run there is, with neither latency nor age."""
    intervals = len(case.series)
    price, limit, home = np.zeros(intervals, PRICE), np.zeros(intervals, LIMIT), np.zeros(intervals, HOME)
    price["import_per_mwh"], price["export_per_mwh"] = case.import_per_mwh, case.export_per_mwh
    limit["import_kw"], limit["export_kw"] = (
        min(most_kw, FAR_KW) for most_kw in (case.meter.import_kw, case.meter.export_kw)
    )
    home["load_kw"], home["pv_kw"] = -case.meter.load_kw, case.meter.pv_kw
    hours = np.full(intervals, STEP_HOURS)
    days = -(-intervals // STEPS_PER_DAY)
    kept, counts = np.zeros((days + 1, 2, MOST_SLOPES)), np.zeros(days + 1, np.int64)
    kept[days, WIDTH, 0], counts[days] = case.battery.usable_kwh, 1
    sites = site_rows(case)
    if not _backward(hours, price, limit, home, sites, kept, counts):
        raise RuntimeError(f"a value curve has more than {MOST_SLOPES} slopes")
    power_kw = np.zeros(intervals)
    _forward(hours, price, limit, home, sites, (kept, counts, power_kw))
    timely = replace(case, timing=Timing(timedelta(), timedelta()))
    return play(timely, "foresight", power_kw)


@compiled
def _backward(
    hours: Floats, price: Rows, limit: Rows, home: Rows, sites: Rows, kept: Floats, counts: Counts
) -> bool:
    """Write the value curve at each day's start; False where there is no room for one."""
    work = np.zeros((2, 2, MOST_SLOPES + SEGMENTS * (STEPS_PER_DAY + 1)))
    for day in range(len(counts) - 2, 0, -1):
        first = day * STEPS_PER_DAY - 1  # the planner leaves out its first step: the one before this day
        last = min(first + 1 + STEPS_PER_DAY, len(hours))
        work[0, :, :MOST_SLOPES] = kept[day + 1]
        part = slice(first, last)
        at, count, _ = value_curve(
            hours[part], price[part], limit[part], home[part], sites[0], work, counts[day + 1]
        )
        if count > MOST_SLOPES:
            return False
        kept[day, :, :count] = work[at, :, :count]
        counts[day] = count
    return True


@compiled
def _forward(
    hours: Floats, price: Rows, limit: Rows, home: Rows, sites: Rows, kept: tuple[Floats, Counts, Floats]
) -> None:
    values, counts, power_kw = kept
    site, rows = sites[0], np.empty((ROWS, SEGMENTS))
    stored_kwh = site.stored_kwh
    curves = np.zeros((STEPS_PER_DAY, 2, MOST_SLOPES + SEGMENTS * STEPS_PER_DAY))
    slopes = np.zeros(STEPS_PER_DAY, np.int64)
    for day in range(len(counts) - 1):
        first = day * STEPS_PER_DAY
        last = min(first + STEPS_PER_DAY, len(hours))
        part = slice(first, last)
        final = last - first - 1
        curves[final, :, :MOST_SLOPES] = values[day + 1]
        slopes[final] = counts[day + 1]
        fill(
            hours[part], price[part], limit[part], home[part], site, curves[: final + 1], slopes[: final + 1]
        )
        for step in range(first, last):
            n, kwh, _ = stage(hours[step], price[step], limit[step], home[step], site, rows)
            ahead = step - first
            release_kwh = best_release(rows, n, kwh[0], curves[ahead], slopes[ahead], stored_kwh)
            power_kw[step] = power_of(release_kwh, hours[step], site)
            stored_kwh = min(max(stored_kwh - release_kwh, 0.0), site.capacity_kwh)
