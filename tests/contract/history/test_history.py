"""What every history keeps, whatever the transport does to the readings on their way."""

from datetime import UTC, datetime, timedelta
from math import isnan, nan

import numpy as np
import pytest

from manta.domain.market import REGIONS, Region
from manta.domain.site import DEVICE_KINDS, DeviceKind
from manta.domain.time import NEM_TIME, DispatchInterval, epoch_ms
from manta.wire.batches import DeviceTable, SiteTable
from manta.wire.columns import READING

pytestmark = pytest.mark.engines

BEGIN = datetime(2027, 1, 14, 18, 0, tzinfo=NEM_TIME)
INTERVAL = DispatchInterval(BEGIN + timedelta(minutes=5))
NEXT = DispatchInterval(BEGIN + timedelta(minutes=10))
METER = 3


def reading(device, after_s, power_kw, *, counter=nan, soc=nan, sequence=None, quality=0):
    at_ms = epoch_ms(BEGIN) + int(after_s * 1_000)
    sequence = int(after_s * 10) if sequence is None else sequence
    return (
        device,
        sequence,
        at_ms,
        at_ms + 30,
        power_kw,
        soc,
        nan if isnan(counter) else 0.0,
        counter,
        quality,
    )


def columns(*rows):
    return np.array(list(rows), dtype=READING)


def street(homes=2, region=Region.NSW, tenant="harbour"):
    """A tenant's homes of four devices each: battery, pv, load, meter."""
    n = homes * len(DEVICE_KINDS)
    sites = SiteTable(
        ids=[f"h-{k}" for k in range(homes)],
        tenant_no=np.zeros(homes, np.int32),
        vpp_no=np.zeros(homes, np.int32),
        region=np.full(homes, REGIONS.index(region), np.int8),
        feeder_no=np.zeros(homes, np.int32),
        import_limit_kw=np.full(homes, 15.0),
        export_limit_kw=np.full(homes, 10.0),
        tenants=[tenant],
        vpps=["v"],
    )
    devices = DeviceTable(
        ids=[f"d-{k}" for k in range(n)],
        site_no=np.repeat(np.arange(homes, dtype=np.int32), len(DEVICE_KINDS)),
        kind=np.tile(np.arange(len(DEVICE_KINDS), dtype=np.int8), homes),
        charge_kw=np.full(n, 11.0),
        discharge_kw=np.full(n, 11.0),
        capacity_kwh=np.where(np.arange(n) % 4 == DEVICE_KINDS.index(DeviceKind.BATTERY), 13.5, nan),
        reserve_soc=np.full(n, 0.2),
    )
    return sites, devices


async def counter(history, interval=INTERVAL):
    rows = (await history.meter_counters([interval]))[interval]
    return {int(row["device_no"]): float(row["export_kwh"]) for row in rows}


async def mean_kw(history, device=METER):
    rows = await history.device_power([device], BEGIN, BEGIN + timedelta(minutes=5))
    return float(rows["power_kw"][0]), int(rows["samples"][0])


async def test_an_interval_ends_with_its_last_counter_and_holds_its_start(history):
    await history.append(
        columns(
            reading(METER, 0, 1.0, counter=10.0),
            reading(METER, 299.999, 1.0, counter=10.5),
            reading(METER, 300, 1.0, counter=10.6),
        )
    )

    found = await history.meter_counters([INTERVAL, NEXT])

    assert found[INTERVAL]["export_kwh"].tolist() == [10.5]
    assert found[INTERVAL]["at_ms"].tolist() == [epoch_ms(BEGIN) + 299_999]
    assert found[NEXT]["export_kwh"].tolist() == [10.6]


async def test_late_and_disordered_readings_find_their_place(history):
    await history.append(columns(reading(METER, 295, 4.0, counter=12.0)))
    await history.append(columns(reading(METER, 305, 0.0, counter=13.0)))
    await history.append(columns(reading(METER, 5, 2.0, counter=11.0)))

    assert await counter(history) == {METER: 12.0}
    assert await mean_kw(history) == (3.0, 2)


async def test_repeats_change_neither_counter_nor_mean_nor_count(history):
    rows = columns(reading(METER, 5, 2.0, counter=11.0), reading(METER, 10, 5.0, counter=11.5))
    await history.append(rows)
    before = await counter(history), await mean_kw(history)

    for _ in range(3):
        await history.append(rows[:1])
        await history.append(rows[::-1].copy())

    assert (await counter(history), await mean_kw(history)) == before == ({METER: 11.5}, (3.5, 2))
    merged = "OPTIMIZE TABLE manta.{} FINAL"
    for table in ("reading", "reading_5min"):
        await history._call(lambda client, table=table: client.command(merged.format(table)))
    assert (await counter(history), await mean_kw(history)) == before
    assert await history._call(lambda client: client.command("SELECT count() FROM manta.reading")) == 2


async def test_a_counter_that_was_reset_is_the_last_one_not_the_greatest(history):
    await history.append(
        columns(reading(METER, 5, 1.0, counter=9_000.0), reading(METER, 10, 1.0, counter=0.25))
    )

    assert await counter(history) == {METER: 0.25}


async def test_of_two_readings_of_one_instant_the_later_sequence_counts(history):
    await history.append(columns(reading(METER, 5, 1.0, counter=2.0, sequence=8)))
    await history.append(columns(reading(METER, 5, 1.0, counter=1.0, sequence=7)))

    assert await counter(history) == {METER: 2.0}


async def test_what_was_bad_or_without_counters_stays_out_of_the_roll_up(history):
    await history.append(
        columns(
            reading(METER, 5, 1.0, counter=3.0),
            reading(METER, 10, 9.0, counter=99.0, quality=2),
            reading(METER, 15, 2.0),
        )
    )

    assert await counter(history) == {METER: 3.0}
    assert await mean_kw(history) == (1.5, 2)


async def test_an_interval_nobody_was_heard_in_is_empty_not_zero(history):
    found = await history.meter_counters([INTERVAL, NEXT])

    assert {interval: len(rows) for interval, rows in found.items()} == {INTERVAL: 0, NEXT: 0}


async def test_only_meters_count_once_history_knows_the_devices(history):
    await history.enrol(*street())
    await history.append(columns(*(reading(n, 5, 1.0, counter=float(n)) for n in range(8))))

    assert await counter(history) == {3: 3.0, 7: 7.0}


async def test_a_fleet_is_summed_by_region_and_averaged_over_its_minutes(history):
    await history.enrol(*street(homes=2))
    for minute, power_kw in enumerate((2.0, 4.0, 9.0)):
        rows = [reading(n, 60 * minute + 5, -1.0, soc=0.1) for n in range(8)]
        rows += [reading(n, 60 * minute + 55, power_kw, soc=0.5) for n in range(8)]
        await history.append(columns(*rows, *rows))

    fleet = await history.fleet_power("harbour", BEGIN, BEGIN + timedelta(minutes=2))
    steps = await history.power(
        "harbour", Region.NSW, BEGIN, BEGIN + timedelta(minutes=5), timedelta(minutes=5)
    )

    assert fleet["power_kw"].tolist() == fleet["battery_kw"].tolist() == [4.0, 8.0]
    assert fleet["at_ms"].tolist() == [epoch_ms(BEGIN) + 60_000, epoch_ms(BEGIN) + 120_000]
    assert fleet["region"].tolist() == [REGIONS.index(Region.NSW)] * 2
    assert fleet["stored_kwh"].tolist() == [13.5, 13.5]
    assert [(step.at, step.battery_kw, step.stored_kwh) for step in steps] == [(BEGIN, 10.0, 13.5)]


async def test_another_tenants_fleet_is_not_seen_and_silence_is_none(history):
    await history.enrol(*street(tenant="harbour"))
    await history.append(columns(reading(METER, 5, 1.0)))

    steps = await history.power("rival", None, BEGIN, BEGIN + timedelta(minutes=2), timedelta(minutes=1))

    assert [(step.power_kw, step.battery_kw) for step in steps] == [(None, None), (None, None)]


async def test_a_sites_day_shows_each_of_its_devices(history):
    await history.enrol(*street(homes=2))
    await history.append(columns(*(reading(n, 5, float(n), counter=1.0, soc=0.25) for n in range(8))))

    day = await history.site_day(1, BEGIN.astimezone(UTC) + timedelta(minutes=10))

    assert day["device_no"].tolist() == [4, 5, 6, 7]
    assert day["power_kw"].tolist() == [4.0, 5.0, 6.0, 7.0]
    assert day["soc"].tolist() == [0.25] * 4


async def test_opening_history_again_changes_nothing_but_the_time_to_live(history):
    await history.append(columns(reading(METER, 5, 1.0, counter=3.0)))
    await history._call(lambda client: __import__("manta.store.history", fromlist=["_"])._create(client, 30))

    kept = "SELECT engine_full FROM system.tables WHERE database = 'manta' AND name = 'reading'"
    assert "toIntervalDay(30)" in await history._call(lambda client: client.command(kept))
    assert await counter(history) == {METER: 3.0}
