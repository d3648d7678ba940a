"""A trading day with every story in it: real files over HTTP, the real poller, decision, governor, ledger."""

from collections import Counter
from datetime import timedelta

import httpx
import numpy as np
import pytest

from manta.app.replay_day import DAY, TOLD_AT, summed_up, the_day
from manta.app.replay_house import opened
from manta.app.virtual import play
from manta.bus.signing import verify_batch
from manta.domain.market import PriceStatus, Region
from manta.domain.reference import administered_cap_per_mwh, cap_per_mwh
from manta.domain.time import FIVE_MINUTES, DispatchInterval, epoch_ms
from manta.governor.limits import Limits
from manta.nemsim.nemweb import application
from manta.nemsim.shelves import NOTICES
from manta.nemsim.stories import Standing
from manta.roles import demo
from manta.wire.stories import StoryName

HOMES = 20
OURS = tuple(demo.SHARES)
LET_GO = timedelta(seconds=150)
"""By when after its interval the last lease has ended by itself: tail and jitter."""
STATUS = {
    Standing.OPEN: PriceStatus.FIRM,
    Standing.ADMINISTERED: PriceStatus.ADMINISTERED,
    Standing.SUSPENDED: PriceStatus.SUSPENDED,
}


async def notices(house):
    """Return how many market notices are listed now."""
    transport = httpx.ASGITransport(application(house.publisher))
    async with httpx.AsyncClient(transport=transport, base_url="http://nemweb.test") as client:
        return (await client.get(f"/Reports/Current/{NOTICES}/")).text.count("NEMITWEB1_MKTNOTICE") // 2


async def lived(evening):
    async with opened(evening) as house:
        told = next(story for story in evening.stories if story.notice)
        await house.until(told.begins - FIVE_MINUTES)
        house.notices = [await notices(house)]
        await house.until(told.begins + FIVE_MINUTES)
        house.notices.append(await notices(house))
        await house.until(evening.ends_at)
        return house


@pytest.fixture(scope="module")
def day():
    return play(lived(the_day(HOMES, 1)))


@pytest.fixture(scope="module")
def stories(day):
    return {StoryName(story.name): story for story in day.evening.stories}


def orders(day, told=None):
    """Return the intent batches with a power in them, of a story's intervals or all."""
    batches = [b for b in day.record.intents.values() if not np.isnan(b.rows["power_kw"]).all()]
    return [b for b in batches if told is None or b.interval in told.intervals]


def leased(day, begins, ends):
    """Return how many homes were under a lease, turn by turn."""
    at_ms = np.array(day.track.at_ms)
    return np.array(day.track.leased)[(at_ms >= epoch_ms(begins)) & (at_ms < epoch_ms(ends))]


def power_kw(column, day, begins, ends):
    """Return what all homes did together, turn by turn: of the track's ``battery_kw`` or ``grid_kw``."""
    at_ms = np.array(day.track.at_ms)
    return np.sum(column, axis=1)[(at_ms >= epoch_ms(begins)) & (at_ms < epoch_ms(ends))]


def test_every_story_is_in_the_day(day):
    assert set(TOLD_AT) == set(StoryName) == {story.name for story in day.evening.stories}


def test_there_is_no_gap_and_no_double(day, stories):
    times = Counter(published[0].interval for published in day.published)
    twice = {interval for interval, count in times.items() if count == 2}

    assert set(DAY.intervals) <= times.keys()
    assert max(times.values()) == 2
    assert twice == set(stories[StoryName.REVISED].intervals), (
        "what was revised, and nothing else, comes again"
    )
    assert all({price.region for price in published} == set(Region) for published in day.published)
    assert all(len(published) == len(Region) for published in day.published)


def test_every_region_and_interval_ends_with_the_price_that_the_market_stands_by(day):
    market = day.publisher.market()

    for interval in DAY.intervals:
        for region in Region:
            price = day.record.prices[region, interval]
            assert price.per_mwh == market.per_mwh(region, interval), (region, interval)
            assert price.status is STATUS[market.standing(region, interval)], (region, interval)


def test_nothing_is_ordered_but_on_a_price_in_hand_that_stands_and_in_its_own_interval(day):
    heard = {(p.region, p.interval, p.per_mwh, p.status): p.heard_at for each in day.published for p in each}
    asked = orders(day)

    assert len(asked) > 100
    for batch in asked:
        status = PriceStatus(batch.price_status)
        assert status in (PriceStatus.FIRM, PriceStatus.NOT_FIRM)
        assert heard[batch.region, batch.interval, batch.price_per_mwh, status] <= batch.created_at
        assert batch.interval.start <= batch.created_at < batch.interval.end
        assert batch.price_per_mwh > 300 or batch.price_per_mwh < -20


def test_only_the_stories_that_are_to_be_traded_on_are(day, stories):
    told = {interval: name for name, story in stories.items() for interval in story.intervals}

    traded = {told.get(batch.interval) for batch in orders(day)}

    assert traded == {StoryName.SPIKE, StoryName.CAP, StoryName.NEGATIVE, StoryName.REVISED}


@pytest.mark.parametrize("name", [StoryName.SPIKE, StoryName.CAP])
def test_every_home_sells_when_power_is_dear(day, stories, name):
    told = stories[name]
    up = told.begins + 6 * timedelta(minutes=1)

    assert {b.region for b in orders(day, told)} == set(OURS)
    assert {b.interval for b in orders(day, told)} == set(told.intervals)
    assert leased(day, up, told.ends).min() == HOMES
    assert power_kw(day.track.grid_kw, day, up, told.ends).min() > 0.98 * HOMES * demo.SITE_EXPORT_KW
    assert all(np.nanmin(b.rows["power_kw"]) >= 0 for b in orders(day, told))


def test_homes_with_room_charge_when_power_is_to_be_had_for_less_than_nothing(day, stories):
    told = stories[StoryName.NEGATIVE]

    assert {b.region for b in orders(day, told)} == set(OURS)
    assert all(np.nanmax(b.rows["power_kw"]) <= 0 for b in orders(day, told))
    assert power_kw(day.track.battery_kw, day, told.begins, told.ends).sum() < 0


@pytest.mark.parametrize(
    ("name", "per_mwh", "status"),
    [
        (StoryName.ADMINISTERED, 1, PriceStatus.ADMINISTERED),
        (StoryName.ADMINISTERED_FLOOR, -1, PriceStatus.ADMINISTERED),
        (StoryName.SUSPENSION, 1, PriceStatus.SUSPENDED),
    ],
)
def test_a_price_that_is_not_the_markets_own_moves_nobody_however_tempting(
    day, stories, name, per_mwh, status
):
    told = stories[name]
    tempting = per_mwh * administered_cap_per_mwh(told.first)

    seen = {day.record.prices[region, interval] for region in OURS for interval in told.intervals}
    assert {(price.per_mwh, price.status) for price in seen} == {(tempting, status)}
    assert not orders(day, told)
    assert not leased(day, told.begins + LET_GO, told.ends).any(), "what was asked for before is let go"


def test_who_was_selling_at_the_cap_is_let_go_as_soon_as_prices_are_administered(day, stories):
    told = stories[StoryName.ADMINISTERED]
    released = [b for b in day.record.intents.values() if b.interval == told.first]

    assert told.begins == stories[StoryName.CAP].ends
    assert {b.region for b in released} == set(OURS)
    assert all(np.isnan(b.rows["power_kw"]).all() for b in released)
    assert sum(len(b.rows) for b in released) == HOMES
    assert all((b.created_at - told.begins) < timedelta(seconds=60) for b in released)


def test_a_late_price_is_late_and_never_nothing(day, stories):
    told = stories[StoryName.LATE]
    spike = stories[StoryName.SPIKE]

    assert spike.ends == told.begins, "the fleet is at full power when the price stays away"
    assert not [b for b in day.record.intents.values() if b.interval in told.intervals]
    assert not leased(day, told.begins + LET_GO, told.ends).any(), "leases run out by themselves"
    for interval in told.intervals:
        price = day.record.prices[Region.NSW, interval]
        assert price.heard_at - interval.start > timedelta(minutes=7)
        assert 0 < price.per_mwh < 300


def test_a_price_that_is_not_firm_moves_a_fifth_at_most_and_the_firm_one_is_what_is_paid(day, stories):
    told = stories[StoryName.REVISED]
    asked = orders(day, told)

    assert {b.price_status for b in asked} == {"not_firm"}
    assert {b.price_per_mwh for b in asked} == {15_000.0}
    for batch in asked:
        share_kw = Limits().unfirm_share * demo.BATTERY.ceiling_kw * round(demo.SHARES[batch.region] * HOMES)
        given = day.leases.batches[batch.id].rows["power_kw"]
        assert 0 < np.nansum(given) <= share_kw * (1 + 1e-9)
    for interval in told.intervals:
        assert day.record.prices[Region.NSW, interval].per_mwh < 300
        posted = [t for t in day.books.txns if (t.region, t.interval) == (Region.NSW, interval)]
        assert [float(t.price) for t in posted if t.reverses is None][-1] == pytest.approx(
            day.record.prices[Region.NSW, interval].per_mwh, abs=0.005
        )
        assert sum(t.reverses is not None for t in posted) == 1, "what was booked at $15,000 is reversed"


@pytest.mark.parametrize("name", [StoryName.FCAS, StoryName.LOR3])
def test_what_is_not_about_energy_prices_moves_no_energy(day, stories, name):
    told = stories[name]

    assert {day.record.prices[r, i].status for r in OURS for i in told.intervals} == {PriceStatus.FIRM}
    assert not orders(day, told)
    assert not leased(day, told.begins, told.ends).any()


def test_the_services_spike_is_in_the_market_and_the_notice_on_its_board(day, stories):
    at = DispatchInterval(stories[StoryName.FCAS].first.end)

    assert day.publisher.market().service_per_mw("RAISE6SEC", Region.NSW, at) == 9_999.0
    assert day.notices == [0, 1]


def test_the_price_at_the_cap_is_believed_and_the_highest_of_the_day(day, stories):
    highest = max(price.per_mwh for price in day.record.prices.values())

    assert highest == cap_per_mwh(stories[StoryName.CAP].first)


def test_every_interval_is_settled_and_the_ledger_adds_up_to_nothing(day):
    settled = {(txn.region, txn.interval) for txn in day.books.txns}

    assert settled >= {(region, interval) for region in OURS for interval in DAY.intervals}
    for txn in day.books.txns:
        assert np.sum(list(txn.lines.values()), axis=0).tolist() == [0, 0]


def test_every_lease_was_signed(day):
    assert all(verify_batch(day.signer.public_key, batch) for batch in day.leases.batches.values())


def test_the_command_tells_what_the_record_says(day):
    played = summed_up(day)

    assert played.is_sound
    assert played.publications == len(day.published)
    assert (played.revisions, played.missing, played.bad_orders, played.unbalanced) == (2, 0, 0, 0)
    assert sum(told.orders for told in played.stories) == sum(
        int(np.count_nonzero(~np.isnan(batch.rows["power_kw"]))) for batch in orders(day)
    )
