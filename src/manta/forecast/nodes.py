"""Twelve price nodes for the stochastic planner, and how they follow each other.

Nodes 0–8 are the nine quantiles, capped at $300/MWh; 9–11 are spikes of $300–1,000, $1,000–5,000 and more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manta.forecast.history import INTERVALS_PER_HALF_HOUR, Floats, HalfHours, Reals, Whole
from manta.forecast.price import LEVELS
from manta.forecast.spike import SEVERITY_EDGES_PER_MWH, SPIKE_PER_MWH, Severity, severity_of

RANKS = len(LEVELS)
SPIKES = len(SEVERITY_EDGES_PER_MWH)
NODES = RANKS + SPIKES
CALM_TOP_PER_MWH = 0.97 * SPIKE_PER_MWH
"""The dearest that a rank may be; what lies above is a spike's."""
_MOST_HAZARD = 0.95
_PRIOR = 4.0
"""Observations of the marginal that each row of counts begins from."""


@dataclass(frozen=True, slots=True, eq=False)
class NodeModel:
    """How nodes follow each other, counted on history; plain arrays for a compiled planner."""

    rank_step: Floats
    """[9, 9] rank to rank from one half-hour to the next, rows sum to 1."""
    rank_five: Floats
    """[9, 9] rank to rank from one five minutes to the next within a half-hour, rows sum to 1."""
    severity: Severity
    """How spikes begin, stay and end."""

    def calm(self) -> Floats:
        """Return [2, 12, 12] moves in five minutes and in a half-hour where no spike can begin."""
        return self._moves(np.zeros(SPIKES), 1.0)

    def struck(self) -> Floats:
        """Return [2, 12, 12] the same where a spike is sure to begin; in between, moves are in proportion."""
        return self._moves(self.severity.entry, 0.0)

    def _moves(self, entry: Floats, kept_share: float) -> Floats:
        moves = np.zeros((2, NODES, NODES))
        pairs = ((self.rank_five, self.severity.stay_five), (self.rank_step, self.severity.stay_step))
        for move, (ranks, stay) in zip(moves, pairs, strict=True):
            move[:RANKS, :RANKS] = kept_share * ranks
            move[:RANKS, RANKS:] = entry
            move[RANKS:, RANKS:] = stay
            move[RANKS:, :RANKS] = (1.0 - stay.sum(1))[:, None] * ranks[-1]
        return moves


def rank_of(nodes_per_mwh: Reals, per_mwh: Reals) -> Whole:
    """Return [...] the rank, 0 to 8, nearest to each price, given [..., 9] rank prices."""
    between = 0.5 * (nodes_per_mwh[..., 1:RANKS] + nodes_per_mwh[..., : RANKS - 1])
    return np.asarray((per_mwh[..., None] > between).sum(-1), np.int64)


def place_all(nodes_per_mwh: Reals, per_mwh: Reals) -> Whole:
    """Return [...] the node of each published price: a spike's severity, or else its rank; from [..., 12]."""
    severe = severity_of(np.asarray(per_mwh, np.float64))
    return np.where(severe > 0, RANKS - 1 + severe, rank_of(nodes_per_mwh[..., :RANKS], per_mwh))


def fit_nodes(halves: HalfHours, severity: Severity, issues: Whole, quantiles_per_mwh: Reals) -> NodeModel:
    """Count how the ranks of what happened followed each other, among forecasts [N, H, 9] made at ``issues``.

    All targets must be told. Half-hour moves are those from each half-hour ahead to the next of one issue, so
    that a price that turned out high six hours ahead is high for as long as it has been.
    """
    horizons = quantiles_per_mwh.shape[1]
    targets = issues[:, None] + np.arange(1, horizons + 1)
    ranks = rank_of(quantiles_per_mwh, halves.mean_per_mwh[targets])
    calm = halves.highest_per_mwh[targets] <= SPIKE_PER_MWH
    step = np.zeros((RANKS, RANKS))
    both = calm[:, :-1] & calm[:, 1:]
    np.add.at(step, (ranks[:, :-1][both], ranks[:, 1:][both]), 1.0)
    next_half = halves.five_per_mwh[issues + 1]
    fives = rank_of(np.repeat(quantiles_per_mwh[:, None, 0], INTERVALS_PER_HALF_HOUR, axis=1), next_half)
    five = np.zeros((RANKS, RANKS))
    np.add.at(five, (fives[calm[:, 0], :-1].ravel(), fives[calm[:, 0], 1:].ravel()), 1.0)
    return NodeModel(_rows(step), _rows(five), severity)


def node_prices(model: NodeModel, quantiles_per_mwh: Reals) -> Floats:
    """Return [..., H, 12] node prices from [..., H, 9] quantiles."""
    ranks = np.minimum(quantiles_per_mwh, CALM_TOP_PER_MWH)
    spikes = np.broadcast_to(model.severity.per_mwh, (*ranks.shape[:-1], SPIKES))
    return np.concatenate([ranks, spikes], axis=-1).astype(np.float64)


def hazards(model: NodeModel, spike_share: Reals) -> Floats:
    """Return [..., H] the probability that a spike begins, from [..., H] P(dearest five minutes > $300).

    Entry 0 is for five minutes within the first half-hour; the others are for a half-hour whose mean exceeds
    $300, such that entries and stays together come to the forecast share.
    """
    share = spike_share.astype(np.float64)
    whole = share * model.severity.mean_over_highest_share
    stays_share = float(model.severity.entry @ model.severity.stay_step.sum(1))
    begins = np.empty_like(whole)
    begins[..., 1:] = (whole[..., 1:] - whole[..., :-1] * stays_share) / (1.0 - whole[..., :-1] + 1e-9)
    begins[..., 0] = 1.0 - (1.0 - share[..., 0]) ** (1.0 / INTERVALS_PER_HALF_HOUR)
    return begins.clip(0.0, _MOST_HAZARD)


def transitions(model: NodeModel, hazard: Floats) -> Floats:
    """Return [H, 12, 12], rows sum to 1: entry h carries half-hour h − 1 to h; entry 0 is of five minutes."""
    calm, struck = model.calm(), model.struck()
    which = np.minimum(np.arange(len(hazard)), 1)
    moved: Floats = calm[which] + hazard[:, None, None] * (struck[which] - calm[which])
    return moved


def _rows(counts: Floats) -> Floats:
    marginal = counts.sum(0) + 1e-9
    begun = counts + _PRIOR * (marginal / marginal.sum())
    return np.asarray(begun / begun.sum(1, keepdims=True), np.float64)
