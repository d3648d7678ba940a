"""The same calm summer's day for ever: what the demonstration shows.

Prices are a function of the interval alone, so that any of them can be asked for at any time, in any order
and by any process, and nothing needs to be remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import Region
from manta.domain.time import INTERVALS_PER_DAY

type Octaves = tuple[tuple[int, float], ...]
"""Noise as (how many intervals it lasts, its size)."""

FLOOR_PER_MWH, CEILING_PER_MWH = -60.0, 240.0
"""Where ordinary days stay; what lies beyond is a story."""

_HOURS = (0, 3, 5, 7, 9, 11, 13, 15, 16.5, 17.5, 19, 20.5, 22, 24)
_SHAPE = (72, 58, 66, 96, 48, 18, 14, 30, 66, 98, 138, 118, 88, 72)
"""$/MWh over a summer's day in NEM time: the sun at noon, the peak after it has gone."""
_LEVEL = {Region.NSW: 1.06, Region.QLD: 0.98, Region.SA: 1.08, Region.TAS: 0.92, Region.VIC: 0.97}
_TOGETHER = {Region.NSW: 0.85, Region.QLD: 0.7, Region.SA: 0.75, Region.TAS: 0.4, Region.VIC: 0.85}
"""How much of a region's noise it shares with the others over the interconnectors."""
_OCTAVES = ((24, 20.0), (6, 14.0), (1, 8.0))
_DEMAND_MW = {Region.NSW: 8_600, Region.QLD: 7_100, Region.SA: 1_650, Region.TAS: 1_080, Region.VIC: 5_600}
_DEMAND_HOURS = (0, 4, 8, 13, 17, 19, 22, 24)
_DEMAND_SHAPE = (0.92, 0.8, 0.98, 0.82, 1.18, 1.3, 1.08, 0.92)

SERVICES = {
    "RAISE6SEC": 1.9,
    "RAISE60SEC": 0.6,
    "RAISE5MIN": 0.5,
    "RAISEREG": 5.2,
    "LOWER6SEC": 0.7,
    "LOWER60SEC": 0.5,
    "LOWER5MIN": 0.4,
    "LOWERREG": 3.1,
    "RAISE1SEC": 0.8,
    "LOWER1SEC": 0.3,
}
"""The ten FCAS services and what they usually cost, $/MW/h."""


@dataclass(frozen=True, slots=True)
class SummerDays:
    """The same calm summer's day for ever: what the demonstration shows."""

    def prices(self, region: Region, day: int, seed: int) -> NDArray[np.float64]:
        """Return energy prices between CEILING_PER_MWH and FLOOR_PER_MWH."""
        return _prices(region, day, seed)

    def services(self, service: str, region: Region, day: int, seed: int) -> NDArray[np.float64]:
        """Return a service's usual price; every service costs more while energy is dear."""
        noise = _noise(f"{service}/{region}", day, seed, ((6, 0.5), (1, 0.2)))
        return SERVICES[service] * (1.0 + noise) * (1.0 + _prices(region, day, seed).clip(0.0) / 500.0)

    def demand_mw(self, region: Region, day: int, seed: int) -> NDArray[np.float64]:
        """Return a summer's demand."""
        noise = _noise(f"demand/{region}", day, seed, ((12, 0.03), (1, 0.005)))
        shape = np.interp(np.arange(INTERVALS_PER_DAY) / 12.0, _DEMAND_HOURS, _DEMAND_SHAPE)
        return np.round(_DEMAND_MW[region] * shape * (1.0 + noise), 2)

    def rooftop_mw(self, region: Region, day: int, seed: int) -> NDArray[np.float64]:
        """Return a clear summer's sun."""
        height = np.sin(np.pi * (np.arange(INTERVALS_PER_DAY) / 12.0 - 5.0) / 14.0)
        return np.round(0.45 * _DEMAND_MW[region] * np.maximum(height, 0.0) ** 1.3, 3)


@lru_cache(maxsize=256)
def _prices(region: Region, day: int, seed: int) -> NDArray[np.float64]:
    """Return a region's ordinary prices of one day, the interval that ends at 00:00 first."""
    shape = np.interp(np.arange(INTERVALS_PER_DAY) / 12.0, _HOURS, _SHAPE) * _LEVEL[region]
    share = _TOGETHER[region]
    noise = share * _noise("market", day, seed, _OCTAVES) + (1.0 - share) * _noise(
        region, day, seed, _OCTAVES
    )
    return np.round(np.clip(shape + noise, FLOOR_PER_MWH, CEILING_PER_MWH), 5)


@lru_cache(maxsize=1024)
def _noise(name: str, day: int, seed: int, octaves: Octaves) -> NDArray[np.float64]:
    """Return one day of smooth noise around 0, a sum of octaves that each turn over in their own time."""
    numbers = np.arange(day * INTERVALS_PER_DAY, (day + 1) * INTERVALS_PER_DAY)
    total = np.zeros(INTERVALS_PER_DAY)
    for lasts, size in octaves:
        step, along = numbers // lasts, (numbers % lasts) / lasts
        smooth = along * along * (3.0 - 2.0 * along)
        here, there = _die(name, lasts, step, seed), _die(name, lasts, step + 1, seed)
        total += size * (here + (there - here) * smooth)
    return total


def _die(name: str, lasts: int, step: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Return a number in [-1, 1) that depends on every argument and looks like no pattern."""
    salt = int.from_bytes(f"{name}/{lasts}/{seed}".encode(), "big") % (2**61 - 1)
    with np.errstate(over="ignore"):
        mixed = step.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
    return mixed.astype(np.float64) / 2.0**63 - 1.0
