"""Two sources before a jump near the cap: what waits, for whom, how long, and what never waits."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.worlds import EVENING, VirtualClock, virtual

from manta.domain.market import Price, PriceStatus, Region
from manta.domain.reference import cap_per_mwh
from manta.domain.time import FIVE_MINUTES, DispatchInterval
from manta.markets.agreement import DOUBTS, Agreement, Word, agreeing, bound_near, is_jump

NOW = DispatchInterval(EVENING + FIVE_MINUTES)
BEFORE = DispatchInterval(EVENING)
CAP = cap_per_mwh(NOW)
CALM = 80.0
LASTS_S = DOUBTS[0].lasts.total_seconds()
CHANGED = EVENING + timedelta(seconds=7)


def price(per_mwh, interval=NOW, status=PriceStatus.FIRM, region=Region.NSW, changed_at=CHANGED):
    return Price(region, interval, per_mwh, status, changed_at=changed_at)


def word(per_mwh, source="P5MIN", interval=NOW, region=Region.NSW, after_s=35):
    return Word(source, region, interval, per_mwh, EVENING + timedelta(seconds=after_s))


class Evening:
    """A market that says what it is told to at set times, and what comes out of the agreement when."""

    def __init__(self, *told):
        self.clock = VirtualClock()
        self.told = told
        self.agreement = Agreement(self, self.clock)
        self.heard = []

    async def prices(self):
        for after_s, *prices in self.told:
            await self.clock.sleep_until(EVENING + timedelta(seconds=after_s))
            yield prices
        await asyncio.sleep(3_600)

    async def goes(self, *words, until_s=200):
        listening = asyncio.create_task(self._listen())
        for after_s, *said in words:
            await self.clock.sleep_until(EVENING + timedelta(seconds=after_s))
            self.agreement.hear(said)
        await self.clock.sleep_until(EVENING + timedelta(seconds=until_s))
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        return [(round(s, 3), p.per_mwh, p.status) for s, p in self.heard]

    async def _listen(self):
        async with aclosing(self.agreement.prices()) as prices:
            async for each in prices:
                self.heard += [((self.clock.now() - EVENING).total_seconds(), p) for p in each]


@pytest.mark.parametrize("per_mwh", [CALM, 12_400.0, -45.0, -999.0 * 0.74, 0.0])
@virtual
async def test_an_ordinary_price_waits_for_nobody(per_mwh):
    assert await Evening((20, price(per_mwh))).goes() == [(20, per_mwh, PriceStatus.FIRM)]


def test_the_demonstrations_spike_is_not_near_the_cap_of_its_year():
    summer = DispatchInterval(EVENING.replace(year=2027, month=1, day=14))

    assert bound_near(Price(Region.NSW, summer, 12_500.0)) is None
    assert bound_near(Price(Region.NSW, summer, 17_400.0)) == 23_200.0
    assert bound_near(Price(Region.NSW, summer, -750.0)) == -1_000.0


@pytest.mark.parametrize("per_mwh", [CAP, -1_000.0])
@virtual
async def test_a_jump_is_suspect_until_a_second_source_agrees(per_mwh):
    evening = Evening((20, price(per_mwh)))

    heard = await evening.goes((45, word(per_mwh * 0.9)))

    assert heard == [(20, per_mwh, PriceStatus.SUSPECT), (45, per_mwh, PriceStatus.FIRM)]
    (_, suspect), (_, firm) = evening.heard
    assert suspect.changed_at is None, "so that AEMO's own word replaces ours in the record"
    assert firm == price(per_mwh)
    assert evening.agreement.unconfirmed == 0


@virtual
async def test_a_jump_that_was_foreseen_passes_at_once():
    evening = Evening((20, price(CAP)))

    assert await evening.goes((1, word(CAP, after_s=-255))) == [(20, CAP, PriceStatus.FIRM)]
    assert evening.agreement.held == 0


@virtual
async def test_a_jump_that_nobody_confirms_passes_as_not_firm_in_the_end():
    evening = Evening((20, price(CAP)))

    heard = await evening.goes((45, word(CALM)))

    assert heard == [(20, CAP, PriceStatus.SUSPECT), (20 + LASTS_S, CAP, PriceStatus.NOT_FIRM)]
    assert evening.agreement.unconfirmed == 1


@virtual
async def test_a_confirmation_that_comes_late_makes_it_firm_with_a_later_change():
    evening = Evening((20, price(CAP)))

    heard = await evening.goes((100, word(CAP, after_s=95)))

    assert heard[2:] == [(100, CAP, PriceStatus.FIRM)]
    assert evening.heard[2][1].changed_at == EVENING + timedelta(seconds=95)


@pytest.mark.parametrize(
    "other",
    [
        word(CAP, region=Region.VIC),
        word(CAP, interval=DispatchInterval(NOW.end + FIVE_MINUTES)),
        word(-CAP),
        word(0.7 * CAP),
    ],
    ids=["another region", "another interval", "another sign", "too far"],
)
@virtual
async def test_a_word_about_something_else_confirms_nothing(other):
    heard = await Evening((20, price(CAP))).goes((45, other), until_s=50)

    assert heard == [(20, CAP, PriceStatus.SUSPECT)]


@virtual
async def test_of_two_words_of_one_source_the_later_counts():
    evening = Evening((20, price(CAP)))

    heard = await evening.goes((1, word(CALM, after_s=-20)), (2, word(CAP, after_s=-300)), until_s=50)

    assert heard == [(20, CAP, PriceStatus.SUSPECT)]


@virtual
async def test_a_revision_replaces_what_waits():
    revised = price(CALM, changed_at=CHANGED + timedelta(seconds=20))
    evening = Evening((20, price(CAP)), (40, revised))

    heard = await evening.goes((50, word(CAP)))

    assert heard == [(20, CAP, PriceStatus.SUSPECT), (40, CALM, PriceStatus.FIRM)]


@virtual
async def test_at_the_cap_for_long_only_the_jump_is_doubted():
    evening = Evening((-280, price(CAP, BEFORE)), (20, price(CAP)))
    evening.clock = evening.agreement._clock = VirtualClock(EVENING - FIVE_MINUTES)

    heard = await evening.goes((-250, word(CAP, interval=BEFORE, after_s=-260)))

    assert [each[1:] for each in heard] == [
        (CAP, PriceStatus.SUSPECT),
        (CAP, PriceStatus.FIRM),
        (CAP, PriceStatus.FIRM),
    ]


@pytest.mark.parametrize(
    "status", [PriceStatus.NOT_FIRM, PriceStatus.SUSPENDED, PriceStatus.ADMINISTERED, PriceStatus.SUSPECT]
)
@virtual
async def test_what_is_not_firm_anyway_is_passed_as_it_is(status):
    assert await Evening((20, price(CAP, status=status))).goes() == [(20, CAP, status)]


@virtual
async def test_history_is_not_doubted():
    assert await Evening((20, price(CAP, BEFORE))).goes() == [(20, CAP, PriceStatus.FIRM)]


@virtual
async def test_regions_in_one_publication_wait_apart():
    evening = Evening((20, price(CAP), price(CALM, region=Region.TAS)))

    heard = await evening.goes((45, word(CAP)))

    assert heard == [
        (20, CAP, PriceStatus.SUSPECT),
        (20, CALM, PriceStatus.FIRM),
        (45, CAP, PriceStatus.FIRM),
    ]


prices = st.floats(-1_000.0, CAP)


@given(prices, prices, st.sampled_from(PriceStatus))
def test_only_a_firm_price_near_a_bound_can_be_a_jump(now, before, status):
    jump = is_jump(price(now, status=status), price(before, BEFORE))

    if jump:
        assert status is PriceStatus.FIRM
        assert now >= 0.75 * CAP or now <= -750.0
        assert bound_near(price(before, BEFORE)) != bound_near(price(now))
    assert is_jump(price(now), None) == (bound_near(price(now)) is not None)


@given(prices, prices)
def test_agreement_is_within_its_tolerance_and_about_the_same_thing(one, other):
    agreed = agreeing(price(one), [word(other)])

    assert (agreed is not None) == (abs(one - other) <= DOUBTS[0].within * abs(one))
    assert agreeing(price(one), [replace(word(one), region=Region.TAS)]) is None
