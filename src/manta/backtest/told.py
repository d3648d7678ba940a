"""From walk-forward forecasts to what the replay's policies read: an expected price, nodes, their moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manta.backtest.series import HALF_HOUR_MS, Series, SeriesError
from manta.backtest.stochastic import Nodes
from manta.forecast.nodes import hazards, node_prices
from manta.forecast.price import LEVELS
from manta.forecast.spike import SEVERITY_EDGES_PER_MWH
from manta.forecast.walk import Walk

FADES_SCALE = 0.95
"""What is left after five minutes of a price's surprise over our forecast; chosen on 2023."""

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Foretold:
    """Our own forecasts, one issue for each half-hour of the span replayed."""

    expected_per_mwh: Floats
    """[N, H], spikes counted by their probability."""
    nodes: Nodes
    quantiles_per_mwh: NDArray[np.float32]
    """[N, H, 9] as forecast, for their calibration."""
    spike_share: NDArray[np.float32]
    fades_scale: float = FADES_SCALE


def foretold(walk: Walk, series: Series) -> Foretold:
    """Line forecasts up with the span to be replayed; SeriesError where some half-hour has no issue."""
    wanted = np.arange(series.starts_ms, int(series.end_ms[-1]), HALF_HOUR_MS)
    place = np.searchsorted(walk.forecasts.issued_ms, wanted)
    inside = place < len(walk.forecasts.issued_ms)
    if not inside.all() or (walk.forecasts.issued_ms[place] != wanted).any():
        raise SeriesError("the forecasts do not cover the span to be replayed")
    quantiles_per_mwh = walk.forecasts.quantiles_per_mwh[place]
    spike_share = walk.forecasts.spike_share[place]
    nodes = Nodes(
        np.ascontiguousarray(node_prices(walk.nodes, quantiles_per_mwh)),
        hazards(walk.nodes, spike_share),
        walk.nodes.calm(),
        walk.nodes.struck(),
        np.array(SEVERITY_EDGES_PER_MWH),
    )
    return Foretold(expected(walk, nodes, spike_share), nodes, quantiles_per_mwh, spike_share)


def expected(walk: Walk, nodes: Nodes, spike_share: NDArray[np.float32]) -> Floats:
    """Return the expected price: ranks by the probability that each stands for, spikes by theirs."""
    ranks = nodes.per_mwh.shape[2] - len(nodes.edges_per_mwh)
    calm_per_mwh = nodes.per_mwh[:, :, :ranks] @ rank_shares()
    spike_per_mwh = float(walk.nodes.severity.entry @ walk.nodes.severity.per_mwh)
    struck_share = spike_share.astype(np.float64) * walk.nodes.severity.mean_over_highest_share
    expected_per_mwh: Floats = calm_per_mwh + struck_share * (spike_per_mwh - calm_per_mwh)
    return expected_per_mwh


def rank_shares() -> Floats:
    """Return the probability that each quantile stands for: up to halfway to its neighbors."""
    levels = np.array(LEVELS)
    edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    return np.diff(edges)
