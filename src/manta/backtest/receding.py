"""Model-predictive control in replay: the exact programme on a point forecast, its first step played."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from manta.backtest.accounts import Run
from manta.backtest.ahead import (
    Seen,
    Steps,
    blank_steps,
    homes_told,
    lay_steps,
    measured,
    seen_by,
    site_rows,
)
from manta.backtest.published import Published
from manta.backtest.rules import after_hold, run_of
from manta.backtest.series import STEP_HOURS
from manta.backtest.site import Case, Meter
from manta.backtest.steps import (
    FOLLOW_KW,
    Cells,
    Tape,
    blank_tape,
    cells_of,
    compiled,
    permitted,
    seen_energy,
    write,
)
from manta.trading.columns import Rows
from manta.trading.merging import best_release, value_curve
from manta.trading.stage import ROWS, SEGMENTS, SLOPE, WIDTH, power_of, stage

FADES_SCALE = 0.8
"""What is left of a surprise in the price after five minutes: plain control forgets it within the hour."""
SHIFTS_SCALE = 0.98
"""The same where yesterday lends its shape more than its level; the best of five on 2023."""
_HAIR_KW = 1e-6

type Floats = NDArray[np.float64]


class Work(NamedTuple):
    """Room that a replay of decisions needs, given once."""

    site: Rows
    steps: Steps
    curves: Floats
    rows: Floats


def control(
    case: Case, policy: str, price: Published, before: Meter | None, fades_scale: float = FADES_SCALE
) -> Run:
    """Replay receding-horizon control on a published point forecast of spot.

    ``before`` is the meter in the week before, from which load and sun are foretold. What is stored at the
    horizon's end is valued at the forecast's median, less losses.
    """
    cells, late_steps = cells_of(case)
    seen = seen_by(case, price, homes_told(case, before, late_steps), late_steps)
    work = room_for(case, price)
    end_per_mwh = end_values(case, price)
    tape = blank_tape(len(case.series))
    _control(fades_scale, end_per_mwh, case.battery.initial_kwh, seen, work, cells, tape)
    return run_of(policy, tape)


def room_for(case: Case, price: Published) -> Work:
    """Return room for plans as far ahead as a forecast reaches."""
    most = price.values.shape[1] + 8
    curves, rows = np.zeros((2, 2, SEGMENTS * most)), np.empty((ROWS, SEGMENTS))
    return Work(site_rows(case), blank_steps(case, most), curves, rows)


def end_values(case: Case, price: Published) -> Floats:
    """Return of each issue what energy in the cells is worth at its end: its median as exports are paid."""
    median_per_mwh = np.median(price.values, axis=1)
    export_per_mwh = case.meter.export_scale * median_per_mwh + float(
        np.median(case.meter.export_adder_per_mwh)
    )
    worth_per_mwh = export_per_mwh * case.battery.discharge_efficiency - case.battery.wear_per_mwh
    return np.maximum(worth_per_mwh, 0.0)


@compiled
def _control(
    fades_scale: float,
    end_per_mwh: Floats,
    initial_kwh: float,
    seen: Seen,
    work: Work,
    cells: Cells,
    tape: Tape,
) -> None:
    stored_kwh, hold_kw = initial_kwh, FOLLOW_KW
    for step in range(len(seen.spot_per_mwh)):
        now = (seen.load_kw[step], seen.pv_kw[step])
        held_kwh = after_hold(hold_kw, stored_kwh, now, cells)
        seen_kwh = seen_energy(step, held_kwh, tape.stored_kwh, initial_kwh, cells)
        at, slopes = worth_ahead(step, end_per_mwh[seen.price.row[step]], fades_scale, seen, work, cells)
        next_kw = decided(seen_kwh, work.curves[at], slopes, measured(step, seen), work, cells)
        stored_kwh = write(step, (hold_kw, next_kw), stored_kwh, now, cells, tape)
        hold_kw = next_kw


@compiled
def worth_ahead(
    step: int, end_per_mwh: float, fades_scale: float, seen: Seen, work: Work, cells: Cells
) -> tuple[int, int]:
    """Plan the steps ahead of a decision; return which of ``work.curves`` values energy, and its slopes."""
    count = lay_steps(step, fades_scale, seen, work.steps)
    work.curves[0, SLOPE, 0] = end_per_mwh
    work.curves[0, WIDTH, 0] = cells.usable_kwh
    steps = work.steps
    at, slopes, _ = value_curve(
        steps.hours[:count], steps.price, steps.limit, steps.home, work.site[0], work.curves, 1
    )
    return at, slopes


@compiled
def decided(
    seen_kwh: float,
    curve: Floats,
    slopes: int,
    load_sun_kw: tuple[float, float],
    work: Work,
    cells: Cells,
) -> float:
    """Return the setpoint for the first of the steps ahead, given what energy is worth after it.

    Where covering the load is best the battery is released to its default, which follows the load by itself.
    """
    steps = work.steps
    n, kwh, _ = stage(STEP_HOURS, steps.price[0], steps.limit[0], steps.home[0], work.site[0], work.rows)
    release_kwh = best_release(work.rows, n, kwh[0], curve, slopes, seen_kwh)
    power_kw = power_of(release_kwh, STEP_HOURS, work.site[0])
    default_kw = permitted(FOLLOW_KW, load_sun_kw[1] - load_sun_kw[0], cells)
    return FOLLOW_KW if abs(power_kw - default_kw) < _HAIR_KW else power_kw
