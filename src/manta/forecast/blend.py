"""AEMO's own forecasts, P5MIN and pre-dispatch, blended into ours with a weight that fades to nothing.

The fan keeps its width and its middle moves toward AEMO's price. AEMO's pre-dispatch of January 2021, five
regions, had an absolute error against yesterday's price of 0.43, 0.54, 0.71 and 0.79 at 0.5, 1, 2 and 4
hours, and more than 1 from 8 hours on; ours has 0.31, 0.44, 0.55, 0.65 on 2023 of VIC1. Weights are the
inverse squares of these. Of spikes that pre-dispatch called within four hours, three in ten came.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manta.forecast.features import squash, unsquash
from manta.forecast.history import HALF_HOUR_MS, Floats, Whole
from manta.forecast.price import LEVELS
from manta.forecast.spike import SPIKE_PER_MWH

FADE_FROM, FADE_TO = 8, 13
"""Half-hours ahead from which the weight falls, and from which it is 0: beyond 6 hours nothing is blended."""
WEIGHT_SHARE = 0.37
"""AEMO's weight before it fades, where no history has taught another."""
HIT_SHARE = 0.3
"""Of half-hours that pre-dispatch prices above $300 within four hours, those that come to it."""
_GRID = np.linspace(0.0, 1.0, 21)
_LEAST = 200
"""Forecasts of a lead without which its weight is the table's."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One published run of AEMO's: P5MIN's five-minute prices or pre-dispatch's half-hourly ones."""

    published_ms: int
    """When it could be read; a forecast made earlier may not look at it."""
    ends_ms: Whole
    per_mwh: Floats


def table(horizons: int) -> Floats:
    """Return [H] weights of AEMO's price where no history has taught others."""
    ahead = np.arange(1, horizons + 1)
    return np.asarray(WEIGHT_SHARE * np.clip((FADE_TO - ahead) / (FADE_TO - FADE_FROM), 0.0, 1.0), np.float64)


def on_half_hours(runs: list[Run], made_ms: int, horizons: int) -> Floats:
    """Return [H] AEMO's price of each half-hour ahead, from what was published by then; NaN where none is.

    Later runs win half-hour by half-hour; five-minute prices count where all six of a half-hour are there.
    """
    first_ms = made_ms + HALF_HOUR_MS
    laid = np.full(horizons, np.nan)
    for run in sorted((run for run in runs if run.published_ms <= made_ms), key=lambda run: run.published_ms):
        places = -(-(run.ends_ms - first_ms) // HALF_HOUR_MS)
        inside = (places >= 0) & (places < horizons) & np.isfinite(run.per_mwh)
        counts = np.bincount(places[inside], minlength=horizons)
        sums = np.bincount(places[inside], weights=run.per_mwh[inside], minlength=horizons)
        by_half_hour = bool(np.all(np.diff(run.ends_ms) == HALF_HOUR_MS))
        whole = counts == 1 if by_half_hour else counts == HALF_HOUR_MS // 300_000
        laid[whole] = sums[whole] / counts[whole]
    return laid


def blend(quantiles_per_mwh: Floats, aemo_per_mwh: Floats, weights: Floats) -> Floats:
    """Return [..., H, 9] with the middle moved by a weight toward AEMO's price, where there is one."""
    fan = squash(quantiles_per_mwh)
    apart = squash(aemo_per_mwh) - fan[..., len(LEVELS) // 2]
    return unsquash(fan + (weights * np.nan_to_num(apart, nan=0.0))[..., None])


def blend_spikes(spike_share: Floats, aemo_per_mwh: Floats) -> Floats:
    """Return [..., H] the probability of a spike, raised within four hours where AEMO's price is one."""
    calls = np.nan_to_num(aemo_per_mwh, nan=0.0) > SPIKE_PER_MWH
    calls &= np.arange(spike_share.shape[-1]) < FADE_FROM
    return np.asarray(1.0 - (1.0 - spike_share) * np.where(calls, 1.0 - HIT_SHARE, 1.0), np.float64)


def fit_weights(quantiles_per_mwh: Floats, aemo_per_mwh: Floats, happened_per_mwh: Floats) -> Floats:
    """Return [H] the weights of least pinball loss over [N, H] forecasts, never rising, 0 beyond 6 hours."""
    horizons = aemo_per_mwh.shape[1]
    fan, aemo, happened = squash(quantiles_per_mwh), squash(aemo_per_mwh), squash(happened_per_mwh)
    apart = aemo - fan[:, :, len(LEVELS) // 2]
    weights = table(horizons)
    levels = np.array(LEVELS)
    for ahead in range(min(FADE_TO - 1, horizons)):
        known = ~np.isnan(apart[:, ahead] + happened[:, ahead])
        if known.sum() < _LEAST:
            continue
        missed = (happened[known, ahead, None] - fan[known, ahead])[None] - (
            _GRID[:, None, None] * apart[known, ahead, None]
        )
        loss = np.maximum(levels * missed, (levels - 1.0) * missed).mean((1, 2))
        weights[ahead] = _GRID[int(loss.argmin())] * (table(horizons)[ahead] / WEIGHT_SHARE)
    return np.minimum.accumulate(weights)
