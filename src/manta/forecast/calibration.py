"""Setting forecasts right by how recent ones did: quantiles by conformal shifts, odds by Platt's scaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manta.forecast.boost import BANDS, NEAR
from manta.forecast.history import SLOTS, Floats, Levels, Reals, Singles

SPAN_DAYS = 28
"""How far back the conformal shifts look."""
TRUST = 0.7
"""Share of the measured shift that is applied: 28 days are few."""
ODDS_DAYS = 90
"""How far back odds of spikes are looked at."""
ODDS_PRIOR_SCALE = 300.0
"""What it weighs that they were right already; spikes come in clusters, so that counts say little."""
_STRIDE = 6
"""Of the far horizons, which are much alike, every so many count."""
_LEAST = 7 * SLOTS
"""Outcomes without which a shift is 0."""


def shifts(missed: Reals, levels: Levels) -> Floats:
    """Return [H, L] what to add to each quantile, given [T, H, L] outcomes minus quantiles of the last days.

    A quantile at level q is right when a share q of the outcomes lies below it, so its shift is the
    q-quantile of the misses (split conformal prediction, one side each), damped by `TRUST`. Unknown is NaN.
    """
    known = ~np.isnan(missed[:, :, 0])
    shifted = np.zeros(missed.shape[1:])
    if known.all() and len(missed) >= _LEAST:
        for place, level in enumerate(levels):
            rank = min(int(level * len(missed)), len(missed) - 1)
            shifted[:, place] = np.partition(missed[:, :, place], rank, axis=0)[rank]
        return TRUST * shifted
    for horizon in range(missed.shape[1]):
        here = missed[known[:, horizon], horizon]
        if len(here) >= _LEAST:
            shifted[horizon] = [np.quantile(here[:, place], level) for place, level in enumerate(levels)]
    return TRUST * shifted


def misses(quantiles: Singles, outcomes: Floats) -> Singles:
    """Return [T, H, L] by how much half-hour t missed what was said of it h ahead; see `conform`."""
    count, horizons, _ = quantiles.shape
    missed = np.full(quantiles.shape, np.nan, np.float32)
    for ahead in range(1, min(horizons, count - 1) + 1):
        missed[ahead:, ahead - 1] = outcomes[ahead:, None] - quantiles[: count - ahead, ahead - 1]
    return missed


def conform(quantiles: Singles, outcomes: Floats, levels: Levels) -> Singles:
    """Return [N, H, L] successive half-hourly quantiles, each shifted by what was known when it was made.

    Row n is the issue at the end of half-hour n; ``outcomes`` [N] is what half-hour n came to. The shifts are
    renewed every 48 issues and see outcomes up to that issue only. Quantiles are put in order again.
    """
    count = len(quantiles)
    missed = misses(quantiles, outcomes)
    conformed = np.empty_like(quantiles)
    for day in range(0, count, SLOTS):
        seen = missed[max(0, day + 1 - SPAN_DAYS * SLOTS) : day + 1]
        conformed[day : day + SLOTS] = quantiles[day : day + SLOTS] + shifts(seen, levels)
    conformed.sort(axis=2)
    return conformed


@dataclass(frozen=True, slots=True)
class Platt:
    """Odds set right: logit p' = offset + scale · logit p."""

    offset_scale: float
    """Added on the scale of log odds."""
    scale: float
    """What log odds are multiplied by."""

    def right(self, share: Reals) -> Floats:
        """Return probabilities set right."""
        return 1.0 / (1.0 + np.exp(-(self.offset_scale + self.scale * logit(share))))


def logit(share: Reals) -> Floats:
    """Return log odds; probabilities are kept off 0 and 1 by a millionth."""
    kept = np.clip(np.asarray(share, np.float64), 1e-6, 1.0 - 1e-6)
    return np.log(kept / (1.0 - kept))


def fit_platt(share: Floats, happened: NDArray[np.bool_], prior_scale: float = 100.0) -> Platt:
    """Fit offset and scale by Newton's method on held-out outcomes; few events leave them near 0 and 1.

    The prior counts as so many half-decided observations against leaving (0, 1), so that a quiet season
    does not teach that spikes never come; it is large, since half-hours of one evening are hardly apart.
    """
    known = np.column_stack([np.ones(len(share)), logit(share)])
    at, home = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    for _ in range(50):
        odds = 1.0 / (1.0 + np.exp(-known @ at))
        slope = known.T @ (happened - odds) - prior_scale * (at - home)
        bend = (known * (odds * (1.0 - odds))[:, None]).T @ known + prior_scale * np.eye(2)
        step = np.linalg.solve(bend, slope)
        at = at + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-9:
            break
    return Platt(float(at[0]), float(max(at[1], 0.1)))


def recent_odds(shares: Reals, happened: NDArray[np.bool_]) -> tuple[Platt, ...]:
    """Return for each band of horizons what sets its odds right, by the last 90 days.

    ``shares`` [T, H] are the forecasts made at the end of successive half-hours and ``happened`` [T] whether
    there was a spike in each; outcomes later than the last of them are not known and do not count.
    """
    count = len(shares)
    found = []
    for first, last in BANDS:
        told, came = [], []
        for ahead in range(first, min(last, shares.shape[1]) + 1, 1 if last <= NEAR else _STRIDE):
            told.append(shares[max(0, count - ODDS_DAYS * SLOTS) : max(0, count - ahead), ahead - 1])
            came.append(happened[count - len(told[-1]) :])
        found.append(
            fit_platt(np.concatenate(told).astype(np.float64), np.concatenate(came), ODDS_PRIOR_SCALE)
        )
    return tuple(found)


def set_odds_right(shares: Singles, right: Sequence[Platt]) -> Singles:
    """Return [..., H] spike shares, each band's by its own."""
    told = shares.copy()
    for (first, last), platt in zip(BANDS, right, strict=True):
        told[..., first - 1 : last] = platt.right(shares[..., first - 1 : last])
    return told


def follow_odds(shares: Singles, happened: NDArray[np.bool_]) -> Singles:
    """Return [N, H] successive shares, set right each week by what was known when they were made."""
    told = shares.copy()
    for begin in range(0, len(shares), _LEAST):
        right = recent_odds(shares[: begin + 1], happened[: begin + 1])
        told[begin : begin + _LEAST] = set_odds_right(shares[begin : begin + _LEAST], right)
    return told
