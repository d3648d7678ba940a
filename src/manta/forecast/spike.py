"""Spikes: how likely the dearest five minutes of a half-hour exceed $300/MWh; how dear and how long, apart.

Likelihood is learned by horizon and set right on held-out weeks. There are too few spikes above $1,000 to
learn when they come, so how dear a spike is and how long it stays are counted on history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from manta.forecast.boost import BANDS, NEAR, Band, Effort, Rows, by_band, fit_trees, spread_pairs
from manta.forecast.calibration import Platt, fit_platt
from manta.forecast.features import Features, squash
from manta.forecast.history import SLOTS, Floats, HalfHours, Singles, Whole
from manta.forecast.price import HORIZONS, stacked

SPIKE_PER_MWH = 300.0
"""Above it a price is a spike."""
SEVERITY_EDGES_PER_MWH = (300.0, 1_000.0, 5_000.0)
"""Where the three severities begin."""
DEAR_WEEK_PER_MWH = 150.0
"""A week with a higher median is a dear market, where $300 is no spike: it does not count for severity."""
HELD_OUT = 26 * 7 * SLOTS
"""The last half-hours of training that set the odds right, at most a third of it."""
_EVEN: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.04,
    "num_leaves": 15,
    "min_data_in_leaf": 60,
    "lambda_l2": 5.0,
}
_CHOICES: tuple[Mapping[str, Any], ...] = (_EVEN, {**_EVEN, "extra_trees": True})
"""Two kinds of trees are averaged."""


@dataclass(frozen=True, slots=True, eq=False)
class SpikeModel:
    """Trees for each band of horizons, and how their odds are set right."""

    bands: tuple[Band, ...]
    right: tuple[Platt, ...]
    """One for each band."""

    def shares(self, features: Features, issues: Whole, means: Floats) -> Singles:
        """Return [N, H] P(dearest five minutes > $300/MWh); ``means`` are the ridge's answers."""
        raw = by_band(self.bands, spike_rows(features, issues, means), issues, means.shape[1]).mean(2)
        for band, platt in zip(self.bands, self.right, strict=True):
            cut = slice(band.first - 1, band.last)
            raw[:, cut] = platt.right(raw[:, cut])
        return raw.astype(np.float32)


def spike_rows(features: Features, issues: Whole, means: Floats) -> Rows:
    """Return what gathers the features of pairs: those of prices, and absolute ones of late and past days."""
    plain = stacked(features, issues, means)

    def rows(at: Whole, horizons: Whole) -> Singles:
        told = means[at - issues[0], horizons - 1] + features.level[at]
        near = features.near_rows(at, horizons)
        return np.column_stack([plain(at, horizons), near, told.astype(np.float32)])

    return rows


def fit_spike(
    features: Features, halves: HalfHours, issues: Whole, means: Floats, effort: Effort
) -> SpikeModel:
    """Fit on successive issues; the last weeks are first held out to set the odds right."""
    held = min(HELD_OUT, len(issues) // 3)
    first_bands = _fit_bands(features, halves, issues[: -held - HORIZONS], means, effort)
    rows = spike_rows(features, issues, means)
    right = []
    for band in first_bands:
        pairs = spread_pairs(issues[-held:], band.first, band.last, effort.near_rows)
        highest = halves.highest_per_mwh[pairs[0] + pairs[1]]
        told = ~np.isnan(highest)
        odds = band.predict(rows(*pairs)).mean(1)
        right.append(fit_platt(odds[told], highest[told] > SPIKE_PER_MWH))
    return SpikeModel(_fit_bands(features, halves, issues, means, effort), tuple(right))


def _fit_bands(
    features: Features, halves: HalfHours, issues: Whole, means: Floats, effort: Effort
) -> tuple[Band, ...]:
    rows = spike_rows(features, issues, means)
    bands = []
    for first, last in BANDS:
        pairs = spread_pairs(issues, first, last, effort.near_rows if last <= NEAR else effort.spike_far_rows)
        highest = halves.highest_per_mwh[pairs[0] + pairs[1]]
        happened = np.where(np.isnan(highest), np.nan, highest > SPIKE_PER_MWH)
        bands.append(Band(first, last, fit_trees(rows(*pairs), happened, _CHOICES, effort.spike_rounds)))
    return tuple(bands)


@dataclass(frozen=True, slots=True, eq=False)
class Severity:
    """How dear spikes are and how long they stay, by three severities, counted on history."""

    entry: Floats
    """[3] how a spike begins; sums to 1."""
    per_mwh: Floats
    """[3] mean price within each."""
    stay_step: Floats
    """[3, 3] from one half-hour's mean to the next; what a row lacks to 1 is the end of the spike."""
    stay_five: Floats
    """[3, 3] from one five minutes to the next."""
    mean_over_highest_share: float
    """Of half-hours with any five minutes above $300, the share whose mean is above it too."""


def severity_of(per_mwh: Floats) -> Whole:
    """Return 0 for no spike and 1 to 3 for how dear it is."""
    return np.searchsorted(SEVERITY_EDGES_PER_MWH, per_mwh, side="left").astype(np.int64)


def fit_severity(halves: HalfHours, level: Floats) -> Severity:
    """Count severities on all half-hours but those of dear weeks; ``level`` is the squashed weekly median.

    Each count begins from a prior of spikes that last some ten minutes, so that a history without a severity
    still has one.
    """
    calm = ~(level > squash(np.array(DEAR_WEEK_PER_MWH))) & ~np.isnan(halves.mean_per_mwh)
    steps = np.where(calm, severity_of(np.nan_to_num(halves.mean_per_mwh)), -1)
    fives = np.where(calm[:, None], severity_of(np.nan_to_num(halves.five_per_mwh)), -1).ravel()
    step, five = _moves(steps), _moves(fives)
    entry = step[0, 1:] + np.array([4.0, 2.0, 1.0])
    prices = np.array([500.0, 2_000.0, 12_000.0])
    of_each = [halves.mean_per_mwh[steps == number] for number in (1, 2, 3)]
    mean = [(own.sum() + 3.0 * prior) / (len(own) + 3.0) for own, prior in zip(of_each, prices, strict=True)]
    spiked = calm & (halves.highest_per_mwh > SPIKE_PER_MWH)
    whole = (halves.mean_per_mwh[spiked] > SPIKE_PER_MWH).sum()
    return Severity(
        entry=entry / entry.sum(),
        per_mwh=np.array(mean),
        stay_step=_stays(step, np.array([0.55, 0.45, 0.7])),
        stay_five=_stays(five, np.array([0.65, 0.55, 0.8])),
        mean_over_highest_share=float((whole + 5.0) / (spiked.sum() + 10.0)),
    )


def _moves(severities: Whole) -> Floats:
    counts = np.zeros((4, 4))
    known = (severities[:-1] >= 0) & (severities[1:] >= 0)
    np.add.at(counts, (severities[:-1][known], severities[1:][known]), 1.0)
    return counts


def _stays(counts: Floats, prior: Floats) -> Floats:
    weight = 6.0
    moves = counts[1:, 1:] + weight * np.diag(prior)
    return moves / (counts[1:].sum(1) + weight)[:, None]
