"""The simulated market: ordinary days, the stories told over them, and the rules that bind their prices.

Everything is a function of seed, stories and interval: nothing is remembered from one question to the next,
administered pricing included, which begins and ends as a week of prices has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import Region, Service
from manta.domain.reference import administered_cap_per_mwh, cap_per_mwh, threshold_per_mwh
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval, epoch_ms
from manta.domain.time import INTERVALS_PER_DAY as DAY
from manta.nemsim.stories import Standing, Story
from manta.nemsim.summer_days import SummerDays

type Array = NDArray[np.float64]

WEEK = 7 * DAY
"""Intervals over which the cumulative price is summed."""
ENERGY = ""
"""Stands where a service's name may stand."""
_TRADING_DAY_BEGINS = 49
"""The place in a calendar day of the interval that ends at 04:05."""
_PER_AUD = 100_000
"""Prices have five decimals: sums are of whole numbers, and so exact."""
_MIDNIGHT = epoch_ms(datetime(1970, 1, 1, tzinfo=NEM_TIME))
_INTERVAL_MS = 300_000
_DEAR_PER_MWH = 500.0
"""By so much more for energy, services cost as much again."""


class Days(Protocol):
    """What days are like where no story is told: 288 numbers, the interval that ends at 00:00 first."""

    def prices(self, region: Region, day: int, seed: int) -> Array:
        """Return a region's energy prices of one day, counted from 1970, $/MWh."""
        ...

    def services(self, service: str, region: Region, day: int, seed: int) -> Array:
        """Return the prices of an FCAS service, $/MW/h."""
        ...

    def demand_mw(self, region: Region, day: int, seed: int) -> Array:
        """Return a region's demand."""
        ...

    def rooftop_mw(self, region: Region, day: int, seed: int) -> Array:
        """Return what a region's roofs make."""
        ...


@dataclass(frozen=True, slots=True)
class SimulatedMarket:
    """What the market simulator publishes."""

    seed: int
    stories: Sequence[Story] = ()
    days: Days = SummerDays()

    def per_mwh(self, region: Region, interval: DispatchInterval) -> float:
        """Return the energy price, $/MWh with five decimals as AEMO publishes it."""
        story = self._story(region, interval)
        if story is not None and story.standing is not Standing.OPEN:
            return story.per_mwh
        per_mwh = self._ordinary(region, interval) if story is None else story.per_mwh
        if not self._is_held(region, interval):
            return per_mwh
        held = administered_cap_per_mwh(interval)
        return min(max(per_mwh, -held), held)

    def uncapped_per_mwh(self, region: Region, interval: DispatchInterval) -> float:
        """Return what the energy price would be without administration."""
        story = self._story(region, interval)
        return self._ordinary(region, interval) if story is None else story.counts_per_mwh

    def standing(self, region: Region, interval: DispatchInterval) -> Standing:
        """Return the rules that a region's market runs under: a story's, or what its week brings."""
        story = self._story(region, interval)
        if story is not None and story.standing is not Standing.OPEN:
            return story.standing
        return Standing.ADMINISTERED if self._is_held(region, interval) else Standing.OPEN

    def service_per_mw(self, service: str, region: Region, interval: DispatchInterval) -> float:
        """Return the price of an FCAS service, $/MW/h, below the administered cap where prices are held."""
        paid = self.uncapped_service_per_mw(service, region, interval)
        return (
            min(paid, administered_cap_per_mwh(interval)) if self.holds_services(region, interval) else paid
        )

    def uncapped_service_per_mw(self, service: str, region: Region, interval: DispatchInterval) -> float:
        """Return what the price of a service would be without administration."""
        return self._at(_uncapped, service, region, interval)

    def holds_services(self, region: Region, interval: DispatchInterval) -> bool:
        """Tell whether services are bound: by what binds energy, or by the week of a service's own prices."""
        if self.standing(region, interval) is not Standing.OPEN:
            return True
        return bool(self._at(_service_held, ENERGY, region, interval))

    def demand_mw(self, region: Region, interval: DispatchInterval) -> float:
        """Return a region's demand, MW as AEMO counts it."""
        return self._on_the_day(self.days.demand_mw, region, interval)

    def rooftop_mw(self, region: Region, interval: DispatchInterval) -> float:
        """Return what a region's roofs make."""
        return self._on_the_day(self.days.rooftop_mw, region, interval)

    def cumulative_per_mwh(self, region: Region, interval: DispatchInterval) -> float:
        """Return the sum of a week's uncapped prices, which is what decides over administered pricing."""
        return self._at(_cumulative, ENERGY, region, interval)

    def cumulative_service_per_mw(self, service: str, region: Region, interval: DispatchInterval) -> float:
        """Return the sum of a week's uncapped prices of a service."""
        return self._at(_cumulative, service, region, interval)

    def before_review(self) -> SimulatedMarket:
        """Return the market as its not firm files have it, with the prices that are withdrawn later."""
        return replace(self, stories=[replace(story, is_withdrawn=False) for story in self.stories])

    def _story(self, region: Region, interval: DispatchInterval) -> Story | None:
        return next((story for story in self.stories if story.tells(region, interval)), None)

    def _ordinary(self, region: Region, interval: DispatchInterval) -> float:
        return self._on_the_day(self.days.prices, region, interval)

    def _is_held(self, region: Region, interval: DispatchInterval) -> bool:
        return bool(self._at(_held, ENERGY, region, interval))

    def _on_the_day(
        self, of: Callable[[Region, int, int], Array], region: Region, interval: DispatchInterval
    ) -> float:
        day, place = divmod(_number(interval), DAY)
        return float(of(region, day, self.seed)[place])

    def _at(
        self,
        of: Callable[[_Series, int], Array],
        service: str,
        region: Region,
        interval: DispatchInterval,
    ) -> float:
        """Return one number of a series."""
        day, place = divmod(_number(interval), DAY)
        told = _bearing(tuple(self.stories), region, day)
        return float(of(_Series(self.days, self.seed, region, service, told), day)[place])


@lru_cache(maxsize=256)
def _bearing(stories: tuple[Story, ...], region: Region, day: int) -> tuple[Story, ...]:
    """Return the stories that can bear on a region's prices of a day and of the eight days before it."""
    since, until = _end((day - 9) * DAY), _end((day + 1) * DAY)
    standing = (story for story in stories if region in story.regions and not story.is_withdrawn)
    return tuple(story for story in standing if since < story.ends and story.begins < until)


@dataclass(frozen=True, slots=True)
class _Series:
    """The uncapped prices of a region's energy, or of one of its services."""

    days: Days
    seed: int
    region: Region
    service: str
    told: tuple[Story, ...]


@lru_cache(maxsize=4_096)
def _uncapped(of: _Series, day: int) -> Array:
    """Return a day's prices before any administration, the stories told."""
    ordinary = of.days.prices(of.region, day, of.seed)
    energy = ordinary.copy()
    for place, story in _told(of.told, day):
        if not story.services:
            energy[place] = story.counts_per_mwh
    if of.service == ENERGY:
        return energy
    dear = np.maximum(energy - ordinary, 0.0) / _DEAR_PER_MWH
    paid = of.days.services(of.service, of.region, day, of.seed) * (1.0 + dear)
    for place, story in _told(of.told, day):
        if of.service in story.services:
            paid[place] = story.per_mwh
    return np.round(np.minimum(paid, _over_the_day(cap_per_mwh, day)), 5)


def _told(stories: Sequence[Story], day: int) -> Iterator[tuple[slice, Story]]:
    """Yield the places of a day that each story is told over, the first one last: it has the last word."""
    for story in reversed(stories):
        first = _number(story.first) - day * DAY
        if first < DAY and first + story.count > 0:
            yield slice(max(first, 0), first + story.count), story


@lru_cache(maxsize=2_048)
def _cumulative(of: _Series, day: int) -> Array:
    """Return for each interval of a day what the week that ends with it adds up to."""
    days = [_uncapped(of, day - n) for n in range(WEEK // DAY, -1, -1)]
    so_far = np.cumsum(np.rint(np.concatenate(days) * _PER_AUD).astype(np.int64))
    total: Array = (so_far[WEEK:] - so_far[:DAY]) / _PER_AUD
    return total


@lru_cache(maxsize=2_048)
def _held(of: _Series, day: int) -> Array:
    """Return 1 for each interval of a day that is administered, else 0.

    From the interval after the one whose cumulative price is above the threshold until the end of that
    trading day, at 04:00 (SO_OP_3705 section 15).
    """
    over = [_cumulative(of, each) > _over_the_day(threshold_per_mwh, each) for each in (day - 1, day)]
    begins = np.concatenate(([False], *over))[: 2 * DAY]
    begun_yesterday = np.logical_or.accumulate(begins[_TRADING_DAY_BEGINS : _TRADING_DAY_BEGINS + DAY])
    begun_today = np.logical_or.accumulate(begins[_TRADING_DAY_BEGINS + DAY :])
    return np.concatenate([begun_yesterday[-_TRADING_DAY_BEGINS:], begun_today]).astype(float)


@lru_cache(maxsize=256)
def _service_held(of: _Series, day: int) -> Array:
    """Return 1 for each interval of a day in which any service's week has services administered."""
    services = [_held(replace(of, service=service.value), day) for service in Service]
    any_held: Array = np.maximum.reduce(services)
    return any_held


@lru_cache(maxsize=64)
def _over_the_day(setting: Callable[[DispatchInterval], float], day: int) -> Array:
    """Return a number of the market over a day; its first interval still belongs to the day before."""
    over = np.full(DAY, setting(DispatchInterval(_end(day * DAY + 1))))
    over[0] = setting(DispatchInterval(_end(day * DAY)))
    return over


def _number(interval: DispatchInterval) -> int:
    """Count intervals since 1970 in NEM time, so that a day begins with a multiple of 288."""
    return (epoch_ms(interval.end) - _MIDNIGHT) // _INTERVAL_MS


def _end(number: int) -> datetime:
    """Return when the interval of that number ends."""
    return datetime(1970, 1, 1, tzinfo=NEM_TIME) + number * FIVE_MINUTES
