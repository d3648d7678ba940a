"""Fleet days to judge: lived through by the simulated homes, so that a sound day is sound by physics."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np

from manta.simulators import weather
from manta.simulators.homes import HomeColumns, Homes
from manta.twin.columns import FleetDay, Plates, StringsDay

MIDNIGHT = datetime(2026, 1, 14, 14, 0, tzinfo=UTC)
"""Of the market's day."""
SLOTS = 288
NOON = 144
CAPACITY_KWH, POWER_KW, PV_KW, EXPORT_KW = 13.5, 5.0, 6.6, 10.0


@cache
def lived(count=8, seed=1):
    """A sound fleet's day: charging at noon and discharging in the evening, as orders would have it."""
    full = np.full
    homes = Homes(
        HomeColumns(
            sites=[f"s{n}" for n in range(count)],
            batteries=[f"s{n}-battery1" for n in range(count)],
            pvs=[f"s{n}-pv1" for n in range(count)],
            loads=[f"s{n}-load1" for n in range(count)],
            meters=[f"s{n}-meter1" for n in range(count)],
            keys=[bytes(32)] * count,
            region=np.zeros(count, np.int8),
            charge_kw=full(count, POWER_KW),
            discharge_kw=full(count, POWER_KW),
            capacity_kwh=full(count, CAPACITY_KWH),
            reserve_soc=full(count, 0.2),
            pv_kw=full(count, PV_KW),
            import_limit_kw=full(count, 15.0),
            export_limit_kw=full(count, EXPORT_KW),
        ),
        seed,
    )
    begin_ms = int(MIDNIGHT.timestamp() * 1e3)
    ends_ms = begin_ms + 300_000 * np.arange(1, SLOTS + 1)
    state, names = homes.state, ("pv_kw", "battery_kw", "load_kw", "grid_kw", "soc", "clear_sky_kw")
    seen = {name: np.empty((count, SLOTS)) for name in names}
    counters = []
    for slot, now_ms in enumerate(ends_ms):
        state.soc[:] = 0.3 if slot == 0 else state.soc
        homes.step(float(now_ms), 300.0)
        seen["pv_kw"][:, slot] = state.pv_kw
        seen["battery_kw"][:, slot] = state.battery_kw
        seen["load_kw"][:, slot] = state.load_kw
        seen["grid_kw"][:, slot] = homes.meter_kw
        seen["soc"][:, slot] = state.soc
        seen["clear_sky_kw"][:, slot] = PV_KW * weather.pv_yield(
            float(now_ms), homes.enrolled.region, homes._roofs
        )
        if slot in (0, SLOTS - 1):
            counters.append((state.charged_kwh.copy(), state.discharged_kwh.copy()))
    return day_of(seen, ends_ms, np.stack([each[0] for each in counters], axis=1), counters)


def day_of(seen, ends_ms, charged_kwh, counters):
    count = len(charged_kwh)
    shape, full = (count, SLOTS), np.full
    plates = Plates(
        pv_kw=full(count, PV_KW),
        inverter_kw=full(count, PV_KW),
        charge_kw=full(count, POWER_KW),
        discharge_kw=full(count, POWER_KW),
        capacity_kwh=full(count, CAPACITY_KWH),
        export_kw=full(count, EXPORT_KW),
        warranty_kwh=full(count, 37_000.0),
        warranty_hours=full(count, 87_660.0),
        age_hours=full(count, 10_000.0),
    )
    return FleetDay(
        site_no=np.arange(count),
        ends_ms=ends_ms,
        dc_kw=seen["pv_kw"] / 0.965,
        voltage_v=full(shape, 238.0),
        frequency_hz=full(shape, 50.0),
        limit_kw=full(shape, np.inf),
        held_back=np.zeros(shape, bool),
        heard=np.ones(shape),
        per_mwh=np.broadcast_to(100.0 + 200.0 * (np.arange(SLOTS) >= 216), shape),
        charged_kwh=charged_kwh,
        discharged_kwh=np.stack([each[1] for each in counters], axis=1),
        health_soh=np.broadcast_to(np.linspace(0.96, 0.955, 90), (count, 90)),
        plates=plates,
        **seen,
    )


def but(day, **columns):
    """The same day with some columns changed; each is given the old one."""
    return replace(day, **{name: change(getattr(day, name)) for name, change in columns.items()})


def at(site, slots, value):
    """A change of one site over some slots."""

    def change(column):
        changed = np.array(column)
        changed[site, slots] = value(changed[site, slots]) if callable(value) else value
        return changed

    return change


def strings_of(day, shares):
    """Two strings a site, each making its share of half the clear sky under the site's own clouds."""
    count = len(day.site_no)
    clear_kw = np.repeat(day.clear_sky_kw / 2.0, 2, axis=0)
    clouds = np.repeat(day.pv_kw / np.maximum(day.clear_sky_kw, 1e-9), 2, axis=0)
    return StringsDay(
        site_no=np.repeat(day.site_no, 2),
        place=np.tile([1, 2], count),
        region=np.zeros(2 * count, np.int64),
        power_kw=clear_kw * clouds * np.asarray(shares)[:, None],
        clear_sky_kw=clear_kw,
    )
