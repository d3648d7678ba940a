"""AEMO's reading of the rules, as the stand-in has it, against ours: two that share no code and agree."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import offers
from tests.offers import (
    BDU,
    EVENING,
    MORNING_BEFORE,
    PRICES,
    WIND,
    changed,
    energy,
    rebid,
    service,
    submission,
)

from manta.domain.market import Direction, Service
from manta.markets.bids import write
from manta.nemsim.bid_checks import Desk, objections
from manta.nemsim.bidding import lowered
from manta.rules.offers import problems
from manta.rules.rebids import change_problems

UNITS = {unit.duid: unit for unit in (BDU, WIND)}


def stub_takes(offer, at=MORNING_BEFORE, held=None):
    sides = ((offer,), ()) if not hasattr(offer, "service") else ((), (offer,))
    lower = lowered(msgspec.json.Decoder(float_hook=Decimal).decode(write(submission(offers=sides))))
    return not objections(lower, Desk(UNITS, lambda key: held, at))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_our_rules_and_aemos_reading_of_them_agree_on_every_offer(data):
    """Two readings of the rules that share no code: what one takes the other takes."""
    side = data.draw(st.sampled_from([None, *Direction]))
    prices = tuple(sorted(data.draw(st.lists(st.decimals(-980, 23_300, places=2), min_size=10, max_size=10))))
    edges = offers.trapezium(*sorted(data.draw(st.tuples(*[st.integers(-130, 130)] * 4))))
    kind = data.draw(st.sampled_from(Service))
    whole = st.integers(0, 40).map(lambda mw: mw * 1_000.0)
    bands = tuple(data.draw(st.lists(whole, min_size=10, max_size=10)))
    most_kw = data.draw(st.integers(0, 135)) * 1_000.0
    duid = data.draw(st.sampled_from(["BDU1", "WIND1"]))
    offer = data.draw(st.sampled_from([
        energy(side, prices=prices, duid=duid),
        changed(energy(side, duid=duid), 9, bands_kw=bands, max_avail_kw=most_kw),
        service(kind, side, edges, prices=tuple(map(abs, prices)) if kind.raises else prices, duid=duid),
        changed(service(kind, side, edges, duid=duid), 9, bands_kw=bands),
    ]))  # fmt: skip

    assert stub_takes(offer) == (not problems(offer, UNITS[duid]))


@settings(max_examples=60, deadline=None)
@given(
    minutes=st.integers(-600, 2_400),
    explained=st.sampled_from([None, rebid(), rebid(reason=""), rebid(category="pl"), rebid(event_at=None)]),
    moved=st.booleans(),
    stands=st.booleans(),
)
def test_our_lock_and_aemos_agree_at_every_minute(minutes, explained, moved, stands):
    at = EVENING + timedelta(minutes=minutes) - timedelta(days=1)
    told = explained
    if told is not None:  # whether the times are in order is not AEMO's to see: they come without a date
        told = replace(told, event_at=told.event_at and at, aware_at=at, decided_at=at)
    after = energy(prices=(*PRICES[:9], Decimal(15_001)) if moved else PRICES, rebid=told)
    before = energy() if stands else None

    assert stub_takes(after, at, PRICES if stands else None) == (not change_problems(before, after, at))
