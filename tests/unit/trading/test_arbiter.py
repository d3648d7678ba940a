"""The arbiter: many wishes, one power, and no rule breaks a bound set before it."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from tests.houses import price, rule

from manta.domain.envelope import Envelope
from manta.domain.proposal import Proposal
from manta.trading.arbiter import arbitrate
from manta.trading.situation import Situation

bounds_kw = st.tuples(st.floats(-100, 100), st.floats(-100, 100)).map(sorted)
envelopes = bounds_kw.map(lambda bounds: Envelope(*bounds))
wishes = st.none() | st.floats(-200, 200)


@dataclass(frozen=True)
class Fixed:
    proposal: Proposal | None

    def propose(self, seen):
        return self.proposal


proposals = st.none() | st.builds(Proposal, st.just("rule"), envelopes, wishes)
rules = st.lists(proposals.map(Fixed))


def seen(headroom):
    return Situation(price(80), headroom)


@given(headroom=envelopes, rules=rules)
def test_the_target_is_within_headroom_or_there_is_none(headroom, rules):
    target = arbitrate(seen(headroom), rules)

    assert target.power_kw is None or headroom.clamp(target.power_kw) == target.power_kw


@given(headroom=envelopes, first=envelopes, rules=rules)
def test_no_rule_breaks_the_bound_of_the_first(headroom, first, rules):
    target = arbitrate(seen(headroom), [Fixed(Proposal("first", first)), *rules])

    kept = headroom.tighten(first)
    assert target.power_kw is None or kept.clamp(target.power_kw) == target.power_kw


def test_without_a_wish_and_with_room_to_rest_every_home_looks_after_itself():
    target = arbitrate(seen(Envelope(-5, 5)), [Fixed(None), Fixed(Proposal("cap", Envelope(-4, 4)))])

    assert target.power_kw is None
    assert target.because == "price $80/MWh crosses no threshold: homes look after themselves"


def test_the_reason_is_the_rule_that_moved_the_power():
    headroom = Envelope(-5, 5)
    spot = Fixed(Proposal("spot is dear", want_kw=5, rule=rule().id))
    cap = Fixed(Proposal("cap", Envelope(floor_kw=2)))

    assert arbitrate(seen(headroom), [cap]).because == "cap"
    assert arbitrate(seen(headroom), [cap]).power_kw == 2
    assert arbitrate(seen(headroom), [cap, spot]).because == "spot is dear"
    assert arbitrate(seen(headroom), [cap, spot]).rule == rule().id


def test_of_two_wishes_the_last_stands():
    early, late = Fixed(Proposal("early", want_kw=1)), Fixed(Proposal("late", want_kw=-1))

    assert arbitrate(seen(Envelope(-5, 5)), [early, late]).power_kw == -1
