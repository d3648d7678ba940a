from datetime import datetime, timedelta

import pytest
from tests.unit.mms.files import GENUINE

from manta.domain.market import PriceStatus, Region
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval
from manta.mms.dispatchis import prices_in
from manta.nemsim.dispatchis import CASE_SOLUTION, PRICE, REGIONSUM, report
from manta.nemsim.market import WEEK, SimulatedMarket
from manta.nemsim.stories import StoryBook, UnknownStoryError, story
from manta.nemsim.summer_days import SERVICES

EVENING = datetime(2027, 1, 14, 17, 55, tzinfo=NEM_TIME)


def interval(minutes=0, since=EVENING):
    return DispatchInterval(since + timedelta(minutes=minutes + 5))


def price(region, interval, seed):
    return SimulatedMarket(seed).per_mwh(region, interval)


def test_the_same_seed_is_the_same_market_and_another_is_not():
    one, again, other = ([price(r, interval(), seed) for r in Region] for seed in (1, 1, 2))

    assert one == again != other


def test_a_summer_evening_costs_60_to_180_and_a_day_stays_ordinary():
    evening = [price(r, interval(n * 5), seed) for n in range(36) for r in Region for seed in range(5)]
    day = [price(r, interval(n * 5), 3) for n in range(288) for r in Region]

    assert 60 < min(evening) < max(evening) < 180
    assert -60 <= min(day) < max(day) <= 240
    assert all(round(each, 5) == each for each in day)


def test_regions_move_together_but_not_alike():
    nsw, vic = ([price(r, interval(n * 5), 1) for n in range(36)] for r in (Region.NSW, Region.VIC))
    same_way = sum((a > b) == (c > d) for a, b, c, d in zip(nsw[1:], nsw, vic[1:], vic, strict=False))

    assert nsw != vic
    assert same_way > 25


def test_the_cumulative_price_is_the_weeks_sum_with_its_stories():
    told = story("spike", EVENING)
    market = SimulatedMarket(1, (told,))
    last = interval(60)
    week = [DispatchInterval(last.end - n * FIVE_MINUTES) for n in range(WEEK)]

    total = sum(market.per_mwh(Region.SA, each) for each in week)

    assert market.cumulative_per_mwh(Region.SA, last) == pytest.approx(total)
    assert total > 6 * 12_500


def test_a_spike_is_six_intervals_at_12_500_in_four_regions():
    market = SimulatedMarket(1, (story("spike", EVENING),))
    dear = [n for n in range(-3, 12) if market.per_mwh(Region.VIC, interval(n * 5)) == 12_500.0]

    assert dear == [0, 1, 2, 3, 4, 5]
    assert all(market.per_mwh(r, interval()) == 12_500.0 for r in Region if r is not Region.TAS)
    assert market.per_mwh(Region.TAS, interval()) < 300


def test_a_story_begins_with_the_next_interval_and_never_within_one():
    assert story("spike", EVENING).begins == EVENING
    assert story("spike", EVENING + timedelta(microseconds=1)).begins == EVENING + FIVE_MINUTES
    with pytest.raises(UnknownStoryError, match="no story 'flood'"):
        story("flood", EVENING)


def test_a_story_outlives_the_storyteller(tmp_path):
    book = StoryBook(tmp_path / "market" / "stories.json")
    begun, because = book.start("spike", EVENING)

    again = StoryBook(tmp_path / "market" / "stories.json")

    assert (list(again.stories), because) == ([begun], "")
    assert again.start("spike", EVENING + FIVE_MINUTES) == (begun, "spike has not ended yet")
    assert again.start("spike", begun.ends)[0].begins == begun.ends


def test_story_1_begins_by_itself_once_for_each_start_of_the_world(tmp_path):
    path, origin = tmp_path / "stories.json", EVENING - timedelta(minutes=3)

    first = StoryBook(path).begin_day(origin, EVENING, now=origin)
    again = StoryBook(path).begin_day(origin, EVENING, now=EVENING + timedelta(hours=2))
    late = StoryBook(path).begin_day(
        origin + timedelta(days=1), EVENING, now=EVENING + timedelta(days=1, hours=1)
    )

    assert first is not None
    assert (first.begins, again) == (EVENING, None)
    assert late is not None
    assert late.begins == EVENING + timedelta(days=1, hours=1)


@pytest.mark.skipif(not GENUINE.exists(), reason="the genuine DISPATCHIS file is not beside this checkout")
@pytest.mark.parametrize(
    ("table", "columns"), [("CASE_SOLUTION", CASE_SOLUTION), ("PRICE", PRICE), ("REGIONSUM", REGIONSUM)]
)
def test_columns_and_their_order_are_the_genuine_ones(table, columns):
    rows = (line.split(",") for line in GENUINE.read_text().splitlines())

    assert tuple(next(row[4:] for row in rows if row[0] == "I" and row[2] == table)) == columns


def test_a_report_is_read_as_aemos_own_would_be():
    market = SimulatedMarket(1)
    body = report(market, interval(), EVENING + timedelta(seconds=20), 7, "NOT FIRM")

    prices = prices_in("f", body)

    assert {p.region: p.per_mwh for p in prices} == {r: market.per_mwh(r, interval()) for r in Region}
    assert {(p.interval, p.status) for p in prices} == {(interval(), PriceStatus.NOT_FIRM)}
    assert b"20270114168" in body
    assert all(market.service_per_mw(s, Region.SA, interval()) > 0 for s in SERVICES)
