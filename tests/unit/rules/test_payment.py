"""What the market pays, exactly."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.domain.market import LossFactors
from manta.rules.payment import (
    cap_payoff_aud,
    cap_payoff_per_mwh,
    enablement_aud,
    price_at_connection,
    price_at_node,
    spot_aud,
)

DATA = Path(__file__).parents[4] / "shared" / "data" / "nem"
LOSSES = LossFactors(Decimal("0.9663"), Decimal("0.9712"), Decimal("1.05905"))
factors = st.decimals("0.7", "1.2", places=5)
prices = st.decimals(-1_000, 23_200, places=2)
energies = st.integers(-(10**9), 10**9)


def test_export_and_import_have_their_own_loss_factor():
    price = Decimal("12500.00")

    assert spot_aud(725, LOSSES, price) == Decimal("725e-6") * Decimal("1.05905") * Decimal("0.9663") * price
    assert (
        spot_aud(-725, LOSSES, price) == Decimal("-725e-6") * Decimal("1.05905") * Decimal("0.9712") * price
    )


def test_a_negative_price_charges_who_exports():
    assert spot_aud(1_000_000, LossFactors(Decimal(1), Decimal(1), Decimal(1)), Decimal("-45.20")) == Decimal(
        "-45.20"
    )


@given(watt_hours=energies, export=factors, load=factors, dlf=factors, price=prices)
def test_the_spot_amount_is_the_exact_product(watt_hours, export, load, dlf, price):
    losses = LossFactors(export, load, dlf)
    mlf = export if watt_hours >= 0 else load
    exact = Fraction(watt_hours, 10**6) * Fraction(dlf) * Fraction(mlf) * Fraction(price)

    assert Fraction(spot_aud(watt_hours, losses, price)) == exact
    at_point = price_at_connection(watt_hours, losses, price)
    assert Fraction(at_point) * watt_hours / 10**6 == exact


@given(parts=st.lists(st.integers(0, 10**6), min_size=1, max_size=20), price=prices, order=st.randoms())
def test_parts_of_one_direction_add_up_in_any_order(parts, price, order):
    whole = spot_aud(sum(parts), LOSSES, price)
    order.shuffle(parts)

    assert sum(spot_aud(part, LOSSES, price) for part in parts) == whole


def test_an_offered_price_is_compared_at_the_node():
    assert price_at_node(Decimal("-966.30"), Decimal("0.9663"), Decimal(1)) == -1_000
    assert price_at_node(Decimal("19615.89"), Decimal("0.9663"), Decimal(1)) == 20_300


@given(kw=st.integers(0, 10**6), price=st.decimals(0, 23_200, places=2))
def test_a_service_earns_a_twelfth_of_its_price(kw, price):
    earned = enablement_aud(Decimal(kw), price)

    assert earned >= 0
    assert abs(Fraction(earned) - Fraction(kw, 12_000) * Fraction(price)) < Fraction(1, 10**40)


def test_fifteen_megawatts_at_twelve_dollars_earn_fifteen():
    assert enablement_aud(Decimal(15_000), Decimal(12)) == 15


@pytest.mark.parametrize(
    ("price", "owed"), [("300", "0"), ("-1000", "0"), ("300.12", "0.01"), ("15500", "1266.666667")]
)
def test_a_cap_owes_what_is_above_its_strike(price, owed):
    assert cap_payoff_aud(Decimal(1_000), Decimal(price)).quantize(Decimal(owed)) == Decimal(owed)


@given(one=prices, other=prices)
def test_a_cap_never_owes_less_for_a_higher_price(one, other):
    low, high = sorted((one, other))

    assert 0 <= cap_payoff_aud(Decimal(5_000), low) <= cap_payoff_aud(Decimal(5_000), high)


@pytest.mark.parametrize(("year", "mean"), [(2022, 16.80), (2023, 1.21), (2024, 10.54)])
def test_a_cap_paid_in_victoria_what_it_really_paid(year, mean):
    path = DATA / f"VIC1_5min_{year}.parquet"
    if not path.exists():
        pytest.skip("the genuine VIC1 prices are not beside this checkout")
    import pyarrow.parquet as pq

    rrp = pq.read_table(path, columns=["RRP"])["RRP"].to_numpy()

    assert np.mean(cap_payoff_per_mwh(rrp)) == pytest.approx(mean, abs=0.006)
