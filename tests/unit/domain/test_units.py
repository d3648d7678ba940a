"""Settlement prices: two decimals, half a cent away from zero."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.domain.units import kw_from_mw, mw_from_kw, settlement_price


@pytest.mark.parametrize(
    ("dispatched", "settled"),
    [(116.865, "116.87"), (-26.825, "-26.83"), (242.65268, "242.65"), (-0.005, "-0.01"), (0.004999, "0.00")],
)
def test_half_a_cent_goes_away_from_zero(dispatched, settled):
    assert settlement_price(dispatched) == Decimal(settled)


@given(per_mwh=st.floats(-1_000, 25_000))
def test_a_settlement_price_is_within_half_a_cent_and_mirrors_at_zero(per_mwh):
    assert abs(settlement_price(per_mwh) - Decimal(repr(per_mwh))) <= Decimal("0.005")
    assert settlement_price(-per_mwh) == -settlement_price(per_mwh)


@given(megawatts=st.integers(-3_000, 3_000))
def test_whole_megawatts_come_back(megawatts):
    assert mw_from_kw(kw_from_mw(megawatts)) == megawatts
