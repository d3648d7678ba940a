"""Asking a service that counts: never above its limit, never while it is ill, never once it has barred us."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.worlds import EVENING

from manta.markets.asking import FIRST_WAIT, LONGEST_ORDERED, LONGEST_WAIT, Asking, Refused, Waits


class Watch:
    def __init__(self):
        self.at = EVENING

    def now(self):
        return self.at


@given(st.lists(st.floats(0, 120), min_size=1, max_size=80))
def test_no_stretch_ever_holds_more_questions_than_allowed(pauses_s):
    watch, allowed = Watch(), []
    asking = Asking(watch, 5, timedelta(minutes=5))
    for pause_s in pauses_s:
        watch.at += timedelta(seconds=pause_s)
        halt = asking.begin()
        if halt is None:
            allowed.append(watch.at)
        else:
            assert halt.until == allowed[-5] + timedelta(minutes=5)
            assert halt.until > watch.at
    assert all(
        later - first >= timedelta(minutes=5) for first, later in zip(allowed, allowed[5:], strict=False)
    )


def test_each_failure_doubles_the_wait_up_to_the_longest():
    watch = Watch()
    asking = Asking(watch, 50, timedelta(minutes=5))
    waits = [asking.failed("ill").until - watch.at for _ in range(12)]

    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT
    assert asking.begin() == Waits(watch.at + LONGEST_WAIT, "ill")
    watch.at += LONGEST_WAIT
    assert asking.begin() is None
    asking.answered()
    assert asking.failed("again").until - watch.at == FIRST_WAIT


@pytest.mark.parametrize(
    ("after", "wait"),
    [
        ("30", timedelta(seconds=30)),
        ("9999999", LONGEST_ORDERED),
        ("soon", FIRST_WAIT),
        ("-1", FIRST_WAIT),
        ("9" * 40, FIRST_WAIT),
        (None, FIRST_WAIT),
    ],
)
def test_a_service_that_says_how_long_to_wait_is_waited_for_within_reason(after, wait):
    watch = Watch()

    assert Asking(watch, 50, timedelta(minutes=5)).throttled(after, "slow down").until - watch.at == wait


def test_a_service_that_does_not_know_us_is_not_asked_again():
    watch = Watch()
    asking = Asking(watch, 50, timedelta(minutes=5))
    asking.barred("who?")
    watch.at += timedelta(days=9)

    assert asking.begin() == Refused("who?")
