"""Market history as the pages ask for it, from genuine columns on disk."""

from datetime import timedelta

import numpy as np
import pytest
from tests.unit.marketdata.published import FIVE, nem, p5min, predispatch, price, prices, rows_of

from manta.desk.market import Market
from manta.domain.market import Region
from manta.domain.time import epoch_ms, predispatch_number
from manta.marketdata.history import MarketData
from manta.mms.catalogue import REGIONSUM

NOON = nem(2024, 1, 16, 12)


@pytest.fixture
def data(tmp_path):
    return MarketData(tmp_path)


def demand(end, mw, intervention=0.0):
    return {"SETTLEMENTDATE": end, "REGIONID": "NSW1", "INTERVENTION": intervention, "TOTALDEMAND": mw}


async def test_an_empty_history_knows_nothing_and_breaks_nothing(data):
    market = Market(data)
    assert await market.extent(Region.NSW) is None
    assert len(await market.prices(Region.NSW, NOON - FIVE, NOON)) == 0
    assert await market.forecasts(Region.NSW, NOON) == []
    assert await market.demand_kw(Region.NSW, NOON - FIVE, NOON) is None


async def test_demand_is_the_newest_of_the_run_that_prices_are_of(data):
    data.keep(
        rows_of(REGIONSUM, [demand(NOON - FIVE, 7_000.0), demand(NOON, 7_100.5), demand(NOON, 9e9, 1.0)])
    )
    market = Market(data)
    assert await market.demand_kw(Region.NSW, NOON - 6 * FIVE, NOON) == 7_100_500.0
    assert await market.demand_kw(Region.NSW, NOON, NOON + FIVE) is None
    assert await market.demand_kw(Region.VIC, NOON - FIVE, NOON) is None


async def test_past_runs_are_compared_with_the_prices_that_came(data):
    data.keep(prices(*(price(NOON - n * FIVE, 90.0) for n in range(60))))
    for n in range(1, 41):
        data.keep(p5min(NOON - n * FIVE, 80.0, 70.0, changed=NOON - n * FIVE - timedelta(minutes=4)))
    data.keep(p5min(NOON + FIVE, 80.0, 70.0, changed=NOON + timedelta(minutes=1)))
    market, at = Market(data), NOON + timedelta(minutes=2)
    [run] = await market.forecasts(Region.NSW, at)
    spread = await market.spread(Region.NSW, run, at)
    low, high = spread.around(run.per_mwh, -1_000.0, 17_500.0)
    assert spread.most_runs == 40
    assert (low.tolist(), high.tolist()) == ([90.0, 90.0], [90.0, 90.0])


async def test_a_run_is_compared_once(data):
    data.keep(p5min(NOON, 80.0, changed=NOON - timedelta(minutes=4)))
    market = Market(data)
    [run] = await market.forecasts(Region.NSW, NOON)
    assert await market.spread(Region.NSW, run, NOON) is await market.spread(Region.NSW, run, NOON + FIVE)


async def test_runs_that_reach_into_the_next_month_stay_whole(data):
    early, first = nem(2024, 1, 31, 23), nem(2024, 1, 31, 23, 30)
    data.keep(predispatch(predispatch_number(early), early, 70.0, 71.0, 72.0, 73.0, changed=early - 5 * FIVE))
    data.keep(predispatch(predispatch_number(first), first, 80.0, 81.0, 82.0, 83.0, changed=first - 5 * FIVE))
    [run] = await Market(data).forecasts(Region.NSW, first)
    assert run.per_mwh.tolist() == [80.0, 81.0, 82.0, 83.0]
    assert run.ends_ms[0] == epoch_ms(first)
    assert np.all(np.diff(run.ends_ms) == 1_800_000)
