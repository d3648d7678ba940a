"""The market's numbers hold from midnight of their day, and each says where it is from."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from manta.domain import reference
from manta.domain.market import LossFactors, Service
from manta.domain.reference import Confidence, in_force
from manta.domain.time import NEM_TIME, DispatchInterval

TABLES = (
    reference.MARKET_PRICE_CAPS,
    reference.CUMULATIVE_PRICE_THRESHOLDS,
    reference.ADMINISTERED_PRICE_CAPS,
    reference.MARKET_PRICE_FLOORS,
)


def starting(text):
    return DispatchInterval(datetime.fromisoformat(text).replace(tzinfo=NEM_TIME) + timedelta(minutes=5))


@pytest.mark.parametrize("factor", ["0", "-0.9", "NaN", "Infinity"])
def test_a_loss_factor_that_is_none_is_refused(factor):
    with pytest.raises(ValueError, match="loss factor"):
        LossFactors(Decimal(1), Decimal(1), Decimal(factor))


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_known_before_the_first_setting(table):
    assert in_force(table, starting("2018-06-30 23:55")) is None
    assert in_force(table, starting("2018-07-01 00:00")) == table[0]


@pytest.mark.parametrize("table", TABLES)
def test_each_setting_is_dated_in_order_and_says_where_it_is_from(table):
    assert [row.since for row in table] == sorted({row.since for row in table})
    assert all(row.source and row.confidence in Confidence for row in table)


@pytest.mark.parametrize(
    ("start", "cap", "threshold", "administered"),
    [
        ("2021-06-30 23:55", 15_000, 1_347_600, 300),
        ("2022-06-13 18:00", 15_100, 1_359_100, 300),
        ("2022-11-30 23:55", 15_500, 1_398_100, 300),
        ("2022-12-01 00:00", 15_500, 1_398_100, 600),
        ("2024-02-13 12:00", 16_600, 1_490_200, 600),
        ("2026-06-30 23:55", 20_300, 1_823_600, 600),
        ("2026-07-01 00:00", 23_200, 2_225_900, 600),
        ("2029-01-01 00:00", 23_200, 2_225_900, 600),
    ],
)
def test_the_settings_of_a_time(start, cap, threshold, administered):
    interval = starting(start)

    assert reference.cap_per_mwh(interval) == cap
    assert reference.threshold_per_mwh(interval) == threshold
    assert reference.administered_cap_per_mwh(interval) == administered


def test_there_are_ten_services_and_the_very_fast_ones_are_new():
    before = reference.VERY_FAST_SERVICES - timedelta(days=1)

    assert len(Service) == 10
    assert sum(reference.is_traded(service, before) for service in Service) == 8
    assert all(reference.is_traded(service, reference.VERY_FAST_SERVICES) for service in Service)


def test_each_frequency_band_holds_the_one_before():
    for inner, outer in zip(reference.MAINLAND_BANDS, reference.MAINLAND_BANDS[1:], strict=False):
        assert outer.floor_hz < inner.floor_hz < 50 < inner.ceiling_hz < outer.ceiling_hz
