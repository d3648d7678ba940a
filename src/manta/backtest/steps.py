"""One interval of physics, compiled: what a battery does with a setpoint, as its inverter and cells allow.

Energies are counted in the cells above the reserve, powers at the terminals, positive toward the grid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from manta.backtest.series import STEP_HOURS
from manta.backtest.site import Case

type Floats = NDArray[np.float64]


def compiled[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function, kept on disk between runs; the same operations in the same order everywhere."""
    return numba.njit(cache=True, fastmath=False)(function)


class Cells(NamedTuple):
    """A battery and its connection as compiled code reads them."""

    charge_kw: float
    discharge_kw: float
    usable_kwh: float
    charge_efficiency: float
    discharge_efficiency: float
    import_kw: float
    export_kw: float
    held_hours: float
    """How long into an interval the decision before still holds."""
    age_hours: float
    """How old the stored energy is that a decision sees."""


class Tape(NamedTuple):
    """What a replay writes down, one row an interval."""

    battery_kw: Floats
    asked_kw: Floats
    discharged_kwh: Floats
    stored_kwh: Floats


FOLLOW_KW = np.inf
"""A setpoint that releases the battery to its default: cover the load, keep the sun's surplus."""


def cells_of(case: Case) -> tuple[Cells, int]:
    """Return a case's battery for compiled code, and how many whole intervals late its prices come."""
    late = case.timing.latency.total_seconds() / 3_600
    held_steps = int(late // STEP_HOURS + 1e-9)
    battery, meter = case.battery, case.meter
    cells = Cells(
        *(battery.charge_kw, battery.discharge_kw, battery.usable_kwh),
        *(battery.charge_efficiency, battery.discharge_efficiency),
        *(meter.import_kw, meter.export_kw),
        held_hours=max(0.0, late - held_steps * STEP_HOURS),
        age_hours=case.timing.telemetry_age.total_seconds() / 3_600,
    )
    return cells, held_steps


def blank_tape(intervals: int) -> Tape:
    """Return a tape to write on."""
    return Tape(*(np.zeros(intervals) for _ in Tape._fields))


@compiled
def permitted(power_kw: float, spare_kw: float, cells: Cells) -> float:
    """Return the power nearest to a setpoint that inverter and connection allow.

    ``spare_kw`` is sun less load: exports beyond the limit come from the battery only after all sun is
    curtailed, imports from the grid are counted with the sun used.
    """
    if power_kw == FOLLOW_KW:
        power_kw = -spare_kw
    power_kw = min(max(power_kw, -cells.charge_kw), cells.discharge_kw)
    return max(power_kw, -cells.import_kw - spare_kw)


@compiled
def flow(power_kw: float, hours: float, stored_kwh: float, cells: Cells) -> float:
    """Return what leaves the cells at this power for so long; negative where it enters."""
    if power_kw > 0:
        return min(power_kw * hours / cells.discharge_efficiency, stored_kwh)
    return max(power_kw * hours * cells.charge_efficiency, stored_kwh - cells.usable_kwh)


@compiled
def terminal(left_kwh: float, cells: Cells) -> float:
    """Return the energy at the terminals for what left the cells."""
    if left_kwh > 0:
        return left_kwh * cells.discharge_efficiency
    return left_kwh / cells.charge_efficiency


@compiled
def seen_energy(step: int, held_kwh: float, stored_kwh: Floats, initial_kwh: float, cells: Cells) -> float:
    """Return the stored energy as telemetry of some age tells it when an interval's decision is made.

    ``held_kwh`` is what is stored at that moment; energies at ends of intervals before are on the tape,
    and between two of them a straight line is as good as the meter's.
    """
    before_kwh = stored_kwh[step - 1] if step > 0 else initial_kwh
    back_hours = cells.age_hours - cells.held_hours
    if back_hours <= 0:
        if cells.held_hours <= 0:
            return held_kwh
        return held_kwh + (before_kwh - held_kwh) * (cells.age_hours / cells.held_hours)
    steps = int(back_hours / STEP_HOURS)
    part = back_hours / STEP_HOURS - steps
    last = step - 1 - steps
    later_kwh = stored_kwh[last] if last >= 0 else initial_kwh
    earlier_kwh = stored_kwh[last - 1] if last >= 1 else initial_kwh
    return later_kwh + (earlier_kwh - later_kwh) * part


@compiled
def write(
    step: int,
    powers_kw: tuple[float, float],
    begins_kwh: float,
    load_sun_kw: tuple[float, float],
    cells: Cells,
    tape: Tape,
) -> float:
    """Play one interval: the setpoint held over, then the one just decided; return what is then stored."""
    spare_kw = load_sun_kw[1] - load_sun_kw[0]
    stored_kwh, asked_kwh, sent_kwh, left_kwh = begins_kwh, 0.0, 0.0, 0.0
    for part in range(2):
        hours = cells.held_hours if part == 0 else STEP_HOURS - cells.held_hours
        power_kw = min(permitted(powers_kw[part], spare_kw, cells), cells.export_kw + load_sun_kw[0])
        leaves_kwh = flow(power_kw, hours, stored_kwh, cells)
        if powers_kw[part] == FOLLOW_KW:
            asked_kwh += terminal(leaves_kwh, cells)  # the default asks for no more than there is
        else:
            asked_kwh += power_kw * hours
        sent_kwh += terminal(leaves_kwh, cells)
        left_kwh += max(leaves_kwh, 0.0)
        stored_kwh = min(max(stored_kwh - leaves_kwh, 0.0), cells.usable_kwh)
    tape.battery_kw[step] = sent_kwh / STEP_HOURS
    tape.asked_kw[step] = asked_kwh / STEP_HOURS
    tape.discharged_kwh[step] = left_kwh
    tape.stored_kwh[step] = stored_kwh
    return stored_kwh
