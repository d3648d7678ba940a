"""Merging slopes: the one step of every dynamic programme here, compiled.

A curve is two rows, slopes in $/MWh in falling order and widths in kWh, from the lowest energy upward.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manta.trading.columns import Floats, HomeRow, LimitRow, PriceRow, Rows, SiteRow
from manta.trading.stage import ROWS, SEGMENTS, SLOPE, WIDTH, meter, power_of, readiness, stage

NONE_KWH = 1e-13
"""Energy that is nothing: below the last digit of what a home's cells hold."""


@njit(cache=True, error_model="numpy")
def _skip(
    rows: Floats, n: int, skip_kwh: float, curves: Floats, at: int, count: int
) -> tuple[int, int, float]:
    """Take the highest slopes off a step's rows and a curve until so much energy is gone.

    Return where each goes on. What is left of the last one taken is narrowed in its place; where that is the
    curve's, its former width is returned too.
    """
    i, j = 0, 0
    while skip_kwh > 0.0 and (i < n or j < count):
        if j >= count or (i < n and rows[SLOPE, i] >= curves[at, SLOPE, j]):
            if rows[WIDTH, i] > skip_kwh:
                rows[WIDTH, i] -= skip_kwh
                return i, j, 0.0
            skip_kwh -= rows[WIDTH, i]
            i += 1
        else:
            was_kwh = curves[at, WIDTH, j]
            if was_kwh > skip_kwh:
                curves[at, WIDTH, j] = was_kwh - skip_kwh
                return i, j, was_kwh
            skip_kwh -= was_kwh
            j += 1
    return i, j, 0.0


@njit(cache=True, error_model="numpy")
def _trim(curves: Floats, at: int, count: int, excess_kwh: float) -> int:
    """Take energy off a curve's far end; return how many slopes are left."""
    while count > 0 and excess_kwh > 0.0:
        if curves[at, WIDTH, count - 1] > excess_kwh:
            curves[at, WIDTH, count - 1] -= excess_kwh
            break
        excess_kwh -= curves[at, WIDTH, count - 1]
        count -= 1
    return count


@njit(cache=True, error_model="numpy")
def merge(
    rows: Floats, n: int, kwh: tuple[float, float], curves: Floats, places: tuple[int, int], count: int
) -> int:
    """Merge a step's slopes with the value of what remains, from one place among ``curves`` to another.

    ``kwh`` is what a full charge takes in and a full discharge gives in the step. The merged slopes begin at
    the emptiest battery fully charged and end at the fullest fully discharged, so that much is taken off at
    either end. Return how many slopes are left. ``rows`` is used up.
    """
    at, to = places
    i, j, was_kwh = _skip(rows, n, kwh[0], curves, at, count)
    head, k = j, 0
    while i < n:
        slope, width = rows[SLOPE, i], rows[WIDTH, i]
        while j < count and curves[at, SLOPE, j] > slope:
            curves[to, SLOPE, k], curves[to, WIDTH, k] = curves[at, SLOPE, j], curves[at, WIDTH, j]
            k, j = k + 1, j + 1
        if j < count and curves[at, SLOPE, j] == slope:
            width += curves[at, WIDTH, j]
            j += 1
        curves[to, SLOPE, k], curves[to, WIDTH, k] = slope, width
        k, i = k + 1, i + 1
    for rest in range(j, count):
        curves[to, SLOPE, k], curves[to, WIDTH, k] = curves[at, SLOPE, rest], curves[at, WIDTH, rest]
        k += 1
    if was_kwh > 0.0:
        curves[at, WIDTH, head] = was_kwh
    return _trim(curves, to, k, kwh[1])


@njit(cache=True, error_model="numpy")
def value_curve(
    hours: Floats, price: Rows, limit: Rows, home: Rows, site: SiteRow, work: Floats, count: int
) -> tuple[int, int, bool]:
    """Go back from the end's curve, given as ``work[0]`` of ``count`` slopes, to the end of the first step.

    ``work`` has shape (2, 2, slopes) with room for SEGMENTS more a step. Return which of its halves holds
    the curve, how many slopes that has, and whether all steps were concave.
    """
    rows, at, is_concave = np.empty((ROWS, SEGMENTS)), 0, True
    for t in range(len(hours) - 1, 0, -1):
        n, kwh, is_falling = stage(hours[t], price[t], limit[t], home[t], site, rows)
        count = merge(rows, n, kwh, work, (at, 1 - at), count)
        at = 1 - at
        is_concave = is_concave and is_falling
    return at, count, is_concave


@njit(cache=True, error_model="numpy")
def best_release(
    rows: Floats, n: int, take_kwh: float, curve: Floats, count: int, energy_kwh: float
) -> float:
    """Return the energy to release now (negative: to take in), given the value of what remains.

    ``energy_kwh`` is counted from the curve's floor. At equal value energy is kept.
    """
    need_kwh, i, j, taken_kwh, kept_kwh = energy_kwh + take_kwh, 0, 0, 0.0, 0.0
    while need_kwh > NONE_KWH and (i < n or j < count):
        if j >= count or (i < n and rows[SLOPE, i] > curve[SLOPE, j]):
            width = min(rows[WIDTH, i], need_kwh)
            taken_kwh += width
            i += 1
        else:
            width = min(curve[WIDTH, j], need_kwh)
            kept_kwh += width
            j += 1
        need_kwh -= width
    release_kwh = taken_kwh - take_kwh
    return 0.0 if abs(release_kwh) <= NONE_KWH else min(release_kwh, energy_kwh)


@njit(cache=True, error_model="numpy")
def worth(curve: Floats, count: int, energy_kwh: float) -> float:
    """Return what energy above a curve's floor is worth, $/MWh times kWh."""
    total, left_kwh = 0.0, energy_kwh
    for j in range(count):
        width = min(curve[WIDTH, j], left_kwh)
        if width <= 0.0:
            break
        total += width * curve[SLOPE, j]
        left_kwh -= width
    return total


@njit(cache=True, error_model="numpy")
def fill(
    hours: Floats,
    price: Rows,
    limit: Rows,
    home: Rows,
    site: SiteRow,
    curves: Floats,
    counts: NDArray[np.int64],
) -> bool:
    """Go back through all steps and keep the value after each: ``curves[t]`` is that after step t.

    The last of ``curves`` and ``counts`` hold the end's. Return whether all steps were concave.
    """
    rows, is_concave = np.empty((ROWS, SEGMENTS)), True
    for t in range(len(hours) - 1, 0, -1):
        n, kwh, is_falling = stage(hours[t], price[t], limit[t], home[t], site, rows)
        counts[t - 1] = merge(rows, n, kwh, curves, (t, t - 1), counts[t])
        is_concave = is_concave and is_falling
    return is_concave


@njit(cache=True, error_model="numpy")
def settle(
    release_kwh: float, step_hours: float, price: PriceRow, limit: LimitRow, home: HomeRow, site: SiteRow
) -> tuple[float, float, float]:
    """Return a release's power at the battery, the power at the meter, and what both earn in $."""
    battery_kw = power_of(release_kwh, step_hours, site)
    meter_kw, earned = meter(battery_kw, price, limit, home, site)
    earned = (earned + readiness(battery_kw, price, site)) * step_hours
    return battery_kw, meter_kw, (earned - max(release_kwh, 0.0) * site.wear_per_mwh) / 1_000
