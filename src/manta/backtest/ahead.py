"""The steps ahead of one decision, laid out for the planner: the rest of this half-hour, then half-hours.

The first step is the interval to be decided, at the price seen; what the price differs from its forecast by
fades over the steps after it. Load and sun of this half-hour are as last measured, later ones as foretold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from manta.backtest.published import HORIZON, Published, own_rows, week_mean
from manta.backtest.series import STEP_HOURS, STEPS_PER_HALF_HOUR, half_hours
from manta.backtest.site import Case, Meter
from manta.backtest.steps import compiled
from manta.trading.columns import HOME, LIMIT, PRICE, SITE, Rows

HALF_HOURS = 0.5
FAR_KW = 1e9
"""A limit that never binds, where compiled code wants a finite one."""

type Floats = NDArray[np.float64]
type Places = NDArray[np.int64]


class Told(NamedTuple):
    """A published quantity as compiled code reads it; see ``Published``."""

    values: Floats
    row: Places
    late: Places


class Seen(NamedTuple):
    """Everything that decisions of one case may look at, and when."""

    spot_per_mwh: Floats
    """[T] by interval; a decision reads the one that has been published."""
    late_steps: int
    """Whole intervals that prices come late."""
    price: Told
    load: Told
    sun: Told
    load_kw: Floats
    """[T] by interval; a decision reads the one before its own."""
    pv_kw: Floats
    import_adder_per_mwh: Floats
    """[half-hours and the horizon beyond], known beforehand, as a tariff is."""
    export_adder_per_mwh: Floats
    import_scale: float
    export_scale: float


class Steps(NamedTuple):
    """Room for the steps ahead of one decision."""

    hours: Floats
    price: Rows
    limit: Rows
    home: Rows


def told(published: Published) -> Told:
    """Return a published quantity for compiled code."""
    return Told(np.ascontiguousarray(published.values), published.row, published.late)


def homes_told(case: Case, before: Meter | None, late_steps: int) -> tuple[Published, Published]:
    """Return load and sun as foretold: the mean of the same half-hours of the week before.

    ``before`` is the meter over the days before the case; without it load and sun must be nothing.
    """
    intervals = len(case.series)
    row, late = own_rows(intervals, late_steps)
    foretold = []
    for name in ("load_kw", "pv_kw"):
        now = getattr(case.meter, name)
        if not now.any():
            nothing = np.zeros((1, HORIZON + 1))
            foretold.append(Published(nothing, np.zeros_like(row), np.zeros_like(late)))
            continue
        earlier = getattr(before, name) if before is not None else np.zeros(0)
        values = half_hours(np.concatenate([earlier, now]))
        first = len(earlier) // STEPS_PER_HALF_HOUR
        foretold.append(Published(week_mean(values, first, intervals // STEPS_PER_HALF_HOUR), row, late))
    return foretold[0], foretold[1]


def seen_by(case: Case, price: Published, home: tuple[Published, Published], late_steps: int) -> Seen:
    """Return what the decisions of a case may look at."""
    meter = case.meter
    return Seen(
        case.series.per_mwh,
        late_steps,
        *(told(price), told(home[0]), told(home[1])),
        *(meter.load_kw, meter.pv_kw),
        *(_onward(meter.import_adder_per_mwh), _onward(meter.export_adder_per_mwh)),
        *(meter.import_scale, meter.export_scale),
    )


def _onward(adder_per_mwh: Floats) -> Floats:
    """Return half-hourly adders, the last day going on beyond the end."""
    means = half_hours(adder_per_mwh)
    return np.concatenate([means, np.tile(means[-48:], 2)])


def site_rows(case: Case) -> Rows:
    """Return the case's battery as the planner's row, energy counted from the reserve."""
    battery = case.battery
    site = np.zeros(1, SITE)
    for name in ("charge_kw", "discharge_kw", "charge_efficiency", "discharge_efficiency", "wear_per_mwh"):
        site[name] = getattr(battery, name)
    site["capacity_kwh"] = battery.usable_kwh
    site["stored_kwh"] = battery.initial_kwh
    site["inverter_kw"] = np.inf
    site["peak_kw"] = np.inf
    site["curtails"] = True
    return site


def blank_steps(case: Case, steps: int) -> Steps:
    """Return room for some steps, the connection's limits filled in."""
    limit = np.zeros(steps, LIMIT)
    limit["import_kw"] = min(case.meter.import_kw, FAR_KW)
    limit["export_kw"] = min(case.meter.export_kw, FAR_KW)
    return Steps(np.zeros(steps), np.zeros(steps, PRICE), limit, np.zeros(steps, HOME))


@compiled
def lay_price(step: int, spot_per_mwh: float, half: int, seen: Seen, steps: Steps) -> None:
    """Write what spot means at the meter in a half-hour of the case into one of the steps ahead."""
    steps.price[step].import_per_mwh = seen.import_scale * spot_per_mwh + seen.import_adder_per_mwh[half]
    steps.price[step].export_per_mwh = seen.export_scale * spot_per_mwh + seen.export_adder_per_mwh[half]


@compiled
def lay_home(step: int, load_kw: float, pv_kw: float, steps: Steps) -> None:
    """Write load and sun, both magnitudes, into one of the steps ahead."""
    steps.home[step].load_kw = -load_kw
    steps.home[step].pv_kw = pv_kw


@compiled
def measured(step: int, seen: Seen) -> tuple[float, float]:
    """Return load and sun as last measured before an interval's decision; at the beginning, as foretold."""
    if step > 0:
        return seen.load_kw[step - 1], seen.pv_kw[step - 1]
    return seen.load.values[seen.load.row[0], seen.load.late[0]], seen.sun.values[
        seen.sun.row[0], seen.sun.late[0]
    ]


@compiled
def price_seen(step: int, seen: Seen) -> float:
    """Return the newest price published at an interval's decision; before the first, its forecast."""
    if step >= seen.late_steps:
        return seen.spot_per_mwh[step - seen.late_steps]  # type: ignore[no-any-return]
    return seen.price.values[seen.price.row[step], seen.price.late[step]]  # type: ignore[no-any-return]


@compiled
def lay_steps(step: int, fades_scale: float, seen: Seen, steps: Steps) -> int:
    """Write the steps ahead of an interval's decision; return how many there are.

    ``fades_scale`` is the share of the surprise in the price that is left after five minutes.
    """
    half, within = step // STEPS_PER_HALF_HOUR, step % STEPS_PER_HALF_HOUR
    foretold = seen.price.values[seen.price.row[step]]
    late = seen.price.late[step]
    now_per_mwh = price_seen(step, seen)
    surprise_per_mwh = now_per_mwh - foretold[late]
    load_kw, pv_kw = measured(step, seen)
    count = 0
    for ahead in range(STEPS_PER_HALF_HOUR - within):
        spot_per_mwh = foretold[late] + surprise_per_mwh * fades_scale**ahead
        steps.hours[count] = STEP_HOURS
        lay_price(count, spot_per_mwh, half, seen, steps)
        lay_home(count, load_kw, pv_kw, steps)
        count += 1
    loads, suns = seen.load.values[seen.load.row[step]], seen.sun.values[seen.sun.row[step]]
    load_late, sun_late = seen.load.late[step], seen.sun.late[step]
    reach = min(len(foretold) - late, len(loads) - load_late, len(suns) - sun_late)
    for ahead in range(1, reach):
        five_minutes = STEPS_PER_HALF_HOUR * ahead - within + 2.5  # to the middle of that half-hour
        spot_per_mwh = foretold[late + ahead] + surprise_per_mwh * fades_scale**five_minutes
        steps.hours[count] = HALF_HOURS
        lay_price(count, spot_per_mwh, half + ahead, seen, steps)
        lay_home(count, loads[load_late + ahead], suns[sun_late + ahead], steps)
        count += 1
    return count
