"""What a region will draw: a ridge on the last day, the week's profile and the calendar, with quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manta.forecast.features import WARM_UP, before, trailing
from manta.forecast.history import DAY_MS, HALF_HOUR_MS, NEM_OFFSET_MS, SLOTS, Floats, Singles, Whole, slot_of
from manta.forecast.price import HORIZONS, LEVELS
from manta.forecast.ridge import Ridge, fit_ridge

WEEK = 7 * SLOTS


@dataclass(frozen=True, slots=True, eq=False)
class RegionModel:
    """Half-hourly means of one power of a region, 28 hours ahead."""

    ridge: Ridge
    scale_kw: float
    """What the ridge's unit is."""
    floor_kw: float
    """What the power cannot be below: for rooftop PV, 0."""

    def quantiles(self, power_kw: Floats, ends_ms: Whole, issues: Whole) -> Singles:
        """Return [N, H, 9] kW of the half-hours that follow each issue; columns are half-hourly."""
        slots = slot_of(ends_ms)[issues]
        means = self.ridge.means(inputs(power_kw / self.scale_kw, ends_ms)[issues], slots)
        base = _profile(power_kw / self.scale_kw, issues)
        fan = (base[:, :, None] + self.ridge.quantiles(means, slots)) * self.scale_kw
        fan.sort(axis=2)
        return np.maximum(fan, self.floor_kw).astype(np.float32)


def inputs(power: Floats, ends_ms: Whole) -> Floats:
    """Return [n, K] what a region's forecast looks at, at each half-hour: never later than it."""
    week = _week_mean(power)
    surprise = power - week
    starts_ms = ends_ms - HALF_HOUR_MS + NEM_OFFSET_MS
    turn = 2 * np.pi * (starts_ms % (365.2425 * DAY_MS)) / (365.2425 * DAY_MS)
    weekday = np.eye(7)[(starts_ms // DAY_MS + 3) % 7]
    lags = [before(surprise, lag) for lag in (*range(0, 8), *range(9, SLOTS, 3), SLOTS, 2 * SLOTS, WEEK)]
    same_week = [
        before(power, WEEK - ahead) - before(week, SLOTS - ahead % SLOTS) for ahead in range(1, HORIZONS, 3)
    ]
    day = [trailing(surprise, count, np.mean) for count in (SLOTS, 3 * SLOTS)]
    return np.column_stack([*lags, *same_week, *day, weekday, np.sin(turn), np.cos(turn), week])


def fit_region(power_kw: Floats, ends_ms: Whole, floor_kw: float = -np.inf) -> RegionModel:
    """Fit on successive half-hours of demand (a positive magnitude) or PV; NaN is unknown and left out."""
    scale_kw = float(np.nanstd(power_kw)) or 1.0
    power = power_kw / scale_kw
    issues = np.arange(WARM_UP, len(power) - HORIZONS, dtype=np.int64)
    wanted = power[issues[:, None] + np.arange(1, HORIZONS + 1)] - _profile(power, issues)
    ridge, _ = fit_ridge(inputs(power, ends_ms)[issues], wanted, issues, slot_of(ends_ms)[issues], LEVELS)
    return RegionModel(ridge, scale_kw, floor_kw)


def fit_demand(demand_kw: Floats, ends_ms: Whole) -> RegionModel:
    """Fit a region's operational demand, which rooftop PV may push below zero."""
    return fit_region(demand_kw, ends_ms)


def _week_mean(power: Floats) -> Floats:
    days = np.column_stack([before(power, SLOTS * day) if day else power for day in range(7)])
    return np.asarray(days.mean(1), np.float64)


def _profile(power: Floats, issues: Whole) -> Floats:
    """Return [N, H] the mean of the last seven same half-hours that had ended by each issue."""
    ahead = np.arange(1, HORIZONS + 1)
    profile: Floats = _week_mean(power)[issues[:, None] + ahead - -(-ahead // SLOTS) * SLOTS]
    return profile
