"""Champion and challenger: a newer fit serves only where it was better on the last weeks; when to alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from manta.forecast.history import SLOTS, Floats, HalfHours
from manta.forecast.price import LEVELS, Forecasts
from manta.forecast.scores import pinball

TRIAL_DAYS = 28
"""Days of outcomes that a challenger is judged on, at least."""
LEAST_GAIN_SHARE = 0.005
"""How much better it must be, beyond one standard error."""
_BLOCK_DAYS = 7
_TAIL = 0.01
"""Of rolling windows in the walk-forward, those left outside the band at each end."""


class Verdict(StrEnum):
    """What becomes of a challenger."""

    KEEP = "keep"
    REPLACE = "replace"
    TOO_SOON = "too_soon"


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """How a model's forecasts did, day by day."""

    pinball_per_mwh: Floats
    """[D] mean over issues of the day, horizons and levels."""
    naive_per_mwh: Floats
    """[D] mean absolute difference from the same half-hour of the last day known."""
    coverage: Floats
    """[D] share of outcomes within the 90 % interval."""


def days_of(forecasts: Forecasts, halves: HalfHours) -> Days:
    """Score whole days of issues whose outcomes have come; a day with an unknown outcome is left out."""
    first = int(np.searchsorted(halves.ends_ms, forecasts.issued_ms[0]))
    horizons = forecasts.spike_share.shape[1]
    count = min(len(forecasts.issued_ms), len(halves.ends_ms) - horizons - first) // SLOTS * SLOTS
    if count <= 0 or first < SLOTS * 2:
        return Days(np.empty(0), np.empty(0), np.empty(0))
    ahead = np.arange(1, horizons + 1)
    targets = first + np.arange(count)[:, None] + ahead
    happened = halves.mean_per_mwh[targets]
    naive = np.abs(happened - halves.mean_per_mwh[targets - -(-ahead // SLOTS) * SLOTS])
    quantiles = forecasts.quantiles_per_mwh[:count]
    inside = (happened >= quantiles[:, :, 1]) & (happened <= quantiles[:, :, -2])
    by_day = [
        each.reshape(-1, SLOTS * horizons).mean(1)
        for each in (pinball(quantiles, happened), naive, np.where(np.isnan(happened), np.nan, inside))
    ]
    told = ~np.isnan(np.sum(by_day, axis=0))
    return Days(*(each[told] for each in by_day))


def judge(champion: Floats, challenger: Floats) -> Verdict:
    """Compare the losses of the same days, the less the better: pinball, or what a back-test did not earn.

    The challenger serves where its mean gain over whole weeks exceeds one standard error of those weeks'
    gains and half a percent of the champion's loss.
    """
    if champion.shape != challenger.shape:
        raise ValueError("champion and challenger are judged on the same days")
    if len(champion) < TRIAL_DAYS:
        return Verdict.TOO_SOON
    weeks = len(champion) // _BLOCK_DAYS
    gains = (champion - challenger)[-weeks * _BLOCK_DAYS :].reshape(weeks, _BLOCK_DAYS).mean(1)
    error = gains.std(ddof=1) / np.sqrt(weeks)
    least = LEAST_GAIN_SHARE * np.abs(champion).mean()
    return Verdict.REPLACE if gains.mean() > max(error, least) else Verdict.KEEP


@dataclass(frozen=True, slots=True)
class Normal:
    """Where 28-day figures lay in a model's own walk-forward."""

    least_coverage_share: float
    most_coverage_share: float
    most_pinball_scale: float
    """Pinball over the naive error; it is the skill that drifts, not the price level."""


def normal_of(days: Days) -> Normal:
    """Return the band of 28-day figures over a walk-forward; raises ValueError on fewer than 56 days."""
    if len(days.coverage) < 2 * TRIAL_DAYS:
        raise ValueError(f"a band needs {2 * TRIAL_DAYS} days, was given {len(days.coverage)}")
    coverage, skill = _rolling(days)
    low, high = np.quantile(coverage, [_TAIL, 1.0 - _TAIL])
    return Normal(float(low), float(high), float(np.quantile(skill, 1.0 - _TAIL)))


def drift(days: Days, normal: Normal) -> Sequence[str]:
    """Return what is out of the ordinary in the last 28 days, in words and figures."""
    if len(days.coverage) < TRIAL_DAYS:
        return ()
    coverage, skill = (float(each[-1]) for each in _rolling(days))
    alarms = []
    if not normal.least_coverage_share <= coverage <= normal.most_coverage_share:
        alarms.append(
            f"the 90 % interval covered {coverage:.3f} of 28 days, "
            f"outside {normal.least_coverage_share:.3f} to {normal.most_coverage_share:.3f}"
        )
    if skill > normal.most_pinball_scale:
        alarms.append(
            f"pinball loss is {skill:.3f} of the naive error, above {normal.most_pinball_scale:.3f}, "
            f"over 28 days and {len(LEVELS)} levels"
        )
    return alarms


def _rolling(days: Days) -> tuple[Floats, Floats]:
    def sums(values: Floats) -> Floats:
        return np.asarray(sliding_window_view(values, TRIAL_DAYS).sum(1), np.float64)

    return sums(days.coverage) / TRIAL_DAYS, sums(days.pinball_per_mwh) / (sums(days.naive_per_mwh) + 1e-9)
