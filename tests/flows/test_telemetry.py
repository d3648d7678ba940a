"""Device to screen: readings are folded, kept, shown; history is bounded and loses nothing in silence."""

import asyncio

import numpy as np
from tests.houses import Evening, Home, readings
from tests.worlds import VirtualClock, virtual

from manta.domain.market import Region
from manta.domain.time import epoch_ms
from manta.flows.live import show_live, snapshots
from manta.flows.telemetry import HistoryQueue, Telemetry


class Historian:
    """Keeps what is appended; it can be told to be away."""

    def __init__(self):
        self.batches, self.is_away = [], False

    async def append(self, rows):
        if self.is_away:
            raise ConnectionError("the historian is away")
        self.batches.append(rows)

    def sequences(self):
        return [int(n) for batch in self.batches for n in batch["sequence"]]


def numbered(*sequences):
    return readings(*({"sequence": n, "soc": 0.5} for n in sequences))


@virtual
async def test_history_gets_late_and_repeated_readings_and_now_does_not():
    world, historian = Evening([Home()]), Historian()
    queue, shown = HistoryQueue(historian, world.clock), []
    telemetry = Telemetry(world.view, shown.append, queue)

    telemetry.hear(numbered(5))
    telemetry.hear(numbered(3, 5))
    await queue.flush()

    assert historian.sequences() == [5, 3, 5]
    assert world.view.sequence[0] == 5
    assert (telemetry.seen.folded, telemetry.seen.late, telemetry.seen.repeated) == (1, 1, 1)
    assert len(shown) == 2


@virtual
async def test_readings_wait_for_a_historian_that_is_away():
    historian, clock = Historian(), VirtualClock()
    queue = HistoryQueue(historian, clock)
    historian.is_away = True
    running = asyncio.create_task(queue.run())
    queue.add(numbered(1, 2))
    await clock.sleep(seconds=20)
    assert (queue.waiting, queue.written, queue.dropped) == (2, 0, 0)

    historian.is_away = False
    queue.add(numbered(3))
    await clock.sleep(seconds=60)
    running.cancel()

    assert historian.sequences() == [1, 2, 3]
    assert (queue.waiting, queue.written, queue.dropped) == (0, 3, 0)


@virtual
async def test_a_historian_away_for_too_long_costs_the_oldest_readings_and_they_are_counted():
    historian = Historian()
    queue = HistoryQueue(historian, VirtualClock(), rows_at_most=4)
    historian.is_away = True
    queue.add(numbered(1, 2, 3))
    await queue.flush()
    queue.add(numbered(4, 5, 6))
    await queue.flush()
    historian.is_away = False
    await queue.flush()

    assert historian.sequences() == [3, 4, 5, 6]
    assert (queue.waiting, queue.written, queue.dropped) == (0, 4, 2)


@virtual
async def test_many_small_batches_are_written_as_few_large_ones():
    historian = Historian()
    queue = HistoryQueue(historian, VirtualClock(), rows_at_once=10)
    for n in range(25):
        queue.add(numbered(n))
    await queue.flush()

    assert [len(batch) for batch in historian.batches] == [10, 10, 5]


@virtual
async def test_a_snapshot_counts_a_silent_home_as_a_site_and_as_nothing_else():
    world = Evening([Home(), Home(), Home(region=Region.VIC, vpp="vic", tenant="zephyr")], [])
    world.hears(0, soc=0.5, load_kw=-1.0, pv_kw=0.25)

    harbour, zephyr = snapshots(world.view, world.clock.now(), world.decision.leased_until_ms)

    (nsw,) = harbour.regions
    assert (nsw.region, nsw.sites, nsw.heard, nsw.leased) == ("NSW1", 2, 1, 0)
    assert (nsw.power_kw, nsw.battery_kw, nsw.pv_kw, nsw.load_kw) == (-0.75, 0.0, 0.25, -1.0)
    assert (nsw.stored_kwh, nsw.capacity_kwh) == (6.75, 13.5)
    assert (round(nsw.headroom_up_kw, 2), round(nsw.headroom_down_kw, 2)) == (10.75, 11.04)
    (vic,) = zephyr.regions
    assert (vic.region, vic.sites, vic.heard, vic.headroom_up_kw) == ("VIC1", 1, 0, 0.0)


@virtual
async def test_a_snapshot_counts_the_sites_that_have_accepted_a_lease_still_running():
    world = Evening([Home(), Home()])
    world.hears()
    until_ms = np.zeros(len(world.devices.ids), np.int64)
    until_ms[[0, 4]] = epoch_ms(world.clock.now()) + 1_000, epoch_ms(world.clock.now())

    (harbour,) = snapshots(world.view, world.clock.now(), until_ms)

    assert harbour.regions[0].leased == 1


@virtual
async def test_the_picture_goes_on_when_one_was_not_delivered():
    world, shown = Evening([Home()]), []

    async def publish(snapshot):
        shown.append(snapshot.at_ms)
        if len(shown) == 1:
            raise ConnectionError("the bus is away")

    def look(at):
        return snapshots(world.view, at, world.decision.leased_until_ms)

    running = asyncio.create_task(show_live(world.clock, look, publish))
    await world.clock.sleep(seconds=3.5)
    running.cancel()

    assert np.diff(shown).tolist() == [1_000, 1_000, 1_000]
