"""Comparators that need no forecast, the battery's default and threshold rules; how setpoints are played."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manta.backtest.accounts import Run
from manta.backtest.published import trailing
from manta.backtest.series import STEP_HOURS, Series
from manta.backtest.site import Case
from manta.backtest.steps import (
    FOLLOW_KW,
    Cells,
    Tape,
    blank_tape,
    cells_of,
    compiled,
    flow,
    permitted,
    seen_energy,
    terminal,
    write,
)

type Floats = NDArray[np.float64]

CHEAP_SHARE, DEAR_SHARE = 0.25, 0.75
BRIEF_CHEAP_SHARE, BRIEF_DEAR_PER_MWH = 0.15, 1_000.0
"""The product brief's own rule: charge in the cheapest 15 %, discharge above $1,000/MWh."""


def passive(case: Case) -> Run:
    """Return what the battery does when nobody tells it anything: cover the load, keep the sun's surplus."""
    return play(case, "passive", np.full(len(case.series), FOLLOW_KW))


def thresholds(case: Case, history: Series, first: int) -> Run:
    """Charge in the cheapest quarter of the last seven days' prices, discharge in the dearest."""
    bands = [trailing(history, first, share) for share in (CHEAP_SHARE, DEAR_SHARE)]
    return play(case, "thresholds", setpoints(case, bands[0], bands[1]))


def spike_rule(case: Case, history: Series, first: int) -> Run:
    """Charge in the cheapest 15 % of the last seven days' prices, discharge above $1,000/MWh only."""
    cheap_per_mwh = trailing(history, first, BRIEF_CHEAP_SHARE)
    dear_per_mwh = np.full(len(case.series), BRIEF_DEAR_PER_MWH)
    return play(case, "spike-rule", setpoints(case, cheap_per_mwh, dear_per_mwh))


def setpoints(case: Case, cheap_per_mwh: Floats, dear_per_mwh: Floats) -> Floats:
    """Return setpoints by the price seen: full charge, full discharge, or the default in between."""
    _, late = cells_of(case)
    seen_per_mwh = np.full(len(case.series), np.nan)  # comparisons with what is not yet known are false
    seen_per_mwh[late:] = case.series.per_mwh[: len(case.series) - late]
    power_kw = np.full(len(case.series), FOLLOW_KW)
    power_kw[seen_per_mwh <= cheap_per_mwh] = -case.battery.charge_kw
    power_kw[seen_per_mwh >= dear_per_mwh] = case.battery.discharge_kw
    return power_kw


def play(case: Case, policy: str, power_kw: Floats) -> Run:
    """Play setpoints, one an interval; a setpoint never asks for more than telemetry says is there."""
    cells, _ = cells_of(case)
    tape = blank_tape(len(case.series))
    _play(power_kw, case.battery.initial_kwh, (case.meter.load_kw, case.meter.pv_kw), cells, tape)
    return run_of(policy, tape)


def run_of(policy: str, tape: Tape) -> Run:
    """Return a tape as a policy's run."""
    return Run(policy, tape.battery_kw, tape.asked_kw, tape.discharged_kwh, tape.stored_kwh)


@compiled
def _play(
    power_kw: Floats, initial_kwh: float, load_sun_kw: tuple[Floats, Floats], cells: Cells, tape: Tape
) -> None:
    stored_kwh, hold_kw = initial_kwh, FOLLOW_KW
    for step in range(len(power_kw)):
        now = (load_sun_kw[0][step], load_sun_kw[1][step])
        held_kwh = after_hold(hold_kw, stored_kwh, now, cells)
        seen_kwh = seen_energy(step, held_kwh, tape.stored_kwh, initial_kwh, cells)
        next_kw = afforded(power_kw[step], seen_kwh, cells)
        stored_kwh = write(step, (hold_kw, next_kw), stored_kwh, now, cells, tape)
        hold_kw = next_kw


@compiled
def after_hold(hold_kw: float, stored_kwh: float, load_sun_kw: tuple[float, float], cells: Cells) -> float:
    """Return what is stored when an interval's own decision is made."""
    if cells.held_hours <= 0:
        return stored_kwh
    power_kw = permitted(hold_kw, load_sun_kw[1] - load_sun_kw[0], cells)
    power_kw = min(power_kw, cells.export_kw + load_sun_kw[0])
    return stored_kwh - flow(power_kw, cells.held_hours, stored_kwh, cells)


@compiled
def afforded(power_kw: float, seen_kwh: float, cells: Cells) -> float:
    """Return a setpoint that the stored energy seen can follow for a whole interval."""
    if power_kw == FOLLOW_KW:
        return power_kw
    return terminal(flow(power_kw, STEP_HOURS, seen_kwh, cells), cells) / STEP_HOURS
