import numpy as np
import pytest
from tests.unit.backtest.markets import BEGINS_AT, prices, series

from manta.backtest.series import STEP_MS, SeriesError, half_hours, series_of
from manta.domain.market import Region

DAY = series(prices(2))


def rows(keep):
    return series_of(Region.VIC, DAY.end_ms[keep], DAY.per_mwh[keep])


def test_a_gap_is_refused_and_its_place_is_named_in_market_time():
    keep = np.ones(len(DAY), bool)
    keep[100] = False
    with pytest.raises(SeriesError, match="a gap: after 2027/01/04 08:20 comes 2027/01/04 08:30"):
        rows(keep)


def test_half_hourly_prices_are_refused_as_such():
    days = series(prices(12))
    with pytest.raises(SeriesError, match="half-hourly prices"):
        series_of(Region.VIC, days.end_ms[5::6], days.per_mwh[5::6])


def test_an_unknown_price_is_refused():
    broken = DAY.per_mwh.copy()
    broken[7] = np.nan
    with pytest.raises(SeriesError, match="1 prices are unknown .* 2027/01/04 00:40"):
        series_of(Region.VIC, DAY.end_ms, broken)


def test_a_price_beyond_the_market_is_refused():
    broken = DAY.per_mwh.copy()
    broken[0] = -1_000.01
    with pytest.raises(SeriesError, match="beyond the market's bounds"):
        series_of(Region.VIC, DAY.end_ms, broken)


def test_no_rows_are_refused_by_region():
    with pytest.raises(SeriesError, match="no price of SA1"):
        series_of(Region.SA, np.zeros(0, np.int64), np.zeros(0))


def test_less_than_a_day_is_refused():
    with pytest.raises(SeriesError, match="less than a day"):
        rows(slice(0, 282))


def test_rows_in_any_order_and_repeated_make_the_same_series():
    order = np.random.default_rng(3).permutation(np.concatenate([np.arange(len(DAY)), np.arange(50)]))
    assert (rows(order).per_mwh == DAY.per_mwh).all()


def test_two_prices_for_one_interval_are_refused():
    ends = np.append(DAY.end_ms, DAY.end_ms[3])
    with pytest.raises(SeriesError, match="two prices of VIC1 for the interval that ends 2027/01/04 00:20"):
        series_of(Region.VIC, ends, np.append(DAY.per_mwh, DAY.per_mwh[3] + 1))


def test_ragged_ends_are_cut_to_half_hours():
    cut = rows(slice(4, len(DAY) - 1))
    assert cut.starts_ms == DAY.starts_ms + 6 * STEP_MS
    assert len(cut) == len(DAY) - 12
    assert (half_hours(cut.per_mwh) == half_hours(DAY.per_mwh)[1:-1]).all()


def test_a_day_outside_the_files_is_refused_with_what_they_hold():
    with pytest.raises(SeriesError, match="hold 2027/01/04 00:00 to 2027/01/06 00:00"):
        DAY.place(BEGINS_AT.replace(month=2))
