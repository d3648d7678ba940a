"""What stored energy is worth when prices are uncertain and spikes are rare: a Markov programme a site.

Each step the price is at one of some nodes and moves between them by given odds. The value of energy is
kept as the mean slope in equal cells of the battery, so that an expectation is a weighted sum of falling
slopes, and a step is the same merge as the exact programme's. Steps that are not concave are taken by their
relaxation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manta.trading.columns import Chances, Floats, Numbers, Refusal, Rows, SiteRow, refusals
from manta.trading.curves import CurveParts, Curves, floors_kwh
from manta.trading.lots import in_lots
from manta.trading.merging import NONE_KWH
from manta.trading.stage import ROWS, SEGMENTS, SLOPE, WIDTH, stage

CELLS = 32
"""Cells of a battery's energy; with 24, 32, 48 the first action differs by some 2, 1, 0.5 Wh from 96."""
LOT = 128
"""Sites that are planned between two looks at the clock."""

type Ahead = tuple[Floats, Rows, Numbers, Rows, Numbers, Rows, Floats]
"""The columns of chances, in their order."""


@dataclass(frozen=True, slots=True)
class StochasticPlan:
    """What stored energy is worth after the coming step, for each node that its price may be at."""

    value_per_mwh: Floats
    """Shape (sites, nodes, cells): cells of equal width from the floor upward; NaN for a refused site."""
    floor_kwh: Floats
    """Energy at which the cells begin."""
    cell_kwh: Floats
    """How wide each site's cells are."""
    refused: NDArray[np.uint8]
    """Why a site has no plan, as ``Refusal``; 0 where it has one."""

    def at(self, node_no: Numbers) -> Curves:
        """Return each site's curve at the node of its published price."""
        sites, _, cells = self.value_per_mwh.shape
        value = self.value_per_mwh[np.arange(sites), node_no]
        planned = self.refused == 0
        first = np.zeros(sites + 1, np.int64)
        np.cumsum(np.where(planned, cells, 0), out=first[1:])
        width = np.repeat(self.cell_kwh[planned], cells)
        return Curves(first, width, value[planned].ravel(), self.floor_kwh)


def plan_chances(
    sites: Rows,
    chances: Chances,
    end: Curves,
    is_late: Callable[[], bool] = lambda: False,
    *,
    cells: int = CELLS,
    threads: int = 1,
) -> StochasticPlan:
    """Plan every site for itself against uncertain prices.

    ``sites`` are rows of ``SITE``; ``end`` values what is left after the last step, at every node alike.
    Sites that make no sense are refused with their reason, those whose turn comes after ``is_late`` says so
    too.
    """
    if len(end) != len(sites):
        raise ValueError(f"{len(end)} curves end the outlook of {len(sites)} sites")
    refused = refusals(sites, chances)
    value = np.full((len(sites), chances.price.shape[2], cells), np.nan)

    def plan(lot: slice) -> None:
        if is_late():
            refused[lot] = np.where(refused[lot] == 0, Refusal.LATE, refused[lot])
        _plan(sites[lot], _parts(chances.of(lot)), end.some(lot).parts, refused[lot], value[lot])

    in_lots(len(sites), LOT, plan, threads=threads)
    floor_kwh = np.where(refused == 0, floors_kwh(sites), 0.0)
    return StochasticPlan(value, floor_kwh, (sites["capacity_kwh"] - floor_kwh) / cells, refused)


@njit(cache=True, error_model="numpy")
def merge_cells(
    rows: Floats, n: int, skip_kwh: float, cell_kwh: float, before: Floats, after: Floats
) -> None:
    """Merge a step's slopes with the cells of what remains, and write the mean slope of each cell."""
    cells = len(before)
    i, j, cell, room_kwh, total = 0, 0, 0, cell_kwh, 0.0
    while cell < cells and (i < n or j < cells):
        if j >= cells or (i < n and rows[SLOPE, i] >= before[j]):
            slope, width = rows[SLOPE, i], rows[WIDTH, i]
            i += 1
        else:
            slope, width = before[j], cell_kwh
            j += 1
        if skip_kwh > 0.0:
            if width <= skip_kwh:
                skip_kwh -= width
                continue
            width -= skip_kwh
            skip_kwh = 0.0
        while width > NONE_KWH and cell < cells:
            part_kwh = min(width, room_kwh)
            total += slope * part_kwh
            width -= part_kwh
            room_kwh -= part_kwh
            if room_kwh <= NONE_KWH:
                after[cell] = total / cell_kwh
                cell, room_kwh, total = cell + 1, cell_kwh, 0.0
    while cell < cells:  # what rounding left of the last cell
        after[cell] = total / (cell_kwh - room_kwh) if room_kwh < cell_kwh else after[cell - 1]
        cell, room_kwh = cell + 1, cell_kwh


@njit(cache=True, error_model="numpy")
def expect(move: Floats, after: Floats, value: Floats) -> None:
    """Write the value at each node of the step before: what its successors are worth, by their odds."""
    nodes, cells = value.shape
    for m in range(nodes):
        for z in range(cells):
            value[m, z] = 0.0
        for k in range(nodes):
            odds = move[m, k]
            if odds > 0.0:
                for z in range(cells):
                    value[m, z] += odds * after[k, z]


@njit(cache=True, error_model="numpy")
def node_values(ahead: Ahead, i: int, site: SiteRow, cell_kwh: float, value: Floats, after: Floats) -> None:
    """Go back from the end's ``value`` (nodes × cells), which becomes that after the first step."""
    hours, price, price_no, limit, limit_no, home, move = ahead
    rows, p, q = np.empty((ROWS, SEGMENTS)), price_no[i], limit_no[i]
    for t in range(len(hours) - 1, 0, -1):
        for m in range(len(value)):
            n, kwh, _ = stage(hours[t], price[p, t, m], limit[q, t], home[i, t], site, rows)
            merge_cells(rows, n, kwh[0], cell_kwh, value[m], after[m])
        expect(move[t], after, value)


@njit(cache=True, error_model="numpy")
def end_cells(end: CurveParts, i: int, cell_kwh: float, cells: Floats) -> None:
    """Write the mean slope of a site's end curve in each cell."""
    first, width, value = end
    rows = np.empty((2, first[i + 1] - first[i]))
    rows[SLOPE] = value[first[i] : first[i + 1]]
    rows[WIDTH] = width[first[i] : first[i + 1]]
    below = np.full(len(cells), -np.inf)
    merge_cells(rows, rows.shape[1], 0.0, cell_kwh, below, cells)


def _parts(chances: Chances) -> Ahead:
    """Return chances as compiled code takes them."""
    return (
        np.ascontiguousarray(chances.step_hours),
        np.ascontiguousarray(chances.price),
        np.ascontiguousarray(chances.price_no),
        np.ascontiguousarray(chances.limit),
        np.ascontiguousarray(chances.limit_no),
        np.ascontiguousarray(chances.home),
        np.ascontiguousarray(chances.move),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _plan(sites: Rows, ahead: Ahead, end: CurveParts, refused: NDArray[np.uint8], out: Floats) -> None:
    nodes, cells = out.shape[1:]
    after = np.empty((nodes, cells))
    for i in range(len(sites)):
        if refused[i]:
            continue
        site = sites[i]
        cell_kwh = (site.capacity_kwh - min(site.reserve_kwh, site.stored_kwh)) / cells
        end_cells(end, i, cell_kwh, after[0])
        for m in range(nodes):
            for z in range(cells):
                out[i, m, z] = after[0, z]
        node_values(ahead, i, site, cell_kwh, out[i], after)
