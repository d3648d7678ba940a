"""What a forecast looks at is known when it is made."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.forecast.regions import region

from manta.forecast.features import WARM_UP, Features, before, squash, trailing, unsquash
from manta.forecast.history import History, half_hours

WORLD = region(16, rooftop=True)


def altered(history, from_half, luck):
    """Return the history with everything after a half-hour made up anew."""
    cut = (from_half + 1) * 6
    columns = [history.per_mwh.copy(), history.demand_kw.copy(), history.rooftop_kw.copy()]
    for column in columns:
        column[cut:] = luck.permutation(column[cut:]) * luck.normal(3, 5, len(column) - cut)
    return History(history.region, history.ends_ms, *columns)


@settings(max_examples=15, deadline=None)
@given(issue=st.integers(WARM_UP, 16 * 48 - 60), seed=st.integers(0, 1_000))
def test_the_future_changes_no_feature_by_a_bit(issue, seed):
    told = Features.of(half_hours(WORLD))
    other = Features.of(half_hours(altered(WORLD, issue, np.random.default_rng(seed))))
    issues, horizons = np.full(96, issue), np.arange(1, 97)
    assert told.rows(issues, horizons).tobytes() == other.rows(issues, horizons).tobytes()
    assert told.near_rows(issues, horizons).tobytes() == other.near_rows(issues, horizons).tobytes()
    assert told.paths(issues[:1]).tobytes() == other.paths(issues[:1]).tobytes()


def test_the_past_does_change_features():
    other = Features.of(half_hours(altered(WORLD, 600, np.random.default_rng(1))))
    told = Features.of(half_hours(WORLD))
    at = np.array([620]), np.array([4])
    assert not np.array_equal(told.rows(*at), other.rows(*at))


def test_columns_have_a_name_each_and_no_unknown_after_the_warm_up():
    features = Features.of(half_hours(WORLD))
    issues = np.arange(WARM_UP, WARM_UP + 40)
    rows = features.rows(issues, np.full(40, 7))
    assert rows.shape == (40, len(features.names))
    assert len(set(features.names)) == len(features.names)
    assert np.isfinite(rows).all()
    assert np.isfinite(features.near_rows(issues, np.full(40, 7))).all()


def test_a_tail_of_history_gives_the_same_features_as_all_of_it():
    whole, tail = half_hours(WORLD), half_hours(WORLD.last((WARM_UP + 96) * 6))
    offset = len(whole.ends_ms) - len(tail.ends_ms)
    at = np.array([len(tail.ends_ms) - 1])
    short, long = (
        Features.of(tail).rows(at, np.array([3])),
        Features.of(whole).rows(at + offset, np.array([3])),
    )
    np.testing.assert_allclose(short, long, rtol=1e-6)


def test_a_target_knows_the_same_half_hour_of_the_last_day_that_had_ended():
    history = region(16)
    features = Features.of(half_hours(history))
    row = features.rows(np.array([600, 600]), np.array([48, 49]))
    mean = squash(half_hours(history).mean_per_mwh)
    place = features.names.index("mean_same")
    assert row[:, place] == pytest.approx(mean[[600, 553]] - features.level[600], abs=1e-5)
    assert row[1, features.names.index("slot")] == (features.slots[600] + 49) % 48


@given(st.floats(-1_000, 20_000))
def test_squashing_is_undone(per_mwh):
    assert unsquash(squash(np.array(per_mwh))) == pytest.approx(per_mwh, rel=1e-9, abs=1e-9)


def test_windows_trail():
    column = np.array([1.0, 5.0, 2.0, 4.0])
    np.testing.assert_array_equal(trailing(column, 2, np.max), [np.nan, 5, 5, 4])
    np.testing.assert_array_equal(before(column, 2), [np.nan, np.nan, 1, 5])
    assert np.isnan(trailing(column, 9, np.max)).all()
