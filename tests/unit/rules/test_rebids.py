"""From 12:30 the day before prices stand; amounts move, with a reason and three times in order."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.offers import DAY, EVENING, MORNING_BEFORE, PRICES, changed, energy, rebid, service

from manta.domain.market import Direction
from manta.domain.time import NEM_TIME, TradingDay
from manta.rules.rebids import change_problems, is_locked, locks_at

LOCK = datetime(2026, 11, 22, 12, 30, tzinfo=NEM_TIME)
BEFORE = energy()


def wrong(after, at=EVENING, before=BEFORE):
    return {problem.field: problem.cause for problem in change_problems(before, after, at)}


@pytest.mark.parametrize(
    ("explained", "field", "cause"),
    [
        (None, "rebid", "without explanation"),
        (rebid(reason="  "), "rebid.reason", "empty"),
        (rebid(reason="x" * 501), "rebid.reason", "501 characters"),
        (rebid(category=None), "rebid.category", "None is not a letter"),
        (rebid(category="PL"), "rebid.category", "not a letter"),
        (rebid(category="1"), "rebid.category", "not a letter"),
        (rebid(event_at=None), "rebid.event_at", "missing"),
        (rebid(aware_at=None), "rebid.aware_at", "missing"),
        (rebid(decided_at=None), "rebid.decided_at", "missing"),
        (rebid(aware_at=EVENING - timedelta(hours=1)), "rebid.aware_at", "before event_at"),
        (rebid(decided_at=EVENING - timedelta(minutes=14, seconds=1)), "rebid.decided_at", "before aware_at"),
        (rebid(decided_at=EVENING + timedelta(seconds=1)), "rebid.decided_at", "in the future"),
    ],
)
def test_an_explanation_that_explains_nothing_is_refused(explained, field, cause):
    assert cause in wrong(replace(BEFORE, rebid=explained))[field]


def test_prices_stand_once_they_are_locked():
    dearer = replace(BEFORE, prices=(*PRICES[:8], Decimal("9001"), PRICES[9]), rebid=rebid())

    assert wrong(dearer) == {"prices": "prices are locked: band 9 changed"}
    assert wrong(replace(BEFORE, prices=PRICES[:9], rebid=rebid())) == {
        "prices": "prices are locked: their number changed"
    }
    assert wrong(dearer, at=LOCK - timedelta(seconds=1)) == {}


def test_after_the_lock_there_is_nothing_new_to_offer():
    assert "no offer to change" in wrong(replace(BEFORE, rebid=rebid()), before=None)["day"]
    assert wrong(BEFORE, at=MORNING_BEFORE, before=None) == {}


def test_a_day_that_is_over_is_not_offered():
    assert "is over" in wrong(replace(BEFORE, rebid=rebid()), at=DAY.end)["day"]
    assert "day" not in wrong(replace(BEFORE, rebid=rebid()), at=DAY.end - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (energy(Direction.LOAD, rebid=rebid()), "direction"),
        (energy(duid="BDU2", rebid=rebid()), "duid"),
        (energy(day=TradingDay(DAY.starts_on + timedelta(days=1)), rebid=rebid()), "day"),
        (service(prices=PRICES, rebid=rebid()), "service"),
    ],
)
def test_one_offer_does_not_replace_another(other, field):
    assert field in wrong(other)


def test_amounts_move_with_a_reason():
    moved = replace(changed(BEFORE, 170, max_avail_kw=0.0), rebid=rebid())

    assert wrong(moved) == {}


@given(days=st.integers(0, 1_100), seconds=st.integers(0, 86_400 * 3))
def test_the_lock_is_at_half_past_twelve_on_the_day_before_whatever_clocks_do(days, seconds):
    day = TradingDay(DAY.starts_on - timedelta(days=days))
    local = locks_at(day).astimezone(NEM_TIME)

    assert (local.date() + timedelta(days=1), local.hour, local.minute) == (day.starts_on, 12, 30)
    assert day.start - locks_at(day) == timedelta(hours=15, minutes=30)
    at = locks_at(day) + timedelta(seconds=seconds - 86_400)
    assert is_locked(day, at) == (seconds >= 86_400)


@given(gaps=st.tuples(*[st.integers(-600, 600)] * 3))
def test_times_are_in_order_or_it_is_refused(gaps):
    event, aware, decided = (EVENING - timedelta(seconds=sum(gaps[i:])) for i in range(3))
    found = wrong(replace(BEFORE, rebid=rebid(event_at=event, aware_at=aware, decided_at=decided)))

    assert (found == {}) == (event <= aware <= decided <= EVENING)
