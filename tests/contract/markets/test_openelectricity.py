"""OpenElectricity's own client library against a server of ours that answers as theirs does, or not."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from tests.worlds import EVENING

from manta.domain.market import PriceStatus, Region
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval
from manta.markets.asking import FIRST_WAIT, Refused, Waits
from manta.markets.openelectricity import OpenElectricity, words

START, END = EVENING, EVENING + 2 * FIVE_MINUTES


class Watch:
    def __init__(self):
        self.at = END

    def now(self):
        return self.at


def local(at):
    return at.astimezone(NEM_TIME).isoformat()


def answer(points=None, region="NSW1", **given):
    points = [[local(START + n * FIVE_MINUTES), 80.5 + n] for n in range(1, 3)] if points is None else points
    result = {
        "name": f"price_{region}", "date_start": local(START), "date_end": local(END),
        "columns": {"region": region}, "data": points,
    }  # fmt: skip
    series = {
        "network_code": "NEM", "metric": "price", "unit": "$/MWh", "interval": "5m",
        "date_start": local(START), "date_end": local(END), "groupings": ["network_region"],
        "results": [result], "network_timezone_offset": "+10:00",
    }  # fmt: skip
    return {"version": "4.0", "created_at": local(END), "success": True, "data": [series | given]}


@asynccontextmanager
async def service(says=None, status=200, *, key="right", within_s=20.0):
    """Run a server that says one thing, and yield a client of it, what was asked, and its watch."""
    asked, watch, released = [], Watch(), asyncio.Event()

    async def market(request):
        asked.append(request)
        if request.headers["Authorization"] != "Bearer right":
            return web.json_response({"detail": "Invalid API key"}, status=401)
        if says == "never":
            await released.wait()
        if isinstance(says, str):
            return web.Response(text=says, status=status, content_type="application/json")
        return web.json_response(says, status=status)

    app = web.Application()
    app.router.add_get("/{version:.*}market/network/NEM", market)  # the library leaves the version out
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield (
            OpenElectricity(key, clock=watch, url=f"http://127.0.0.1:{port}/v4", within_s=within_s),
            asked,
            watch,
        )
    finally:
        released.set()
        await runner.cleanup()


async def test_prices_are_read_by_region_and_interval_and_none_of_them_is_firm():
    async with service(answer()) as (client, asked, watch):
        prices = await client.prices(START, END)

    assert [(p.region, p.interval.end, p.per_mwh) for p in prices] == [
        (Region.NSW, START + FIVE_MINUTES, 81.5),
        (Region.NSW, END, 82.5),
    ]
    assert {p.status for p in prices} == {PriceStatus.NOT_FIRM}
    assert dict(asked[0].query) == {
        "metrics": "price",
        "interval": "5m",
        "date_start": "2024-02-29T18:00:00",
        "date_end": "2024-02-29T18:10:00",
        "primary_grouping": "network_region",
    }
    (first, _) = words(prices)
    assert (first.region, first.interval, first.per_mwh) == (
        Region.NSW,
        DispatchInterval(START + FIVE_MINUTES),
        81.5,
    )
    assert first.said_at == watch.at


async def test_an_interval_without_a_price_is_not_there_and_none_outside_what_was_asked_for():
    points = [[local(START + n * FIVE_MINUTES), None if n == 1 else 50.0] for n in range(4)]
    async with service(answer(points)) as (client, _, _):
        prices = await client.prices(START, END)

    assert [price.interval.end for price in prices] == [END]


async def test_a_wrong_key_is_tried_once():
    async with service(answer(), key="wrong") as (client, asked, _):
        answers = [await client.prices(START, END) for _ in range(4)]

    assert answers == [Refused("it answers 401: Invalid API key")] * 4
    assert len(asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_service_that_is_ill_or_busy_is_left_alone_for_a_while(status):
    async with service({"detail": "no"}, status) as (client, asked, watch):
        answers = [await client.prices(START, END) for _ in range(4)]
        assert {answer.until for answer in answers} == {watch.at + FIRST_WAIT}
        assert len(asked) == 1
        watch.at += FIRST_WAIT
        assert (await client.prices(START, END)).until == watch.at + 2 * FIRST_WAIT
        assert len(asked) == 2


async def test_a_question_that_it_does_not_take_is_refused_and_the_next_one_is_asked():
    async with service({"detail": "bad range"}, 400) as (client, asked, _):
        assert isinstance(await client.prices(START, END), Refused)
        assert isinstance(await client.prices(START, END), Refused)
        assert len(asked) == 2


async def test_an_answer_slower_than_our_patience_is_given_up():
    async with service("never", within_s=0.05) as (client, _, _):
        answer = await client.prices(START, END)

    assert isinstance(answer, Waits)
    assert "TimeoutError" in answer.because


@pytest.mark.parametrize(
    "lie",
    [
        "{",
        "[]",
        "{}",
        answer(network_code="WEM"),
        answer(interval="1h"),
        answer(unit="c/kWh"),
        answer(metric="demand"),
        answer(region="WA1"),
        answer(region=None),
        answer([[local(END), 16_600.01]]),
        answer([[local(END), -1_000.01]]),
        answer([[local(END), "dear"]]),
        answer([[local(END + timedelta(minutes=1)), 50.0]]),
        answer([["2024-02-29T18:05:00", 50.0]]),
        answer([[local(END), 50.0], [local(END), 51.0]]),
        answer() | {"success": False, "data": []},
    ],
    ids=range(16),
)
async def test_an_answer_that_cannot_be_is_not_believed(lie):
    async with service(lie) as (client, _, _):
        answer = await client.prices(START, END)

    assert isinstance(answer, Waits)
    assert "cannot be believed" in answer.because


async def test_nobody_there_is_said_so():
    client = OpenElectricity("right", clock=Watch(), url="http://127.0.0.1:9/v4")

    answer = await client.prices(START, END)

    assert isinstance(answer, Waits)
    assert "no answer" in answer.because


@pytest.mark.parametrize("end", [START, START - FIVE_MINUTES, START + timedelta(days=8)])
async def test_a_stretch_that_is_none_or_too_long_is_not_asked_for(end):
    async with service(answer()) as (client, asked, _):
        assert isinstance(await client.prices(START, end), Refused)
        assert asked == []
