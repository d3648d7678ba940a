"""The dispatch price beside its second sources, from the simulated NEMWEB as the engine has them wired."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import httpx
import pytest
from tests.worlds import VirtualClock, virtual

from manta.domain.market import PriceStatus, Region
from manta.domain.reference import cap_per_mwh
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval
from manta.markets.aemo import Nemweb
from manta.markets.agreement import Agreement
from manta.markets.bookmark import Bookmark
from manta.markets.feeds import Follower, Source
from manta.markets.words import READERS, p5min_words, trading_words
from manta.mms.catalogue import FEEDS
from manta.mms.lines import MarketFileError
from manta.nemsim import reports, stories
from manta.nemsim.market import SimulatedMarket
from manta.nemsim.nemweb import Publisher, application

EVENING = datetime(2027, 1, 14, 17, 52, tzinfo=NEM_TIME)
FIRST = DispatchInterval(EVENING.replace(minute=0) + timedelta(hours=1))
URL = "http://nemweb.test"


async def what_passes(place, told, until, *, second=True):
    """Return what the agreement passes on: when, counted from the story's beginning, and what."""
    clock = VirtualClock(EVENING)
    market = SimulatedMarket(1, [told])
    publisher = Publisher(lambda: market, clock, 1, offered=timedelta(minutes=30))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(application(publisher)))
    nemweb = Nemweb(
        URL, client=client, clock=clock, quarantine=place, random=Random(1), catch_up=timedelta(minutes=10)
    )
    agreement = Agreement(nemweb, clock)
    source = Source(URL, client, clock, Random(1), place)

    async def take_in(words):
        agreement.hear(words)

    feeds = [replace(feed, archived=False) for feed in FEEDS if feed.prefix in READERS and second]
    followers = [
        Follower(feed, source, Bookmark(feed, clock.now(), timedelta(minutes=10)), READERS[feed.prefix])
        for feed in feeds
    ]
    passed = []

    async def listen():
        async with aclosing(agreement.prices()) as prices:
            async for each in prices:
                at_s = (clock.now() - told.begins).total_seconds()
                passed.extend((at_s, price) for price in each if told.spans(price.interval))

    tasks = [asyncio.create_task(follower.follow(take_in)) for follower in followers]
    tasks.append(asyncio.create_task(listen()))
    await clock.sleep_until(until)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return passed


def test_a_jump_to_the_cap_is_believed_as_soon_as_the_run_of_its_interval_says_so(tmp_path):
    told = stories.story("cap", FIRST.start)
    passed = []

    @virtual
    async def evening():
        passed.extend(await what_passes(tmp_path, told, told.begins + timedelta(minutes=3)))

    evening()
    cap = cap_per_mwh(FIRST)
    by_region = {
        region: [(at_s, price.status) for at_s, price in passed if price.region == region]
        for region in Region
    }
    assert all(price.per_mwh == cap for _, price in passed if price.region != Region.TAS)
    assert [status for _, status in by_region.pop(Region.TAS)] == [PriceStatus.FIRM]
    for heard in by_region.values():
        at_s, status = heard[-1]
        assert status is PriceStatus.FIRM
        assert at_s < 62
        assert len(heard) == 1 or heard[0][1] is PriceStatus.SUSPECT
    held = [heard for heard in by_region.values() if len(heard) == 2]
    assert held, "not every region's jump was foreseen"


def test_without_a_second_source_a_jump_to_the_cap_is_not_firm(tmp_path):
    told = stories.story("cap", FIRST.start)
    passed = []

    @virtual
    async def evening():
        until = told.begins + timedelta(minutes=2)
        passed.extend(await what_passes(tmp_path, told, until, second=False))

    evening()
    of_nsw = [price.status for _, price in passed if price.region == Region.NSW]
    assert of_nsw == [PriceStatus.SUSPECT, PriceStatus.NOT_FIRM]


def test_the_demonstrations_spike_passes_the_moment_that_it_is_published(tmp_path):
    told = stories.story("spike", FIRST.start)
    passed = []

    @virtual
    async def evening():
        until = told.begins + timedelta(minutes=1)
        passed.extend(await what_passes(tmp_path, told, until, second=False))

    evening()
    assert {price.status for _, price in passed} == {PriceStatus.FIRM}
    assert {price.per_mwh for _, price in passed if price.region != Region.TAS} == {12_500.0}
    assert max(at_s for at_s, _ in passed) < 30


def test_words_are_read_from_both_reports_and_agree_on_the_interval():
    market = SimulatedMarket(1)
    run = FIRST.end
    (expected,) = p5min_words("p", reports.five_minutes(market, run, run - timedelta(minutes=4), 1))
    (settled,) = trading_words("t", reports.trading(market, FIRST, run + FIVE_MINUTES, 1))

    assert len(expected) == 5 * 12
    assert len(settled) == 5
    now = {word.region: word.per_mwh for word in expected if word.interval == FIRST}
    assert {word.region for word in settled} == set(now) == set(Region)
    assert all(abs(word.per_mwh - now[word.region]) <= 0.005 for word in settled)
    assert all(word.said_at > FIRST.start for word in [*expected, *settled])


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ((b",NSW1,", b",WA1,"), "not a region"),
        ((b"END OF", b"END"), "cut short"),
        ((b"/14 18:05:00", b"/14 18:06:00"), "interval"),
        ((b"P5MIN,AEMO", b"P4MIN,AEMO"), "does not begin"),
    ],
)
def test_a_run_that_cannot_be_believed_is_refused(wrong, cause):
    body = reports.five_minutes(SimulatedMarket(1), FIRST.end, FIRST.end - timedelta(minutes=4), 1)

    with pytest.raises(MarketFileError, match=cause):
        p5min_words("p", body.replace(*wrong))
