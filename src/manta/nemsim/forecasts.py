"""What the simulated AEMO expects: wrong as the real one is wrong.

The error grows with the horizon, belongs to the interval foreseen more than to the run that foresees it, and
has a thick tail; most of the spikes that come are not seen coming, and some are seen that never come. From
every pre-dispatch run of January 2021 against the prices that came (``scripts/fit_forecasts.py``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import asinh, sinh
from statistics import NormalDist

import numpy as np

from manta.domain.market import Region
from manta.domain.reference import FLOOR_PER_MWH, cap_per_mwh
from manta.domain.time import FIVE_MINUTES, HALF_HOUR, NEM_TIME, DispatchInterval, TradingDay, epoch_ms
from manta.nemsim.market import SimulatedMarket

_BEND_PER_MWH = 50.0
"""Errors are counted on an asinh scale: in dollars below this, in proportion above."""
_AHEAD_MIN = (0.0, 5.0, 10.0, 40.0, 70.0, 130.0, 250.0, 430.0, 790.0, 1_150.0, 1_510.0, 2_370.0)
"""From the start of a run to the middle of what it foresees."""
_USUAL_ERROR = (0.0, 0.03, 0.041, 0.055, 0.062, 0.073, 0.083, 0.09, 0.104, 0.113, 0.104, 0.09)
"""Deviation of nine errors in ten: the median one of January 2021, times 1.48."""
_WILD_ERROR = (0.0, 0.3, 0.85, 0.95, 1.1, 1.3, 1.4, 1.8, 2.05, 2.15, 2.3, 1.75)
_WILD_SHARE = 0.045
"""Of half-hours and regions, those whose forecast is far out; with the usual ones, the deviation seen."""
_SPIKE = 1.0
"""Above the usual price by so much, bent: from 70 to some 215 $/MWh."""
_UNFORESEEN = 0.4
"""What is expected of a spike that is not seen coming."""
_FORESEEN = (1.0, 0.5, 0.1, 0.05, 0.05, 0.15, 0.05, 0.05, 0.17, 0.38, 0.35, 0.1)
"""The share of spikes seen coming: of 13 to 52 of January 2021; at five minutes believed."""
_OF_THE_INTERVAL = 0.9
"""How much of an error's variance consecutive runs share; chosen."""
_DAYS_KNOWN = 5
P5MIN_RUNS = 12


@dataclass(frozen=True, slots=True)
class Forecaster:
    """The forecasts of a simulated market; each a function of market, run and interval alone."""

    market: SimulatedMarket

    def half_hour_per_mwh(self, region: Region, run_at: datetime, end: datetime) -> float:
        """Return what a pre-dispatch run at ``run_at`` expects of the half-hour to ``end``, $/MWh."""
        intervals = [DispatchInterval(end - n * FIVE_MINUTES) for n in range(6)]
        mean = sum(self.market.per_mwh(region, each) for each in intervals) / len(intervals)
        return self._seen(region, intervals[3], mean, run_at)

    def interval_per_mwh(self, region: Region, run_at: datetime, interval: DispatchInterval) -> float:
        """Return what a five-minute run at ``run_at`` expects, $/MWh; of the first interval it is right."""
        return self._seen(region, interval, self.market.per_mwh(region, interval), run_at)

    def service_per_mw(
        self, service: str, region: Region, run_at: datetime, interval: DispatchInterval
    ) -> float:
        """Return what a run expects of an FCAS price, $/MW/h; it misses as it does with energy."""
        ahead_min = max((interval.start - run_at) / timedelta(minutes=1), 0.0)
        error = float(np.interp(ahead_min, _AHEAD_MIN, _USUAL_ERROR)) * self._die(
            f"{service}/{region}", interval.end, run_at
        )
        paid = self.market.service_per_mw(service, region, interval)
        return round(min(paid * float(np.exp(3.0 * error)), cap_per_mwh(interval)), 5)

    def _seen(self, region: Region, interval: DispatchInterval, comes: float, run_at: datetime) -> float:
        """Return a price that comes as it is seen from some minutes ahead."""
        ahead_min = max((interval.start - run_at) / timedelta(minutes=1), 0.0)
        if ahead_min == 0.0:
            return round(comes, 5)
        usual = self._usual(region, interval)
        apart = asinh(comes / _BEND_PER_MWH) - usual
        chance = float(np.interp(ahead_min, _AHEAD_MIN, _FORESEEN))
        block = interval.start - (interval.start - _ORIGIN) % HALF_HOUR
        if apart > _SPIKE and _uniform(f"spike/{region}", block, self.market.seed) > chance:
            apart = _UNFORESEEN
        error = float(np.interp(ahead_min, _AHEAD_MIN, _USUAL_ERROR)) * self._die(region, block, run_at)
        if _uniform(f"wild/{region}", block, self.market.seed) < _WILD_SHARE:
            error += float(np.interp(ahead_min, _AHEAD_MIN, _WILD_ERROR)) * self._die(
                f"wild/{region}", block, run_at
            )
        per_mwh = _BEND_PER_MWH * sinh(usual + apart + error)
        return round(min(max(per_mwh, FLOOR_PER_MWH), cap_per_mwh(interval)), 5)

    def _usual(self, region: Region, interval: DispatchInterval) -> float:
        """Return the middle price of the last days at that time of day, bent."""
        days = range(1, _DAYS_KNOWN + 1)
        before = [DispatchInterval(interval.end - timedelta(days=n)) for n in days]
        return asinh(
            sorted(self.market.per_mwh(region, each) for each in before)[_DAYS_KNOWN // 2] / _BEND_PER_MWH
        )

    def _die(self, name: str, of: datetime, run_at: datetime) -> float:
        """Return a standard normal error, most of it the same for every run that looks at one interval."""
        shared = _normal(name, of, self.market.seed)
        own = _normal(f"{name}/{run_at.isoformat()}", of, self.market.seed)
        return float(np.sqrt(_OF_THE_INTERVAL) * shared + np.sqrt(1.0 - _OF_THE_INTERVAL) * own)


_STANDARD = NormalDist()
_ORIGIN = datetime(2000, 1, 1, tzinfo=NEM_TIME)
_BANDS_CLOSE = timedelta(hours=8, minutes=30)
"""Into the trading day, at 12:30, the next one's offers are due: the 13:00 run is the first to know them."""


def predispatch_ends(first: datetime) -> list[datetime]:
    """Return the half-hours of the run named by the first: all for which there are offers."""
    day = TradingDay.of(DispatchInterval(first))
    knows_next = first - day.start > _BANDS_CLOSE
    last = day.end + timedelta(days=1) if knows_next else day.end
    return [first + n * HALF_HOUR for n in range((last - first) // HALF_HOUR + 1)]


@lru_cache(maxsize=65_536)
def _normal(name: str, at: datetime, seed: int) -> float:
    return _STANDARD.inv_cdf(_uniform(f"n/{name}", at, seed))


@lru_cache(maxsize=65_536)
def _uniform(name: str, at: datetime, seed: int) -> float:
    """Return a number between 0 and 1, neither included, that depends on every argument alone."""
    said = f"{seed}/{name}/{epoch_ms(at) // 300_000}".encode()
    drawn = int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big") >> 11
    return (drawn + 0.5) / 2.0**53
