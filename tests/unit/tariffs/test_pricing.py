"""Prices in columns over three years, on the clocks of every region, through days of 23 and 25 hours."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.tariffs.terms import ZONES, seasonal, tariff, window

from manta.domain.tariff import LossFactors, UnknownTariffError
from manta.domain.time import DispatchInterval, epoch_ms, from_epoch_ms
from manta.tariffs.clock import FIVE_MINUTES_MS, wall_clock
from manta.tariffs.pricing import adders_per_mwh, price

FIRST, YEARS = date(2024, 1, 1), 3
SOME_MS = 5_000_000 * FIVE_MINUTES_MS


def midnight(day, zone):
    return epoch_ms(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC))


def three_years(zone):
    begins, ends = midnight(FIRST, zone), midnight(date(FIRST.year + YEARS, 1, 1), zone)
    return np.arange(begins, ends, FIVE_MINUTES_MS, np.int64)


@pytest.mark.parametrize("zone", ZONES.values(), ids=ZONES)
def test_every_tariff_day_is_filled_by_its_windows_whatever_its_length(zone):
    begins_ms = three_years(zone)
    clock = wall_clock(begins_ms, zone)
    terms = seasonal(zone)

    lengths = Counter(np.bincount(clock.day - clock.day[0]).tolist())
    changes = 0 if zone == "Australia/Brisbane" else YEARS
    assert +lengths == +Counter({288: 1096 - 2 * changes, 276: changes, 300: changes})

    for windows in (terms.import_windows, terms.export_windows):
        assert not np.isnan(adders_per_mwh(windows, clock)).any()
        held = np.zeros(len(begins_ms), np.int64)
        for one in windows:
            hours = one.hours
            here = np.isin(clock.month, list(hours.months)) & np.isin(clock.weekday, list(hours.weekdays))
            held += here & (clock.slot >= hours.first // 5) & (clock.slot < hours.last // 5)
        assert (held == 1).all()


@pytest.mark.parametrize("zone", ZONES.values(), ids=ZONES)
def test_the_wall_clock_in_columns_is_the_one_of_the_time_zone_database(zone):
    begins_ms = three_years(zone)[::7]  # 35 minutes apart: every hour of every day
    clock = wall_clock(begins_ms, zone)

    place = ZoneInfo(zone)
    local = [from_epoch_ms(int(at)).astimezone(place) for at in begins_ms]
    assert clock.month.tolist() == [at.month for at in local]
    assert clock.weekday.tolist() == [at.weekday() for at in local]
    assert clock.slot.tolist() == [(at.hour * 60 + at.minute) // 5 for at in local]
    assert clock.day.tolist() == [(at.date() - date(1970, 1, 1)).days for at in local]
    assert clock.month_no.tolist() == [(at.year - 1970) * 12 + at.month - 1 for at in local]


@pytest.mark.parametrize(
    ("zone", "day", "hours", "second_hour"),
    [
        ("Australia/Sydney", date(2026, 10, 4), 23, 0),
        ("Australia/Sydney", date(2026, 4, 5), 25, 24),
        ("Australia/Adelaide", date(2026, 10, 4), 23, 0),
        ("Australia/Adelaide", date(2026, 4, 5), 25, 24),
        ("Australia/Brisbane", date(2026, 10, 4), 24, 12),
    ],
)
def test_the_hour_that_clocks_skip_is_missing_and_the_one_they_repeat_counts_twice(
    zone, day, hours, second_hour
):
    ends_ms = np.arange(
        midnight(day, zone), midnight(day + timedelta(days=1), zone), FIVE_MINUTES_MS, np.int64
    )
    prices = price(seasonal(zone), ends_ms + FIVE_MINUTES_MS, np.zeros(len(ends_ms)))

    assert len(ends_ms) == hours * 12
    assert (prices.import_per_mwh == 20.0 * 1.1).sum() == second_hour


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(list(ZONES.values())),
    st.integers(0, 3 * 365 * 288),
    st.integers(1, 40),
    st.floats(-1_000, 23_200, allow_nan=False),
    st.floats(0.8, 1.3),
)
def test_columns_price_as_the_tariff_itself_does(zone, first, count, spot, scale):
    end_ms = epoch_ms(datetime(2024, 1, 1, tzinfo=UTC)) + (first + np.arange(count)) * FIVE_MINUTES_MS
    terms = seasonal(zone).with_losses(LossFactors(dlf_scale=scale, mlf_scale=0.97, export_mlf_scale=0.95))

    prices = price(terms, end_ms, np.full(count, spot))

    for row, at in enumerate(end_ms.tolist()):
        interval = DispatchInterval(from_epoch_ms(at))
        assert prices.import_per_mwh[row] == terms.import_per_mwh(interval, spot)
        assert prices.export_per_mwh[row] == terms.export_per_mwh(interval, spot)


def test_where_spot_is_not_known_neither_is_the_price():
    prices = price(
        tariff(window(0, 24)), np.array([SOME_MS, SOME_MS + FIVE_MINUTES_MS]), np.array([np.nan, 1.0])
    )

    assert np.isnan(prices.import_per_mwh).tolist() == [True, False]
    assert np.isnan(prices.export_per_mwh).tolist() == [True, False]


def test_a_day_without_the_tariff_and_an_end_off_the_mark_are_refused():
    with pytest.raises(UnknownTariffError, match="not on 1999-12-31"):
        price(tariff(window(0, 24)), np.array([epoch_ms(datetime(1999, 12, 31, tzinfo=UTC))]), np.zeros(1))
    with pytest.raises(ValueError, match="five-minute mark"):
        price(tariff(window(0, 24)), np.array([1]), np.zeros(1))


def test_energy_times_the_price_of_its_direction_is_revenue():
    prices = price(tariff(window(0, 24), gst_share=0.0), np.full(3, SOME_MS), np.array([100.0, 100.0, -50.0]))

    assert prices.revenue_aud(np.array([2.0, -3.0, 1.0])).tolist() == [0.2, -0.3, -0.05]
