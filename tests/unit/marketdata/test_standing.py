from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.marketdata.published import FIVE, nem, price, prices, settled
from tests.unit.mms.files import csv, price_row

from manta.domain.market import PriceStatus
from manta.domain.reference import MARKET_PRICE_CAPS, cap_per_mwh
from manta.domain.time import DispatchInterval
from manta.mms.catalogue import PRICE
from manta.mms.dispatchis import prices_in
from manta.mms.reports import tables_in
from manta.mms.standing import paid, status_places
from manta.wire.series import PRICE_STATUSES

NAME = "PUBLIC_DISPATCHIS_202701141805_0000000000000001.CSV"
AT = nem(2027, 1, 14, 18, 5)


def statuses(rows):
    return [PRICE_STATUSES[place] for place in status_places(rows)]


@given(
    rrp=st.sampled_from(("-1000.00001", "-1000", "0", "123.45678", "23200", "23200.00001", "99999")),
    flag=st.integers(0, 63),
    suspended=st.integers(0, 2),
    stated=st.sampled_from(("FIRM", "NOT FIRM", "INDETERMINATE")),
)
@settings(max_examples=60, deadline=None)
def test_a_table_is_judged_as_a_report_is(rrp, flag, suspended, stated):
    row = price_row(RRP=rrp, APCFLAG=str(flag), MARKETSUSPENDEDFLAG=str(suspended), PRICE_STATUS=stated)
    body = csv(row)

    assert statuses(tables_in(NAME, body, (PRICE,))[PRICE]) == [prices_in(NAME, body)[0].status]


@pytest.mark.parametrize("cap", MARKET_PRICE_CAPS, ids=lambda cap: f"{cap.since}")
def test_the_cap_is_that_of_the_interval(cap):
    midnight = nem(cap.since.year, cap.since.month, cap.since.day)
    for end in (midnight, midnight + FIVE):
        highest = cap_per_mwh(DispatchInterval(end))
        rows = prices(price(end, highest, "NSW1"), price(end, highest + 0.01, "SA1"))
        assert statuses(rows) == [PriceStatus.FIRM, PriceStatus.SUSPECT]


def test_what_is_not_stated_is_not_held_against_a_price():
    assert statuses(settled((AT, 300.0))) == [PriceStatus.FIRM]
    unknown = prices(price(AT, 1.0, PRICE_STATUS=None, APCFLAG=None), price(AT, 1.0, PRICE_STATUS="NOT FIRM"))
    assert statuses(unknown) == [PriceStatus.FIRM, PriceStatus.NOT_FIRM]
    assert statuses(prices()) == []


def test_what_ran_while_aemo_intervened_is_not_paid():
    rows = prices(price(AT, 1.0), price(AT, 9_000.0) | {"INTERVENTION": 1.0}, price(AT + timedelta(1), 2.0))

    assert paid(rows).numbers("RRP").tolist() == [1.0, 2.0]
