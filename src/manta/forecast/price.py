"""Price quantiles by region: boosted trees and a ridge, averaged; the last 28 days then set them right.

All constants were chosen with fits on 2022 to mid 2023 of VIC1 and tests on 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np

from manta.domain.market import Region
from manta.domain.time import from_epoch_ms
from manta.forecast.boost import BANDS, NEAR, Band, Effort, Rows, by_band, fit_trees, spread_pairs
from manta.forecast.features import Features
from manta.forecast.history import HALF_HOUR_MS, Floats, Singles, Whole
from manta.forecast.ridge import Ridge, fit_ridge

LEVELS = (0.02, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.98)
"""The nine quantiles of the half-hour's mean price; the second and the eighth bound the 90 % interval."""
HORIZONS = 56
"""Half-hours ahead: 28 hours."""
RIDGE_SHARE = 0.5
"""What the ridge weighs in the average."""
_NEAR: Mapping[str, Any] = {"learning_rate": 0.06, "num_leaves": 15, "min_data_in_leaf": 200}
_FAR: Mapping[str, Any] = {
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 700,
    "extra_trees": True,
}


class Link(StrEnum):
    """What made a forecast; from best to last resort."""

    MODEL = "model"
    PREDISPATCH = "predispatch"
    SEVEN_DAYS = "seven_days"
    SEASON = "season"


@dataclass(frozen=True, slots=True, eq=False)
class PriceForecast:
    """One region's prices as seen at one instant: what a planner is given."""

    region: Region
    made_at: datetime
    """Nothing after this instant was looked at."""
    made_by: Link
    ends_ms: Whole
    """[H] the ends of the half-hours that are forecast; `made_at` is in the first one, or its start."""
    quantiles_per_mwh: Floats
    """[H, 9] quantiles at `LEVELS` of each half-hour's mean price, $/MWh, never falling along a row."""
    spike_share: Floats
    """[H] probability, 0 to 1, that the dearest five minutes of the half-hour exceed $300/MWh."""


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """Many issues of one region as columns: what a back-test replays."""

    region: Region
    issued_ms: Whole
    """[N] made at; each is the end of a half-hour, and only what ended by then was looked at."""
    quantiles_per_mwh: Singles
    """[N, H, 9]; row h is the half-hour that ends (h + 1) × 30 minutes after the issue."""
    spike_share: Singles
    """[N, H] P(dearest five minutes > $300/MWh)."""

    def at(self, number: int) -> PriceForecast:
        """Return one issue as a planner is given it."""
        issued_ms = int(self.issued_ms[number])
        ahead = np.arange(1, self.spike_share.shape[1] + 1, dtype=np.int64)
        return PriceForecast(
            region=self.region,
            made_at=from_epoch_ms(issued_ms),
            made_by=Link.MODEL,
            ends_ms=issued_ms + ahead * HALF_HOUR_MS,
            quantiles_per_mwh=self.quantiles_per_mwh[number].astype(np.float64),
            spike_share=self.spike_share[number].astype(np.float64),
        )


@dataclass(frozen=True, slots=True, eq=False)
class PriceModel:
    """A ridge, and trees that are told its answer: one for each band of horizons and level."""

    ridge: Ridge
    bands: tuple[Band, ...]

    def means(self, features: Features, issues: Whole) -> Floats:
        """Return [N, H] the ridge's answers on the squashed scale, relative to the week's level."""
        return self.ridge.means(features.paths(issues), features.slots[issues])

    def quantiles(self, features: Features, issues: Whole, means: Floats) -> Singles:
        """Return [N, H, 9] quantiles on the squashed scale, before the last days set them right.

        ``means`` are the ridge's answers for the same issues.
        """
        told = by_band(self.bands, stacked(features, issues, means), issues, means.shape[1])
        blend = (1.0 - RIDGE_SHARE) * told + RIDGE_SHARE * self.ridge.quantiles(means, features.slots[issues])
        blend += features.level[issues][:, None, None]
        blend.sort(axis=2)
        return blend.astype(np.float32)


def stacked(features: Features, issues: Whole, means: Floats) -> Rows:
    """Return what gathers the features of pairs, with the ridge's answer as the last of them.

    ``issues`` are successive places; row n of ``means`` belongs to the n-th.
    """

    def rows(at: Whole, horizons: Whole) -> Singles:
        told = means[at - issues[0], horizons - 1]
        return np.column_stack([features.rows(at, horizons), told.astype(np.float32)])

    return rows


def relative_targets(features: Features, squashed: Floats, issues: Whole) -> Floats:
    """Return [N, H] squashed prices that followed each issue, relative to the level of its week."""
    relative: Floats = (
        squashed[issues[:, None] + np.arange(1, HORIZONS + 1)] - features.level[issues][:, None]
    )
    return relative


def fit_price(
    features: Features, squashed: Floats, issues: Whole, effort: Effort
) -> tuple[PriceModel, Floats]:
    """Fit on successive issues that 56 half-hours follow; return also the ridge's out-of-fold answers."""
    relative = relative_targets(features, squashed, issues)
    slots = features.slots[issues]
    ridge, means = fit_ridge(features.paths(issues), relative, issues, slots, LEVELS)
    rows = stacked(features, issues, means)
    bands = []
    for first, last in BANDS:
        near = last <= NEAR
        pairs = spread_pairs(issues, first, last, effort.near_rows if near else effort.far_rows)
        wanted = relative[pairs[0] - issues[0], pairs[1] - 1]
        choices = [{**(_NEAR if near else _FAR), "objective": "quantile", "alpha": level} for level in LEVELS]
        trees = fit_trees(rows(*pairs), wanted, choices, effort.rounds)
        bands.append(Band(first, last, trees))
    return PriceModel(ridge, tuple(bands)), means
