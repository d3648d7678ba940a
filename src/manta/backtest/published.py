"""Forecasts as a decision sees them: which issue was the newest one published, and what it said.

An issue is a row of half-hourly values; row ``n`` begins with a certain half-hour. Of each interval it is
told which row had been published when its decision was made, and how many half-hours that row is old.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manta.backtest.series import (
    HALF_HOUR_MS,
    STEP_MS,
    STEPS_PER_HALF_HOUR,
    Series,
    SeriesError,
)

HORIZON = 56
"""Half-hours ahead that a plan looks: 28 hours, a day and what is left of the next evening."""
DAY = 48
WEEK = 7 * DAY

type Floats = NDArray[np.float64]
type Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """Issues of one quantity, and which of them each interval's decision sees."""

    values: Floats
    """[N, H] half-hourly means: $/MWh of a price, kW of a load."""
    row: Places
    """[T] the newest issue published when the interval's decision is made."""
    late: Places
    """[T] half-hours from the first one of that issue to the interval's own."""

    def __post_init__(self) -> None:
        if not np.isfinite(self.values).all():
            raise SeriesError("a forecast holds a value that is not a number")
        if len(self.row) != len(self.late) or (self.late < 0).any():
            raise SeriesError("a forecast is used before its first half-hour")
        if len(self.late) and int(self.late.max()) >= self.values.shape[1]:
            raise SeriesError("forecasts are missing for longer than they reach; give the files in between")


def own_rows(intervals: int, held_steps: int) -> tuple[Places, Places]:
    """Return which of our own half-hourly issues each decision sees, and how late it is.

    Issue ``n`` is made at the start of half-hour ``n`` of all that was published until then; where prices
    come whole intervals late, so does it.
    """
    step = np.arange(intervals)
    row = np.maximum(step - held_steps, 0) // STEPS_PER_HALF_HOUR
    return row, step // STEPS_PER_HALF_HOUR - row


def yesterday(values: Floats, first: int, count: int, horizon: int = HORIZON) -> Floats:
    """Return issues that repeat the last day known: [count, horizon] from half-hourly values.

    The first issue is made at the start of half-hour ``first``. SeriesError without the day before it.
    """
    _need(first, DAY, "yesterday")
    issue = first + np.arange(count)[:, None]
    ahead = np.arange(horizon)[None, :]
    told: Floats = values[issue + ahead - DAY * (1 + ahead // DAY)]
    return told


def week_median(values: Floats, first: int, count: int, horizon: int = HORIZON) -> Floats:
    """Return issues of the median of the same half-hour on the last seven days known."""
    return _same_slots(values, first, count, horizon, np.median)


def week_mean(values: Floats, first: int, count: int, horizon: int = HORIZON) -> Floats:
    """Return issues of the mean of the same half-hour on the last seven days known."""
    return _same_slots(values, first, count, horizon, np.mean)


def _same_slots(values: Floats, first: int, count: int, horizon: int, fold: Callable[..., Floats]) -> Floats:
    _need(first, WEEK, "the week before")
    known = np.stack(
        [values[first - DAY * (n + 1) : first + count - 1 + DAY - DAY * (n + 1)] for n in range(7)]
    )
    folded: Floats = fold(known, axis=0)
    issue = np.arange(count)[:, None]
    told: Floats = folded[issue + np.arange(horizon)[None, :] % DAY]
    return told


def truth(values: Floats, horizon: int = HORIZON) -> Floats:
    """Return issues that know the future, for a bound; past the end the last day repeats."""
    longer = np.concatenate([values, np.tile(values[-DAY:], horizon // DAY + 1)])
    told: Floats = longer[np.arange(len(values))[:, None] + np.arange(horizon)[None, :]]
    return told


def _need(first: int, half_hour_count: int, what: str) -> None:
    if first < half_hour_count:
        days = half_hour_count // DAY
        raise SeriesError(f"a forecast from {what} needs {days} days of prices before the first day replayed")


@dataclass(frozen=True, slots=True, eq=False)
class Predispatch:
    """Pre-dispatch runs of one region as they were published, one row a run, oldest first."""

    published_ms: Places
    starts_ms: Places
    """When the first half-hour that a run foretells begins."""
    per_mwh: Floats
    """[N, H]; NaN past the end of a run."""


def runs_of(
    run_ms: NDArray[np.int64], published_ms: NDArray[np.int64], end_ms: NDArray[np.int64], per_mwh: Floats
) -> Predispatch:
    """Fold rows of PREDISPATCHPRICE, one a run and half-hour, into runs.

    A run is named by the end of its first half-hour; it counts as published when its last row was.
    """
    names, which = np.unique(run_ms, return_inverse=True)
    ahead = (end_ms - run_ms) // HALF_HOUR_MS
    if not len(names) or (ahead < 0).any():
        raise SeriesError(
            "pre-dispatch rows that begin before their run, or none; is it a PREDISPATCHPRICE table?"
        )
    told = np.full((len(names), int(ahead.max()) + 1), np.nan)
    told[which, ahead] = per_mwh
    published = np.zeros(len(names), np.int64)
    np.maximum.at(published, which, published_ms)
    if np.isnan(told[:, 0]).any():
        raise SeriesError("a pre-dispatch run lacks its first half-hour")
    return Predispatch(published, names - HALF_HOUR_MS, told)


def predispatch(
    issues: Predispatch, series: Series, first: int, fallback: Floats, delay_ms: int, highest_per_mwh: float
) -> Published:
    """Return AEMO's runs as a decision on each interval from ``first`` on sees them.

    Where a run ends before the horizon, ``fallback`` (yesterday, one row a half-hour) goes on. A foretold
    price is believed up to ``highest_per_mwh``. A decision is made ``delay_ms`` after its interval begins.
    """
    decided_ms = series.end_ms[first:] - STEP_MS + delay_ms
    row = np.searchsorted(issues.published_ms, decided_ms, side="right") - 1
    if (row < 0).any():
        raise SeriesError("no pre-dispatch run had been published when the replay begins; start later")
    used = np.unique(row)
    half = (issues.starts_ms[used] - int(series.end_ms[first]) + STEP_MS) // HALF_HOUR_MS
    values = np.empty((len(used), fallback.shape[1]))
    for n, (run, place) in enumerate(zip(used.tolist(), half.tolist(), strict=True)):
        told = issues.per_mwh[run, : values.shape[1]]
        values[n] = fallback[min(max(place, 0), len(fallback) - 1)]
        values[n, : len(told)] = np.where(np.isnan(told), values[n, : len(told)], told)
    late = (series.end_ms[first:] - STEP_MS - issues.starts_ms[row]) // HALF_HOUR_MS
    early = late < 0  # a run may be out before the half-hour that it begins with
    row = np.where(early, np.maximum(row - 1, 0), row)
    late = (series.end_ms[first:] - STEP_MS - issues.starts_ms[row]) // HALF_HOUR_MS
    place_of = np.searchsorted(used, row)
    return Published(np.minimum(values, highest_per_mwh), place_of, late)


def trailing(series: Series, first: int, share: float, days: int = 7) -> Floats:
    """Return, for each interval from ``first`` on, a quantile of the prices of the days before its half-hour.

    Taken anew each half-hour from whole half-hours' five-minute prices, none of them later than its start.
    """
    width = days * 288
    if first < width:
        raise SeriesError(f"threshold rules need {days} days of prices before the first day replayed")
    starts = np.arange(first, len(series), STEPS_PER_HALF_HOUR)
    windows = np.lib.stride_tricks.sliding_window_view(series.per_mwh, width)[starts - width]
    return np.repeat(_quantiles(windows, share), STEPS_PER_HALF_HOUR)[: len(series) - first]


def _quantiles(windows: Floats, share: float) -> Floats:
    folded = np.empty(len(windows))
    for begins in range(0, len(windows), 256):  # a year of windows at once would not fit in memory
        part = slice(begins, begins + 256)
        folded[part] = np.quantile(windows[part], share, axis=1)
    return folded
