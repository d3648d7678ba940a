"""Conformance: how long a unit may be off, on either side, before AEMO acts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.rules.conformance import MESSAGES, Conformance, Followed, Status

OFF, WAY_OFF, ON = 8_000.0, 40_000.0, 0.0
"""Beyond the small trigger of this unit, beyond its large one, and on target."""


def followed(error_kw, **given):
    return Followed(
        **{"power_kw": 100_000 - error_kw, "target_kw": 100_000.0, "available_kw": 200_000.0,
           "up_kw_per_min": 20_000.0, "down_kw_per_min": 20_000.0} | given
    )  # fmt: skip


def after(*errors_kw):
    state = Conformance()
    for error_kw in errors_kw:
        state = state.after(followed(error_kw))
    return state


@pytest.mark.parametrize("state", [Conformance(), Conformance(7, 2), Conformance(small=8, declared=True)])
def test_only_what_is_pending_is_declared(state):
    with pytest.raises(ValueError, match="not declared"):
        state.declare()


@pytest.mark.parametrize(
    ("available", "ramp", "small", "large"),
    [
        (200_000, 20_000, 6_000, 10_000),
        (1_000_000, 20_000, 30_000, 50_000),
        (1_000_000, 5_000, 10_000, 20_000),  # the ramp rate is less than the share
        (50_000, 20_000, 6_000, 6_000),  # never less than 6 MW
        (1_000_000, 0, 6_000, 6_000),
    ],
)
def test_the_triggers_follow_size_and_ramp_rate(available, ramp, small, large):
    seen = followed(1.0, available_kw=available, up_kw_per_min=ramp)

    assert (seen.small_kw, seen.large_kw) == (small, large)


def test_the_ramp_rate_is_that_of_the_direction_needed():
    low = followed(50_000, available_kw=10**6, up_kw_per_min=4_000.0, down_kw_per_min=9_000.0)
    high = followed(-50_000, available_kw=10**6, up_kw_per_min=4_000.0, down_kw_per_min=9_000.0)

    assert (low.small_kw, high.small_kw) == (8_000, 18_000)


@pytest.mark.parametrize(
    ("power", "target", "raises", "lowers", "error"),
    [
        (115_000, 100_000, 0, 0, 15_000),
        (115_000, 100_000, 15_000, 0, 0),  # regulation raise was enabled
        (85_000, 100_000, 15_000, 0, 15_000),
        (85_000, 100_000, 0, 15_000, 0),
        (-115_000, -100_000, 0, 0, 15_000),  # a load that takes too much is below its target
        (-115_000, -100_000, 0, 15_000, 0),  # which regulation lower allows
        (-85_000, -100_000, 15_000, 0, 0),
    ],
)
def test_regulation_that_is_enabled_is_no_error(power, target, raises, lowers, error):
    assert Followed(power, target, raise_kw=raises, lower_kw=lowers).error_kw == error


@pytest.mark.parametrize(
    ("errors_kw", "status"),
    [
        ([ON] * 9, Status.CONFORMING),
        ([OFF], Status.OFF_TARGET),
        ([OFF] * 5, Status.OFF_TARGET),
        ([OFF] * 6, Status.NOT_RESPONDING),
        ([OFF] * 7, Status.NOT_RESPONDING),
        ([OFF] * 8, Status.PENDING),
        ([WAY_OFF] * 2, Status.OFF_TARGET),
        ([WAY_OFF] * 3, Status.NOT_RESPONDING),
        ([WAY_OFF] * 4, Status.NOT_RESPONDING),
        ([WAY_OFF] * 5, Status.PENDING),
        ([OFF] * 7 + [ON] + [OFF], Status.OFF_TARGET),
        ([WAY_OFF] * 4 + [OFF] + [WAY_OFF] * 2, Status.NOT_RESPONDING),  # seven small ones by now
        ([WAY_OFF] * 4 + [ON], Status.CONFORMING),
    ],
)
def test_the_standing_after_a_row_of_errors(errors_kw, status):
    state = after(*errors_kw)

    assert state.status is status
    assert state.message == MESSAGES.get(status)


def test_declared_stays_declared_until_aemo_takes_it_back():
    declared = after(*[OFF] * 8).declare()

    assert declared.status is Status.NON_CONFORMING
    assert declared.after(followed(ON)).status is Status.NON_CONFORMING
    assert declared.revoke().status is Status.CONFORMING


@given(errors_kw=st.lists(st.floats(0, 60_000), max_size=20), more_kw=st.floats(0, 60_000))
def test_a_greater_error_never_has_a_better_standing(errors_kw, more_kw):
    order = list(Status)
    less, more = after(*errors_kw), after(*(error + more_kw for error in errors_kw))

    assert order.index(less.status) <= order.index(more.status)
    assert less.large <= less.small
