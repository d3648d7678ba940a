from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.drivers.cloud_budget import Allowance, Budget, Limits, Purses, Urgency

NOW = datetime(2026, 1, 14, 7, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("calls", "window", "commands", "releases"), [(3, DAY, 2, 2), (3, timedelta(), 0, 0), (3, DAY, -1, 0)]
)
def test_an_allowance_that_makes_no_sense_is_refused(calls, window, commands, releases):
    with pytest.raises(ValueError, match=r"kept|keeps"):
        Allowance(calls, window, commands, releases)


@given(st.lists(st.integers(0, 200), max_size=150), st.integers(1, 12), st.integers(1, 120))
def test_no_window_wherever_it_begins_holds_more_than_was_allowed(pauses_s, calls, window_s):
    budget = Budget(Allowance(calls, timedelta(seconds=window_s)))
    at, spent = NOW, []
    for pause_s in pauses_s:
        at += timedelta(seconds=pause_s)
        if budget.ready_at(at, Urgency.RELEASE) == at:
            budget.spend(at)
            spent.append(at)
    for begin in spent:
        assert sum(begin <= each < begin + timedelta(seconds=window_s) for each in spent) <= calls


@given(st.lists(st.integers(0, 60), min_size=1, max_size=60), st.integers(1, 9))
def test_the_instant_that_it_names_is_one_at_which_a_call_may_be_made(pauses_s, calls):
    budget = Budget(Allowance(calls, timedelta(minutes=5)))
    at = NOW
    for pause_s in pauses_s:
        at = budget.ready_at(at + timedelta(seconds=pause_s), Urgency.COMMAND)
        assert budget.ready_at(at, Urgency.COMMAND) == at
        budget.spend(at)


@given(st.lists(st.sampled_from(Urgency), max_size=80))
def test_reads_and_commands_never_eat_what_is_kept_for_a_release(asked):
    allowance = Allowance(20, DAY, for_commands=6, for_releases=4)
    budget, used = Budget(allowance), dict.fromkeys(Urgency, 0)
    for urgency in asked:
        if urgency is not Urgency.RELEASE and budget.ready_at(NOW, urgency) == NOW:
            budget.spend(NOW)
            used[urgency] += 1
    assert used[Urgency.READ] <= 10
    assert sum(used.values()) <= 16
    for _ in range(4):
        assert budget.ready_at(NOW, Urgency.RELEASE) == NOW
        budget.spend(NOW)


def test_what_is_never_allowed_says_so_and_names_no_instant():
    budget = Budget(Allowance(2, DAY, for_releases=2))
    assert budget.ready_at(NOW, Urgency.READ) is None
    assert budget.ready_at(NOW, Urgency.RELEASE) == NOW


def test_a_restart_does_not_give_a_second_budget():
    limits = Limits(account={"data": (Allowance(5, DAY),)}, site={"data": (Allowance(3, DAY),)})
    purses = Purses(limits)
    for _ in range(3):
        purses.spend("data", "a", NOW)
    for _ in range(2):
        state = purses.state()
        purses = Purses(limits, state)
        assert purses.ready_at("data", "a", NOW, Urgency.RELEASE) >= NOW + DAY
        assert purses.ready_at("data", "b", NOW, Urgency.READ) == NOW
        purses.spend("data", "b", NOW)
    assert purses.ready_at("data", "c", NOW, Urgency.READ) >= NOW + DAY
