"""A tariff as a value: its windows, its two prices, what it refuses."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from tests.unit.tariffs.terms import tariff, window

from manta.domain.tariff import Hours, LossFactors, Retail, UnknownTariffError
from manta.domain.time import NEM_TIME, DispatchInterval

EVENING = DispatchInterval(datetime(2026, 8, 4, 18, 5, tzinfo=NEM_TIME))


def test_windows_that_leave_a_time_without_a_price_are_refused():
    with pytest.raises(ValueError, match="no window at 9:00"):
        tariff(window(0, 9), window(10, 24))
    with pytest.raises(ValueError, match="no window at 23:00"):
        tariff(window(0, 23))
    with pytest.raises(ValueError, match="month 7, weekday 6: no window at 0:00"):
        tariff(window(0, 24, months=frozenset(range(1, 13)) - {7}), window(0, 24, months=frozenset({7}),
               weekdays=frozenset(range(6))))  # fmt: skip
    with pytest.raises(ValueError, match="no window"):
        tariff(window(0, 24), exports=())


def test_windows_that_give_a_time_two_prices_are_refused():
    with pytest.raises(ValueError, match="two windows at 9:00"):
        tariff(window(0, 10), window(9, 24))


def test_hours_are_on_five_minute_marks_and_go_forward():
    with pytest.raises(ValueError, match="five-minute marks"):
        Hours(time(0), time(23, 59))
    with pytest.raises(ValueError, match="end after they begin"):
        Hours(time(21), time(7))
    with pytest.raises(ValueError, match="no such months"):
        Hours(time(0), time(1), months=frozenset({13}))


def test_energy_taken_bears_losses_adder_and_gst_and_energy_sent_bears_losses():
    losses = LossFactors(dlf_scale=1.05, mlf_scale=0.98)
    terms = tariff(window(0, 24, 50.0), exports=(window(0, 24, -10.0),)).with_losses(losses)

    assert terms.import_per_mwh(EVENING, 100.0) == pytest.approx((100 * 1.05 * 0.98 + 50) * 1.1, rel=1e-15)
    assert terms.export_per_mwh(EVENING, 100.0) == pytest.approx(100 * 1.05 * 0.98 - 10, rel=1e-15)
    assert terms.export_per_mwh(EVENING, -1_000.0) < 0


def test_a_point_with_two_marginal_loss_factors_sends_at_the_generator_s():
    losses = LossFactors(dlf_scale=1.0, mlf_scale=0.9, export_mlf_scale=0.8)
    terms = tariff(window(0, 24)).with_losses(losses)

    assert terms.export_per_mwh(EVENING, 100.0) == pytest.approx(80.0)
    assert terms.import_per_mwh(EVENING, 100.0) == pytest.approx(99.0)


def test_a_retailer_adds_to_both_prices_and_to_the_day():
    terms = tariff(window(0, 24, 50.0), daily_aud=Decimal("0.60"))
    sold = terms.sold_by(Retail("spot plan", 20.0, -5.0, Decimal("0.40")))

    assert sold.import_per_mwh(EVENING, 0.0) == pytest.approx(70 * 1.1)
    assert sold.export_per_mwh(EVENING, 0.0) == -5.0
    assert sold.daily_aud == Decimal("1.00")
    assert tariff(window(0, 24)).sold_by(Retail("spot plan")).daily_aud is None


def test_a_fixed_price_does_not_know_spot():
    assert tariff(window(0, 24, 300.0), spot_share=0.0).import_per_mwh(EVENING, 20_300.0) == pytest.approx(
        330
    )


def test_an_interval_belongs_to_the_window_in_which_it_begins_on_the_local_clock():
    terms = tariff(window(0, 17, 1.0), window(17, 24, 2.0), zone="Australia/Adelaide", gst_share=0.0)
    at_17_local = datetime(2026, 8, 4, 7, 30, tzinfo=UTC)  # 17:00 in Adelaide, 17:30 in market time

    assert terms.import_per_mwh(DispatchInterval(at_17_local), 0.0) == 1.0
    assert terms.import_per_mwh(DispatchInterval.containing(at_17_local), 0.0) == 2.0


def test_a_day_without_the_tariff_is_refused_by_the_local_calendar():
    terms = tariff(window(0, 24), zone="Australia/Sydney", since=date(2026, 1, 1))
    first = datetime(2025, 12, 31, 13, tzinfo=UTC)  # midnight in Sydney

    assert terms.import_per_mwh(DispatchInterval.containing(first), 0.0) == 0.0
    with pytest.raises(UnknownTariffError, match="holds from 2026-01-01 until 2100-01-01, not on 2025-12-31"):
        terms.import_per_mwh(DispatchInterval(first), 0.0)
