from datetime import timedelta

import pytest
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

from manta.domain.time import predispatch_number
from manta.marketdata.addresses import address_of
from manta.marketdata.coverage import Span
from manta.marketdata.history import MarketData
from manta.marketdata.months import Month
from manta.mms.catalogue import DAY_OFFER, PRICE, PRICE_AND_DEMAND, TABLES, TRADING_PRICE
from manta.mms.dashboard import FORECASTS

NOW = TURN + timedelta(hours=1)
HALF_HOUR = timedelta(minutes=30)


@pytest.fixture
def market(tmp_path):
    return MarketData(tmp_path)


def test_each_region_says_what_it_lacks(market):
    market.keep(prices(*(price(TURN + n * FIVE, 1.0) for n in (-3, -2, 1, 2, 5))))
    market.keep(prices(price(TURN, 1.0, "SA1")))

    nsw, sa = market.coverage(NOW)

    assert (nsw.table, nsw.region, nsw.rows, nsw.expected, nsw.present) == (PRICE, "NSW1", 5, 9, 5)
    assert (nsw.first, nsw.last) == (TURN - 3 * FIVE, TURN + 5 * FIVE)
    assert nsw.missing == [
        Span(TURN - 2 * FIVE, TURN, 2),
        Span(TURN + 2 * FIVE, TURN + 4 * FIVE, 2),
    ]
    assert nsw.age == timedelta(minutes=35)
    assert (sa.region, sa.expected, sa.present, list(sa.missing)) == ("SA1", 1, 1, [])


def test_a_run_that_is_lacking_is_missed_though_others_foresee_its_time(market):
    for n in (0, 1, 3):
        run = TURN + n * HALF_HOUR
        market.keep(predispatch(predispatch_number(run), run, 1.0, 2.0, 3.0, 4.0))
        market.keep(p5min(TURN + n * FIVE, 1.0, 2.0, 3.0, 4.0))

    five, half_hours = market.coverage(NOW)

    assert (five.expected, five.present, five.missing) == (4, 3, [Span(TURN + FIVE, TURN + 2 * FIVE, 1)])
    assert half_hours.missing == [Span(TURN + HALF_HOUR, TURN + 2 * HALF_HOUR, 1)]
    assert half_hours.age == NOW - (TURN + 3 * HALF_HOUR) < timedelta()


def test_settled_prices_are_of_half_hours_until_october_2021(market):
    since = nem(2021, 10, 1)
    ends = [since - HALF_HOUR, since, since + FIVE, since + 3 * FIVE]
    market.keep(settled(*((end, 1.0) for end in ends)))
    market.keep(rows_of(TRADING_PRICE, [{"SETTLEMENTDATE": end, "REGIONID": "SA1"} for end in ends[:2]]))

    trading, demand = market.coverage(NOW)

    assert (trading.expected, trading.present) == (2, 2)
    assert (demand.expected, demand.present) == (5, 4)
    assert demand.missing == [Span(since + FIVE, since + 2 * FIVE, 1)]


def test_what_comes_without_rhythm_is_counted_and_nothing_is_missed(market):
    days = [{"SETTLEMENTDATE": TURN + timedelta(days=n), "DUID": "A", "BIDTYPE": "ENERGY"} for n in (0, 9)]
    market.keep(rows_of(DAY_OFFER, [day | {"DIRECTION": None} for day in days]))

    (offers,) = market.coverage(NOW)

    assert (offers.region, offers.rows, offers.present, offers.expected) == (None, 2, 2, None)
    assert list(offers.missing) == []


def test_where_a_month_can_be_had_is_an_address_by_its_name_of_that_time():
    old, new = (address_of(PRICE, month, "NSW1") for month in (Month(2024, 7), Month(2024, 8)))

    assert old.endswith(
        "/2024/MMSDM_2024_07/MMSDM_Historical_Data_SQLLoader/DATA/PUBLIC_DVD_DISPATCHPRICE_202407010000.zip"
    )
    assert new.endswith("/DATA/PUBLIC_ARCHIVE%23DISPATCHPRICE%23FILE01%23202408010000.zip")
    assert address_of(PRICE_AND_DEMAND, Month(2024, 1), "SA1").endswith("/PRICE_AND_DEMAND_202401_SA1.csv")
    assert address_of(FORECASTS, Month(2024, 1), "SA1") is None
    assert all(address_of(table, Month(2024, 1), None) for table in TABLES)
