"""Water-filling, compiled: everyone rises with one level, by weight, between a start and a top."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Band = tuple[Floats, Floats]
"""Floors and ceilings."""

_MOST_PASSES = 64
_CHUNK = 4_096
"""Rows that are added up by themselves, so that a sum over millions stays exact to its last digits."""
_FAINT = 1e-9
"""A weight this small beside the greatest does not steer the filling; what is left over reaches it last."""
_SUMS = {"reassoc", "nsz", "contract"}
"""Additions may be reordered, so that they run side by side; unknown numbers stay unknown."""


@njit(cache=True)
def survey(
    floor_kw: Floats, ceiling_kw: Floats, spare_kwh: Floats, room_kwh: Floats
) -> tuple[bool, bool, Floats]:
    """Return whether all is finite, whether floors are at or below ceilings, and three figures.

    These are the sum of the powers nearest to zero, in kW, and the greatest of each weight.
    """
    found, finite, ordered = np.zeros(3), True, True
    for begin in range(0, len(floor_kw), _CHUNK):
        rest = 0.0
        for i in range(begin, min(begin + _CHUNK, len(floor_kw))):
            low_kw, high_kw = floor_kw[i], ceiling_kw[i]
            finite &= np.isfinite(low_kw + high_kw + spare_kwh[i] + room_kwh[i])
            ordered &= low_kw <= high_kw
            rest += min(max(0.0, low_kw), high_kw)
            found[1] = max(found[1], spare_kwh[i])
            found[2] = max(found[2], room_kwh[i])
        found[0] += rest
    return finite, ordered, found


@njit(cache=True, fastmath=_SUMS)
def _filled(
    level_per_hour: float, sign: int, faint_kwh: float, kw: Band, weight: Floats
) -> tuple[float, float]:
    """Return the power at a water level_per_hour, and how fast it rises with it."""
    start_kw, slope = kw[0], 0.0
    filled_kw = 0.0
    for begin in range(0, len(weight), _CHUNK):
        some_kw, rising = 0.0, 0.0
        for i in range(begin, min(begin + _CHUNK, len(weight))):
            low_kw, top_kw = _reach(start_kw[i], kw[1][i], sign)
            each = weight[i] if weight[i] > faint_kwh else 0.0
            wish_kw = level_per_hour * each
            some_kw += min(max(wish_kw, low_kw), top_kw)
            rising += each if low_kw <= wish_kw < top_kw else 0.0
        filled_kw += some_kw
        slope += rising
    return filled_kw, slope


@njit(cache=True, fastmath=_SUMS)
def _reach(floor_kw: float, ceiling_kw: float, sign: int) -> tuple[float, float]:
    """Return where a site begins and how far it goes, upward or (sign −1) downward mirrored."""
    rest_kw = sign * min(max(0.0, floor_kw), ceiling_kw)
    return rest_kw, ceiling_kw if sign > 0 else -floor_kw


@njit(cache=True, fastmath=_SUMS)
def _highest(sign: int, faint_kwh: float, kw: Band, weight: Floats) -> float:
    """Return the level at which the last of those that weigh reaches its top."""
    high = 0.0
    for i in range(len(weight)):
        if weight[i] > faint_kwh:
            high = max(high, _reach(kw[0][i], kw[1][i], sign)[1] / weight[i])
    return high


@njit(cache=True)
def fill(target_kw: float, sign: int, kw: Band, weight: Floats, greatest_kwh: float, out: Floats) -> None:
    """Write each site's share of a target so that the shares add up to it, each within floor and ceiling.

    With sign −1 sites are filled downward. The level is found by Newton's rule on a sum that rises piecewise
    linearly with it, halving the bracket where that would leave it.
    """
    faint_kwh, goal_kw = _FAINT * greatest_kwh, sign * target_kw
    low, high, level_per_hour = 0.0, np.inf, 0.0
    for _ in range(_MOST_PASSES):
        filled_kw, slope = _filled(level_per_hour, sign, faint_kwh, kw, weight)
        gap_kw = goal_kw - filled_kw
        if abs(gap_kw) <= 1e-9 * max(1.0, abs(goal_kw)):
            break
        low, high = (level_per_hour, high) if gap_kw > 0.0 else (low, level_per_hour)
        step = level_per_hour + gap_kw / slope if slope > 0.0 else np.inf
        if not low < step < high:
            if np.isinf(high):
                high = max(_highest(sign, faint_kwh, kw, weight), low)
            step = (low + high) / 2
        level_per_hour = step
    _share(level_per_hour, sign, faint_kwh, kw, weight, out)
    _close(target_kw, kw, sign, out)


@njit(cache=True)
def _share(level_per_hour: float, sign: int, faint_kwh: float, kw: Band, weight: Floats, out: Floats) -> None:
    """Write everyone's power at a level."""
    for i in range(len(weight)):
        low_kw, top_kw = _reach(kw[0][i], kw[1][i], sign)
        wish_kw = level_per_hour * weight[i] if weight[i] > faint_kwh else 0.0
        out[i] = sign * min(max(wish_kw, low_kw), top_kw)


@njit(cache=True)
def _close(target_kw: float, kw: Band, sign: int, out: Floats) -> None:
    """Hand out the last grain, by the room that each has left, so that the sum is exact."""
    floor_kw, ceiling_kw = kw
    total_kw, up_kw, down_kw = 0.0, 0.0, 0.0
    for begin in range(0, len(out), _CHUNK):
        some_kw, up, down = 0.0, 0.0, 0.0
        for i in range(begin, min(begin + _CHUNK, len(out))):
            rest_kw = min(max(0.0, floor_kw[i]), ceiling_kw[i])
            some_kw += out[i]
            up += (ceiling_kw[i] if sign > 0 else rest_kw) - out[i]
            down += (rest_kw if sign > 0 else floor_kw[i]) - out[i]
        total_kw, up_kw, down_kw = total_kw + some_kw, up_kw + up, down_kw + down
    gap_kw = target_kw - total_kw
    left_kw = up_kw if gap_kw > 0.0 else down_kw
    if gap_kw == 0.0 or left_kw == 0.0:
        return
    part = min(1.0, gap_kw / left_kw)
    for i in range(len(out)):
        rest_kw = min(max(0.0, floor_kw[i]), ceiling_kw[i])
        if gap_kw > 0.0:
            edge_kw = ceiling_kw[i] if sign > 0 else rest_kw
        else:
            edge_kw = rest_kw if sign > 0 else floor_kw[i]
        out[i] = min(max(out[i] + (edge_kw - out[i]) * part, floor_kw[i]), ceiling_kw[i])
