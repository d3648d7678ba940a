"""Money: exact integers that add up to nothing."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.domain.units import settlement_price
from manta.settlement.money import micro_aud, post

energies = st.lists(st.integers(-10_000_000, 10_000_000), max_size=50)
prices = st.decimals(-1_000, 25_000, places=2)


def wh(*watt_hours):
    return np.array(watt_hours, np.int64)


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), float("-inf")])
def test_a_price_that_is_no_number_is_not_settled(nonsense):
    with pytest.raises(ValueError, match="number of dollars"):
        settlement_price(nonsense)


def test_a_price_with_more_than_cents_is_refused():
    with pytest.raises(ValueError, match="two decimals"):
        micro_aud(wh(1), Decimal("1.005"))


def test_more_money_than_a_line_holds_is_refused():
    with pytest.raises(OverflowError):
        micro_aud(wh(2**60), Decimal(12_500))


@pytest.mark.parametrize(
    ("per_mwh", "price"),
    [(12_500.0, "12500.00"), (80.125, "80.13"), (-80.125, "-80.13"), (0.1 + 0.2, "0.30"), (-0.001, "0.00")],
)
def test_half_a_cent_is_rounded_away_from_zero(per_mwh, price):
    assert settlement_price(per_mwh) == Decimal(price)


def test_four_kilowatt_hours_at_the_spike_are_fifty_dollars():
    assert micro_aud(wh(4_000), Decimal("12500.00")).tolist() == [50_000_000]


def test_half_a_micro_dollar_is_rounded_away_from_zero():
    assert micro_aud(wh(1, -1, 1, 3), Decimal("0.50")).tolist() == [1, -1, 1, 2]
    assert micro_aud(wh(1, -1), Decimal("0.49")).tolist() == [0, 0]
    assert micro_aud(wh(1, -1), Decimal("-0.50")).tolist() == [-1, 1]


@given(energies=energies, price=prices)
def test_the_amounts_are_those_that_exact_decimals_give(energies, price):
    exact = [int((Decimal(e) * price).quantize(Decimal(1), ROUND_HALF_UP)) for e in energies]

    assert micro_aud(wh(*energies), price).tolist() == exact


@given(energies=energies, price=prices)
def test_a_posting_adds_up_to_nothing(energies, price):
    posting = post(np.arange(len(energies), dtype=np.int32), wh(*energies), price)

    assert sum(posting.micro_aud.tolist()) + posting.market_micro_aud == 0
    assert sum(posting.watt_hours.tolist()) + posting.market_watt_hours == 0
