"""Small markets to replay: prices with a morning, an evening and some spikes, the same for the same seed."""

from datetime import UTC, datetime, timedelta

import numpy as np

from manta.backtest.compare import Question
from manta.backtest.published import yesterday
from manta.backtest.series import STEP_MS, Series, half_hours
from manta.backtest.site import Battery, Meter, Timing, grid_meter
from manta.backtest.stochastic import Nodes
from manta.backtest.told import Foretold
from manta.domain.market import Region
from manta.domain.time import epoch_ms

BEGINS_AT = datetime(2027, 1, 3, 14, tzinfo=UTC)
"""Midnight, market time."""
AT_ONCE = Timing(timedelta(), timedelta())
POWERWALL = Battery(5.0, 5.0, 13.5, wear_per_mwh=30.0)


def prices(days, seed=1, spikes=0.004):
    """A falling night, a negative noon, a dear evening, and spikes of thousands."""
    rng = np.random.default_rng(seed)
    hour = np.arange(days * 288) % 288 / 12
    shape = 60 + 50 * np.sin((hour - 13) / 24 * 2 * np.pi * 2) - 70 * np.exp(-((hour - 12) ** 2) / 8)
    per_mwh = shape + rng.normal(0, 15, len(hour))
    struck = rng.random(len(hour)) < spikes
    per_mwh[struck] = rng.uniform(400, 15_000, struck.sum())
    return np.round(np.clip(per_mwh, -1_000, 15_000), 2)


def series(per_mwh, region=Region.VIC):
    ends = epoch_ms(BEGINS_AT) + STEP_MS * np.arange(1, len(per_mwh) + 1)
    return Series(region, ends, np.asarray(per_mwh, float), np.full(len(per_mwh), np.nan))


def home(days, export_kw=5.0, seed=2):
    """A home with a roof, under prices of which the network's part is dear in the evening."""
    rng = np.random.default_rng(seed)
    hour = np.arange(days * 288) % 288 / 12
    load_kw = 0.4 + 1.2 * np.exp(-((hour - 18.5) ** 2) / 4) + rng.uniform(0, 0.5, len(hour))
    pv_kw = np.maximum(0.0, 5.0 * np.sin((hour - 6) / 12 * np.pi)) * (hour > 6) * (hour < 18)
    adder_per_mwh = np.where((hour >= 15) & (hour < 21), 240.0, 60.0)
    return Meter(load_kw, pv_kw, adder_per_mwh, np.full(len(hour), -5.0), 1.1, 1.0, 14.0, export_kw)


def naive_forecasts(history, first):
    """Nodes about yesterday's prices; they look at nothing later than their issue."""
    count = (len(history) - first) // 6
    expected = yesterday(half_hours(history.per_mwh), first // 6, count)
    spread = np.linspace(-40, 40, 9)
    ranks = np.minimum(expected, 290.0)[:, :, None] + spread
    spikes = np.broadcast_to([600.0, 2_500.0, 12_000.0], (*expected.shape, 3))
    move = np.full((12, 12), 0.0)
    move[:9, :9] = 0.6 * np.eye(9) + 0.4 / 9
    move[9:, 9:] = 0.6 * np.eye(3)
    move[9:, :9] = 0.4 / 9
    struck = move.copy()
    struck[:9] = [*np.zeros(9), 0.6, 0.3, 0.1]
    nodes = Nodes(
        np.ascontiguousarray(np.concatenate([ranks, spikes], axis=2)),
        np.full(expected.shape, 0.01),
        np.stack([move, move]),
        np.stack([struck, struck]),
        np.array([300.0, 1_000.0, 5_000.0]),
    )
    told = ranks.astype(np.float32)
    return Foretold(expected, nodes, told, np.full(expected.shape, 0.01, np.float32))


def question(days=10, first_day=8, seed=1, battery=POWERWALL, meter=None, timing=AT_ONCE, per_mwh=None):
    history = series(prices(days, seed) if per_mwh is None else per_mwh)
    first = first_day * 288
    everything = grid_meter(len(history)) if meter is None else meter
    return Question(history, first, battery, everything, timing, None, naive_forecasts(history, first))
