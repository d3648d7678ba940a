"""A ridge for every half-hour of the day, that answers for all horizons at once.

Cheap, smooth where trees are coarse, and out of fold on its own training span, so that trees may be given
its answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manta.forecast.history import SLOTS, Floats, Levels, Singles, Whole

NEIGHBORS = (1.0, 0.5, 0.25)
"""How much the half-hours beside a slot weigh in its fit."""
PENALTIES = ((0, 2, 10.0), (2, 8, 25.0), (8, 10_000, 60.0))
"""From and to which horizon, and the penalty for each hundred rows: the further ahead, the less it dares."""
FOLDS = 5
FOLD_SPAN = 14 * SLOTS
"""Folds alternate every fortnight, so that a row's neighbors in time are in its own fold."""
LEAST_ISSUES = FOLDS * FOLD_SPAN
_FARTHEST = 6.0
"""Standard deviations at which an input is clipped."""


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """Fitted coefficients, and the quantiles of what they missed out of fold."""

    centre: Floats
    spread: Floats
    """[K] of the inputs, over the training span."""
    coefficients: Floats
    """[48, K + 1, H] by the slot in which the issue ends."""
    misses: Floats
    """[48, H, L] quantiles of out-of-fold residuals."""

    def means(self, raw: Floats, slots: Whole) -> Floats:
        """Return [N, H] what is expected, from rows of inputs and the slot in which each issue ends."""
        known = _standard(raw, self.centre, self.spread)
        means = np.empty((len(slots), self.coefficients.shape[2]))
        for slot in np.unique(slots):
            here = slots == slot
            means[here] = known[here] @ self.coefficients[slot]
        return means

    def quantiles(self, means: Floats, slots: Whole) -> Singles:
        """Return [N, H, L]: the means with the ridge's own misses around them."""
        return (means[:, :, None] + self.misses[slots]).astype(np.float32)


def fit_ridge(
    raw: Floats, wanted: Floats, issues: Whole, slots: Whole, levels: Levels
) -> tuple[Ridge, Floats]:
    """Fit on [N, K] inputs and [N, H] outcomes of successive issues; return also its answers out of fold.

    ``issues`` number half-hours and ``slots`` are theirs in the day. A row with any unknown outcome is left
    out of the fit; its out-of-fold answer is given all the same.
    """
    if len(issues) < LEAST_ISSUES:
        raise ValueError(f"a ridge needs at least {LEAST_ISSUES} issues, was given {len(issues)}")
    centre, spread = np.nanmean(raw, 0), np.nanstd(raw, 0) + 1e-9
    known = _standard(raw, centre, spread)
    told = ~np.isnan(wanted).any(1)
    folds = issues // FOLD_SPAN % FOLDS
    coefficients = np.empty((SLOTS, known.shape[1], wanted.shape[1]))
    answers = np.empty_like(wanted)
    misses = np.empty((SLOTS, wanted.shape[1], len(levels)))
    for slot in range(SLOTS):
        apart = np.abs((slots - slot + SLOTS // 2) % SLOTS - SLOTS // 2)
        near = np.flatnonzero((apart < len(NEIGHBORS)) & told)
        weights = np.array(NEIGHBORS)[apart[near]]
        parts = [
            _moments(known[near[part]], wanted[near[part]], weights[part])
            for part in (folds[near] == fold for fold in range(FOLDS))
        ]
        gram = np.sum([gram for gram, _ in parts], axis=0)
        cross = np.sum([cross for _, cross in parts], axis=0)
        coefficients[slot] = _solve(gram, cross, weights.sum())
        for fold, (out_gram, out_cross) in enumerate(parts):
            here = (slots == slot) & (folds == fold)
            left = weights[folds[near] != fold].sum()
            answers[here] = known[here] @ _solve(gram - out_gram, cross - out_cross, left)
        mine = (slots == slot) & told
        misses[slot] = np.quantile(wanted[mine] - answers[mine], levels, axis=0).T
    return Ridge(centre, spread, coefficients, misses), answers


def _standard(raw: Floats, centre: Floats, spread: Floats) -> Floats:
    scaled = np.nan_to_num((raw - centre) / spread, nan=0.0).clip(-_FARTHEST, _FARTHEST)
    return np.column_stack([np.ones(len(raw)), scaled])


def _moments(known: Floats, wanted: Floats, weights: Floats) -> tuple[Floats, Floats]:
    weighted = known * weights[:, None]
    return weighted.T @ known, weighted.T @ wanted


def _solve(gram: Floats, cross: Floats, rows_scale: float) -> Floats:
    solved = np.empty_like(cross)
    for first, last, penalty in PENALTIES:
        if first < cross.shape[1]:
            shrink = np.full(len(gram), penalty * rows_scale / 100.0)
            shrink[0] = 1e-6
            solved[:, first:last] = np.linalg.solve(gram + np.diag(shrink), cross[:, first:last])
    return solved
