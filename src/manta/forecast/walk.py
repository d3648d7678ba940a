"""Walk-forward: refit on what was known at each cut, forecast until the next; for back-tests and trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from manta.domain.time import NEM_TIME, from_epoch_ms
from manta.forecast.boost import FULL, Effort
from manta.forecast.calibration import SPAN_DAYS, conform, follow_odds
from manta.forecast.features import WARM_UP, Features, squash, unsquash
from manta.forecast.history import SLOTS, HalfHours, History, HistoryError, Singles, Whole, half_hours
from manta.forecast.nodes import NodeModel, fit_nodes
from manta.forecast.price import HORIZONS, LEVELS, Forecasts, PriceModel, fit_price
from manta.forecast.spike import SPIKE_PER_MWH, SpikeModel, fit_severity, fit_spike

LEAST_TRAINING = 90 * SLOTS
"""Half-hours of history that a fit needs, besides the warm-up."""
_BATCH = 1_000
"""Issues that are forecast at a time, which bounds the memory."""


type Progress = Callable[[float], None]
"""Told the share that is done."""


class Refit(StrEnum):
    """How often the models are fitted anew, on the first of the month in market time."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    ONCE = "once"


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What one fit of a region gives."""

    price: PriceModel
    spike: SpikeModel
    nodes: NodeModel

    def raw(self, features: Features, issues: Whole) -> tuple[Singles, Singles]:
        """Return [N, H, 9] squashed quantiles, not yet set right, and [N, H] spike shares."""
        means = self.price.means(features, issues)
        return self.price.quantiles(features, issues, means), self.spike.shares(features, issues, means)


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """Out-of-sample forecasts of a span, and the node statistics fitted before it began."""

    forecasts: Forecasts
    """Every half-hour of ``[test_start, test_end)`` as an issue; N × 56 × 9 and N × 56."""
    nodes: NodeModel
    """Rank and spike transitions, counted on the history before `test_start` only."""
    cuts: tuple[datetime, ...]
    """When each fit was made."""


def fit(halves: HalfHours, features: Features, cut: int, effort: Effort = FULL) -> Fitted:
    """Fit all models of a region on the half-hours before the place ``cut``.

    Raises `HistoryError` where fewer than `LEAST_TRAINING` are known.
    """
    issues = np.arange(WARM_UP, cut - HORIZONS, dtype=np.int64)
    if len(issues) < LEAST_TRAINING:
        needs = (LEAST_TRAINING + WARM_UP + HORIZONS) // SLOTS
        raise HistoryError(f"a fit needs {needs} days of history, was given {cut // SLOTS}")
    price, means = fit_price(features, squash(halves.mean_per_mwh), issues, effort)
    spike = fit_spike(features, halves, issues, means, effort)
    severity = fit_severity(halves.first(cut), features.level[:cut])
    fan = price.ridge.quantiles(means, features.slots[issues]) + features.level[issues][:, None, None]
    return Fitted(price, spike, fit_nodes(halves, severity, issues, unsquash(fan)))


def walk_forward(
    history: History,
    test_start: datetime,
    test_end: datetime,
    refit: Refit = Refit.QUARTERLY,
    effort: Effort = FULL,
    progress: Progress = lambda _: None,
) -> Walk:
    """Forecast every half-hour of ``[test_start, test_end)`` out of sample.

    The first fit ends 28 days before `test_start`, so that the shifts that set quantiles right are measured
    on forecasts that had not seen their outcomes; later fits end where they begin to serve. ``progress`` is
    told the share that is done. Raises `HistoryError` where too little comes before.
    """
    halves = half_hours(history)
    features = Features.of(halves)
    first, last = halves.place(test_start) - 1, min(halves.place(test_end) - 1, len(halves.ends_ms))
    warm = first - SPAN_DAYS * SLOTS
    if last <= first:
        raise HistoryError("the span to forecast lies outside the history")
    begins = [warm, *(halves.place(cut) - 1 for cut in cuts(test_start, test_end, refit)), last]
    quantiles = np.empty((last - warm, HORIZONS, len(LEVELS)), np.float32)
    shares = np.empty((last - warm, HORIZONS), np.float32)
    nodes = []
    for begin, end in zip(begins[:-1], begins[1:], strict=True):
        fitted = fit(halves, features, begin + 1, effort)
        nodes.append(fitted.nodes)
        for at in range(begin, end, _BATCH):
            issues = np.arange(at, min(at + _BATCH, end), dtype=np.int64)
            here = slice(at - warm, issues[-1] + 1 - warm)
            quantiles[here], shares[here] = fitted.raw(features, issues)
        progress((end - warm) / (last - warm))
    outcomes = squash(halves.mean_per_mwh[warm:last])
    told = unsquash(conform(quantiles, outcomes, LEVELS)[first - warm :]).astype(np.float32)
    struck = halves.highest_per_mwh[warm:last] > SPIKE_PER_MWH
    right = follow_odds(shares, struck)[first - warm :]
    forecasts = Forecasts(history.region, halves.ends_ms[first:last], told, right)
    return Walk(
        forecasts, nodes[0], tuple(from_epoch_ms(int(halves.ends_ms[begin])) for begin in begins[:-1])
    )


def cuts(test_start: datetime, test_end: datetime, refit: Refit) -> Sequence[datetime]:
    """Return when models are fitted anew within a span: the first of each month or quarter, market time."""
    every = {Refit.MONTHLY: 1, Refit.QUARTERLY: 3, Refit.ONCE: 0}[refit]
    local = test_start.astimezone(NEM_TIME)
    month = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = []
    while every:
        month = (month + timedelta(days=31)).replace(day=1)
        if month >= test_end:
            break
        if (month.month - 1) % every == 0:
            found.append(month)
    return found
