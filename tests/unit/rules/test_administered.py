"""Administered pricing: from the next interval, to 04:00 at least, and only what it binds."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manta.domain.market import Service
from manta.domain.reference import threshold_per_mwh
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval, TradingDay
from manta.rules.administered import (
    Administered,
    Trigger,
    administered_energy,
    administered_over,
    administered_service,
)

JUNE = datetime(2022, 6, 13, 18, 0, tzinfo=NEM_TIME)
CPT = threshold_per_mwh(DispatchInterval(JUNE))
prices = st.floats(-1_000, 23_200)
triggers = st.sampled_from([None, *Trigger])


def ending(text):
    return DispatchInterval(datetime.fromisoformat(text).replace(tzinfo=NEM_TIME))


def test_a_sum_at_the_threshold_or_unknown_triggers_nothing():
    now = ending("2022-06-13 18:00")

    for total in (CPT, None, -CPT):
        after = Administered().after(now, total, {Service.RAISE_FAST: total})
        assert after.trigger(ending("2022-06-13 18:05")) is None


@pytest.mark.parametrize(
    ("over_at", "first", "last", "free"),
    [
        ("2022-06-13 18:00", "2022-06-13 18:05", "2022-06-14 04:00", "2022-06-14 04:05"),
        ("2022-06-14 03:55", "2022-06-14 04:00", "2022-06-14 04:00", "2022-06-14 04:05"),
        # the next interval is of the next trading day, and all of that is administered
        ("2022-06-14 04:00", "2022-06-14 04:05", "2022-06-15 04:00", "2022-06-15 04:05"),
    ],
)
def test_it_lasts_to_the_end_of_the_trading_day(over_at, first, last, free):
    state = Administered().after(ending(over_at), CPT + 0.01, {})

    assert state.trigger(ending(first)) is Trigger.SPOT
    assert state.trigger(ending(last)) is Trigger.SPOT
    assert state.trigger(ending(free)) is None


def test_a_service_triggers_its_own_and_the_spot_price_comes_first():
    now, following = ending("2022-06-13 18:00"), ending("2022-06-13 18:05")
    over = {Service.LOWER_FAST: CPT + 1, Service.RAISE_FAST: 10.0}

    assert Administered().after(now, 0.0, over).trigger(following) is Trigger.SERVICE
    assert Administered().after(now, CPT + 1, over).trigger(following) is Trigger.SPOT


@pytest.mark.parametrize(
    ("trigger", "energy", "service"),
    [(Trigger.SPOT, (300, -300, 120), (300, 40)), (Trigger.SERVICE, (15_100, -1_000, 120), (300, 40)),
     (None, (15_100, -1_000, 120), (9_000, 40))],
)  # fmt: skip
def test_what_is_bound_depends_on_the_trigger(trigger, energy, service):
    now = ending("2022-06-13 18:05")

    assert tuple(administered_energy(p, trigger, now) for p in (15_100, -1_000, 120)) == energy
    assert tuple(administered_service(p, trigger, now) for p in (9_000, 40)) == service


def test_the_administered_cap_is_that_of_the_time():
    assert administered_energy(15_000, Trigger.SPOT, ending("2022-12-01 00:00")) == 300
    assert administered_energy(15_000, Trigger.SPOT, ending("2022-12-01 00:05")) == 600
    assert administered_energy(-1_000, Trigger.SPOT, ending("2026-12-01 00:05")) == -600


@given(per_mwh=prices, other=prices, trigger=triggers)
def test_clamping_twice_is_clamping_once_and_keeps_the_order(per_mwh, other, trigger):
    now = ending("2026-11-22 18:00")
    for clamp in (administered_energy, administered_service):
        once = clamp(per_mwh, trigger, now)
        assert clamp(once, trigger, now) == once
        if per_mwh <= other:
            assert once <= clamp(other, trigger, now)


@settings(max_examples=60, deadline=None)
@given(
    offset=st.integers(0, 600),
    count=st.integers(1, 1_500),
    spikes=st.lists(st.integers(0, 1_499), max_size=6),
    unknown=st.lists(st.integers(0, 1_499), max_size=6),
)
def test_over_a_column_it_is_what_it_is_interval_by_interval(offset, count, spikes, unknown):
    first = DispatchInterval(JUNE + offset * FIVE_MINUTES)
    sums = np.full(count, CPT - 1.0)
    sums[[n for n in spikes if n < count]] = CPT + 1.0
    sums[[n for n in unknown if n < count]] = np.nan

    column = administered_over(first, sums, np.full(count, CPT))

    state = Administered()
    for n in range(count):
        interval = DispatchInterval(first.end + n * FIVE_MINUTES)
        assert column[n] == (state.trigger(interval) is not None)
        state = state.after(interval, None if np.isnan(sums[n]) else float(sums[n]), {})


def test_a_day_is_never_administered_before_its_trigger():
    first = TradingDay(JUNE.date()).interval(1)
    sums = np.zeros(576)
    sums[100] = CPT + 1

    column = administered_over(first, sums, np.full(576, CPT))

    assert np.flatnonzero(column).tolist() == list(range(101, 288))
    assert DispatchInterval(first.end + timedelta(minutes=5 * 287)).end == TradingDay(JUNE.date()).end
