import time
from datetime import UTC, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.marketdata.published import (
    FIVE,
    TURN,
    nem,
    p5min,
    predispatch,
    price,
    prices,
    rows_of,
    settled,
)

from manta.domain.market import PriceStatus, Region
from manta.domain.time import epoch_ms
from manta.marketdata import files
from manta.marketdata.history import MarketData
from manta.marketdata.series import MarketSeries
from manta.mms.catalogue import PRICE
from manta.wire.series import FEWEST_POINTS, PRICE_STATUSES, PriceSeries, thin

START, END = nem(2020, 1, 1), nem(2030, 1, 1)


def series_of(per_mwh, ends_ms=None):
    count = len(per_mwh)
    ends_ms = np.arange(count) * 300_000 if ends_ms is None else np.array(ends_ms, np.int64)
    return PriceSeries(ends_ms, np.array(per_mwh, float), np.zeros(count, np.uint8), np.full(count, np.nan))


@pytest.fixture
def market(tmp_path):
    return MarketData(tmp_path)


@pytest.fixture
def known(market):
    return MarketSeries(market)


async def test_nothing_is_known_of_nothing(known):
    assert len(await known.prices(Region.NSW, START, END)) == 0
    assert await known.extent(Region.NSW) is None
    assert await known.forecasts(Region.NSW, TURN) == []


async def test_prices_are_those_of_the_intervals_between_with_their_standing(market, known):
    market.keep(
        prices(
            price(TURN, 1.0),
            price(TURN + FIVE, 2.0, PRICE_STATUS="NOT FIRM", CUMUL_PRE_AP_ENERGY_PRICE=266_416.25),
            price(TURN + FIVE, 9_000.0) | {"INTERVENTION": 1.0},
            price(TURN + FIVE, 7.0, "SA1"),
            price(TURN + 2 * FIVE, 3.0, MARKETSUSPENDEDFLAG=1.0),
            price(TURN + 3 * FIVE, None),
            price(TURN + 4 * FIVE, 5.0),
        )
    )

    found = await known.prices(Region.NSW, TURN, TURN + 3 * FIVE)

    assert found.ends_ms.tolist() == [epoch_ms(TURN + FIVE), epoch_ms(TURN + 2 * FIVE)]
    assert found.per_mwh.tolist() == [2.0, 3.0]
    assert [PRICE_STATUSES[each] for each in found.status] == [PriceStatus.NOT_FIRM, PriceStatus.SUSPENDED]
    assert found.cumulative_per_mwh[0] == 266_416.25
    assert np.isnan(found.cumulative_per_mwh[1])
    assert await known.extent(Region.NSW) == (TURN, TURN + 4 * FIVE)


async def test_prices_and_demand_fill_what_dispatch_lacks_and_nothing_else(market, known):
    market.keep(settled((TURN - FIVE, 0.5), (TURN, 9.0), (TURN + FIVE, 1.5)))
    market.keep(prices(price(TURN, 1.0)))

    found = await known.prices(Region.NSW, START, END)

    assert found.per_mwh.tolist() == [0.5, 1.0, 1.5]
    assert (np.diff(found.ends_ms) == 300_000).all()


async def test_what_comes_later_is_seen_though_the_month_was_in_memory(market, known):
    market.keep(prices(price(TURN, 1.0)))
    await known.prices(Region.NSW, START, END)
    market.keep(prices(price(TURN, 2.0, changed=TURN), price(TURN - FIVE, 0.5)))

    assert (await known.prices(Region.NSW, START, END)).per_mwh.tolist() == [0.5, 2.0]


async def test_a_forecast_is_known_once_it_is_published_and_not_before(market, known):
    for n in range(3):
        run = TURN + n * FIVE
        market.keep(p5min(run, 10.0 + n, 20.0 + n, changed=run - FIVE + timedelta(seconds=40)))
    half_past = TURN + timedelta(minutes=30)
    market.keep(predispatch(2024013140, half_past, 60.0, 70.0, changed=TURN + timedelta(seconds=90)))

    before = await known.forecasts(Region.NSW, TURN + timedelta(seconds=39))
    then = await known.forecasts(Region.NSW, TURN + timedelta(seconds=90))

    assert [(run.source, run.per_mwh.tolist()) for run in before] == [("P5MIN", [10.0, 20.0])]
    assert [(run.source, run.per_mwh.tolist()) for run in then] == [
        ("P5MIN", [11.0, 21.0]),
        ("PREDISPATCH", [60.0, 70.0]),
    ]
    assert then[1].made_at == TURN + timedelta(seconds=90)
    assert then[1].made_at.tzinfo is UTC
    assert then[1].ends_ms.tolist() == [epoch_ms(half_past), epoch_ms(half_past + timedelta(minutes=30))]
    assert await known.forecasts(Region.SA, END) == []


async def test_a_run_that_does_not_say_when_it_was_made_was_out_by_the_end_of_its_first_interval(
    market, known
):
    market.keep(p5min(TURN, 10.0, 20.0))

    assert await known.forecasts(Region.NSW, TURN - timedelta(seconds=1)) == []
    (run,) = await known.forecasts(Region.NSW, TURN)
    assert run.made_at == TURN


async def test_runs_come_in_the_order_in_which_they_were_made(market, known):
    for n in (2, 0, 1):
        market.keep(p5min(TURN + n * FIVE, float(n)))

    runs = await known.runs("P5MIN", Region.NSW, TURN, TURN + 2 * FIVE)

    assert [run.per_mwh.tolist() for run in runs] == [[1.0], [2.0]]


def test_fewer_points_than_a_trough_and_a_peak_between_two_ends_are_refused():
    with pytest.raises(ValueError, match="4 points or more"):
        thin(series_of([1.0]), FEWEST_POINTS - 1)


@given(
    per_mwh=st.lists(st.integers(-1_000, 20_300).map(float), min_size=1, max_size=200),
    points=st.integers(FEWEST_POINTS, 60),
    gaps=st.data(),
)
def test_thinning_keeps_the_ends_and_every_span_s_lowest_and_highest(per_mwh, points, gaps):
    steps = gaps.draw(st.lists(st.integers(1, 50), min_size=len(per_mwh), max_size=len(per_mwh)))
    whole = series_of(per_mwh, np.cumsum(steps) * 300_000)

    thinned = thin(whole, points)

    assert len(thinned) <= max(points, 0)
    assert set(zip(thinned.ends_ms, thinned.per_mwh, strict=True)) <= set(
        zip(whole.ends_ms, whole.per_mwh, strict=True)
    )
    assert (np.diff(thinned.ends_ms) > 0).all()
    assert thinned.ends_ms[[0, -1]].tolist() == whole.ends_ms[[0, -1]].tolist()
    assert thinned.per_mwh.min() == whole.per_mwh.min()
    assert thinned.per_mwh.max() == whole.per_mwh.max()
    if len(whole) <= points:
        assert len(thinned) == len(whole)


def test_one_spike_in_a_year_is_never_thinned_away():
    per_mwh = np.full(105_120, 60.0)
    per_mwh[70_000] = 15_500.0

    thinned = thin(series_of(per_mwh), 500)

    assert len(thinned) <= 500
    assert thinned.per_mwh.max() == 15_500.0


async def test_ten_years_of_a_region_are_read(market, known, monkeypatch):
    """Prints how long it takes; what is asserted is that every interval is there."""
    monkeypatch.setattr(files.os, "fsync", lambda _: None)
    month = nem(2014, 1, 1)
    for _ in range(10):
        ends = [month + n * timedelta(hours=12) + FIVE for n in range(2 * 365)]
        market.keep(rows_of(PRICE, [price(end, 60.0) for end in ends]))
        month += timedelta(days=365)

    for name in ("cold", "warm"):
        begun = time.perf_counter()
        found = await known.prices(Region.NSW, nem(2014, 1, 1), END)
        print(f"{len(found):,} prices, {name}: {1_000 * (time.perf_counter() - begun):.1f} ms")

    assert len(found) == 7_300
