"""Envelopes: how limits meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.domain.envelope import Envelope
from manta.domain.identity import RuleId, VppId
from manta.domain.rule import SpotRule

bounds_kw = st.tuples(st.floats(-100, 100), st.floats(-100, 100)).map(sorted)
envelopes = bounds_kw.map(lambda bounds: Envelope(*bounds))


@pytest.mark.parametrize(("floor_kw", "ceiling_kw"), [(1, 0), (float("nan"), 1), (0, float("nan"))])
def test_a_band_that_is_none_is_refused(floor_kw, ceiling_kw):
    with pytest.raises(ValueError, match="above ceiling"):
        Envelope(floor_kw, ceiling_kw)


@given(one=envelopes, other=envelopes)
def test_where_two_cannot_both_hold_the_first_wins(one, other):
    both = one.tighten(other)

    assert one.floor_kw <= both.floor_kw <= both.ceiling_kw <= one.ceiling_kw


@given(one=envelopes, power_kw=st.floats(-1_000, 1_000))
def test_a_clamped_power_is_permitted(one, power_kw):
    assert one.floor_kw <= one.clamp(power_kw) <= one.ceiling_kw


@given(parts=st.lists(envelopes))
def test_side_by_side_the_parts_add_up(parts):
    together = Envelope.together(parts)

    assert together.ceiling_kw == pytest.approx(sum(part.ceiling_kw for part in parts))


@pytest.mark.parametrize(
    "figures",
    [(300, 300, 8.7, 0.2), (300, 400, 8.7, 0.2), (300, -20, -1, 0.2), (300, -20, 8.7, 1.1),
     (float("nan"), -20, 8.7, 0.2)],
)  # fmt: skip
def test_a_rule_that_contradicts_itself_is_refused(figures):
    sell, buy, export_kw, reserve = figures
    with pytest.raises(ValueError, match=r"price|reserve"):
        SpotRule(RuleId(None), VppId("v"), "", sell, buy, export_kw, reserve, enabled=True)
