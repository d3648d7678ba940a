"""Days as Australia really has them: prices, services, demand and sun with the statistics of the real market.

A price is a quantile: noise with the memory of real prices, correlated over the regions, says how dear an
interval is among those of its hour, and the hour's own distribution says what that costs (a Gaussian copula).
Every day is made from numbered draws, so that any of them can be asked for, in any order, and is the same.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import REGIONS, Region
from manta.domain.reference import FLOOR_PER_MWH, cap_per_mwh
from manta.domain.time import INTERVALS_PER_DAY, NEM_TIME, DispatchInterval
from manta.nemsim import fitted

type Day = NDArray[np.float64]
"""288 numbers, the interval that ends at 00:00 first."""

_BEND_PER_MWH = 50.0
"""Between quantiles prices are interpolated on an asinh scale: linear below this, logarithmic above."""
_CAP_THEN_PER_MWH = 16_600.0
"""The middle one of the caps in force when the quantiles were taken; what is dear scales with the cap."""
_DEAR_PER_MWH = 1_000.0
_FORGOTTEN = 6
"""After so many of its lifetimes a draw is left out: e to the minus six."""
_SHARE_OF_VIC = np.array([1.53, 1.27, 0.29, 0.19, 1.0])
"""Demand beside VIC1's. NSW1 from January 2024, both regions; the others believed, not fitted."""
_CALM = (0.0005, 0.0, 0.3495, 0.25, 0.4)
"""Weights for demand and cloud, which do not jump from one interval to the next; chosen."""
_ROOFTOP_MW = np.array([6_900.0, 6_300.0, 2_500.0, 330.0, 4_900.0])
"""Installed on roofs; believed, about 2025."""
_LATITUDE = np.radians(np.array([-33.9, -27.5, -34.9, -42.9, -37.8]))
_SOLAR_NOON = np.array([11.93, 11.8, 12.77, 12.18, 12.33])
"""NEM time at the region's capital, without the equation of time."""
_ORIGIN = date(1970, 1, 1)
_PLACES = np.arange(INTERVALS_PER_DAY)
_HOUR = (_PLACES - 0.5) / 12.0 % 24.0
"""The hour of the day at the middle of each interval."""
_MIX = np.linalg.cholesky(np.array(fitted.TOGETHER))
_SCORES = np.array(fitted.SCORES)
_SERVICES = (
    *("RAISE6SEC", "RAISE60SEC", "RAISE5MIN", "RAISEREG", "LOWER6SEC", "LOWER60SEC", "LOWER5MIN"),
    *("LOWERREG", "RAISE1SEC", "LOWER1SEC"),
)
"""The rows of the fitted table."""


@dataclass(frozen=True, slots=True)
class FittedDays:
    """Days whose prices are spread, cluster and move together as those of 2022 to 2024 did."""

    def prices(self, region: Region, day: int, seed: int) -> Day:
        """Return a region's energy prices of one day, counted from 1970, $/MWh."""
        return _prices(region, day, seed)

    def services(self, service: str, region: Region, day: int, seed: int) -> Day:
        """Return the prices of an FCAS service, $/MW/h; the mainland has one, Tasmania its own."""
        return _services(service, region is Region.TAS, day, seed)

    def demand_mw(self, region: Region, day: int, seed: int) -> Day:
        """Return a region's demand, MW as AEMO counts it: what the roofs have not met."""
        return _demand(region, day, seed)

    def rooftop_mw(self, region: Region, day: int, seed: int) -> Day:
        """Return what the region's roofs make, MW."""
        return _rooftop(region, day, seed)


@lru_cache(maxsize=512)
def _prices(region: Region, day: int, seed: int) -> Day:
    number = REGIONS.index(region)
    hours = _HOUR.astype(int)
    cosine, sine = _turn(day)
    swing = np.array(fitted.SEASON)
    turned = (swing @ np.array([cosine, sine]))[hours]
    rest = np.sqrt(1.0 - (swing**2).sum(axis=1) / 2.0)[hours]
    offset = np.array(fitted.OFFSETS)[number][((hours >= 8) & (hours < 17)).astype(int)]
    score = turned + rest * _score(number, day, seed, fitted.WEIGHTS) + offset
    per_mwh = _BEND_PER_MWH * np.sinh(_read(_hourly(), score))
    caps = _caps(day)
    per_mwh = np.where(per_mwh > _DEAR_PER_MWH, per_mwh * caps / _CAP_THEN_PER_MWH, per_mwh)
    rounded: Day = np.round(np.clip(per_mwh, FLOOR_PER_MWH, caps), 5)
    return rounded


@lru_cache(maxsize=512)
def _services(service: str, is_island: bool, day: int, seed: int) -> Day:  # noqa: FBT001 - a key, not a choice
    number = _SERVICES.index(service)
    island = "/TAS1" if is_island else ""
    energy = _score(REGIONS.index(Region.TAS if is_island else Region.NSW), day, seed, fitted.WEIGHTS)
    own = _noise(f"{service}{island}", day, seed, fitted.WEIGHTS)
    together = fitted.SERVICE_WITH_ENERGY[number]
    score = together * energy + np.sqrt(1.0 - together**2) * own
    quantiles = np.arcsinh(np.array(fitted.SERVICE_PER_MW)[number])
    per_mw = np.sinh(np.interp(score, fitted.SERVICE_SCORES, quantiles))
    rounded: Day = np.round(np.clip(per_mw, 0.0, _caps(day)), 5)
    return rounded


@lru_cache(maxsize=128)
def _demand(region: Region, day: int, seed: int) -> Day:
    number = REGIONS.index(region)
    deviation, with_price, weekend = fitted.DEMAND_NOISE
    level = np.array(fitted.DEMAND_MW) @ np.array([1.0, *_turn(day)])
    typical = np.interp(_HOUR, np.arange(-0.5, 25.0), np.r_[level[-1], level, level[0]])
    is_weekend = day % 7 in (2, 3)  # 1 January 1970 was a Thursday
    typical *= weekend if is_weekend else (7.0 - 2.0 * weekend) / 5.0
    own = _noise(f"demand/{region}", day, seed, _CALM)
    score = with_price * _score(number, day, seed, _CALM) + np.sqrt(1.0 - with_price**2) * own
    rounded: Day = np.round(np.maximum(typical * _SHARE_OF_VIC[number] * (1.0 + deviation * score), 0.0), 2)
    return rounded


@lru_cache(maxsize=128)
def _rooftop(region: Region, day: int, seed: int) -> Day:
    """Return the roofs' power under a sky whose cover passes; clear sky after Haurwitz (1945)."""
    number = REGIONS.index(region)
    declination = np.radians(23.45) * np.cos(2.0 * np.pi * (_day_of_year(day) - 172) / 365.25)
    angle = np.radians(15.0 * (_HOUR - _SOLAR_NOON[number]))
    latitude = _LATITUDE[number]
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(angle)
    clear = np.where(height > 0.0, 1.098 * height * np.exp(-0.057 / np.maximum(height, 1e-3)), 0.0)
    sky = 1.0 / (1.0 + np.exp(-1.1 - 1.2 * _noise(f"sky/{region}", day, seed, _CALM)))
    power: Day = np.round(_ROOFTOP_MW[number] * 0.8 * clear * (0.2 + 0.8 * sky), 3)
    return power


@lru_cache(maxsize=1)
def _hourly() -> NDArray[np.float64]:
    """Return the quantiles at each interval of a day, bent, half-way from hour to hour."""
    bent = np.arcsinh(np.array(fitted.HOURLY_PER_MWH) / _BEND_PER_MWH)
    before = np.floor(_HOUR - 0.5).astype(int) % 24
    share = ((_HOUR - 0.5) % 1.0)[:, None]
    smooth: NDArray[np.float64] = (1.0 - share) * bent[before] + share * bent[(before + 1) % 24]
    return smooth


def _read(quantiles: NDArray[np.float64], score: Day) -> Day:
    """Return the quantile at each interval's score, between the two that are known."""
    inside = np.clip(score, _SCORES[0], _SCORES[-1])
    above = np.clip(np.searchsorted(_SCORES, inside), 1, len(_SCORES) - 1)
    share = (inside - _SCORES[above - 1]) / (_SCORES[above] - _SCORES[above - 1])
    between: Day = (1.0 - share) * quantiles[_PLACES, above - 1] + share * quantiles[_PLACES, above]
    return between


@lru_cache(maxsize=128)
def _caps(day: int) -> Day:
    """Return the market price cap over each interval; the first one still belongs to the day before."""
    midnight = datetime.combine(_ORIGIN + timedelta(days=day), time(), NEM_TIME).astimezone(UTC)
    caps = np.full(INTERVALS_PER_DAY, cap_per_mwh(DispatchInterval.containing(midnight)))
    caps[0] = cap_per_mwh(DispatchInterval(midnight))
    return caps


def _day_of_year(day: int) -> int:
    return (_ORIGIN + timedelta(days=day)).timetuple().tm_yday - 1


def _turn(day: int) -> tuple[float, float]:
    turn = 2.0 * np.pi * _day_of_year(day) / 365.25
    return float(np.cos(turn)), float(np.sin(turn))


def _score(number: int, day: int, seed: int, weights: tuple[float, ...]) -> Day:
    """Return a region's own mix of the five sources of noise."""
    total = np.zeros(INTERVALS_PER_DAY)
    for source, share in enumerate(_MIX[number]):
        if share:
            total += share * _noise(f"energy/{source}", day, seed, weights)
    return total


@lru_cache(maxsize=2_048)
def _noise(name: str, day: int, seed: int, weights: tuple[float, ...]) -> Day:
    """Return a day of standard normal noise: parts that each forget in their own time, weighed."""
    draws = _draws(name, day, seed)
    total = np.zeros(INTERVALS_PER_DAY)
    for part, (lasts, weight) in enumerate(zip(fitted.LASTS, weights, strict=True)):
        if not weight:
            continue
        if lasts == 1:
            total += np.sqrt(weight) * draws[part] * _unrest(name, day, seed)
            continue
        keeps = np.exp(-1.0 / lasts)
        before = 0.0
        for back in range(1, 2 + _FORGOTTEN * lasts // INTERVALS_PER_DAY):
            carried = _carried(name, day - back, seed)[part]
            before += carried * keeps ** (INTERVALS_PER_DAY * (back - 1))
        within = _memory(lasts) @ draws[part] + before * keeps ** (_PLACES + 1)
        total += np.sqrt(weight * (1.0 - keeps**2)) * within
    return total


@lru_cache(maxsize=1_024)
def _unrest(name: str, day: int, seed: int) -> Day:
    """Return how restless the market is over a day, 1 in the mean square: jumps come in swarms."""
    calmness = _noise(f"{name}/unrest", day, seed, fitted.UNREST_WEIGHTS)
    unrest: Day = np.exp(fitted.UNREST * calmness - fitted.UNREST**2)
    return unrest


@lru_cache(maxsize=16_384)
def _carried(name: str, day: int, seed: int) -> Day:
    """Return what each part of a day's draws leaves at the day's end."""
    keeps = np.exp(-1.0 / np.array(fitted.LASTS))[:, None]
    left: Day = (_draws(name, day, seed) * keeps ** _PLACES[::-1]).sum(axis=1)
    return left


@lru_cache(maxsize=64)
def _draws(name: str, day: int, seed: int) -> NDArray[np.float64]:
    """Return a day's standard normal draws, a row for each part."""
    source = np.random.PCG64(np.random.SeedSequence((seed, zlib.crc32(name.encode()), day)))
    return np.random.Generator(source).standard_normal((len(fitted.LASTS), INTERVALS_PER_DAY))


@lru_cache(maxsize=8)
def _memory(lasts: int) -> NDArray[np.float64]:
    """Return the matrix that lets each draw of a day fade over the rest of it."""
    ages = _PLACES[:, None] - _PLACES[None, :]
    faded: NDArray[np.float64] = np.where(ages >= 0, np.exp(-np.maximum(ages, 0) / lasts), 0.0)
    return faded
