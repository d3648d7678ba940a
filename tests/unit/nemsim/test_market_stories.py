"""Each story as the files tell it, read by the product's own parser."""

from datetime import datetime, timedelta

import httpx
import pytest

from manta.domain.market import PriceStatus, Region
from manta.domain.reference import administered_cap_per_mwh, cap_per_mwh
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval
from manta.mms.dispatchis import prices_in
from manta.nemsim.dispatchis import NOT_FIRM, report
from manta.nemsim.market import SimulatedMarket
from manta.nemsim.nemweb import Publisher, application
from manta.nemsim.stories import STORIES, StoryBook, story

NOON = datetime(2027, 1, 14, 12, 0, tzinfo=NEM_TIME)
INSIDE = DispatchInterval(NOON + FIVE_MINUTES)


def read(name, interval=INSIDE, region=Region.NSW):
    market = SimulatedMarket(1, (story(name, NOON),))
    prices = prices_in("f", report(market, interval, interval.start + timedelta(seconds=20), 7))
    return next(price for price in prices if price.region is region)


class Fixed:
    def __init__(self, at):
        self.at = at

    def now(self):
        return self.at


def publisher(name, minutes):
    market = SimulatedMarket(1, (story(name, NOON),) if name else ())
    return Publisher(lambda: market, Fixed(NOON + timedelta(minutes=minutes)), 1)


@pytest.mark.parametrize("name", STORIES)
def test_every_story_ends_and_the_day_goes_on_as_if_nothing_had_been(name):
    told = story(name, NOON)
    market, plain = SimulatedMarket(1, (told,)), SimulatedMarket(1)
    after = DispatchInterval(told.ends + FIVE_MINUTES)

    assert told.begins == NOON < told.ends <= NOON + timedelta(hours=2)
    assert [market.per_mwh(r, after) for r in Region] == [plain.per_mwh(r, after) for r in Region]
    assert read(name, after).status is PriceStatus.FIRM


@pytest.mark.parametrize(
    ("name", "per_mwh", "status"),
    [
        ("spike", 12_500.0, PriceStatus.FIRM),
        ("negative", -45.0, PriceStatus.FIRM),
        ("cap", cap_per_mwh(INSIDE), PriceStatus.FIRM),
        ("administered", administered_cap_per_mwh(INSIDE), PriceStatus.ADMINISTERED),
        ("administered-floor", -administered_cap_per_mwh(INSIDE), PriceStatus.ADMINISTERED),
        ("suspension", administered_cap_per_mwh(INSIDE), PriceStatus.SUSPENDED),
    ],
)
def test_a_price_story_is_read_as_what_it_is(name, per_mwh, status):
    price = read(name)

    assert (price.per_mwh, price.status) == (per_mwh, status)


def test_a_suspension_covers_tasmania_too_and_holds_the_services():
    market = SimulatedMarket(1, (story("suspension", NOON), story("fcas", NOON)))

    assert read("suspension", region=Region.TAS).status is PriceStatus.SUSPENDED
    assert market.service_per_mw("RAISE6SEC", Region.NSW, INSIDE) == administered_cap_per_mwh(INSIDE)


def test_what_administration_hides_still_counts_toward_the_threshold():
    plain, held = SimulatedMarket(1), SimulatedMarket(1, (story("administered", NOON),))
    last = DispatchInterval(NOON + timedelta(hours=1))
    hidden = 12 * 12_500 - sum(
        plain.per_mwh(Region.SA, DispatchInterval(NOON + n * FIVE_MINUTES)) for n in range(1, 13)
    )

    assert held.cumulative_per_mwh(Region.SA, last) - plain.cumulative_per_mwh(
        Region.SA, last
    ) == pytest.approx(hidden)


def test_a_services_spike_leaves_energy_alone():
    plain, told = SimulatedMarket(1), SimulatedMarket(1, (story("fcas", NOON),))

    assert told.per_mwh(Region.NSW, INSIDE) == plain.per_mwh(Region.NSW, INSIDE)
    assert told.service_per_mw("RAISEREG", Region.NSW, INSIDE) == 9_999.0
    assert told.service_per_mw("LOWERREG", Region.NSW, INSIDE) < 100
    assert told.service_per_mw("RAISEREG", Region.TAS, INSIDE) < 100


def test_a_wrong_price_is_not_firm_and_is_replaced():
    early, later = publisher("revised", 1), publisher("revised", 11)
    first = [file for file in early.files() if file.interval == INSIDE]
    both = [file for file in later.files() if file.interval == INSIDE]

    prices = [
        next(p for p in prices_in(file.name, later.body(file)) if p.region is Region.NSW) for file in both
    ]

    assert [file.standing for file in first] == [NOT_FIRM]
    assert [(p.per_mwh, p.status) for p in prices] == [
        (15_000.0, PriceStatus.NOT_FIRM),
        (SimulatedMarket(1).per_mwh(Region.NSW, INSIDE), PriceStatus.FIRM),
    ]
    assert prices[0].changed_at < prices[1].changed_at


def test_a_late_file_comes_seven_minutes_later():
    assert [f for f in publisher("late", 2).files() if f.interval == INSIDE] == []
    assert len([f for f in publisher("late", 8).files() if f.interval == INSIDE]) == 1
    assert len([f for f in publisher(None, 1).files() if f.interval == INSIDE]) == 1


async def test_a_notice_stands_among_the_market_notices():
    app = application(publisher("lor3", 1))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://nemweb.test") as client:
        listing = await client.get("/Reports/Current/Market_Notice/")
        path = listing.text.partition('<A HREF="/REPORTS/CURRENT/Market_Notice/')[2].partition('"')[0]
        text = (await client.get(f"/REPORTS/CURRENT/Market_Notice/{path}")).text

    assert path.startswith("NEMITWEB1_MKTNOTICE_20270114.R")
    assert "LRC/LOR1/LOR2/LOR3" in text
    assert "An Actual LOR3 condition has been declared in the NSW region from 1200 hrs." in text


def test_the_book_keeps_every_story(tmp_path):
    for name in STORIES:
        path = tmp_path / f"{name}.json"
        begun, because = StoryBook(path).start(name, NOON)
        assert (list(StoryBook(path).stories), because) == ([begun], "")
