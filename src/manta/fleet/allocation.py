"""Sharing one target among many homes: exact in sum, fair by energy, never outside anyone's headroom."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from manta.fleet.headroom import Rooms

type Floats = NDArray[np.float64]

_MOST_PASSES = 64
_FAINT = 1e-9
"""A weight this small beside the greatest does not steer the filling; what is left over reaches it last."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """Who does what part of a target, and what nobody could do."""

    shares_kw: Floats
    shortfall_kw: float
    """Positive when more export was wanted, negative when more charging was."""


def allocate(target_kw: float, rooms: Rooms) -> Allocation:
    """Share a target over homes by water-filling: each in proportion to the energy that it can spare.

    Everyone starts at the permitted power nearest to zero. Upward the spare energy weighs, downward the room
    left; a home that reaches its bound stays there and the others carry the rest.
    """
    _refuse_unknown(target_kw, rooms)
    floor_kw, ceiling_kw = rooms.floor_kw, rooms.ceiling_kw
    rest_kw = np.clip(0.0, floor_kw, ceiling_kw)
    if target_kw >= rest_kw.sum():
        shares_kw = _fill(target_kw, rest_kw, ceiling_kw, rooms.spare_kwh)
    else:
        shares_kw = -_fill(-target_kw, -rest_kw, -floor_kw, rooms.room_kwh)
    within_kw = min(max(target_kw, float(floor_kw.sum())), float(ceiling_kw.sum()))
    return Allocation(shares_kw, shortfall_kw=target_kw - within_kw)


def _refuse_unknown(target_kw: float, rooms: Rooms) -> None:
    if not isfinite(target_kw):
        raise ValueError(f"a target is a finite power, was {target_kw} kW")
    columns = (rooms.floor_kw, rooms.ceiling_kw, rooms.spare_kwh, rooms.room_kwh)
    if not all(np.isfinite(column).all() for column in columns):
        raise ValueError("a home whose headroom is unknown cannot carry a share")
    if (rooms.floor_kw > rooms.ceiling_kw).any():
        raise ValueError("a home's floor is above its ceiling")


def _fill(target_kw: float, start_kw: Floats, top_kw: Floats, weight: Floats) -> Floats:
    """Raise everyone from the start, by weight and up to the top, until the sum is the target."""
    if target_kw >= top_kw.sum():
        return top_kw.copy()
    weight = np.where(weight > _FAINT * weight.max(initial=0.0), weight, 0.0)
    shares_kw = np.clip(_level(target_kw, start_kw, top_kw, weight) * weight, start_kw, top_kw)
    return _close(shares_kw, target_kw - float(shares_kw.sum()), start_kw, top_kw)


def _level(target_kw: float, start_kw: Floats, top_kw: Floats, weight: Floats) -> float:
    """Find the water level by Newton's rule, halving the bracket where that would leave it.

    The filled power rises piecewise linearly with the level, so a step from the right piece is exact.
    """
    reach = np.divide(top_kw, weight, out=np.zeros_like(top_kw), where=weight > 0)
    low, high, level = 0.0, float(reach.max(initial=0.0)), 0.0
    wish_kw, filled_kw = np.empty_like(top_kw), np.empty_like(top_kw)
    for _ in range(_MOST_PASSES):
        np.multiply(weight, level, out=wish_kw)
        np.clip(wish_kw, start_kw, top_kw, out=filled_kw)
        gap_kw = target_kw - float(filled_kw.sum())
        if abs(gap_kw) <= 1e-9 * max(1.0, abs(target_kw)):
            break
        low, high = (level, high) if gap_kw > 0 else (low, level)
        slope = float(weight.sum(where=(wish_kw >= start_kw) & (wish_kw < top_kw)))
        step = level + gap_kw / slope if slope > 0 else low
        level = step if low < step < high else (low + high) / 2
    return level


def _close(shares_kw: Floats, gap_kw: float, start_kw: Floats, top_kw: Floats) -> Floats:
    """Hand out the last grain, by the room that each has left, so that the sum is exact."""
    left_kw = (top_kw if gap_kw > 0 else start_kw) - shares_kw
    total_kw = float(left_kw.sum())
    if not total_kw:
        return shares_kw
    return np.clip(shares_kw + left_kw * min(1.0, gap_kw / total_kw), start_kw, top_kw)
