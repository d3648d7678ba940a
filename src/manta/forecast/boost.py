"""Boosted trees by bands of horizons: near ones of their own, far ones together, told the horizon."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

import lightgbm
import numpy as np

from manta.forecast.history import Floats, Reals, Singles, Whole

BANDS = ((1, 1), (2, 2), (3, 4), (5, 8), (9, 56))
"""First and last horizon, in half-hours, of each set of trees."""
NEAR = BANDS[-2][1]
"""The farthest horizon whose band has trees for few horizons."""
_GOLDEN = 0.6180339887
_ALWAYS = {
    "verbose": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "max_bin": 63,
    "feature_pre_filter": False,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "feature_fraction": 0.5,
}

type Rows = Callable[[Whole, Whole], Singles]
"""What gathers rows of features for pairs of an issue and a horizon."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is spent on a fit."""

    near_rows: int = 36_000
    """Rows sampled for a band of near horizons."""
    far_rows: int = 100_000
    spike_far_rows: int = 70_000
    rounds: int = 90
    spike_rounds: int = 160


FULL = Effort()


class Trees:
    """One fitted ensemble; its text is all there is to keep."""

    def __init__(self, text: str) -> None:
        """Read trees from LightGBM's own text; raises ValueError where it is none."""
        if not text.startswith("tree\n"):
            raise ValueError("this is not the text of boosted trees")
        try:
            self._booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as wrong:
            raise ValueError(f"these trees cannot be read: {wrong}") from wrong
        self.text = text

    @property
    def inputs(self) -> int:
        """Return how many features a row has."""
        return self._booster.num_feature()

    def predict(self, rows: Singles) -> Floats:
        """Return one number a row; the same rows give the same bits."""
        return np.asarray(self._booster.predict(rows, num_threads=1), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """The trees of a band of horizons: one for each level, or several that are averaged."""

    first: int
    last: int
    trees: tuple[Trees, ...]

    def predict(self, rows: Singles) -> Floats:
        """Return [rows, trees]."""
        return np.column_stack([trees.predict(rows) for trees in self.trees])


def fit_trees(
    rows: Singles, wanted: Reals, choices: Sequence[Mapping[str, Any]], rounds: int
) -> tuple[Trees, ...]:
    """Fit an ensemble for each choice of parameters on the same rows; a row of unknown target is left out."""
    told = ~np.isnan(wanted)
    data = lightgbm.Dataset(rows[told], wanted[told], params=_ALWAYS, free_raw_data=True)
    return tuple(
        Trees(lightgbm.train({**_ALWAYS, **choice}, data, rounds).model_to_string(num_iteration=-1))
        for choice in choices
    )


def spread_pairs(issues: Whole, first: int, last: int, most: int) -> tuple[Whole, Whole]:
    """Return at most so many pairs of an issue and a horizon, spread evenly, the same each time."""
    span = last - first + 1
    total = len(issues) * span
    stride = max(1, int(total * _GOLDEN))
    while gcd(stride, total) > 1:
        stride += 1
    taken = np.sort(np.arange(min(most, total), dtype=np.int64) * stride % total)
    return issues[taken // span], first + taken % span


def by_band(bands: Sequence[Band], rows: Rows, issues: Whole, horizons: int) -> Floats:
    """Return [N, horizons, trees] of every issue; a band's trees answer for its horizons."""
    answers = np.empty((len(issues), horizons, len(bands[0].trees)))
    for band in bands:
        last = min(band.last, horizons)
        count = last - band.first + 1
        if count > 0:
            pairs = np.repeat(issues, count), np.tile(np.arange(band.first, last + 1), len(issues))
            told = band.predict(rows(*pairs)).reshape(len(issues), count, -1)
            answers[:, band.first - 1 : last] = told
    return answers
