"""How good forecasts were: pinball, coverage, error against yesterday, how spikes were ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manta.forecast.history import SLOTS, Floats, HalfHours, Reals
from manta.forecast.price import LEVELS, Forecasts
from manta.forecast.spike import SPIKE_PER_MWH

BINS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Edges of the reliability table."""


@dataclass(frozen=True, slots=True)
class LeadScore:
    """Forecasts of one lead against what happened."""

    horizon: int
    """Half-hours ahead."""
    count: int
    relative_error_scale: float
    """Mean absolute error of the median over that of the same half-hour of the last day known."""
    persistence_error_scale: float
    """The same of the last half-hour's price."""
    pinball_per_mwh: float
    """Mean over the nine levels."""
    coverage_share: float
    """Of outcomes within the 90 % interval."""
    spike_precision_share: float
    """Average precision, the area under precision against recall, of spikes above $300; NaN without any."""
    persistence_precision_share: float
    """The same where the last half-hour's dearest price ranks."""
    spikes_share: float
    brier_scale: float


def pinball(quantiles: Reals, happened: Floats) -> Floats:
    """Return [...] the mean pinball loss over the levels, from [..., 9] quantiles, in their unit."""
    missed = happened[..., None] - quantiles
    levels = np.array(LEVELS)
    return np.asarray(np.maximum(levels * missed, (levels - 1.0) * missed).mean(-1), np.float64)


def average_precision(happened: NDArray[np.bool_], ranked: Reals) -> float:
    """Return the area under precision against recall, ties taken as one; NaN where nothing happened."""
    if not happened.any():
        return float("nan")
    order = np.argsort(-ranked, kind="stable")
    hits = np.cumsum(happened[order])
    last = np.append(np.diff(ranked[order]) != 0, np.True_)
    hits, seen = hits[last], (np.flatnonzero(last) + 1)
    gained = np.diff(hits, prepend=0)
    return float((gained * hits / seen).sum() / hits[-1])


def reliability(share: Reals, happened: NDArray[np.bool_]) -> Sequence[tuple[float, float, int]]:
    """Return mean probability foretold, share that happened, and how many, for each bin that is not empty."""
    places = np.clip(np.digitize(share, BINS) - 1, 0, len(BINS) - 2)
    bins = [places == place for place in range(len(BINS) - 1)]
    return [
        (float(share[here].mean()), float(happened[here].mean()), int(here.sum()))
        for here in bins
        if here.any()
    ]


def score(forecasts: Forecasts, halves: HalfHours, horizon: int) -> LeadScore:
    """Compare all issues whose target is told at one lead; raises ValueError where there is none."""
    first = int(np.searchsorted(halves.ends_ms, forecasts.issued_ms[0]))
    issues = first + np.arange(len(forecasts.issued_ms))
    back = -(-horizon // SLOTS) * SLOTS
    issues = issues[(issues + horizon < len(halves.ends_ms)) & (issues + horizon >= back)]
    mean = halves.mean_per_mwh
    issues = issues[~np.isnan(mean[issues + horizon] + mean[issues + horizon - back] + mean[issues])]
    if len(issues) == 0:
        raise ValueError(f"no outcome is known {horizon} half-hours after any issue")
    quantiles = forecasts.quantiles_per_mwh[issues - first, horizon - 1].astype(np.float64)
    share = forecasts.spike_share[issues - first, horizon - 1].astype(np.float64)
    happened = mean[issues + horizon]
    spiked = halves.highest_per_mwh[issues + horizon] > SPIKE_PER_MWH
    naive = np.abs(happened - mean[issues + horizon - back]).mean()
    return LeadScore(
        horizon=horizon,
        count=len(issues),
        relative_error_scale=float(np.abs(happened - quantiles[:, len(LEVELS) // 2]).mean() / naive),
        persistence_error_scale=float(np.abs(happened - mean[issues]).mean() / naive),
        pinball_per_mwh=float(pinball(quantiles, happened).mean()),
        coverage_share=float(((happened >= quantiles[:, 1]) & (happened <= quantiles[:, -2])).mean()),
        spike_precision_share=average_precision(spiked, share),
        persistence_precision_share=average_precision(spiked, halves.highest_per_mwh[issues]),
        spikes_share=float(spiked.mean()),
        brier_scale=float(((share - spiked) ** 2).mean()),
    )
