"""Story 1: half an hour at $12,500/MWh, played by the product's own engines in virtual time."""

import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from manta.app.replay import summed_up
from manta.app.replay_house import ENDS_AT, STORY_AT, Evening, opened
from manta.app.virtual import play
from manta.bus.signing import verify_batch
from manta.domain.lease import OUTCOMES, Outcome
from manta.domain.market import PriceStatus, Region
from manta.domain.time import DispatchInterval, epoch_ms
from manta.governor.limits import Limits
from manta.nemsim.nemweb import Fault
from manta.roles import demo

HOMES = 5_000
FEW = 200
STORY = Evening().stories[0]
MINUTE = timedelta(minutes=1)


async def whole(evening):
    async with opened(evening) as house:
        await house.until(ENDS_AT)
        return house


@pytest.fixture(scope="module")
def evening():
    """The evening as ``manta up`` shows it, 5,000 homes; and the processor seconds that it took."""
    began_s = time.process_time()
    house = play(whole(Evening(HOMES)))
    house.took_s = time.process_time() - began_s
    return house


def lines_of(house, *, intervals=STORY.intervals):
    """Return what each home earned over some intervals: site → (micro_aud, watt_hours)."""
    totals = {}
    for txn in house.books.txns:
        for account, line in txn.lines.items():
            if account.startswith("home/") and txn.interval in intervals:
                totals[account] = np.add(totals.get(account, (0, 0)), line)
    return totals


def moments(house, begins, ends):
    """Return the turns between two instants."""
    at_ms = np.array(house.track.at_ms)
    return np.flatnonzero((at_ms >= epoch_ms(begins)) & (at_ms <= epoch_ms(ends)))


def grid_kw(house, begins, ends):
    return np.array(house.track.grid_kw).sum(axis=1)[moments(house, begins, ends)]


def test_each_home_earns_fifty_dollars_for_four_kilowatt_hours(evening):
    totals = np.array(list(lines_of(evening).values()))

    assert len(totals) == HOMES
    assert (abs(totals[:, 0] - 50_000_000) <= 2_000_000).all()
    assert (abs(totals[:, 1] - 4_000) <= 160).all()
    assert evening.took_s < 60


def test_the_command_tells_what_the_ledger_says(evening):
    played, totals = summed_up(evening), np.array(list(lines_of(evening).values()))

    assert played.earned.mean_aud == round(Decimal(int(totals[:, 0].sum())) / HOMES / 10**6, 2)
    assert played.earned.min_aud == round(Decimal(int(totals[:, 0].min())) / 10**6, 2)
    assert played.earned.max_kwh == Decimal(int(totals[:, 1].max())) / 10**3
    assert (played.is_sound, played.refused, len(played.intervals)) == (True, {}, 11)


def test_the_fleet_is_flat_then_at_full_power_then_home(evening):
    full_kw = demo.SITE_EXPORT_KW * HOMES
    up, down = STORY_AT + 6 * MINUTE, STORY.ends + 6 * MINUTE

    assert abs(grid_kw(evening, STORY_AT - 5 * MINUTE, STORY_AT + 15 * timedelta(seconds=1))).max() < 1
    assert grid_kw(evening, up, STORY.ends).min() > 0.98 * full_kw
    assert grid_kw(evening, up, STORY.ends).max() <= full_kw * (1 + 1e-9)
    assert abs(grid_kw(evening, down, ENDS_AT)).max() < 1


def test_every_home_is_leased_for_the_story_and_released_after_it(evening):
    leased = np.array(evening.track.leased)

    assert not leased[moments(evening, STORY_AT - 5 * MINUTE, STORY_AT)].any()
    assert (leased[moments(evening, STORY_AT + MINUTE, STORY.ends)] == HOMES).all()
    assert not leased[moments(evening, STORY.ends + MINUTE, ENDS_AT)].any()


def test_the_fleet_never_moves_faster_than_the_governor_permits(evening):
    limits = Limits()
    kw = np.array(evening.track.grid_kw)
    enrolled_kw = np.bincount(evening.sites.region, minlength=kw.shape[1]) * 11.04
    for turns in (1, 3, 12):  # over 5 and 15 seconds too: no minute may be used up at once
        moved_kw, minutes = abs(kw[turns:] - kw[:-turns]), turns * 5 / 60
        assert (moved_kw <= enrolled_kw * limits.region_ramp_per_min * minutes + 1e-6).all()
        assert (moved_kw.sum(axis=1) <= limits.total_ramp_kw_per_min * minutes * (1 + 1e-6)).all()


def test_the_ledger_adds_up_to_nothing(evening):
    assert len(evening.books.txns) == 11 * len(demo.VPPS)
    for txn in evening.books.txns:
        assert np.sum(list(txn.lines.values()), axis=0).tolist() == [0, 0]


def test_every_lease_was_signed_written_and_accepted(evening):
    batches = list(evening.leases.batches.values())
    outcomes = Counter(OUTCOMES[number] for number in evening.acks.rows["outcome"])

    assert all(verify_batch(evening.signer.public_key, batch) for batch in batches)
    assert outcomes == {Outcome.ACCEPTED: sum(len(batch.rows) for batch in batches)}
    assert all(outcome.silent == 0 for outcome in evening.record.outcomes.values())
    assert evening.leasing.delivery.resent == 0
    assert not evening.quarantine.counts


def test_every_decision_has_its_reason(evening):
    for dispatch in evening.record.dispatches.values():
        told = STORY.tells(dispatch.price.region, dispatch.price.interval)
        assert ("is above $300: sell" in dispatch.target.because) == told
        assert ("homes look after themselves" in dispatch.target.because) == (not told)


def test_the_same_seed_gives_the_same_ledger_to_the_bit():
    one, again, other = (summed_up(play(whole(Evening(FEW, seed)))) for seed in (7, 7, 8))

    assert one == again
    assert one.ledger.sha256 != other.ledger.sha256


def test_homes_that_lose_their_connection_are_left_out_then_home_then_taken_back():
    async def scenario():
        async with opened(Evening(FEW)) as house:
            await house.until(STORY_AT + 11 * MINUTE)
            cut_at = max(d.decided_at for d in house.record.dispatches.values()) + 0.98 * MINUTE
            await house.until(cut_at)
            lost = np.random.default_rng(1).permutation(FEW)[: FEW * 3 // 10]
            house.street.cut[lost] = True

            await house.until(cut_at + 2 * MINUTE)
            _the_rest_carry_on(house, lost, cut_at)

            until_ms = _last_leases(house, lost, cut_at)
            assert until_ms.max() <= epoch_ms(DispatchInterval.containing(cut_at).end) + 150_000
            ramp_min = demo.SITE_EXPORT_KW / (11.04 * Limits().region_ramp_per_min)
            await house.until(cut_at + timedelta(milliseconds=float(until_ms.max()) - epoch_ms(cut_at)))
            await house.until(house.clock.now() + ramp_min * MINUTE + timedelta(seconds=10))
            assert abs(house.street.homes.meter_kw[lost]).max() < 0.01
            rest_kw = np.delete(house.street.homes.meter_kw, lost)
            assert rest_kw.mean() > 0.98 * demo.SITE_EXPORT_KW
            assert house.clock.now() < STORY.ends - 2 * MINUTE

            house.street.cut[lost] = False
            await house.until(house.clock.now() + 2 * MINUTE)
            assert house.track.leased[-1] == FEW
            assert house.street.homes.meter_kw[lost].min() > 1.0

            await house.until(ENDS_AT)
            return house

    house = play(scenario())
    assert summed_up(house).is_sound
    assert abs(house.street.homes.meter_kw).max() < 0.01


def _the_rest_carry_on(house, lost, cut_at):
    """Two cycles after a cut: who is lost is counted and not asked, the others hold all they can."""
    vpp_no = house.sites.vpp_no
    latest = {d.vpp: d for d in house.record.dispatches.values()}
    for dispatch in latest.values():
        ours = vpp_no == house.sites.vpps.index(dispatch.vpp)
        assert dispatch.decided_at > cut_at
        assert dispatch.unheard == np.count_nonzero(ours[lost])
        assert dispatch.sites == np.count_nonzero(ours) - dispatch.unheard
        asked = house.record.intents[dispatch.intents].rows
        assert not np.isin(house.devices.site_no[asked["device_no"]], lost).any()
        assert asked["power_kw"].sum() == pytest.approx(dispatch.target.power_kw)
        assert dispatch.shortfall_kw == 0  # all that the rest can do is all that is wanted
    silent = [house.record.outcomes[d.id].silent for d in house.record.dispatches.values()
              if cut_at < d.decided_at < cut_at + MINUTE / 2]  # fmt: skip
    assert sum(silent) == len(lost)  # asked a second after the cut: they still counted as heard


def _last_leases(house, sites, by):
    """Return until when the leases run that some homes had accepted by an instant."""
    until_ms = np.zeros(len(house.devices.ids), np.int64)
    for batch in house.leases.batches.values():
        if batch.created_at <= by:
            until_ms[batch.rows["device_no"]] = batch.rows["until_ms"]
    return np.array([until_ms[house.devices.site_no == site].max() for site in sites])


def test_a_price_that_is_not_firm_moves_only_the_capped_part():
    not_firm = {interval: Fault("not_firm", timedelta(minutes=5)) for interval in STORY.intervals}
    house = play(whole(Evening(FEW, market_faults=not_firm)))

    dispatches = [d for d in house.record.dispatches.values() if d.price.per_mwh == STORY.per_mwh]
    assert {d.price.status for d in dispatches} == {PriceStatus.NOT_FIRM}
    leased = [batch for batch in house.leases.batches.values() if batch.interval in STORY.intervals]
    for batch in leased:
        enrolled_kw = 11.04 * np.count_nonzero(house.sites.vpp_no == house.sites.vpps.index(batch.vpp))
        assert 0 < batch.rows["power_kw"].sum() <= 0.2 * enrolled_kw + 1e-6
    battery_kw = np.array(house.track.battery_kw).sum(axis=1)
    give_way = 1.001  # for seconds after each new share, some homes rise while others still fall
    assert battery_kw.max() <= 0.2 * 11.04 * FEW * give_way
    assert np.max(list(lines_of(house).values()), axis=0)[0] < 25_000_000  # some of it from the roofs
    assert summed_up(house).is_sound


def test_a_price_revised_after_settlement_is_reversed_and_posted_anew():
    region, interval = Region.NSW, STORY.intervals[2]

    async def scenario():
        async with opened(Evening(FEW)) as house:
            await house.until(STORY.ends + MINUTE)
            before = house.record.prices[region, interval]
            now = house.clock.now()
            await house.decision.on_prices([replace(before, per_mwh=9_876.54321, changed_at=now)])
            await house.until(ENDS_AT)
            return house

    house = play(scenario())
    first, reversal, second = (t for t in house.books.txns if (t.region, t.interval) == (region, interval))
    assert (reversal.reverses, first.revision, second.revision) == (first.id, 0, 1)
    assert (first.price, second.price) == (Decimal("12500.00"), Decimal("9876.54"))
    for account, (micro_aud, watt_hours) in second.lines.items():
        assert first.lines[account] == (12_500 * watt_hours, watt_hours)
        assert reversal.lines[account] == (-12_500 * watt_hours, -watt_hours)
        if account.startswith("home/"):
            assert micro_aud == round(Decimal(watt_hours) * second.price)
            assert house.books.balance(account)[0] < 50_000_000
    assert summed_up(house).is_sound
    assert len(house.books.txns) == 11 * len(demo.VPPS) + 2
