"""How good a policy was: capture of perfect foresight and uplift, each with an interval by whole weeks.

A year has few weeks that matter and its days are not independent, so intervals come from drawing whole weeks
with replacement; numerator and denominator are drawn together. The seed is part of the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from manta.backtest.series import STEPS_PER_DAY

DRAWS = 2_000
SEED = 1
BLOCK = 7 * STEPS_PER_DAY

type Floats = NDArray[np.float64]
type Bins = tuple[tuple[float, float, int], ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A ratio and the interval in which 95 of 100 resampled years fall; NaN where it cannot be told."""

    share: float
    low_share: float
    high_share: float

    def __str__(self) -> str:
        return f"{self.share:.3f} [{self.low_share:.2f}, {self.high_share:.2f}]"


def weekly(values: Floats) -> Floats:
    """Sum five-minute rows by whole weeks from the first row; the ragged last week counts as one."""
    return np.add.reduceat(values, np.arange(0, len(values), BLOCK))


def capture(benefit_aud: Floats, foresight_aud: Floats, seed: int = SEED) -> Estimate:
    """Return the share of perfect foresight's benefit that a policy got."""
    return ratio(weekly(benefit_aud), weekly(foresight_aud), seed)


def uplift(benefit_aud: Floats, passive_aud: Floats, seed: int = SEED) -> Estimate:
    """Return by what share a policy's benefit exceeds the passive battery's."""
    return ratio(weekly(benefit_aud - passive_aud), weekly(passive_aud), seed)


def lead(benefit_aud: Floats, other_aud: Floats, foresight_aud: Floats, seed: int = SEED) -> Estimate:
    """Return how much more of perfect foresight a policy captured than another did."""
    return ratio(weekly(benefit_aud - other_aud), weekly(foresight_aud), seed)


def ratio(over: Floats, under: Floats, seed: int = SEED) -> Estimate:
    """Return a ratio of sums and its interval by blocks; NaN where the denominator is not positive.

    With fewer than four blocks there is a ratio and no interval.
    """
    if len(over) != len(under):
        raise ValueError(f"{len(over)} blocks over {len(under)}")
    whole_aud = float(under.sum())
    if whole_aud <= 0:
        return Estimate(nan, nan, nan)
    share = float(over.sum()) / whole_aud
    if len(over) < 4:
        return Estimate(share, nan, nan)
    drawn = np.random.default_rng(seed).integers(0, len(over), (DRAWS, len(over)))
    unders = under[drawn].sum(axis=1)
    ratios = over[drawn].sum(axis=1)[unders > 0] / unders[unders > 0]
    low, high = np.quantile(ratios, (0.025, 0.975))
    return Estimate(share, float(low), float(high))


BINS = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 1)


def reliability(
    foretold: Floats,
    happened: NDArray[np.bool_],
) -> Bins:
    """Return of each bin of foretold probability its mean, what happened, and how many; not of empty ones."""
    bins = np.clip(np.searchsorted(BINS, foretold, side="right") - 1, 0, len(BINS) - 2)
    rows = []
    for n in range(len(BINS) - 1):
        chosen = bins == n
        if count := int(chosen.sum()):
            rows.append((float(foretold[chosen].mean()), float(happened[chosen].mean()), count))
    return tuple(rows)
