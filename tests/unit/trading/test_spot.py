"""The threshold rule: what it does at a price, given what it did before, and what it says of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.houses import price, rule

from manta.domain.envelope import Envelope
from manta.domain.market import PriceStatus
from manta.trading.situation import Situation
from manta.trading.spot import Spot, Stance, aud_per_mwh, stance

REACH = Envelope(-7, 9)


@pytest.mark.parametrize(
    ("per_mwh", "was", "now"),
    [
        (300.00, Stance.IDLE, Stance.IDLE),  # at the threshold is not above it
        (300.01, Stance.IDLE, Stance.SELLING),
        (290.00, Stance.IDLE, Stance.IDLE),
        (290.00, Stance.SELLING, Stance.SELLING),  # it does not flap around the threshold
        (285.00, Stance.SELLING, Stance.IDLE),
        (290.00, Stance.BUYING, Stance.IDLE),
        (-20.00, Stance.IDLE, Stance.IDLE),
        (-20.01, Stance.IDLE, Stance.BUYING),
        (-19.50, Stance.BUYING, Stance.BUYING),
        (-19.00, Stance.BUYING, Stance.IDLE),
        (-1_000, Stance.SELLING, Stance.BUYING),
        (float("nan"), Stance.SELLING, Stance.IDLE),
    ],
)
def test_a_rule_lets_go_only_once_the_price_has_clearly_come_back(per_mwh, was, now):
    assert stance(rule(), per_mwh, was) is now


@given(
    low=st.floats(-1_000, 17_500), gap=st.floats(0.01, 500), was=st.sampled_from(Stance),
    per_mwh=st.floats(-1_000, 17_500),
)  # fmt: skip
def test_a_rule_never_sells_below_its_buying_price_nor_buys_above_its_selling_price(low, gap, was, per_mwh):
    mine = rule(buy_below_per_mwh=low, sell_above_per_mwh=low + gap)

    now = stance(mine, per_mwh, was)

    assert now is not Stance.SELLING or per_mwh > mine.buy_below_per_mwh
    assert now is not Stance.BUYING or per_mwh < mine.sell_above_per_mwh


@pytest.mark.parametrize(
    ("per_mwh", "status", "now", "want_kw", "because"),
    [
        (12_500, "firm", Stance.SELLING, 9,
         "price $12,500/MWh is above $300: sell up to 8.7 kW a home"),
        (12_500.5, "not_firm", Stance.SELLING, 9,
         "price $12,500.50/MWh (not firm) is above $300: sell up to 8.7 kW a home"),
        (290, "firm", Stance.SELLING, 9,
         "price $290/MWh is still close to $300: sell up to 8.7 kW a home"),
        (-45.2, "firm", Stance.BUYING, -7,
         "price -$45.20/MWh is below -$20: charge as fast as each home may"),
    ],
)  # fmt: skip
def test_the_reason_has_the_numbers_in_it(per_mwh, status, now, want_kw, because):
    seen = Situation(price(per_mwh, status=PriceStatus(status)), Envelope(-20, 20))

    proposal = Spot(rule(), now, REACH).propose(seen)

    assert (proposal.want_kw, proposal.because, proposal.rule) == (want_kw, because, rule().id)


def test_an_idle_rule_has_no_opinion():
    assert Spot(rule(), Stance.IDLE, REACH).propose(Situation(price(80), REACH)) is None


@pytest.mark.parametrize(
    ("per_mwh", "written"),
    [(80, "$80/MWh"), (-1_000, "-$1,000/MWh"), (17_500.004, "$17,500/MWh"), (0.1, "$0.10/MWh")],
)
def test_prices_are_written_as_people_write_them(per_mwh, written):
    assert aud_per_mwh(per_mwh) == written
