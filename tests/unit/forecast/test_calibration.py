import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manta.forecast.calibration import TRUST, Platt, conform, fit_platt, follow_odds, shifts

LEVELS = (0.05, 0.5, 0.95)


def test_a_forecast_that_is_always_too_low_is_raised_by_what_is_trusted():
    luck = np.random.default_rng(1)
    missed = np.repeat(luck.normal(2.0, 1.0, (1_344, 4))[:, :, None], 3, axis=2).astype(np.float32)
    shifted = shifts(missed, LEVELS)
    assert shifted[:, 1] == pytest.approx(np.full(4, TRUST * 2.0), abs=0.1)
    assert (np.diff(shifted, axis=1) > 0).all()


def test_few_outcomes_shift_nothing():
    assert not shifts(np.ones((100, 4, 3), np.float32), LEVELS).any()


def test_unknown_outcomes_do_not_count():
    missed = np.ones((1_344, 2, 3), np.float32)
    missed[::2] = np.nan
    assert shifts(missed, LEVELS) == pytest.approx(TRUST * np.ones((2, 3)))


@settings(max_examples=20, deadline=None)
@given(st.integers(60, 900), st.integers(0, 99))
def test_what_comes_later_changes_no_forecast_that_was_set_right(at, seed):
    luck = np.random.default_rng(seed)
    quantiles = np.sort(luck.normal(size=(1_000, 6, 3)), axis=2).astype(np.float32)
    outcomes = luck.normal(1.0, 2.0, 1_000)
    other = outcomes.copy()
    other[at + 1 :] = 1e6
    told, later = conform(quantiles, outcomes, LEVELS), conform(quantiles, other, LEVELS)
    assert told[: at + 1].tobytes() == later[: at + 1].tobytes()


def test_a_fan_that_is_too_narrow_comes_to_cover_what_it_says():
    luck = np.random.default_rng(2)
    outcomes = luck.normal(size=4_000)
    narrow = np.tile(np.array([-0.5, 0.0, 0.5], np.float32), (4_000, 5, 1))
    told = conform(narrow, outcomes, LEVELS)[2_000:-1, 0]
    inside = (outcomes[2_001:] >= told[:, 0]) & (outcomes[2_001:] <= told[:, 2])
    assert 0.78 < inside.mean() < 0.9
    assert (np.diff(told, axis=1) >= 0).all()


def test_odds_that_are_twice_too_bold_are_set_right():
    luck = np.random.default_rng(3)
    true = luck.uniform(0.01, 0.3, 40_000)
    happened = luck.random(40_000) < true
    odds = true / (1 - true)
    bold = 2 * odds / (1 + 2 * odds)
    right = fit_platt(bold, happened).right(bold)
    assert right.mean() == pytest.approx(happened.mean(), rel=0.02)
    assert np.abs(right - true).max() < 0.02


def test_a_season_without_spikes_does_not_teach_that_they_never_come():
    share = np.full(5_000, 0.01)
    platt = fit_platt(share, np.zeros(5_000, bool))
    assert 0.0005 < platt.right(np.array([0.01]))[0] < 0.01
    assert platt.scale > 0


def test_setting_right_keeps_the_order_and_stays_between_0_and_1():
    told = Platt(-0.3, 0.8).right(np.linspace(0, 1, 50))
    assert (np.diff(told) >= 0).all()
    assert ((told > 0) & (told < 1)).all()


@settings(max_examples=8, deadline=None)
@given(st.integers(400, 1_900), st.integers(0, 99))
def test_odds_are_set_right_by_what_was_known_alone(at, seed):
    luck = np.random.default_rng(seed)
    shares = luck.uniform(0.01, 0.2, (2_000, 12)).astype(np.float32)
    struck = luck.random(2_000) < 0.3
    other = struck.copy()
    other[at + 1 :] = ~other[at + 1 :]
    told, later = follow_odds(shares, struck), follow_odds(shares, other)
    assert told[: at + 1].tobytes() == later[: at + 1].tobytes()
    assert told[:336] == pytest.approx(shares[:336], abs=1e-6)
    assert told[1_900:].mean() > 1.3 * shares[1_900:].mean()
