from math import isnan

import numpy as np
import pytest

from manta.backtest.measures import BLOCK, capture, lead, ratio, reliability, uplift, weekly


def test_capture_is_a_ratio_of_sums_within_its_interval():
    rng = np.random.default_rng(5)
    best = rng.gamma(1.0, 10.0, 20 * BLOCK)
    mine = best * rng.uniform(0.4, 0.8, len(best))
    estimate = capture(mine, best)
    assert estimate.share == pytest.approx(mine.sum() / best.sum())
    assert estimate.low_share <= estimate.share <= estimate.high_share


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    best = np.random.default_rng(6).gamma(0.2, 10.0, 12 * BLOCK)
    mine = best**0.9
    assert capture(mine, best, 4) == capture(mine, best, 4)
    assert capture(mine, best, 4) != capture(mine, best, 5)


def test_a_constant_share_has_an_interval_without_width():
    best = np.random.default_rng(7).gamma(1.0, 10.0, 8 * BLOCK)
    estimate = uplift(best * 1.5, best)
    assert (estimate.share, estimate.low_share, estimate.high_share) == pytest.approx((0.5, 0.5, 0.5))


def test_a_lead_is_the_difference_of_two_captures():
    best = np.random.default_rng(8).gamma(1.0, 10.0, 8 * BLOCK)
    assert lead(0.7 * best, 0.4 * best, best).share == pytest.approx(0.3)


def test_fewer_than_four_weeks_have_no_interval():
    estimate = capture(np.ones(3 * BLOCK), np.full(3 * BLOCK, 2.0))
    assert estimate.share == 0.5
    assert isnan(estimate.low_share)


def test_a_foresight_that_earns_nothing_has_no_capture():
    assert isnan(ratio(np.ones(5), np.zeros(5)).share)


def test_weeks_keep_every_dollar():
    values = np.random.default_rng(9).normal(0, 1, 3 * BLOCK + 100)
    assert weekly(values).sum() == pytest.approx(values.sum())
    assert len(weekly(values)) == 4


def test_reliability_counts_every_forecast_once():
    rng = np.random.default_rng(10)
    foretold = rng.uniform(0, 1, 5_000) ** 4
    bins = reliability(foretold, rng.random(5_000) < foretold)
    assert sum(count for _, _, count in bins) == 5_000
    assert all(abs(said - came) < 0.1 for said, came, _ in bins)
