"""Two small tenants, and builders for what happens to them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from manta.domain.envelope import Envelope
from manta.domain.identity import BatchId, DeviceId, Nmi, RuleId, SiteId, TenantId, VppId
from manta.domain.lease import Dispatch
from manta.domain.market import Price, PriceStatus, Region
from manta.domain.proposal import Target
from manta.domain.rule import SpotRule
from manta.domain.site import Device, DeviceKind, Site
from manta.domain.time import DispatchInterval
from manta.store.enrolment import Enrolled, Enrolment, Tenant, Vpp
from manta.store.pool import Pool
from manta.wire.batches import IntentBatch, LeaseBatch
from manta.wire.columns import INTENT, LEASE, REFUSAL

HARBOUR = TenantId("harbour")
MALLEE = TenantId("mallee")
NOW = datetime(2026, 1, 15, 8, 0, 20, tzinfo=UTC)
EVENING = DispatchInterval(datetime(2026, 1, 15, 8, 5, tzinfo=UTC))
NSW = VppId("harbour-nsw1")
VIC = VppId("mallee-vic1")
RULE = RuleId(UUID(int=1))
VPP_OF = {HARBOUR: (NSW, Region.NSW), MALLEE: (VIC, Region.VIC)}


def site(name: str, region: Region) -> Site:
    """A home with a battery and a meter."""
    rating = Envelope.from_limits(import_kw=11.04, export_kw=11.04)
    connection = Envelope.from_limits(import_kw=15, export_kw=10)
    battery = Device(
        DeviceId(f"{name}-battery1"), DeviceKind.BATTERY, rating, capacity_kwh=13.5, reserve_soc=0.2
    )
    devices = (battery, Device(DeviceId(f"{name}-meter1"), DeviceKind.METER, connection))
    nmi = Nmi(f"{int.from_bytes(name.encode()) % 10**10:010d}")
    return Site(SiteId(name), nmi, name.upper(), region, f"feeder-{name[-1]}", connection, devices)


async def enrol_tenant(owner: Pool, tenant: TenantId, sites: list[Site]) -> Enrolled:
    vpp, region = VPP_OF[tenant]
    return await Enrolment(owner).enrol(
        Tenant(tenant, tenant.title(), cap_kw=50_000),
        [Vpp(vpp, f"{tenant.title()} {region}", region)],
        sites,
        {home.id: vpp for home in sites if not home.id.endswith("-alone")},
        NOW - timedelta(days=1),
    )


async def enrol(owner: Pool) -> None:
    """Three homes in New South Wales for one tenant, two in Victoria for the other, added in turns."""
    await enrol_tenant(owner, HARBOUR, [site("h-1", Region.NSW), site("h-2", Region.NSW)])
    await enrol_tenant(owner, MALLEE, [site("m-1", Region.VIC), site("m-2", Region.VIC)])
    await enrol_tenant(owner, HARBOUR, [site("h-1", Region.NSW), site("h-3-alone", Region.NSW)])


def price(per_mwh: float, changed_at: datetime | None = NOW, region: Region = Region.NSW) -> Price:
    return Price(region, EVENING, per_mwh, PriceStatus.FIRM, changed_at, NOW)


def intents(no: int = 1, tenant: TenantId = HARBOUR, devices: int = 2) -> IntentBatch:
    vpp, region = VPP_OF[tenant]
    rows = np.zeros(devices, INTENT)
    rows["device_no"] = np.arange(devices)
    rows["power_kw"] = 8.7
    return IntentBatch(
        id=BatchId(UUID(int=no)),
        tenant=tenant,
        vpp=vpp,
        region=region,
        interval=EVENING,
        cycle=0,
        price_per_mwh=12_500.0,
        price_status="firm",
        because="above $300",
        trace=f"trace-{no}",
        created_at=NOW,
        rows=rows,
    )


def leases(
    answering: IntentBatch, epoch: int, sequence: int = 1, lasting: timedelta = timedelta(minutes=6)
) -> LeaseBatch:
    """The governor's yes to all but the last device."""
    rows = np.zeros(len(answering.rows) - 1, LEASE)
    rows["device_no"] = answering.rows["device_no"][:-1]
    refusals = np.array([(answering.rows["device_no"][-1], 3)], REFUSAL)
    return LeaseBatch(
        id=BatchId(UUID(int=answering.id.int << 8)),
        intents=answering.id,
        tenant=answering.tenant,
        vpp=answering.vpp,
        region=answering.region,
        interval=answering.interval,
        epoch=epoch,
        sequence=sequence,
        trace=answering.trace,
        expires_at=NOW + lasting,
        created_at=NOW,
        rows=rows,
        refusals=refusals,
        signature=b"s" * 64,
    )


def dispatch(no: int = 1, tenant: TenantId = HARBOUR, intents: BatchId | None = None) -> Dispatch:
    vpp, region = VPP_OF[tenant]
    return Dispatch(
        id=UUID(int=no),
        tenant=tenant,
        vpp=vpp,
        price=Price(region, EVENING, 12_500.0),
        cycle=0,
        target=Target(26_100.5, "above $300", RULE),
        shortfall_kw=12.25,
        sites=2,
        unheard=1,
        intents=intents,
        trace=f"trace-{no}",
        decided_at=NOW + timedelta(seconds=no),
    )


def rule(no: int = 1, sell_above_per_mwh: float = 300.0, vpp: VppId = NSW) -> SpotRule:
    return SpotRule(
        RuleId(UUID(int=no)), vpp, f"Rule {no}", sell_above_per_mwh, -20.0, 8.7, 0.2, enabled=True
    )
