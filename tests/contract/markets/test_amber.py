"""Amber's API against a server that answers as Amber does, and as Amber should not."""

import asyncio
import json
from datetime import datetime, timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.worlds import EVENING, VirtualClock, virtual

from manta.domain.time import NEM_TIME
from manta.markets.amber import MOST_ASKED, Amber, AmberSite, Channel, Kind, Spike
from manta.markets.asking import Refused, Waits

SITE = "01F5A5CRKMZ5BCX9P1S4V990AM"
TOKEN = "psk_right"
URL = "http://amber.test/v1"
NOW = {
    "type": "CurrentInterval", "duration": 30, "spotPerKwh": 6.12, "perKwh": 24.33, "date": "2021-05-05",
    "nemTime": "2021-05-05T12:30:00+10:00", "startTime": "2021-05-05T02:00:01Z",
    "endTime": "2021-05-05T02:30:00Z", "renewables": 45, "channelType": "general", "tariffInformation": None,
    "spikeStatus": "none", "descriptor": "low", "estimate": True,
}  # fmt: skip
NEXT = NOW | {
    "type": "ForecastInterval", "nemTime": "2021-05-05T13:00:00+10:00", "startTime": "2021-05-05T02:30:01Z",
    "endTime": "2021-05-05T03:00:00Z", "spikeStatus": "potential", "range": {"min": 0, "max": 0},
    "advancedPrice": {"low": 20.5, "predicted": 25.0, "high": 41.0},
}  # fmt: skip
NEXT = {name: value for name, value in NEXT.items() if name != "estimate"}
SOLD = NOW | {"channelType": "feedIn", "perKwh": -5.4, "spotPerKwh": 6.0}


class Service:
    """Amber, as far as it is asked."""

    def __init__(self, token=TOKEN):
        self.clock = VirtualClock()
        self.asked = []
        self.says = [NOW, NEXT, SOLD]
        self.trouble = None
        self.app = Starlette(
            routes=[
                Route("/v1/sites", self._sites),
                Route("/v1/sites/{site}/prices/current", self._prices),
            ]
        )
        client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app))
        self.amber = Amber(token, client=client, clock=self.clock, url=URL)

    def _guarded(self, request, answer):
        self.asked.append(str(request.url))
        if self.trouble is not None:
            return self.trouble
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"message": "Unauthorized"}, 401)
        return answer

    async def _sites(self, request):
        return self._guarded(
            request, JSONResponse([{"id": SITE, "nmi": "3052282872", "status": "active", "channels": []}])
        )

    async def _prices(self, request):
        if request.path_params["site"] != SITE:
            return self._guarded(request, JSONResponse({"message": "Site not found"}, 404))
        return self._guarded(request, JSONResponse(self.says))


@virtual
async def test_prices_are_read_in_dollars_a_megawatt_hour_by_channel():
    service = Service()

    sold, now, later = await service.amber.prices(SITE, ahead=1)

    assert (now.kind, now.channel, now.is_estimate) == (Kind.CURRENT, Channel.GENERAL, True)
    assert (now.per_mwh, now.spot_per_mwh) == (pytest.approx(243.3), pytest.approx(61.2))
    assert now.ends_at == datetime(2021, 5, 5, 12, 30, tzinfo=NEM_TIME)
    assert now.starts_at == now.ends_at - timedelta(minutes=30)
    assert now.renewables == 0.45
    assert (later.kind, later.spike) == (Kind.FORECAST, Spike.POTENTIAL)
    assert (later.low_per_mwh, later.high_per_mwh) == (205.0, 410.0)
    assert (sold.channel, sold.per_mwh) == (Channel.FEED_IN, pytest.approx(-54.0))
    assert service.asked == [f"{URL}/sites/{SITE}/prices/current?next=1&previous=0&resolution=30"]


@virtual
async def test_the_sites_of_an_account_are_read():
    assert await Service().amber.sites() == [AmberSite(SITE, "3052282872", "active")]


@virtual
async def test_a_token_that_is_not_valid_is_tried_once():
    service = Service(token="psk_wrong")

    answers = [await service.amber.prices(SITE) for _ in range(5)]

    assert answers == [Refused("Amber answers 401: the token is not valid")] * 5
    assert len(service.asked) == 1


@virtual
async def test_a_site_that_amber_does_not_know_is_refused_and_others_are_not():
    service = Service()

    assert isinstance(await service.amber.prices("SOMEBODYELSES"), Refused)
    assert isinstance(await service.amber.prices(SITE), list)


@pytest.mark.parametrize("site", ["", "../sites", "a/b", "x" * 41, "a?b=c"])
@virtual
async def test_what_is_no_site_is_not_even_asked_for(site):
    service = Service()

    assert isinstance(await service.amber.prices(site), Refused)
    assert service.asked == []


@virtual
async def test_no_more_is_asked_than_amber_allows():
    service = Service()

    answers = [await service.amber.prices(SITE) for _ in range(MOST_ASKED + 20)]

    assert len(service.asked) == MOST_ASKED
    assert answers[-1].until == EVENING + timedelta(minutes=5)
    await service.clock.sleep(minutes=5)
    assert isinstance(await service.amber.prices(SITE), list)


@virtual
async def test_asked_too_often_it_waits_as_long_as_it_is_told():
    service = Service()
    service.trouble = Response("slow down", 429, headers={"RateLimit-Reset": "70"})

    answers = [await service.amber.prices(SITE) for _ in range(9)]

    assert {answer.until for answer in answers} == {EVENING + timedelta(seconds=70)}
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Response("", 500),
        Response("", 502),
        Response("", 302, headers={"Location": "http://elsewhere.test"}),
        Response("{", 200),
        Response("[1]", 200),
        Response("x" * 2_000_001, 200),
        Response("[]", 200, headers={"Content-Encoding": "gzip"}),
    ],
)
def test_a_service_that_is_ill_is_asked_less_and_less(trouble):
    @virtual
    async def hour():
        service = Service()
        service.trouble = trouble
        for _ in range(360):
            assert isinstance(await service.amber.prices(SITE), Waits)
            await service.clock.sleep(seconds=10)
        assert 10 <= len(service.asked) <= 20

        service.trouble = None
        await service.clock.sleep(minutes=5)
        assert isinstance(await service.amber.prices(SITE), list)

    hour()


@virtual
async def test_an_answer_slower_than_our_patience_is_given_up():
    service = Service()

    async def never(scope, receive, send):
        await asyncio.sleep(3_600)

    service.amber._client = httpx.AsyncClient(transport=httpx.ASGITransport(never))
    answer = await service.amber.prices(SITE)

    assert isinstance(answer, Waits)
    assert "TimeoutError" in answer.because
    assert service.clock.now() < EVENING + timedelta(seconds=25)


@pytest.mark.parametrize(
    "lie",
    [
        {"perKwh": 5_000.1},
        {"spotPerKwh": None},
        {"nemTime": "2021-05-05T12:30:00"},
        {"nemTime": "2021-05-05T12:31:00+10:00", "endTime": "2021-05-05T02:31:00Z"},
        {"nemTime": "2021-05-05T13:30:00+10:00"},
        {"duration": 15},
        {"renewables": 101},
        {"channelType": "sideways"},
        {"spikeStatus": "maybe"},
        {"type": "WishInterval"},
        {"advancedPrice": {"low": 1, "predicted": 2}},
    ],
    ids=lambda lie: json.dumps(lie)[:40],
)
def test_one_lie_makes_the_whole_answer_unbelievable(lie):
    @virtual
    async def lied():
        service = Service()
        service.says = [NEXT, NOW | lie]

        answer = await service.amber.prices(SITE)

        assert isinstance(answer, Waits)
        assert "cannot be believed" in answer.because

    lied()


@virtual
async def test_an_interval_that_stands_twice_is_not_believed():
    service = Service()
    service.says = [NOW, NOW]

    assert "twice" in (await service.amber.prices(SITE)).because
