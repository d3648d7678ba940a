"""From a listing to prices: the feed against the simulated NEMWEB, on a clock that it turns itself."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from manta.domain.market import PriceStatus, Region
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval
from manta.markets.aemo import ATTEMPTS, DIRECTORY, Nemweb
from manta.nemsim.market import SimulatedMarket
from manta.nemsim.nemweb import Fault, Publisher, application

EVENING = datetime(2027, 1, 14, 17, 52, tzinfo=NEM_TIME)
FIRST = DispatchInterval.containing(EVENING)


@dataclass
class TurnedClock:
    """Whoever sleeps on it turns it."""

    at: datetime = EVENING

    def now(self):
        return self.at

    async def sleep_until(self, at):
        self.at = max(self.at, at)
        await asyncio.sleep(0)


class Feed:
    """A feed, what it is fed from, and what came of it."""

    def __init__(self, tmp_path, app=None, **given):
        self.clock = TurnedClock()
        market = SimulatedMarket(1)
        self.publisher = Publisher(lambda: market, self.clock, 1, offered=timedelta(hours=1, minutes=30))
        self.asked = []
        served = app or application(self.publisher)

        async def counted(scope, receive, send):
            self.asked.append(scope["path"])
            await served(scope, receive, send)

        client = httpx.AsyncClient(transport=httpx.ASGITransport(counted))
        self.quarantine = tmp_path / "quarantine"
        self.nemweb = Nemweb(
            "http://nemweb.test", client=client, clock=self.clock, quarantine=self.quarantine,
            random=Random(1), **given,
        )  # fmt: skip

    async def hears(self, *, until=None, files=None):
        """Return the publications heard up to an instant, or so many."""
        heard = []
        async with asyncio.timeout(20), aclosing(self.nemweb.prices()) as prices:
            async for each in prices:
                if until is not None and self.clock.now() > until:
                    break
                heard.append((self.clock.now(), each))
                if files is not None and len(heard) == files:
                    break
        return heard

    def refused(self):
        return [json.loads(path.read_text()) for path in sorted(self.quarantine.glob("*.json"))]


async def test_the_newest_price_comes_first_then_what_was_missed_then_each_within_seconds(tmp_path):
    feed = Feed(tmp_path, catch_up=timedelta(hours=1))

    heard = await feed.hears(until=EVENING + timedelta(minutes=31))

    ends = [prices[0].interval.end for _, prices in heard]
    assert ends[0] == EVENING + timedelta(minutes=3), "the price that counts now does not wait for history"
    assert ends[1] == EVENING - timedelta(minutes=57)
    assert sorted(ends) == sorted(set(ends)), "each file once"
    missed = [end for end in ends[1:] if end < ends[0]]
    assert missed == sorted(missed), "what was missed, oldest first"
    assert ends[-1] == EVENING + timedelta(minutes=33)
    assert all({p.region for p in prices} == set(Region) for _, prices in heard)
    lateness = [
        (at - prices[0].interval.start).total_seconds() for at, prices in heard if at > EVENING + FIVE_MINUTES
    ]
    assert 15 < min(lateness) < max(lateness) < 29
    assert feed.nemweb.health.files == len(ends) + 1
    assert feed.nemweb.health.last_interval.end == ends[-1] + FIVE_MINUTES


async def test_it_asks_seldom_while_there_is_nothing_to_come(tmp_path):
    feed = Feed(tmp_path, catch_up=timedelta(minutes=1))

    await feed.hears(until=EVENING + timedelta(minutes=30))

    listings = [path for path in feed.asked if path == DIRECTORY]
    assert len(listings) < 6 * 14
    assert len(feed.asked) - len(listings) <= 8


async def test_a_late_file_is_waited_for(tmp_path):
    feed = Feed(tmp_path, catch_up=timedelta(minutes=1))
    late = DispatchInterval(FIRST.end + FIVE_MINUTES)
    feed.publisher.faults[late] = Fault("late", timedelta(minutes=2))

    heard = await feed.hears(files=3)

    at = next(at for at, prices in heard if prices[0].interval == late)
    assert timedelta(minutes=2, seconds=15) < at - late.start < timedelta(minutes=2, seconds=40)


async def test_a_file_cut_short_is_quarantined_and_read_once_it_is_whole(tmp_path):
    feed = Feed(tmp_path, catch_up=timedelta(minutes=1))
    cut = DispatchInterval(FIRST.end + FIVE_MINUTES)
    feed.publisher.faults[cut] = Fault("truncated", timedelta(seconds=6))

    heard = await feed.hears(files=3)

    assert [prices[0].interval for _, prices in heard][1] == cut
    (refusal,) = feed.refused()
    assert "zip" in refusal["cause"]
    assert len(list(feed.quarantine.glob("*.bytes"))) == 1


async def test_a_file_that_stays_bad_is_given_up_and_stops_nothing(tmp_path):
    feed = Feed(tmp_path, catch_up=timedelta(minutes=1))
    bad = DispatchInterval(FIRST.end + FIVE_MINUTES)
    feed.publisher.faults[bad] = Fault("truncated", timedelta(days=1))

    heard = await feed.hears(files=4)

    assert bad not in [prices[0].interval for _, prices in heard]
    name = next(path for path in feed.asked if "202701141800" in path)
    assert feed.asked.count(name) == ATTEMPTS
    assert len(feed.refused()) == 1


async def test_an_outage_is_backed_off_from_and_then_made_good(tmp_path):
    feed = Feed(tmp_path, catch_up=timedelta(minutes=1))
    for n in (1, 2):
        feed.publisher.faults[DispatchInterval(FIRST.end + n * FIVE_MINUTES)] = Fault(
            "unavailable", FIVE_MINUTES
        )

    heard = await feed.hears(files=4)

    ends = [prices[0].interval.end for _, prices in heard]
    assert ends == [FIRST.end + n * FIVE_MINUTES for n in (0, 2, 1, 3)], "newest first, then what was missed"
    assert len(feed.asked) < 60
    assert feed.nemweb.health.failures == 0


async def test_a_price_that_was_not_firm_comes_again_when_it_is(tmp_path):
    feed = Feed(tmp_path, catch_up=timedelta(minutes=1))
    twice = DispatchInterval(FIRST.end + FIVE_MINUTES)
    feed.publisher.faults[twice] = Fault("not_firm", timedelta(minutes=2))

    heard = await feed.hears(files=3)

    first, second = (prices for _, prices in heard if prices[0].interval == twice)
    assert {p.status for p in first} == {PriceStatus.NOT_FIRM}
    assert {p.status for p in second} == {PriceStatus.FIRM}
    assert second[0].changed_at > first[0].changed_at


NAME = "PUBLIC_DISPATCHIS_202701141755_0000000000000001.zip"


@pytest.mark.parametrize(
    "href",
    [
        f"http://elsewhere.test{DIRECTORY}{NAME}",
        f"https://nemweb.test{DIRECTORY}{NAME}",
        f"//elsewhere.test{DIRECTORY}{NAME}",
        f"http://nemweb.test:81{DIRECTORY}{NAME}",
        f"http://user:word@nemweb.test{DIRECTORY}{NAME}",
        f"/Reports/Archive/{NAME}",
        f"../{NAME}",
        f"{DIRECTORY}%2e%2e/{NAME}",
        f"{DIRECTORY}{NAME}?x=1",
        f"{DIRECTORY}{NAME}.exe",
        "http://[bad",
    ],
)
async def test_a_listing_cannot_send_us_elsewhere(tmp_path, href):
    feed = Feed(
        tmp_path, Starlette(routes=[Route(DIRECTORY, lambda _: HTMLResponse(f'<A HREF="{href}">x</A>'))])
    )

    await one_look(feed)

    assert feed.asked == [DIRECTORY]


async def test_a_redirect_is_not_followed(tmp_path):
    feed = Feed(
        tmp_path, Starlette(routes=[Route(DIRECTORY, lambda _: RedirectResponse("http://elsewhere.test/"))])
    )

    await one_look(feed)

    assert feed.asked == [DIRECTORY]
    assert "307" in feed.nemweb.health.because


async def test_an_endless_answer_is_not_read_to_its_end(tmp_path):
    feed = Feed(tmp_path, Starlette(routes=[Route(DIRECTORY, lambda _: Response(b"x" * 5_000_001))]))

    await one_look(feed)

    assert "more than 5,000,000" in feed.nemweb.health.because


async def test_a_listed_file_that_is_gone_does_not_hold_up_the_others(tmp_path):
    feed = Feed(tmp_path, catch_up=timedelta(minutes=30))
    real = application(feed.publisher)
    gone = "202701141745"

    async def without_one(request: Request):
        if gone in request.url.path:
            return Response("not found", 404)
        return await _passed_on(real, request)

    feed = Feed(
        tmp_path, Starlette(routes=[Route("/{rest:path}", without_one)]), catch_up=timedelta(minutes=30)
    )

    heard = await feed.hears(files=6)

    assert len(heard) == 6
    assert sum(gone in path for path in feed.asked) >= 1


async def _passed_on(app, request):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://nemweb.test") as client:
        answer = await client.get(request.url.path)
    return Response(answer.content, answer.status_code)


async def one_look(feed):
    """Let the feed look once."""
    looked = asyncio.Event()

    async def stop(_at):
        looked.set()
        await asyncio.Event().wait()

    feed.clock.sleep_until = stop
    task = asyncio.create_task(anext(feed.nemweb.prices()))
    async with asyncio.timeout(5):
        await looked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
