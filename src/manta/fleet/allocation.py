"""Sharing one target among many homes: exact in sum, fair by energy, never outside anyone's headroom."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from manta.fleet.filling import fill, survey
from manta.fleet.headroom import Rooms

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Allocation:
    """Who does what part of a target, and what nobody could do."""

    shares_kw: Floats
    shortfall_kw: float
    """Positive when more export was wanted, negative when more charging was."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What shares are in proportion to, where not to energy: for each site a number that is not negative."""

    up: Floats
    """When power is given; what a unit is worth less to those who should give more of it."""
    down: Floats
    """When power is taken in."""


def allocate(
    target_kw: float, rooms: Rooms, weights: Weights | None = None, *, least_kw: float = 0.0
) -> Allocation:
    """Share a target over homes by water-filling: each in proportion to the energy that it can spare.

    Everyone starts at the permitted power nearest to zero. Upward the spare energy weighs, downward the room
    left, or the given weights; a home that reaches its bound stays there and the others carry the rest. With
    ``least_kw``, the dead band of the inverters, nobody is asked for less than that: as many carry the
    target, heaviest first, as can each carry so much, and what is too small for any of them is a shortfall.
    """
    if weights is not None:
        rooms = Rooms(rooms.site_no, rooms.floor_kw, rooms.ceiling_kw, weights.up, weights.down)
    allocation = _fill(target_kw, rooms)
    small = (allocation.shares_kw != 0) & (abs(allocation.shares_kw) < least_kw)
    return _without_small(target_kw, rooms, least_kw) if small.any() else allocation


def warm_up() -> None:
    """Have the compiled parts ready, so that the first price does not wait for a compiler."""
    site_no, each = np.arange(2, dtype=np.int32), np.ones(2)
    rooms = Rooms(site_no, -each, each, each, each)
    for target_kw in (-1.0, 1.0):
        allocate(target_kw, rooms)


def _fill(target_kw: float, rooms: Rooms) -> Allocation:
    if not isfinite(target_kw):
        raise ValueError(f"a target is a finite power, was {target_kw} kW")
    # One layout in memory is one compilation.
    columns = [
        np.ascontiguousarray(column, np.float64)
        for column in (rooms.floor_kw, rooms.ceiling_kw, rooms.spare_kwh, rooms.room_kwh)
    ]
    rooms = Rooms(rooms.site_no, *columns)
    finite, ordered, (rest_kw, spare_kwh, room_kwh) = survey(*columns)
    if not finite:
        raise ValueError("a home whose headroom is unknown cannot carry a share")
    if not ordered:
        raise ValueError("a home's floor is above its ceiling")
    floor_kw, ceiling_kw = float(rooms.floor_kw.sum()), float(rooms.ceiling_kw.sum())
    within_kw = float(min(max(target_kw, floor_kw), ceiling_kw))
    if target_kw >= ceiling_kw:
        shares_kw = rooms.ceiling_kw.copy()
    elif target_kw <= floor_kw:
        shares_kw = rooms.floor_kw.copy()
    else:
        shares_kw = np.empty_like(rooms.floor_kw)
        band_kw = (rooms.floor_kw, rooms.ceiling_kw)
        if target_kw >= rest_kw:
            fill(target_kw, 1, band_kw, rooms.spare_kwh, spare_kwh, shares_kw)
        else:
            fill(target_kw, -1, band_kw, rooms.room_kwh, room_kwh, shares_kw)
    return Allocation(shares_kw, shortfall_kw=target_kw - within_kw)


def _without_small(target_kw: float, rooms: Rooms, least_kw: float) -> Allocation:
    """Let as many homes carry the target as can each carry enough; the heaviest are the first to be asked."""
    weight = rooms.spare_kwh if target_kw >= 0 else rooms.room_kwh
    able_kw = rooms.ceiling_kw if target_kw >= 0 else -rooms.floor_kw
    bound = (rooms.floor_kw > 0) | (rooms.ceiling_kw < 0)  # who may not rest is not asked whether it would
    asked = np.flatnonzero(~bound & (able_kw >= least_kw) & (weight > 0))
    order = asked[np.argsort(-weight[asked], kind="stable")]
    fewest, most = 0, len(order) + 1
    while most - fewest > 1:
        count = (fewest + most) // 2
        shares_kw = _only(target_kw, rooms, bound, order[:count]).shares_kw[order[:count]]
        if (abs(shares_kw) >= least_kw).all():
            fewest = count
        else:
            most = count
    return _only(target_kw, rooms, bound, order[:fewest])


def _only(target_kw: float, rooms: Rooms, bound: NDArray[np.bool_], who: NDArray[np.int64]) -> Allocation:
    """Share a target over some homes, and over those that may not rest; the others stay at zero."""
    may = bound.copy()
    may[who] = True
    floor_kw, ceiling_kw = np.where(may, rooms.floor_kw, 0.0), np.where(may, rooms.ceiling_kw, 0.0)
    return _fill(target_kw, Rooms(rooms.site_no, floor_kw, ceiling_kw, rooms.spare_kwh, rooms.room_kwh))
