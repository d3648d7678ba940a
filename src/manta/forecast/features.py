"""What a forecast may look at: numbers known when it is made, for each issue and each half-hour ahead.

Row i of every table here looks at half-hours 0 … i and no further: windows trail, and what is said of a
target half-hour comes from the same half-hour of days that had ended by the issue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from manta.forecast.history import (
    DAY_MS,
    HALF_HOUR_MS,
    NEM_OFFSET_MS,
    SLOTS,
    Floats,
    HalfHours,
    Reals,
    Singles,
    Whole,
    slot_of,
)

WEEK = 7 * SLOTS
WARM_UP = 10 * SLOTS
"""Half-hours before an issue that its features look at, at most; earlier issues have unknown features."""
PRICE_PLACES = ("mean", "highest", "median_week", "lowest_week", "highest_week")
"""The columns by place that are squashed prices."""
_SQUASH_PER_MWH = 30.0
_SPIKE_PER_MWH = 300.0
_YEAR_MS = 365.2425 * DAY_MS


def squash(per_mwh: Floats) -> Floats:
    """Return prices on a scale where ordinary ones are linear and spikes logarithmic: asinh(p / 30)."""
    return np.asarray(np.arcsinh(per_mwh / _SQUASH_PER_MWH), np.float64)


def unsquash(squashed: Reals) -> Floats:
    """Return $/MWh from the squashed scale."""
    return np.asarray(np.sinh(squashed) * _SQUASH_PER_MWH, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Everything from which rows are put together: columns by issue and columns by half-hour."""

    level: Floats
    """[n] median of the week's squashed prices: what all price columns, and targets, are told relative to."""
    by_issue: Singles
    """[n, F] one row for each half-hour at whose end a forecast may be made."""
    near: Singles
    """[n, A] the last half-hours on the absolute scale, which decides whether a price is a spike."""
    by_place: Mapping[str, Singles]
    """Columns of which a target half-hour is told the values one or more days before it."""
    slots: Whole
    weekday: Whole
    """0 is Monday, market time."""
    season: Singles
    """[n, 2] sine and cosine of the day of the year."""
    issue_names: tuple[str, ...]

    @classmethod
    def of(cls, halves: HalfHours) -> Features:
        """Compute the columns of a history once; rows are then gathered from them."""
        level = trailing(squash(halves.mean_per_mwh), WEEK, np.median)
        by_issue = _issue_columns(halves, level)
        starts_ms = halves.ends_ms - HALF_HOUR_MS + NEM_OFFSET_MS
        turn = 2 * np.pi * (starts_ms % _YEAR_MS) / _YEAR_MS
        return cls(
            level=level,
            by_issue=np.column_stack(list(by_issue.values())).astype(np.float32),
            near=_near_columns(halves),
            by_place=_place_columns(halves),
            slots=slot_of(halves.ends_ms),
            weekday=(starts_ms // DAY_MS + 3) % 7,
            season=np.column_stack([np.sin(turn), np.cos(turn)]).astype(np.float32),
            issue_names=tuple(by_issue),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns of `rows`, in order."""
        places = [f"{name}_same" for name in self.by_place]
        return (*self.issue_names, *_TARGET_NAMES, *places)

    def rows(self, issues: Whole, horizons: Whole) -> Singles:
        """Return one row for each pair of an issue and a number of half-hours ahead (1 is the next)."""
        ahead_days = -(-horizons // SLOTS)
        known = issues + horizons - ahead_days * SLOTS
        week = np.where(ahead_days * SLOTS > WEEK, known, issues + horizons - WEEK)
        mean, demand, level = self.by_place["mean"], self.by_place["demand"], self.level[issues]
        place = {name: column[known] for name, column in self.by_place.items()}
        for name in PRICE_PLACES:
            place[name] = place[name] - level
        moved = place["demand"] - demand[issues - SLOTS]
        projected = demand[issues] + moved
        target = [
            horizons,
            (self.slots[issues] + horizons) % SLOTS,
            (self.weekday[issues] + (self.slots[issues] + horizons) // SLOTS) % 7,
            self.season[issues, 0],
            self.season[issues, 1],
            mean[known - SLOTS] - level,
            mean[week] - level,
            self.by_place["highest"][week] - level,
            projected,
            projected - self.by_place["most_demand"][issues],
            moved,
        ]
        return np.column_stack([self.by_issue[issues], *target, *place.values()]).astype(np.float32)

    def paths(self, issues: Whole) -> Floats:
        """Return [N, K] for a ridge: the issue's columns, the last day, the week's profile, the date."""
        level = self.level[issues][:, None]
        day = issues[:, None] + np.arange(1 - SLOTS, 1)
        return np.column_stack(
            [
                self.by_issue[issues],
                self.by_place["mean"][day] - level,
                self.by_place["median_week"][day] - level,
                self.by_place["demand"][day[:, 1::2]],
                np.eye(7)[self.weekday[issues]],
                self.season[issues],
            ]
        )

    def near_rows(self, issues: Whole, horizons: Whole) -> Singles:
        """Return what `rows` lacks to tell a spike: absolute prices of late and of the target's past days."""
        known = issues + horizons - -(-horizons // SLOTS) * SLOTS
        places = [self.by_place[name][known] for name in ("highest", "median_week", "highest_week")]
        return np.column_stack([self.near[issues], *places])


_TARGET_NAMES = (
    *("horizon", "slot", "weekday", "season_sine", "season_cosine"),
    *("mean_two_days_ago", "mean_week_ago", "highest_week_ago"),
    *("demand_projected", "demand_below_most", "demand_moves"),
)


def trailing(column: Reals, count: int, fold: Callable[..., Floats]) -> Floats:
    """Fold each value with the count − 1 before it; NaN where there are fewer."""
    folded = np.full(len(column), np.nan)
    if len(column) >= count:
        folded[count - 1 :] = fold(sliding_window_view(column, count), axis=1)
    return folded


def before(column: Reals, count: int) -> Floats:
    """Return each place's value so many half-hours earlier; NaN at the beginning."""
    moved = np.full(len(column), np.nan)
    moved[count:] = column[: len(column) - count]
    return moved


def _issue_columns(halves: HalfHours, level: Floats) -> dict[str, Floats]:
    mean, highest = squash(halves.mean_per_mwh), squash(halves.highest_per_mwh)
    demand = halves.demand_kw / 1_000_000.0
    spikes = np.where(np.isnan(highest), np.nan, halves.highest_per_mwh > _SPIKE_PER_MWH)
    prices = {
        "mean": mean,
        "last": squash(halves.five_per_mwh[:, -1]),
        "highest": highest,
        "lowest": squash(halves.lowest_per_mwh),
        "mean_1_before": before(mean, 1),
        "mean_2_before": before(mean, 2),
        "mean_3_hours": trailing(mean, 6, np.mean),
        "highest_2_hours": trailing(highest, 4, np.max),
        "highest_6_hours": trailing(highest, 12, np.max),
        "highest_day": trailing(highest, SLOTS, np.max),
        "highest_week": trailing(highest, WEEK, np.max),
        "median_day": trailing(mean, SLOTS, np.median),
        "lowest_day": trailing(mean, SLOTS, np.min),
    }
    columns = {name: column - level for name, column in prices.items()} | {
        "level": level,
        "spread_week": trailing(mean, WEEK, np.std),
        "spikes_day": trailing(spikes, SLOTS, np.sum),
        "spikes_week": trailing(spikes, WEEK, np.sum),
        "demand": demand,
        "demand_last": halves.last_demand_kw / 1_000_000.0,
        "demand_rise": demand - before(demand, 1),
        "demand_rise_2": demand - before(demand, 2),
        "demand_since_day": demand - before(demand, SLOTS),
        "demand_since_week": demand - before(demand, WEEK),
        "demand_most_day": trailing(demand, SLOTS, np.max),
        "demand_most_week": trailing(demand, WEEK, np.max),
        "demand_mean_day": trailing(demand, SLOTS, np.mean),
    }
    if halves.rooftop_kw is not None:
        sun = halves.rooftop_kw / 1_000_000.0
        columns |= {"sun": sun, "sun_rise": sun - before(sun, 1), "sun_since_day": sun - before(sun, SLOTS)}
    return columns


def _near_columns(halves: HalfHours) -> Singles:
    highest, mean = squash(halves.highest_per_mwh), squash(halves.mean_per_mwh)
    above = (halves.five_per_mwh > _SPIKE_PER_MWH).sum(1).astype(np.float64)
    places = np.arange(len(highest))
    last_spike = np.maximum.accumulate(np.where(above > 0, places, -2 * WEEK))
    columns = [
        squash(halves.five_per_mwh),
        np.column_stack([above, before(above, 1), np.minimum(places - last_spike, 2 * WEEK)]),
        np.column_stack([mean, before(mean, 1), squash(halves.lowest_per_mwh)]),
        np.column_stack([highest, before(highest, 1), before(highest, 2)]),
        np.column_stack([trailing(highest, count, np.max) for count in (4, 12, SLOTS, WEEK)]),
    ]
    return np.column_stack(columns).astype(np.float32)


def _place_columns(halves: HalfHours) -> dict[str, Singles]:
    mean, highest = squash(halves.mean_per_mwh), squash(halves.highest_per_mwh)
    demand = halves.demand_kw / 1_000_000.0
    week = np.column_stack([before(mean, SLOTS * day) if day else mean for day in range(7)])
    peaks = np.column_stack([before(highest, SLOTS * day) if day else highest for day in range(7)])
    columns = {
        "mean": mean,
        "highest": highest,
        "median_week": np.median(week, axis=1),
        "lowest_week": week.min(1),
        "highest_week": peaks.max(1),
        "demand": demand,
        "most_demand": trailing(demand, WEEK, np.max),
    }
    if halves.rooftop_kw is not None:
        columns["sun"] = halves.rooftop_kw / 1_000_000.0
    return {name: column.astype(np.float32) for name, column in columns.items()}
