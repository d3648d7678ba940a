"""A plausible market: five regions on a summer's day, the same again for the same seed.

Prices are a function of the interval alone, so that any of them can be asked for at any time, in any order
and by any process, and nothing needs to be remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import Region
from manta.domain.reference import administered_cap_per_mwh, cap_per_mwh
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval
from manta.simulators.stories import Standing, Story

type Octaves = tuple[tuple[int, float], ...]
"""Noise as (how many intervals it lasts, its size)."""

DAY = 288
WEEK = 2_016
"""Intervals over which the cumulative price is summed."""
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


class Days(Protocol):
    """What days are like where no story is told: 288 numbers, the interval that ends at 00:00 first."""

    def prices(self, region: Region, day: int, seed: int) -> NDArray[np.float64]:
        """Return a region's energy prices of one day, counted from 1970, $/MWh."""
        ...

    def services(self, service: str, region: Region, day: int, seed: int) -> NDArray[np.float64]:
        """Return the prices of an FCAS service, $/MW/h."""
        ...

    def demand_mw(self, region: Region, day: int, seed: int) -> NDArray[np.float64]:
        """Return a region's demand."""
        ...

    def rooftop_mw(self, region: Region, day: int, seed: int) -> NDArray[np.float64]:
        """Return what a region's roofs make."""
        ...


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
        shape = np.interp(np.arange(DAY) / 12.0, _DEMAND_HOURS, _DEMAND_SHAPE)
        return np.round(_DEMAND_MW[region] * shape * (1.0 + noise), 2)

    def rooftop_mw(self, region: Region, day: int, seed: int) -> NDArray[np.float64]:
        """Return a clear summer's sun."""
        height = np.sin(np.pi * (np.arange(DAY) / 12.0 - 5.0) / 14.0)
        return np.round(0.45 * _DEMAND_MW[region] * np.maximum(height, 0.0) ** 1.3, 3)


@dataclass(frozen=True, slots=True)
class SimulatedMarket:
    """What the market simulator publishes: ordinary days, and the stories told over them."""

    seed: int
    stories: Sequence[Story] = ()
    days: Days = SummerDays()

    def per_mwh(self, region: Region, interval: DispatchInterval) -> float:
        """Return the energy price, $/MWh with five decimals as AEMO publishes it."""
        told = (story.per_mwh for story in self.stories if story.tells(region, interval))
        first = next(told, None)
        return self._ordinary(region, interval) if first is None else first

    def uncapped_per_mwh(self, region: Region, interval: DispatchInterval) -> float:
        """Return what the energy price would be without administration."""
        told = (story.uncapped_per_mwh for story in self.stories if story.tells(region, interval))
        first = next(told, None)
        return self.per_mwh(region, interval) if first is None else first

    def standing(self, region: Region, interval: DispatchInterval) -> Standing:
        """Return the rules that a region's market runs under."""
        told = (story.standing for story in self.stories if story.tells(region, interval))
        return next(told, Standing.OPEN)

    def service_per_mw(self, service: str, region: Region, interval: DispatchInterval) -> float:
        """Return the price of an FCAS service, $/MW/h, below the administered cap where prices are held."""
        told = (s.per_mwh for s in self.stories if s.tells_service(service, region, interval))
        paid = next(told, None)
        if paid is None:
            dear = self.per_mwh(region, interval) - self._ordinary(region, interval)
            ordinary = _at(self.days.services(service, region, _day(interval), self.seed), interval)
            paid = ordinary * (1.0 + max(dear, 0.0) / 500.0)
        held = self.standing(region, interval) is not Standing.OPEN
        return round(min(paid, administered_cap_per_mwh(interval) if held else cap_per_mwh(interval)), 5)

    def demand_mw(self, region: Region, interval: DispatchInterval) -> float:
        """Return a region's demand, MW as AEMO counts it."""
        return _at(self.days.demand_mw(region, _day(interval), self.seed), interval)

    def rooftop_mw(self, region: Region, interval: DispatchInterval) -> float:
        """Return what a region's roofs make."""
        return _at(self.days.rooftop_mw(region, _day(interval), self.seed), interval)

    def cumulative_per_mwh(self, region: Region, interval: DispatchInterval) -> float:
        """Return the sum of a week's uncapped prices, which is what decides over administered pricing."""
        day, last = divmod(_number(interval), DAY)
        total = float(self.days.prices(region, day, self.seed)[: last + 1].sum())
        total += sum(float(self.days.prices(region, day - n, self.seed).sum()) for n in range(1, WEEK // DAY))
        total += float(self.days.prices(region, day - WEEK // DAY, self.seed)[last + 1 :].sum())
        told = {each for story in self.stories for each in story.intervals if story.tells(region, each)}
        for each in told:
            if 0 <= _number(interval) - _number(each) < WEEK:
                total += self.uncapped_per_mwh(region, each) - self._ordinary(region, each)
        return round(total, 5)

    def before_review(self) -> SimulatedMarket:
        """Return the market as its not firm files have it, with the prices that are withdrawn later."""
        return replace(self, stories=[replace(story, is_withdrawn=False) for story in self.stories])

    def _ordinary(self, region: Region, interval: DispatchInterval) -> float:
        return _at(self.days.prices(region, _day(interval), self.seed), interval)


def price(region: Region, interval: DispatchInterval, seed: int) -> float:
    """Return the ordinary energy price of a region, $/MWh with five decimals."""
    day, place = divmod(_number(interval), DAY)
    return float(_prices(region, day, seed)[place])


@lru_cache(maxsize=256)
def _prices(region: Region, day: int, seed: int) -> NDArray[np.float64]:
    """Return a region's ordinary prices of one day, the interval that ends at 00:00 first."""
    shape = np.interp(np.arange(DAY) / 12.0, _HOURS, _SHAPE) * _LEVEL[region]
    share = _TOGETHER[region]
    noise = share * _noise("market", day, seed, _OCTAVES) + (1.0 - share) * _noise(
        region, day, seed, _OCTAVES
    )
    return np.round(np.clip(shape + noise, FLOOR_PER_MWH, CEILING_PER_MWH), 5)


def _day(interval: DispatchInterval) -> int:
    return _number(interval) // DAY


def _at(day: NDArray[np.float64], interval: DispatchInterval) -> float:
    return float(day[_number(interval) % DAY])


def _number(interval: DispatchInterval) -> int:
    """Count intervals since 1970 in NEM time, so that a day begins with a multiple of 288."""
    local = interval.end.astimezone(NEM_TIME).replace(tzinfo=None)
    return (local - local.min.replace(year=1970)) // FIVE_MINUTES


@lru_cache(maxsize=1024)
def _noise(name: str, day: int, seed: int, octaves: Octaves) -> NDArray[np.float64]:
    """Return one day of smooth noise around 0, a sum of octaves that each turn over in their own time."""
    numbers = np.arange(day * DAY, (day + 1) * DAY)
    total = np.zeros(DAY)
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
