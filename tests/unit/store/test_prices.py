"""A price keeps the five places that AEMO publishes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.store.prices import exact


@given(st.integers(-100_000_000, 2_030_000_000))
def test_a_published_price_survives_its_time_as_a_float(places):
    published = Decimal(places).scaleb(-5)
    assert exact(float(published)) == published
    assert float(exact(float(published))) == float(published)


@pytest.mark.parametrize("per_mwh", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_no_price(per_mwh):
    with pytest.raises(ValueError, match="finite"):
        exact(per_mwh)
