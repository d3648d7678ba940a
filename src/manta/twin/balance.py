"""Does a site add up: PV + battery + load − export = 0, in our sign; and if not, whose sign is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manta.twin.columns import Flags, FleetDay, Floats, Whole, first_slot, ratio

PARTS = ("pv", "battery", "load", "grid")
TOLERANCE_KW = 0.15
TOLERANCE_SHARE = 0.05
"""Of what flows: meters of two makes, read a second apart."""
LEAST_FLOW_KW = 0.3
"""A part that hardly moves says nothing about its sign."""
LEAST_KNOWN_SHARE = 0.1
STUCK_HOURS = 3.0
STUCK_OTHERS_KW = 0.5
"""So much must the rest of the site move before a meter that stands still is called stuck."""


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """How far each site adds up, a row a site."""

    residual_kw: Floats
    """Mean magnitude of what is left over; NaN where too little is known."""
    tolerance_kw: Floats
    broken: Flags
    inverted: Whole
    """The place in PARTS of the one part whose flip makes the site add up; −1 where none does."""
    first: Whole
    """The slot from which it shows."""


def residual(pv_kw: Floats, battery_kw: Floats, load_kw: Floats, grid_kw: Floats) -> Floats:
    """Return what is left over, kW; NaN where any part is unknown. Signs are the house's."""
    return pv_kw + battery_kw + load_kw - grid_kw


def tolerance(pv_kw: Floats, battery_kw: Floats, load_kw: Floats, grid_kw: Floats) -> Floats:
    """Return what may be left over, kW: the larger of a fixed amount and a share of what flows."""
    flow_kw = np.maximum.reduce([np.abs(pv_kw), np.abs(battery_kw), np.abs(load_kw), np.abs(grid_kw)])
    allowed_kw: Floats = np.maximum(TOLERANCE_KW, TOLERANCE_SHARE * flow_kw)
    return allowed_kw


def balance(day: FleetDay) -> Balance:
    """Judge each site by its mean residual over the slots in which every part is known."""
    parts = (day.pv_kw, day.battery_kw, day.load_kw, day.grid_kw)
    left_kw = residual(*parts)
    allowed_kw = tolerance(*parts)
    known = ~np.isnan(left_kw)
    count = known.sum(axis=1)
    enough = count >= LEAST_KNOWN_SHARE * known.shape[1]
    mean_kw = _mean(np.abs(left_kw), known, count)
    tolerance_kw = _mean(allowed_kw, known, count)
    broken = enough & (mean_kw > tolerance_kw)
    inverted = np.full(len(left_kw), -1)
    rows = np.flatnonzero(broken)
    if len(rows):
        inverted[rows] = _inverted([part[rows] for part in parts], left_kw[rows], tolerance_kw[rows])
    over = known & (np.abs(left_kw) > allowed_kw)
    return Balance(np.where(enough, mean_kw, np.nan), tolerance_kw, broken, inverted, first_slot(over))


def _inverted(parts: list[Floats], left_kw: Floats, tolerance_kw: Floats) -> Whole:
    """Flip each part in turn; the flip that closes the balance names the culprit, if one alone does."""
    known = ~np.isnan(left_kw)
    count = known.sum(axis=1)
    flipped_kw = []
    for name, part_kw in zip(PARTS, parts, strict=True):
        change_kw = 2.0 * part_kw if name == "grid" else -2.0 * part_kw
        mean_kw = _mean(np.abs(left_kw + change_kw), known, count)
        moves = _mean(np.abs(part_kw), known, count) >= LEAST_FLOW_KW
        flipped_kw.append(np.where(moves, mean_kw, np.inf))
    each_kw = np.stack(flipped_kw)
    closes = each_kw <= tolerance_kw
    return np.where(closes.sum(axis=0) == 1, each_kw.argmin(axis=0), -1)


def stuck_meter(day: FleetDay) -> tuple[Flags, Whole, Floats]:
    """Return whose meter stands still while the site moves, the slot from which, and for how many hours.

    To the last digit the same while the site does not add up and the rest of it moves: a site at rest is not
    stuck, nor is one whose battery holds the meter where it is.
    """
    parts = (day.pv_kw, day.battery_kw, day.load_kw, day.grid_kw)
    suspect = np.abs(residual(*parts)) > tolerance(*parts)
    suspect[:, 0] = False
    suspect[:, 1:] &= day.grid_kw[:, 1:] == day.grid_kw[:, :-1]
    hours = suspect.sum(axis=1).astype(np.float64) * day.hours
    others_kw = parts[0] + parts[1] + parts[2]
    most_kw = np.where(suspect, others_kw, -np.inf).max(axis=1)
    moves = np.where(suspect, others_kw, np.inf).min(axis=1) < most_kw - STUCK_OTHERS_KW
    return moves & (hours >= STUCK_HOURS), first_slot(suspect), hours


def _mean(values: Floats, known: Flags, count: Whole) -> Floats:
    return ratio(np.where(known, values, 0.0).sum(axis=1), count.astype(np.float64))
