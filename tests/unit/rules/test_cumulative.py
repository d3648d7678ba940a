"""The cumulative price, kept up interval by interval and computed over years: one figure."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manta.domain.time import FIVE_MINUTES, DispatchInterval
from manta.rules.cumulative import WINDOW, CumulativePrice, cumulative

DATA = Path(__file__).parents[4] / "shared" / "data" / "nem"
YEARS = [DATA / f"VIC1_5min_{year}.parquet" for year in (2022, 2023, 2024)]
BEGIN = DispatchInterval(datetime(2026, 1, 1, tzinfo=UTC))


def nth(n):
    return DispatchInterval(BEGIN.end + n * FIVE_MINUTES)


def random_prices(seed, count):
    rng = np.random.default_rng(seed)
    return np.round(np.where(rng.random(count) < 0.02, 15_000, rng.normal(80, 60, count)), 5)


def followed(prices):
    """Return what the incremental sum says after each price; NaN is a price that never came."""
    running, told = CumulativePrice(), []
    for n, price in enumerate(prices):
        if np.isnan(price):
            told.append(np.nan)
            continue
        total = running.hear(nth(n), float(price))
        told.append(np.nan if total is None else total)
    return np.array(told)


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf")])
def test_what_is_no_price_is_refused(nonsense):
    with pytest.raises(ValueError, match="number of dollars"):
        CumulativePrice().hear(BEGIN, nonsense)


def test_a_price_from_before_the_week_is_refused():
    running = CumulativePrice()
    running.hear(nth(WINDOW), 1.0)
    running.hear(nth(1), 1.0)
    with pytest.raises(ValueError, match="before the week|older than the week"):
        running.hear(nth(0), 1.0)


def test_a_week_that_is_not_whole_has_no_sum():
    assert CumulativePrice().per_mwh is None
    assert np.isnan(cumulative(np.ones(WINDOW - 1))).all()
    assert cumulative(np.ones(WINDOW))[-1] == WINDOW
    assert len(cumulative(np.ones(0))) == 0


def test_a_missing_price_leaves_the_sum_unknown_until_a_week_has_passed():
    prices = random_prices(1, 3 * WINDOW)
    prices[WINDOW + 10] = np.nan

    column = cumulative(prices)

    assert np.isnan(column[WINDOW + 10 : 2 * WINDOW + 10]).all()
    assert np.isfinite(column[2 * WINDOW + 10])
    np.testing.assert_array_equal(followed(prices), column)


def test_a_revised_or_late_price_counts_as_if_it_had_always_been():
    prices = random_prices(2, WINDOW + 50)
    running = CumulativePrice()
    for n in [*range(40), *range(41, WINDOW + 50)]:
        running.hear(nth(n), float(prices[n]))
    assert running.per_mwh == cumulative(prices)[-1]  # interval 40 has left the week
    running.hear(nth(100), 14_000.0)
    prices[100] = 14_000.0
    assert running.per_mwh == cumulative(prices)[-1]


def test_a_gap_longer_than_a_week_forgets_everything():
    running = CumulativePrice()
    for n in range(WINDOW):
        running.hear(nth(n), 50.0)
    assert running.hear(nth(5 * WINDOW + 3), 50.0) is None
    for n in range(5 * WINDOW + 4, 6 * WINDOW + 3):
        running.hear(nth(n), 50.0)
    assert running.per_mwh == 50.0 * WINDOW


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6), count=st.integers(WINDOW, 2 * WINDOW), share=st.sampled_from([0, 0, 0.0005])
)
def test_kept_up_and_computed_are_one_figure_whatever_the_order_heard(seed, count, share):
    prices = random_prices(seed, count)
    prices[np.random.default_rng(seed).random(count) < share] = np.nan
    np.testing.assert_array_equal(followed(prices), cumulative(prices))

    shuffled = CumulativePrice()
    order = np.random.default_rng(seed).permutation(WINDOW) + count - WINDOW
    for n in order:
        if not np.isnan(prices[n]):
            shuffled.hear(nth(int(n)), float(prices[n]))
    assert shuffled.per_mwh == (None if np.isnan(cumulative(prices)[-1]) else cumulative(prices)[-1])


@pytest.mark.skipif(
    not all(map(Path.exists, YEARS)), reason="three years of VIC1 are not beside this checkout"
)
def test_three_genuine_years_agree_to_the_cent_with_a_plain_sum():
    import pyarrow.parquet as pq

    prices = np.concatenate([pq.read_table(f, columns=["RRP"])["RRP"].to_numpy() for f in YEARS])
    column = cumulative(prices)

    assert len(column) == 315_648
    for n in (WINDOW - 1, 47_147, 200_000, 315_647):
        assert column[n] == pytest.approx(sum(prices[n - WINDOW + 1 : n + 1]), abs=0.005)
    np.testing.assert_array_equal(followed(prices[:20_000]), column[:20_000])
