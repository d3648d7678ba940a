"""What a week of prices adds up to: known, unknown, and where it is going."""

from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from manta.desk.week import INTERVAL_MS, LAG, week_of
from manta.domain.time import epoch_ms, from_epoch_ms
from manta.rules.cumulative import WINDOW, cumulative

FIRST_MS = 1_800_000_000_000 - 1_800_000_000_000 % INTERVAL_MS


def ends(count: int):
    return FIRST_MS + np.arange(count, dtype=np.int64) * INTERVAL_MS


def none(count: int):
    return np.full(count, np.nan)


def no(count: int):
    return np.zeros(count, np.bool_)


def week(per_mwh, published=None, administered=None):
    count = len(per_mwh)
    told = none(count) if published is None else published
    held = no(count) if administered is None else administered
    return week_of(ends(count), np.asarray(per_mwh, float), told, held)


def test_no_price_is_no_week():
    assert week([]) is None
    assert week([np.nan, np.nan]) is None


def test_a_week_that_lacks_one_price_has_no_sum_and_says_what_is_known():
    seen = week(np.full(WINDOW - 1, 100.0))
    assert seen.cumulative_per_mwh is None
    assert (seen.summed_intervals, seen.summed_per_mwh) == (WINDOW - 1, 100.0 * (WINDOW - 1))
    assert seen.crosses_at(1.0) is None


def test_a_week_with_an_administered_price_is_known_from_aemo_alone():
    per_mwh, held = np.full(WINDOW, 600.0), no(WINDOW)
    held[5] = True
    published = none(WINDOW)
    assert week(per_mwh, administered=held).cumulative_per_mwh is None
    published[-1] = 2_000_000.0
    assert week(per_mwh, published, held).cumulative_per_mwh == 2_000_000.0


def test_a_sum_that_aemo_published_a_while_ago_is_carried_on():
    count = WINDOW + LAG
    per_mwh = np.arange(count, dtype=float)
    published = cumulative(per_mwh)
    published[-3:] = np.nan
    seen = week(per_mwh, published + 7.0)
    assert seen.cumulative_per_mwh == per_mwh[-WINDOW:].sum() + 7.0


def test_a_sum_from_longer_ago_is_not_believed():
    per_mwh = np.full(WINDOW + 2 * LAG, 10.0)
    per_mwh[3] = np.nan
    published = none(len(per_mwh))
    published[-LAG - 2] = 99.0
    assert week(per_mwh, published).cumulative_per_mwh == 10.0 * WINDOW


def test_steady_prices_never_cross_a_threshold_above_their_sum():
    seen = week(np.full(WINDOW, 300.0))
    assert seen.day_mean_per_mwh == 300.0
    assert seen.crosses_at(300.0 * WINDOW) is None


def test_a_threshold_already_passed_is_not_said_to_be_passed_later():
    assert week(np.full(WINDOW, 300.0)).crosses_at(100.0) is None


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(1.05, 1.6))
def test_where_it_crosses_is_where_the_sum_first_exceeds_the_threshold(seed, above):
    per_mwh = np.random.default_rng(seed).uniform(0, 500, WINDOW)
    per_mwh[-288:] *= 3
    seen = week(per_mwh)
    threshold = above * seen.cumulative_per_mwh
    at = seen.crosses_at(threshold)
    ahead = np.concatenate((per_mwh, np.full(WINDOW, seen.day_mean_per_mwh)))
    sums = cumulative(ahead)[WINDOW:]
    over = np.flatnonzero(sums > threshold)
    if at is None:
        assert not len(over)
    else:
        steps = (epoch_ms(at) - epoch_ms(seen.end)) // INTERVAL_MS
        assert abs(steps - 1 - int(over[0])) <= 1
        assert at - seen.end <= timedelta(weeks=1)


def test_a_price_of_before_the_week_is_not_in_it():
    per_mwh = np.full(WINDOW + 1, 10.0)
    per_mwh[0] = 1e6
    seen = week(per_mwh)
    assert seen.cumulative_per_mwh == 10.0 * WINDOW
    assert seen.end == from_epoch_ms(int(ends(WINDOW + 1)[-1]))
