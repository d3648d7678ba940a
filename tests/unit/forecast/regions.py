"""A region to forecast: prices with a day's shape, weather that lasts and rare spikes; and the real one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from manta.domain.market import Region
from manta.domain.time import epoch_ms
from manta.forecast.boost import Effort
from manta.forecast.history import FIVE_MINUTES_MS, NEM_OFFSET_MS, History

DATA = Path(__file__).parents[4] / "shared" / "data"
BEGINS = datetime(2026, 1, 1, 14, 0, tzinfo=UTC)
"""Midnight, market time."""
LITTLE = Effort(near_rows=1_500, far_rows=3_000, spike_far_rows=3_000, rounds=20, spike_rounds=8)
"""A fit that takes seconds."""


def after(days):
    return BEGINS + timedelta(days=days)


def region(days, seed=1, rooftop=False):
    """Return five-minute history; the price follows the hour, a slow level and a nervous remainder."""
    luck = np.random.default_rng(seed)
    count = days * 288
    ends_ms = epoch_ms(BEGINS) + FIVE_MINUTES_MS * np.arange(1, count + 1, dtype=np.int64)
    hour = (np.arange(count) % 288) / 12
    slow, quick = np.zeros(count), np.zeros(count)
    shocks = luck.normal(size=(2, count))
    for t in range(1, count):
        slow[t] = 0.999 * slow[t - 1] + 0.05 * shocks[0, t]
        quick[t] = 0.9 * quick[t - 1] + 0.3 * shocks[1, t]
    evening = np.exp(-((hour - 18.5) ** 2) / 4)
    noon = np.exp(-((hour - 12) ** 2) / 8)
    demand_kw = 5_000_000 + 1_200_000 * evening - 900_000 * noon + 200_000 * slow
    per_mwh = 60 + 90 * evening - 80 * noon + 15 * slow + 8 * quick
    tight = evening * np.exp(0.8 * slow)
    spikes = luck.random(count) < 0.004 * tight
    for start in np.flatnonzero(spikes):
        per_mwh[start : start + 3] = 300 + luck.exponential(900)
    sun = 2_000_000 * np.maximum(noon - 0.05, 0) if rooftop else None
    return History(Region.VIC, ends_ms, per_mwh, demand_kw, sun)


def real(year):
    """Return a year of VIC1 as AEMO published it, or skip."""
    path = DATA / "nem" / f"VIC1_5min_{year}.parquet"
    if not path.exists():
        pytest.skip("the real prices of VIC1 are not here")
    table = pq.read_table(path)
    ends_ms = table["SETTLEMENTDATE"].to_numpy().astype("datetime64[ms]").astype(np.int64) - NEM_OFFSET_MS
    price, demand = table["RRP"].to_numpy(), table["TOTALDEMAND"].to_numpy() * 1_000
    return History.from_rows(Region.VIC, ends_ms, price, demand)
