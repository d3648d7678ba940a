"""Energy from counters: it adds up exactly, and what is not known stays unknown."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.worlds import EVENING

from manta.domain.time import DispatchInterval, epoch_ms
from manta.settlement.energy import FINDINGS, Finding, by_site, energy_of
from manta.store.memory import COUNTER

INTERVAL = DispatchInterval.containing(EVENING)
METER = np.array([3], np.int32)
STRONG_KW = np.array([15.0])


def counters(end, *rows, early_s=5):
    at_ms = epoch_ms(end - timedelta(seconds=early_s))
    return np.array([(device, taken, given_, at_ms) for device, taken, given_ in rows], COUNTER)


def measured(before, after, most_kw=STRONG_KW):
    energy = energy_of(METER, most_kw, INTERVAL, before, after)
    return int(energy.watt_hours[0]), FINDINGS[energy.finding[0]]


def test_an_export_is_positive_and_an_import_negative():
    before = counters(INTERVAL.start, (3, 10.0, 20.0))

    assert measured(before, counters(INTERVAL.end, (3, 10.0, 20.725))) == (725, Finding.KNOWN)
    assert measured(before, counters(INTERVAL.end, (3, 10.2, 20.0))) == (-200, Finding.KNOWN)


@pytest.mark.parametrize("missing", ["before", "after"])
def test_a_missing_counter_leaves_the_energy_unknown(missing):
    both = {"before": counters(INTERVAL.start, (3, 1, 1)), "after": counters(INTERVAL.end, (3, 1, 2))}
    both[missing] = both[missing][:0]

    assert measured(**both) == (0, Finding.MISSING)


@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf, 1e300])
def test_a_counter_that_is_no_number_is_missing(nonsense):
    after = counters(INTERVAL.end, (3, 1.0, nonsense))

    assert measured(counters(INTERVAL.start, (3, 1.0, 1.0)), after) == (0, Finding.MISSING)


def test_a_counter_that_runs_backwards_is_a_swapped_meter():
    before = counters(INTERVAL.start, (3, 10.0, 20.0))

    assert measured(before, counters(INTERVAL.end, (3, 10.0, 0.1))) == (0, Finding.BACKWARDS)
    assert measured(before, counters(INTERVAL.end, (3, 0.0, 20.1))) == (0, Finding.BACKWARDS)


@pytest.mark.parametrize(("start_early_s", "end_early_s"), [(61, 5), (5, 61)])
def test_a_counter_taken_long_before_the_end_does_not_stand_for_it(start_early_s, end_early_s):
    before = counters(INTERVAL.start, (3, 1.0, 1.0), early_s=start_early_s)
    after = counters(INTERVAL.end, (3, 1.0, 1.5), early_s=end_early_s)

    assert measured(before, after) == (0, Finding.EARLY)


def test_more_than_the_connection_could_carry_is_not_believed():
    before, after = counters(INTERVAL.start, (3, 0, 0)), counters(INTERVAL.end, (3, 0, 50.0))

    assert measured(before, after) == (0, Finding.IMPLAUSIBLE)


display = st.floats(0, 2.0).map(lambda x: round(x, 4))


@given(steps=st.lists(st.tuples(display, display), min_size=1, max_size=20))
def test_the_intervals_of_a_day_add_up_to_what_the_display_moved(steps):
    taken, given_, total, interval = 1_000.0, 2_000.0, 0, INTERVAL
    before = counters(interval.start, (3, taken, given_))
    for more_taken, more_given in steps:
        taken, given_ = taken + more_taken, given_ + more_given
        after = counters(interval.end, (3, taken, given_))
        energy = energy_of(METER, np.array([100.0]), interval, before, after)
        assert energy.known.all()
        total += int(energy.watt_hours[0])
        before, interval = after, DispatchInterval(interval.end + timedelta(minutes=5))

    assert total == (round(given_ * 1_000) - 2_000_000) - (round(taken * 1_000) - 1_000_000)


def test_a_site_with_one_unknown_meter_is_left_out():
    meters = np.array([1, 2, 3], np.int32)
    before = counters(INTERVAL.start, (1, 0, 0), (2, 0, 0), (3, 0, 0))
    after = counters(INTERVAL.end, (1, 0, 0.1), (2, 0, 0.2))
    energy = energy_of(meters, np.full(3, 15.0), INTERVAL, before, after)

    site_no, watt_hours = by_site(energy, np.array([0, 7, 7], np.int32))

    assert (site_no.tolist(), watt_hours.tolist()) == ([0], [100])


def test_two_meters_of_a_site_are_added():
    meters = np.array([1, 2], np.int32)
    before = counters(INTERVAL.start, (2, 0, 0), (1, 0, 0))
    after = counters(INTERVAL.end, (2, 0.05, 0), (1, 0, 0.2))
    energy = energy_of(meters, np.full(2, 15.0), INTERVAL, before, after)

    assert by_site(energy, np.array([7, 7], np.int32))[1].tolist() == [150]


def test_nobody_metered_is_nobody_settled():
    none = np.zeros(0, np.int32)
    energy = energy_of(none, np.zeros(0), INTERVAL, np.zeros(0, COUNTER), np.zeros(0, COUNTER))

    assert len(by_site(energy, none)[0]) == 0
