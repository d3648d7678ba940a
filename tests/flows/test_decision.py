"""Price to power: what the engine does on a price, and above all when it does nothing."""

import asyncio
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from tests.houses import Evening, Home, acks, leases_of, price, rule
from tests.worlds import EVENING, virtual

from manta.domain.lease import Outcome
from manta.domain.market import PriceStatus, Region
from manta.wire.columns import INTENT
from manta.wire.events import LeasesWritten, PricePublished

SPIKE, CALM = 12_500.0, 80.0


def evening(homes=3, **figures):
    return Evening([Home()] * homes, [rule(**figures)])


@virtual
async def test_a_price_spike_asks_every_home_for_its_load_and_the_export_on_top():
    world = evening(homes=2)
    world.hears(soc=0.9, load_kw=-1.5)

    await world.published(SPIKE)

    assert world.wanted_kw() == pytest.approx({"h-0-battery0": 10.2, "h-1-battery0": 10.2})
    (batch,), (dispatch,) = world.batches, world.dispatches
    assert batch.rows["export_limit_kw"].tolist() == [8.7, 8.7]
    assert batch.rows["soc"].tolist() == [0.9, 0.9]
    assert dispatch.target.because == "price $12,500/MWh is above $300: sell up to 8.7 kW a home"
    assert dispatch.target.power_kw == pytest.approx(20.4)
    assert (dispatch.sites, dispatch.unheard, dispatch.shortfall_kw, dispatch.cycle) == (2, 0, 0.0, 0)
    assert dispatch.intents == batch.id
    assert dispatch.trace == batch.trace == world.told[0].trace
    await world.decision.close()


@virtual
async def test_a_negative_price_charges_every_home():
    world = evening(homes=1)
    world.hears(soc=0.5, load_kw=-1.0)

    await world.published(-45.2)

    assert world.wanted_kw() == {"h-0-battery0": pytest.approx(-11.04)}
    assert np.isnan(world.batches[0].rows["export_limit_kw"]).all()
    await world.decision.close()


@virtual
async def test_a_calm_price_makes_no_record_at_all():
    world = evening()
    world.hears()

    await world.published(CALM)
    await world.reaches(seconds=280)

    assert world.dispatches == world.batches == world.governor.asked == []


@pytest.mark.parametrize(
    "status", [PriceStatus.SUSPENDED, PriceStatus.ADMINISTERED, PriceStatus.SUSPECT], ids=str
)
def test_nothing_is_traded_on_a_price_that_is_not_the_markets_own(status):
    @virtual
    async def scenario():
        world = evening()
        world.hears()
        await world.published(SPIKE, status=status)
        await world.reaches(seconds=120)
        assert world.dispatches == world.batches == []
        assert len(world.record.prices) == 1  # but it is on record

    scenario()


@pytest.mark.parametrize("per_mwh", [float("nan"), float("inf"), float("-inf")])
def test_nothing_is_traded_on_a_price_that_is_no_number(per_mwh):
    @virtual
    async def scenario():
        world = evening()
        world.hears()
        await world.published(per_mwh)
        assert world.dispatches == []

    scenario()


@virtual
async def test_a_price_that_is_not_firm_passes_for_the_governor_to_cap():
    world = evening(homes=1)
    world.hears()

    await world.published(SPIKE, status=PriceStatus.NOT_FIRM)

    assert len(world.governor.asked) == 1
    assert world.batches[0].price_status == "not_firm"
    await world.decision.close()


@virtual
async def test_a_price_that_comes_after_its_interval_is_recorded_and_not_acted_on():
    world = evening()
    world.hears()
    late = price(SPIKE, EVENING)
    await world.clock.sleep(minutes=5)
    world.hears()

    await world.decision.on_prices([late])
    await world.reaches(seconds=60)

    assert list(world.record.prices.values()) == [late]
    assert world.dispatches == []


@virtual
async def test_a_price_far_ahead_of_its_interval_waits_for_nobody():
    world = evening()
    world.hears()

    await world.decision.on_prices([price(SPIKE, EVENING + timedelta(minutes=10))])
    await world.reaches(seconds=60)

    assert world.dispatches == []


@virtual
async def test_the_same_price_published_again_makes_no_second_dispatch():
    world = evening()
    world.hears()

    for _ in range(3):
        await world.published(SPIKE)

    assert len(world.dispatches) == len(world.batches) == len(world.governor.asked) == 1
    await world.decision.close()


@virtual
async def test_an_older_row_of_an_interval_does_not_bring_an_old_price_back():
    world = evening()
    world.hears()
    await world.published(CALM, changed_at=EVENING + timedelta(seconds=15))

    await world.published(SPIKE, changed_at=EVENING + timedelta(seconds=10))
    await world.reaches(seconds=70)

    assert world.dispatches == []


@virtual
async def test_a_revised_price_is_decided_anew_in_the_same_interval():
    world = evening()
    world.hears()
    await world.published(SPIKE)
    await world.clock.sleep(seconds=5)
    world.hears()

    await world.published(CALM, changed_at=EVENING + timedelta(seconds=5))

    assert [d.cycle for d in world.dispatches] == [0, 1]
    assert set(world.wanted_kw().values()) == {None}
    await world.decision.close()


@virtual
async def test_homes_that_are_silent_are_left_out_and_counted():
    world = evening(homes=3)
    world.hears(0, 2)

    await world.published(SPIKE)

    assert set(world.wanted_kw()) == {"h-0-battery0", "h-2-battery0"}
    assert (world.dispatches[0].sites, world.dispatches[0].unheard) == (2, 1)
    await world.decision.close()


@virtual
async def test_when_nobody_is_heard_the_record_says_so_and_the_governor_is_not_asked():
    world = evening(homes=3)

    await world.published(SPIKE)

    (dispatch,) = world.dispatches
    assert (dispatch.sites, dispatch.unheard, dispatch.intents) == (0, 3, None)
    assert world.governor.asked == []


@virtual
async def test_homes_at_their_reserve_are_not_asked():
    world = evening(homes=2, reserve_soc=0.5)
    world.hears(0, soc=0.9)
    world.hears(1, soc=0.45)

    await world.published(SPIKE)

    assert set(world.wanted_kw()) == {"h-0-battery0"}
    await world.decision.close()


@virtual
async def test_the_first_calm_price_after_a_spike_lets_every_home_go_once():
    world = evening(homes=2)
    world.hears()
    await world.published(SPIKE)
    await world.reaches(seconds=305)

    await world.published(CALM)
    await world.reaches(seconds=295)
    await world.published(CALM)

    last = world.dispatches[-1]
    assert world.wanted_kw() == {"h-0-battery0": None, "h-1-battery0": None}
    assert (last.target.power_kw, last.cycle, last.sites) == (None, 0, 2)
    assert sum(d.target.power_kw is None for d in world.dispatches) == 1
    await world.decision.close()


@virtual
async def test_a_suspended_market_lets_every_home_go():
    world = evening(homes=1)
    world.hears()
    await world.published(SPIKE)
    await world.clock.sleep(seconds=5)

    await world.published(SPIKE, status=PriceStatus.SUSPENDED)

    assert world.wanted_kw() == {"h-0-battery0": None}
    assert "suspended" in world.dispatches[-1].target.because
    await world.decision.close()


@virtual
async def test_a_suspect_price_is_as_good_as_none_and_lets_the_leases_run_out():
    world = evening(homes=1)
    world.hears()
    await world.published(SPIKE)
    await world.reaches(seconds=305)
    asked = len(world.batches)

    await world.published(1e7, status=PriceStatus.SUSPECT)
    await world.reaches(seconds=120)

    assert len(world.batches) == asked


@virtual
async def test_a_live_target_is_taken_again_each_minute_of_its_interval():
    world = evening(homes=1)
    await world.clock.sleep(seconds=20)
    world.hears()
    await world.published(SPIKE)

    await world.reaches(seconds=275)

    assert [d.cycle for d in world.dispatches] == [0, 2, 3, 4, 5]
    assert len({d.id for d in world.dispatches}) == 5
    await world.decision.close()


@virtual
async def test_a_home_that_goes_silent_drops_out_at_the_next_refresh():
    world = evening(homes=3)
    world.hears()
    await world.published(SPIKE)

    await world.reaches(seconds=65, hearing=(0, 1))

    assert set(world.wanted_kw()) == {"h-0-battery0", "h-1-battery0"}
    assert world.dispatches[-1].unheard == 1
    await world.decision.close()


@virtual
async def test_a_home_that_runs_empty_is_released_at_the_next_refresh():
    world = evening(homes=2)
    world.hears()
    await world.published(SPIKE)
    await world.clock.sleep(seconds=61)
    world.hears(0)
    world.hears(1, soc=0.19)

    await world.decision.refresh()

    assert world.wanted_kw()["h-0-battery0"] > 9
    assert world.wanted_kw()["h-1-battery0"] is None
    await world.decision.close()


@virtual
async def test_when_the_next_price_is_late_nothing_is_asked_and_leases_run_out():
    world = evening(homes=1)
    world.hears()
    await world.published(SPIKE)
    await world.reaches(seconds=300)
    asked = len(world.governor.asked)

    await world.reaches(seconds=270)

    assert len(world.governor.asked) == asked
    await world.published(CALM)  # the leases have ended long ago: there is nobody to let go
    assert len(world.governor.asked) == asked


@virtual
async def test_a_late_price_counts_for_what_is_left_of_its_interval():
    world = evening(homes=1)
    await world.clock.sleep(seconds=250)
    world.hears()

    await world.published(SPIKE)

    assert len(world.governor.asked) == 1
    await world.decision.close()


@virtual
async def test_a_silent_governor_is_asked_again_for_the_same_batch():
    world = evening(homes=2)
    world.hears()
    world.governor.is_silent = True
    await world.published(SPIKE)
    await world.clock.sleep(seconds=12)
    world.governor.is_silent = False
    await world.clock.sleep(seconds=40)

    assert len(world.governor.asked) == 4
    assert len(set(world.governor.asked)) == len(world.dispatches) == 1
    (outcome,) = world.record.outcomes.values()
    assert (outcome.leased, outcome.silent) == (2, 2)
    await world.decision.close()


@virtual
async def test_a_governor_that_never_answers_is_on_record_when_the_interval_ends():
    world = evening(homes=2)
    world.hears()
    world.governor.is_silent = True

    await world.published(SPIKE)
    await world.clock.sleep(minutes=6)

    (outcome,) = world.record.outcomes.values()
    assert (outcome.leased, outcome.refused_by_governor, outcome.accepted) == (0, 0, 0)
    assert len(set(world.governor.asked)) == 1
    await world.decision.close()


@virtual
async def test_once_a_newer_batch_stands_the_older_is_not_asked_for_again():
    world = evening(homes=1)
    world.hears()
    world.governor.is_silent = True
    await world.published(SPIKE)
    await world.reaches(seconds=65)
    first, newest = world.batches[0].id, world.batches[-1].id
    world.governor.asked.clear()

    await world.clock.sleep(seconds=30)

    assert first != newest
    assert set(world.governor.asked) == {newest}
    await world.decision.close()


@virtual
async def test_what_the_governor_refuses_in_full_is_on_record():
    world = evening(homes=2)
    world.hears()
    world.governor.refuses = {"tenant cap": 2}

    await world.published(SPIKE)
    await world.clock.sleep(seconds=1)

    (outcome,) = world.record.outcomes.values()
    assert (outcome.leased, outcome.refused_by_governor) == (0, 2)
    await world.decision.close()


@virtual
async def test_answers_are_counted_once_each_when_they_are_due():
    world = evening(homes=4)
    world.hears()
    await world.published(SPIKE)
    batch = leases_of(world.batches[0].id)

    world.decision.hear_acks(acks(batch, 0, 4))
    world.decision.hear_acks(acks(batch, 4))  # again
    world.decision.hear_acks(acks(batch, 8, outcome=Outcome.REFUSED))
    await world.clock.sleep(seconds=25)

    (outcome,) = world.record.outcomes.values()
    assert (outcome.leased, outcome.accepted, outcome.refused, outcome.silent) == (4, 2, 1, 1)
    assert np.flatnonzero(world.decision.leased_until_ms).tolist() == [0, 4]
    assert world.stages() == ["decided", "answered"]


@virtual
async def test_an_answer_that_overtakes_the_governors_own_is_not_lost():
    world = evening(homes=1)
    world.hears()
    ask = world.governor.ask

    async def overtaken(ready):
        answer = await ask(ready)
        world.decision.hear_acks(acks(UUID(answer.batch), 0))
        return answer

    world.governor.ask = overtaken
    await world.published(SPIKE)
    await world.clock.sleep(seconds=25)

    (outcome,) = world.record.outcomes.values()
    assert outcome.accepted == 1
    assert np.flatnonzero(world.decision.leased_until_ms).tolist() == [0]


@virtual
async def test_a_batch_whose_id_ends_in_zeros_is_counted_as_well():
    world = evening(homes=1)
    world.hears()
    batch = UUID("6f1d3d53-8f0e-5f1b-9d0b-5a0c3f6e0000")  # NumPy drops trailing zero bytes

    async def ask(_):
        return LeasesWritten(str(batch), 1, {})

    world.governor.ask = ask
    await world.published(SPIKE)
    world.decision.hear_acks(acks(batch, 0))
    await world.clock.sleep(seconds=25)

    (outcome,) = world.record.outcomes.values()
    assert (outcome.accepted, outcome.silent) == (1, 0)


@virtual
async def test_a_released_home_is_no_longer_leased_once_it_says_so():
    world = evening(homes=1)
    world.hears()
    await world.published(SPIKE)
    await world.clock.sleep(seconds=1)
    world.decision.hear_acks(acks(leases_of(world.batches[-1].id), 0))
    assert world.decision.leased_until_ms[0] > 0

    await world.published(CALM, changed_at=world.clock.now())
    await world.clock.sleep(seconds=1)
    world.decision.hear_acks(acks(leases_of(world.batches[-1].id), 0))

    assert world.decision.leased_until_ms[0] == 0
    await world.decision.close()


@virtual
async def test_an_engine_that_starts_again_decides_on_the_standing_price_with_the_same_ids():
    world = evening(homes=1)
    world.hears()
    await world.published(SPIKE)
    await world.decision.close()

    world.restart()
    await world.published(SPIKE)

    assert len(set(world.governor.asked)) == 1
    assert len(world.governor.asked) == 2
    assert len(world.dispatches) == 1
    await world.decision.close()


@virtual
async def test_a_record_that_was_away_is_owed_a_decision_and_gets_it():
    world = evening(homes=1)
    world.hears()
    save, world.record.save_intents = world.record.save_intents, _away

    await world.published(SPIKE)
    assert world.governor.asked == []
    world.record.save_intents = save
    await world.reaches(seconds=5)

    assert len(world.governor.asked) == 1
    await world.decision.close()


async def _away(_):
    raise ConnectionError("the record is away")


@virtual
async def test_one_vpp_that_fails_takes_no_other_with_it():
    world = Evening([Home(vpp="first"), Home(vpp="second")], [rule(vpp="first"), rule(vpp="second")])
    world.hears()
    save = world.record.save_intents

    async def only_second(batch):
        await (_away(batch) if batch.vpp == "first" else save(batch))

    world.record.save_intents = only_second
    await world.published(SPIKE)

    assert [batch.vpp for batch in world.batches] == ["second"]
    await world.decision.close()


@virtual
async def test_a_price_moves_only_the_vpps_of_its_region_and_tenant_by_their_own_rules():
    world = Evening(
        [Home(vpp="nsw"), Home(vpp="vic", region=Region.VIC), Home(vpp="other", tenant="zephyr")],
        [rule(vpp="nsw"), rule(vpp="vic"), rule(vpp="other", sell_above_per_mwh=15_000)],
    )
    world.hears()

    await world.published(SPIKE)

    assert [(batch.tenant, batch.vpp) for batch in world.batches] == [("harbour", "nsw")]
    await world.decision.close()


@virtual
async def test_a_rule_edited_during_a_spike_is_followed_within_seconds():
    world = evening(homes=1)
    world.hears(load_kw=-1.0)
    await world.published(SPIKE)

    world.enrol(rule(site_export_kw=3.0))
    await world.reaches(seconds=5)
    assert world.wanted_kw() == {"h-0-battery0": pytest.approx(4.0)}

    world.enrol()
    await world.reaches(seconds=5)
    assert world.wanted_kw() == {"h-0-battery0": None}
    await world.decision.close()


@virtual
async def test_of_two_rules_that_sell_the_one_with_the_higher_threshold_decides():
    bold = rule(sell_above_per_mwh=1_000, site_export_kw=9.0)
    world = Evening([Home()], [bold, rule(site_export_kw=2.0)])
    world.hears(load_kw=-1.0)

    await world.published(500)
    assert world.wanted_kw() == {"h-0-battery0": pytest.approx(3.0)}
    await world.published(SPIKE, changed_at=world.clock.now())
    assert world.wanted_kw() == {"h-0-battery0": pytest.approx(10.0)}
    await world.decision.close()


@virtual
async def test_who_watches_is_told_of_the_price_before_the_decision():
    world = evening(homes=1)
    world.hears()

    await world.published(SPIKE)

    assert isinstance(world.told[0], PricePublished)
    assert world.told[1].stage == "decided"
    await world.decision.close()


@virtual
async def test_a_bus_that_is_away_stops_no_decision():
    world = evening(homes=1)
    world.hears()
    world.told = None  # appending to it fails

    await world.published(SPIKE)

    assert len(world.governor.asked) == 1
    await world.decision.close()


@virtual
async def test_the_engine_follows_the_market_by_itself():
    world = evening(homes=1)

    class ThreePrices:
        async def prices(self):
            for per_mwh in (CALM, SPIKE, CALM):
                await world.clock.sleep(seconds=20)
                world.hears()
                yield [price(per_mwh, world.clock.now())]
                await world.clock.sleep(seconds=280)
            await asyncio.Event().wait()

    async def homes_report():
        while True:
            world.hears()
            await world.clock.sleep(seconds=5)

    running = [asyncio.create_task(world.decision.run(ThreePrices())), asyncio.create_task(homes_report())]
    await world.clock.sleep(minutes=15)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)

    powers = [d.target.power_kw for d in world.dispatches]
    assert powers[-1] is None
    assert len(powers) == 6  # the spike, four refreshes, the release
    assert all(batch.rows.dtype == INTENT for batch in world.batches)
