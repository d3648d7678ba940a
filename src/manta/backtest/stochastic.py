"""The spike-aware stochastic programme in replay: planned each half-hour, looked up at each price.

Planning gives what stored energy is worth at every node that the price may be at, after each five minutes of
the half-hour; a published price then costs a look-up, as it does in the engine that runs live.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from manta.backtest.accounts import Run
from manta.backtest.ahead import (
    HALF_HOURS,
    Seen,
    blank_steps,
    homes_told,
    lay_home,
    lay_price,
    measured,
    price_seen,
    seen_by,
    site_rows,
)
from manta.backtest.published import Published
from manta.backtest.receding import Work, decided, end_values, room_for, worth_ahead
from manta.backtest.rules import after_hold, run_of
from manta.backtest.series import STEP_HOURS, STEPS_PER_HALF_HOUR
from manta.backtest.site import Case, Meter
from manta.backtest.steps import FOLLOW_KW, Cells, Tape, blank_tape, cells_of, compiled, seen_energy, write
from manta.trading.spike_sdp import CELLS, expect, merge_cells
from manta.trading.stage import ROWS, SEGMENTS, SLOPE, WIDTH, stage

CERTAIN_SHARE, CERTAIN_FADES_SCALE = 0.7, 0.95
"""How much the plan on the expected price counts, which follows surprises more finely, and what five minutes
leave of one; the best of six pairs on both halves of 2023."""

type Floats = NDArray[np.float64]


class Nodes(NamedTuple):
    """Price nodes of every issue and how they follow each other."""

    per_mwh: Floats
    """[N, H, nodes], ranks in rising order, then spikes."""
    hazard: Floats
    """[N, H] probability of entering a spike from a rank; entry 0 in five minutes, others in a half-hour."""
    calm: Floats
    """[2, nodes, nodes] moves in five minutes and in a half-hour where no spike can begin."""
    struck: Floats
    """[2, nodes, nodes] the same where one is sure to begin; in between moves are in proportion."""
    edges_per_mwh: Floats
    """Above each a price is at the spike node of that number."""


class Values(NamedTuple):
    """Room for planning, and the plan of the half-hour that it was last made for."""

    within: Floats
    """[6, nodes, cells] what energy is worth after each five minutes of the half-hour."""
    value: Floats
    after: Floats
    move: Floats
    certain: Floats
    """[cells] what the plan on the expected price says instead, for the next five minutes."""
    ahead: Work
    """Room for that plan."""


def control_stochastic(
    case: Case,
    policy: str,
    price: Published,
    nodes: Nodes,
    before: Meter | None,
    certain_scale: tuple[float, float] = (CERTAIN_SHARE, CERTAIN_FADES_SCALE),
) -> Run:
    """Replay the stochastic programme, what energy is worth averaged with the plan on the expected price.

    ``price`` says which issue each decision sees and what it expects; ``nodes`` are of the same issues.
    ``certain_scale`` is the weight of the expected price's plan, and what five minutes leave of a surprise.
    """
    cells, late_steps = cells_of(case)
    seen = seen_by(case, price, homes_told(case, before, late_steps), late_steps)
    node_count = nodes.per_mwh.shape[2]
    shape = (node_count, CELLS)
    values = Values(
        np.zeros((STEPS_PER_HALF_HOUR, *shape)),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros((node_count, node_count)),
        np.zeros(CELLS),
        room_for(case, price),
    )
    work = Work(site_rows(case), blank_steps(case, 1), np.zeros((1, 2, CELLS)), np.empty((ROWS, SEGMENTS)))
    tape = blank_tape(len(case.series))
    ends = end_values(case, price)
    _control(ends, certain_scale, case.battery.initial_kwh, (seen, nodes), (work, values), cells, tape)
    return run_of(policy, tape)


@compiled
def _control(
    end_per_mwh: Floats,
    certain_scale: tuple[float, float],
    initial_kwh: float,
    told: tuple[Seen, Nodes],
    room: tuple[Work, Values],
    cells: Cells,
    tape: Tape,
) -> None:
    seen, nodes = told
    work, values = room
    stored_kwh, hold_kw, planned_row, planned_half = initial_kwh, FOLLOW_KW, -1, -1
    curve = work.curves[0]
    curve[WIDTH, :] = cells.usable_kwh / curve.shape[1]
    for step in range(len(seen.spot_per_mwh)):
        now = (seen.load_kw[step], seen.pv_kw[step])
        held_kwh = after_hold(hold_kw, stored_kwh, now, cells)
        seen_kwh = seen_energy(step, held_kwh, tape.stored_kwh, initial_kwh, cells)
        half, within, row = step // STEPS_PER_HALF_HOUR, step % STEPS_PER_HALF_HOUR, seen.price.row[step]
        if half != planned_half or row != planned_row:
            plan_half_hour(step, end_per_mwh[row], told, room, cells)
            planned_half, planned_row = half, row
        spot_per_mwh = price_seen(step, seen)
        mix(
            spot_per_mwh,
            nodes.per_mwh[row, seen.price.late[step]],
            nodes.edges_per_mwh,
            values.within[within],
            curve,
        )
        if certain_scale[0] > 0:
            plan_certain(step, end_per_mwh[row], certain_scale[1], seen, values, cells)
            for z in range(curve.shape[1]):
                curve[SLOPE, z] += certain_scale[0] * (values.certain[z] - curve[SLOPE, z])
        load_sun_kw = measured(step, seen)
        lay_price(0, spot_per_mwh, half, seen, work.steps)
        lay_home(0, load_sun_kw[0], load_sun_kw[1], work.steps)
        next_kw = decided(seen_kwh, curve, curve.shape[1], load_sun_kw, work, cells)
        stored_kwh = write(step, (hold_kw, next_kw), stored_kwh, now, cells, tape)
        hold_kw = next_kw


@compiled
def plan_certain(
    step: int, end_per_mwh: float, fades_scale: float, seen: Seen, values: Values, cells: Cells
) -> None:
    """Plan on the expected price alone and write what energy is then worth, cell by cell."""
    at, slopes = worth_ahead(step, end_per_mwh, fades_scale, seen, values.ahead, cells)
    below = np.full(len(values.certain), -np.inf)
    curve = values.ahead.curves[at]
    merge_cells(curve, slopes, 0.0, cells.usable_kwh / len(below), below, values.certain)


@compiled
def plan_half_hour(
    step: int, end_per_mwh: float, told: tuple[Seen, Nodes], room: tuple[Work, Values], cells: Cells
) -> None:
    """Go back from the horizon to the end of each five minutes of a decision's half-hour."""
    seen, nodes = told
    values = room[1]
    half, row, late = step // STEPS_PER_HALF_HOUR, seen.price.row[step], seen.price.late[step]
    loads, suns = seen.load.values[seen.load.row[step]], seen.sun.values[seen.sun.row[step]]
    load_late, sun_late = seen.load.late[step], seen.sun.late[step]
    reach = min(nodes.per_mwh.shape[1] - late, len(loads) - load_late, len(suns) - sun_late)
    values.value[:] = end_per_mwh
    for ahead in range(reach - 1, 0, -1):
        lay_home(0, loads[load_late + ahead], suns[sun_late + ahead], room[0].steps)
        back_one(HALF_HOURS, (row, late + ahead, half + ahead), told, room, cells)
        blend(nodes.calm[1], nodes.struck[1], nodes.hazard[row, late + ahead], values.move)
        expect(values.move, values.after, values.value)
    load_kw, pv_kw = measured(step, seen)
    lay_home(0, load_kw, pv_kw, room[0].steps)
    hazard = (
        nodes.hazard[row, 0] if late == 0 else 1 - (1 - nodes.hazard[row, late]) ** (1 / STEPS_PER_HALF_HOUR)
    )
    blend(nodes.calm[0], nodes.struck[0], hazard, values.move)
    values.within[STEPS_PER_HALF_HOUR - 1] = values.value
    for within in range(STEPS_PER_HALF_HOUR - 2, -1, -1):
        back_one(STEP_HOURS, (row, late, half), told, room, cells)
        expect(values.move, values.after, values.value)
        values.within[within] = values.value


@compiled
def back_one(
    step_hours: float,
    place: tuple[int, int, int],
    told: tuple[Seen, Nodes],
    room: tuple[Work, Values],
    cells: Cells,
) -> None:
    """Go back one step at every node; ``place`` is issue, half-hour of it, and half-hour of the case."""
    seen, nodes = told
    work, values = room
    steps, cell_kwh = work.steps, cells.usable_kwh / values.value.shape[1]
    for node in range(len(values.value)):
        lay_price(0, nodes.per_mwh[place[0], place[1], node], place[2], seen, steps)
        n, kwh, _ = stage(step_hours, steps.price[0], steps.limit[0], steps.home[0], work.site[0], work.rows)
        merge_cells(work.rows, n, kwh[0], cell_kwh, values.value[node], values.after[node])


@compiled
def blend(calm: Floats, struck: Floats, hazard_share: float, move: Floats) -> None:
    """Write the moves between nodes where a spike begins with some probability."""
    for m in range(len(move)):
        for k in range(len(move)):
            move[m, k] = calm[m, k] + hazard_share * (struck[m, k] - calm[m, k])


@compiled
def mix(
    spot_per_mwh: float, nodes_per_mwh: Floats, edges_per_mwh: Floats, value: Floats, curve: Floats
) -> None:
    """Write what energy is worth at a price: at its spike node, or between the two ranks about it."""
    ranks = len(nodes_per_mwh) - len(edges_per_mwh)
    spike = -1
    for k in range(len(edges_per_mwh)):
        if spot_per_mwh > edges_per_mwh[k]:
            spike = k
    if spike >= 0:
        curve[SLOPE, :] = value[ranks + spike]
        return
    upper = 0
    while upper < ranks and nodes_per_mwh[upper] < spot_per_mwh:
        upper += 1
    if upper == 0 or upper == ranks:
        curve[SLOPE, :] = value[min(upper, ranks - 1)]
        return
    between_per_mwh = nodes_per_mwh[upper] - nodes_per_mwh[upper - 1]
    share = (spot_per_mwh - nodes_per_mwh[upper - 1]) / between_per_mwh
    curve[SLOPE, :] = (1 - share) * value[upper - 1] + share * value[upper]
