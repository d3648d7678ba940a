"""An offer's mistakes are all found, each with its place and what to do; a sound offer has none."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import offers
from tests.offers import BDU, MW, PRICES, WIND, changed, energy, service, service_period, trapezium

from manta.domain.market import Direction, Service
from manta.domain.offer import FastStart, Submission
from manta.domain.time import TradingDay
from manta.rules.offers import price_bounds, problems, submission_problems

GEN, LOAD = Direction.GEN, Direction.LOAD


def found(offer, unit=BDU):
    every = problems(offer, unit)
    assert all(problem.cause and problem.remedy for problem in every)
    return {problem.field: problem.cause for problem in every}


def prices(*given):
    return tuple(Decimal(str(price)) for price in given)


@pytest.mark.parametrize(
    ("offer", "field", "cause"),
    [
        (energy(prices=PRICES[:9]), "prices", "9 prices"),
        (energy(prices=(*PRICES[:9], PRICES[8])), "prices[9]", "not above"),
        (energy(prices=(Decimal("-966.31"), *PRICES[1:])), "prices[0]", "not from -966.3000 to 22418.1600"),
        (energy(prices=(*PRICES[:9], Decimal("22418.17"))), "prices[9]", "not from"),
        (energy(LOAD, prices=(Decimal("-971.21"), *PRICES[1:])), "prices[0]", "not from -971.2000"),
        (energy(prices=(Decimal("-900.001"), *PRICES[1:])), "prices[0]", "parts of a cent"),
        (energy(prices=(Decimal("NaN"), *PRICES[1:])), "prices[0]", "not a price"),
        (energy(prices=(*PRICES[:9], Decimal("1e40"))), "prices[9]", "not from"),
        (energy(direction=None), "direction", "has a side"),
        (energy(duid="bdu1"), "duid", "not a DUID"),
        (energy(duid="BDU1TOOLONG"), "duid", "not a DUID"),
        (energy(duid="OTHER"), "duid", "is not BDU1"),
        (energy(periods=energy().periods[:-1]), "periods", "periods 288 missing"),
        (energy(periods=energy().periods[1:] + energy().periods[5:6]), "periods", "6 is given 2 times"),
        (changed(energy(), period=289), "periods", "there is no period 289"),
        (changed(energy(), 16, bands_kw=(30 * MW,) * 9), "periods[16].bands_kw", "9 bands"),
        (changed(energy(), 16, bands_kw=(10_500.0,) * 10), "periods[16].bands_kw[0]", "10,500 kW is not"),
        (changed(energy(), 16, bands_kw=(-MW, *(20 * MW,) * 9)), "periods[16].bands_kw[0]", "not a whole"),
        (changed(energy(), 16, bands_kw=(float("nan"),) * 10), "periods[16].bands_kw[0]", "nan kW"),
        (changed(energy(), bands_kw=(9 * MW,) * 10), "periods[0].bands_kw", "90,000 kW and 100,000 kW"),
        (changed(energy(), max_avail_kw=131 * MW), "periods[0].max_avail_kw", "registered"),
        (changed(energy(), max_avail_kw=99_999.0), "periods[0].max_avail_kw", "not a whole"),
        (changed(energy(), ramp_up_kw_per_min=-MW), "periods[0].ramp_up_kw_per_min", "not a whole"),
        (changed(energy(), ramp_down_kw_per_min=2.5), "periods[0].ramp_down_kw_per_min", "not a whole"),
        (changed(energy(), fixed_load_kw=0.5), "periods[0].fixed_load_kw", "not a whole"),
        (changed(energy(), recall_period=-1), "periods[0].recall_period", "-1"),
        (changed(energy(), energy_limit_kwh=-1.0), "periods[0].energy_limit_kwh", "-1.0 kWh"),
        (energy(daily_energy_kwh=-1.0), "daily_energy_kwh", "-1.0 kWh"),
        (energy(fast_start=FastStart(0.0, 1, 31, 59, 0)), "fast_start.t2", "31 minutes"),
        (energy(fast_start=FastStart(0.5, 1, 1, 1, 1)), "fast_start.minimum_load_kw", "not a whole"),
        (energy(day=TradingDay(date(2024, 6, 2))), "day", "no sides before 2024-06-03"),
        (service(prices=(Decimal("-0.01"), *offers.SERVICE_PRICES[1:])), "prices[0]", "not from 0"),
        (service(prices=(*offers.SERVICE_PRICES[:9], Decimal("23200.01"))), "prices[9]", "to 23200"),
        (service(direction=None), "direction", "has a side"),
        (changed(service(), trapezium=trapezium(0, 80, 20, 100)), "periods[0].trapezium", "do not ascend"),
        (changed(service(), trapezium=trapezium(-1, 20, 80, 100)), "periods[0].trapezium", "below zero"),
        (changed(service(), trapezium=trapezium(0, 20.5, 80, 100)), "periods[0].trapezium", "not a whole"),
        (service(direction=LOAD), "periods[0].trapezium", "load side reaches above zero"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(offer, field, cause):
    assert cause in found(offer)[field]


def test_what_a_unit_is_not_registered_for_is_refused():
    energy_only = replace(BDU, services=frozenset())

    assert "not registered" in found(service(), energy_only)["service"]
    assert "not a bidirectional" in found(energy(duid="WIND1"), WIND)["direction"]


def test_there_was_no_very_fast_service_before_its_time():
    old = service(Service.RAISE_VERY_FAST, None, duid="WIND1", day=TradingDay(date(2023, 10, 8)))

    assert found(old, WIND) == {"service": "RAISE1SEC was not traded on 2023-10-08"}


def test_every_mistake_is_found_at_once():
    offer = changed(
        energy(prices=(*PRICES[:8], PRICES[7], PRICES[7])), 3, max_avail_kw=0.5, ramp_up_kw_per_min=0.5
    )
    offer = changed(offer, 200, bands_kw=(0.0,) * 10)

    assert set(found(offer)) == {
        "prices[8]", "prices[9]", "periods[3].max_avail_kw", "periods[3].ramp_up_kw_per_min",
        "periods[200].bands_kw",
    }  # fmt: skip


def test_what_a_bidirectional_unit_really_offers_is_sound():
    for side in offers.both_sides():
        for offer in side:
            assert found(offer) == {}


def test_the_genuine_bounds_of_hallett_in_april_2026():
    hallett = replace(WIND, duid="AGLHAL", mlf_export=Decimal("0.9663"))
    offer = energy(duid="AGLHAL", direction=None, day=TradingDay(date(2026, 4, 1)))

    assert price_bounds(offer, hallett) == (Decimal("-966.3"), Decimal("19615.89"))


@pytest.mark.parametrize(
    ("wrong", "field", "cause"),
    [
        (Submission(" "), "reference", "empty"),
        (Submission("r" * 101, (energy(),)), "reference", "too many"),
        (Submission("r", (energy(),), authorised_by="A" * 21), "authorised_by", "too many"),
        (Submission("r", (energy(),), comments="c" * 101), "comments", "too many"),
        (Submission("r"), "", "no offer"),
        (Submission("r", (energy(), energy())), "", "BDU1 offers ENERGY GEN for 2026-11-23 2 times"),
    ],
)
def test_a_submission_that_is_none_is_refused(wrong, field, cause):
    assert any(p.field == field and cause in p.cause for p in submission_problems(wrong))


def test_two_sides_and_services_go_together():
    assert submission_problems(offers.submission()) == []


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(288)))
def test_the_order_of_periods_means_nothing(order):
    offer = energy()

    assert found(replace(offer, periods=tuple(offer.periods[i] for i in order))) == {}


@given(values=st.lists(st.decimals(-966, 22_418, places=2), min_size=10, max_size=10, unique=True))
def test_ten_prices_are_sound_in_one_order_only(values):
    def wrong(order):
        return {field for field in found(energy(prices=tuple(order))) if field.startswith("prices")}

    assert wrong(sorted(values)) == set()
    assert wrong(sorted(values, reverse=True)) == {f"prices[{i}]" for i in range(1, 10)}


@given(edges=st.tuples(*[st.integers(-130, 130)] * 4), side=st.sampled_from([GEN, LOAD, None]))
def test_a_trapezium_is_sound_where_it_ascends_on_its_side(edges, side):
    kind = Service.RAISE_FAST if side is None else Service.RAISE_REGULATION
    offer = service(kind, side)
    offer = replace(offer, periods=(service_period(1, trapezium=trapezium(*edges)), *offer.periods[1:]))
    ascends = list(edges) == sorted(edges)
    fits = {GEN: min(edges) >= 0, LOAD: max(edges) <= 0, None: True}[side]

    assert ("periods[0].trapezium" not in found(offer)) == (ascends and fits)
