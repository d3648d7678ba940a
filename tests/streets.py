"""Builders of simulated homes for tests."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import numpy as np

from manta.domain.market import REGIONS
from manta.simulators.fleet import FleetFile, SimulatedHome
from manta.simulators.homes import HomeColumns, Homes
from manta.wire.batches import DeviceTable, SiteTable
from manta.wire.device import Lease, SealedLease
from manta.wire.seal import device_key, seal

MASTER = bytes(range(32))
EVENING_MS = int(datetime(2027, 1, 20, 7, 52, tzinfo=UTC).timestamp() * 1_000)
"""17:52 market time."""


def site(no: int) -> str:
    return f"h-{no:06d}"


def battery(no: int) -> str:
    return f"{site(no)}-battery1"


def street(count: int) -> HomeColumns:
    """Enrol homes as the demonstration does."""
    sites = [site(no) for no in range(count)]

    def every(value: float) -> np.ndarray:
        return np.full(count, value)

    return HomeColumns(
        sites=sites,
        batteries=[f"{s}-battery1" for s in sites],
        pvs=[f"{s}-pv1" for s in sites],
        loads=[f"{s}-load1" for s in sites],
        meters=[f"{s}-meter1" for s in sites],
        keys=[device_key(MASTER, f"{s}-battery1") for s in sites],
        region=(np.arange(count) % 5).astype(np.int8),
        charge_kw=every(11.04),
        discharge_kw=every(11.04),
        capacity_kwh=every(13.5),
        reserve_soc=every(0.2),
        pv_kw=every(6.6),
        import_limit_kw=every(15.0),
        export_limit_kw=every(10.0),
    )


def homes(count: int = 1, seed: int = 7) -> Homes:
    return Homes(street(count), seed)


def lease(no: int = 0, **differing) -> Lease:
    """Return a lease for a home's battery: full power for five minutes, from now, at 2 kW a minute."""
    usual = Lease(
        lease=str(UUID(int=1)),
        device=battery(no),
        epoch=1,
        sequence=1,
        power_kw=11.04,
        export_limit_kw=8.7,
        not_before_ms=EVENING_MS,
        until_ms=EVENING_MS + 300_000,
        ramp_kw_per_min=2.0,
        default="self_consumption",
        trace="t",
    )
    return msgspec.structs.replace(usual, **differing)


def sealed(asked: Lease, key: bytes | None = None) -> bytes:
    """Seal a lease as the governor does, and encode it as it goes out."""
    body = msgspec.msgpack.encode(asked)
    with_key = key if key is not None else device_key(MASTER, asked.device)
    return msgspec.msgpack.encode(SealedLease(body, seal(with_key, body)))


def tables(who: HomeColumns) -> tuple[SiteTable, DeviceTable]:
    """Return the register's columns of a street: devices in the order battery, PV, load, meter."""
    count = len(who.sites)
    nothing = np.zeros(count)

    def device_columns(*of_kind: np.ndarray) -> np.ndarray:
        return np.stack(of_kind, axis=1).reshape(-1)

    no_store = np.full(count, np.nan)
    return (
        SiteTable(
            ids=who.sites,
            tenant_no=np.zeros(count, np.int32),
            vpp_no=np.zeros(count, np.int32),
            region=who.region,
            feeder_no=np.zeros(count, np.int32),
            import_limit_kw=who.import_limit_kw,
            export_limit_kw=who.export_limit_kw,
            tenants=["harbour"],
            vpps=["harbour-nsw"],
        ),
        DeviceTable(
            ids=[
                id_
                for four in zip(who.batteries, who.pvs, who.loads, who.meters, strict=True)
                for id_ in four
            ],
            site_no=np.repeat(np.arange(count, dtype=np.int32), 4),
            kind=np.tile(np.arange(4, dtype=np.int8), count),
            charge_kw=device_columns(who.charge_kw, nothing, nothing + 15, who.import_limit_kw),
            discharge_kw=device_columns(who.discharge_kw, who.pv_kw, nothing, who.export_limit_kw),
            capacity_kwh=device_columns(who.capacity_kwh, no_store, no_store, no_store),
            reserve_soc=device_columns(who.reserve_soc, no_store, no_store, no_store),
        ),
    )


def fleet_file(count: int, password=lambda site: "") -> FleetFile:
    """Return the file from which a simulator wakes a street."""
    who = street(count)
    return FleetFile(
        seed=7,
        homes=[
            SimulatedHome(
                site=site_id,
                vpp="harbour-nsw",
                region=REGIONS[who.region[no]],
                battery=who.batteries[no],
                pv=who.pvs[no],
                load=who.loads[no],
                meter=who.meters[no],
                key=who.keys[no],
                password=password(site_id),
                charge_kw=11.04,
                discharge_kw=11.04,
                capacity_kwh=13.5,
                reserve_soc=0.2,
                pv_kw=6.6,
                import_limit_kw=15.0,
                export_limit_kw=10.0,
            )
            for no, site_id in enumerate(who.sites)
        ],
    )
