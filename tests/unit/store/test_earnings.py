"""Money and energy sums as the page shows them."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from manta.store.earnings import MOST_BINS, aud, histogram

AMOUNTS = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=60)


def test_micro_dollars_are_dollars_to_the_last_digit():
    assert aud(9_007_199_254_740_993) == Decimal("9007199254.740993")
    assert str(aud(-50_000_000)) == "-50.000000"
    assert str(aud(0)) == "0.000000"


@given(AMOUNTS)
def test_every_home_is_in_one_bin_and_the_bins_are_even(amounts):
    bins = histogram(amounts)
    assert len(bins) <= MOST_BINS
    assert sum(b.homes for b in bins) == len(amounts)
    assert len({b.to_aud - b.from_aud for b in bins}) == 1
    assert all(a.to_aud == b.from_aud for a, b in zip(bins, bins[1:], strict=False))
    for b in bins:
        assert b.homes == sum(b.from_aud <= aud(amount) < b.to_aud for amount in amounts)
    assert bins[0].homes
    assert bins[-1].homes


def test_homes_that_earned_the_same_share_one_bin():
    (only,) = histogram([50_000_000] * 3)
    assert (only.from_aud, only.to_aud, only.homes) == (Decimal(50), Decimal("50.01"), 3)


def test_nobody_is_in_no_bin():
    assert histogram([]) == []
