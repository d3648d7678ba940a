"""Who takes part: tenants, their VPPs, sites and devices, read as columns and enrolled in bulk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import nan
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from manta.domain.commissioning import Stage
from manta.domain.identity import DeviceId, SiteId, TenantId, VppId
from manta.domain.market import REGIONS, Region
from manta.domain.rule import SpotRule
from manta.domain.site import DEVICE_KINDS, Device, DeviceKind, Site
from manta.store.pool import Client, Pool, connect_for, each_tenant
from manta.store.rules import spot_rule
from manta.wire.batches import DeviceTable, SiteTable

SITES = """
select s.no, s.id, t.no as tenant_no, coalesce(v.no, -1) as vpp_no, s.region, s.feeder,
       s.import_limit_kw, s.export_limit_kw
from record.site s
join record.tenant t on t.id = s.tenant_id
left join record.vpp_member m on m.site_no = s.no and upper_inf(m.during)
left join record.vpp v on v.id = m.vpp_id
"""
DEVICES = """
select no, id, site_no, kind, capacity_kwh, reserve_soc,
       case stage when 'live' then charge_kw else 0 end as charge_kw,
       case stage when 'live' then discharge_kw else 0 end as discharge_kw
from record.device
"""
"""A device that is not in service has no power to trade with: engine and governor cannot ask it for any."""

# COPY refuses tables under row-level security, from their owner too; one statement over arrays is as quick.
INSERT_SITES = """
insert into record.site (
    no, id, tenant_id, nmi, name, region, feeder, import_limit_kw, export_limit_kw, created_at
)
select $1 + s.place - 1, s.id, $2, s.nmi, s.name, s.region, s.feeder, s.import_kw, s.export_kw, $3
from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[], $10::float8[])
    with ordinality as s (id, nmi, name, region, feeder, import_kw, export_kw, place)
"""
INSERT_DEVICES = """
insert into record.device (
    no, id, tenant_id, site_no, kind, charge_kw, discharge_kw, capacity_kwh, reserve_soc,
    make, model, serial, stage
)
select $1 + d.place - 1, d.id, $2, d.site_no, d.kind, d.charge_kw, d.discharge_kw, d.capacity_kwh,
       d.reserve_soc, d.make, d.model, d.serial, d.stage
from unnest($3::text[], $4::int[], $5::text[], $6::float8[], $7::float8[], $8::float8[], $9::float8[],
            $10::text[], $11::text[], $12::text[], $13::text[])
    with ordinality as d (
        id, site_no, kind, charge_kw, discharge_kw, capacity_kwh, reserve_soc,
        make, model, serial, stage, place
    )
"""
INSERT_MEMBERS = """
insert into record.vpp_member (vpp_id, site_no, tenant_id, during)
select m.vpp_id, m.site_no, $1, tstzrange($2, null) from unnest($3::text[], $4::int[]) as m (vpp_id, site_no)
"""


@dataclass(frozen=True, slots=True)
class Plate:
    """What is entered of a device when it is enrolled."""

    make: str
    model: str = ""
    serial: str = ""
    stage: Stage = Stage.DISCOVERED


CONTRACT = Plate("manta-contract", stage=Stage.LIVE)
"""A home whose own controller dials in takes part from the start."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company whose fleet this is."""

    id: TenantId
    name: str
    cap_kw: float
    """The most that the governor lets its fleet move, a magnitude."""


@dataclass(frozen=True, slots=True)
class Vpp:
    """Sites of one region that trade as one."""

    id: VppId
    name: str
    region: Region


@dataclass(frozen=True, slots=True)
class VppSize:
    """A VPP and how many sites belong to it now."""

    vpp: Vpp
    sites: int


@dataclass(frozen=True, slots=True)
class Enrolled:
    """How many were new; what was there already stays as it is."""

    vpps: int
    sites: int
    devices: int


class Enrolment:
    """The register of those who take part. Reading needs a service's pool, enrolling the owner's."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def tables(self) -> tuple[SiteTable, DeviceTable]:
        """Read every tenant's sites and devices as columns, all of one moment."""
        tenants: list[asyncpg.Record] = []
        vpps: list[asyncpg.Record] = []
        sites: list[asyncpg.Record] = []
        devices: list[asyncpg.Record] = []
        async with self._pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            async for tenant in each_tenant(conn):
                tenants += await conn.fetch("select no, id from record.tenant where id = $1", tenant)
                vpps += await conn.fetch("select no, id from record.vpp where tenant_id = $1", tenant)
                sites += await conn.fetch(SITES + "where s.tenant_id = $1", tenant)
                devices += await conn.fetch(DEVICES + "where tenant_id = $1", tenant)
        return _site_table(tenants, vpps, sites), _device_table(devices)

    async def tenants(self) -> Sequence[Tenant]:
        """Read every tenant, by number."""
        rows = await self._pool.fetch("select id, name, cap_kw from record.tenant order by no")
        return [Tenant(TenantId(row["id"]), row["name"], row["cap_kw"]) for row in rows]

    async def rules(self) -> Sequence[tuple[TenantId, SpotRule]]:
        """Read every tenant's enabled rules."""
        found: list[tuple[TenantId, SpotRule]] = []
        async with self._pool.acquire() as conn, conn.transaction():
            async for tenant in each_tenant(conn):
                rows = await conn.fetch(
                    "select * from record.rule where tenant_id = $1 and enabled order by vpp_id, name, id",
                    tenant,
                )
                found += [(tenant, spot_rule(row)) for row in rows]
        return found

    async def vpps(self, tenant: TenantId) -> Sequence[VppSize]:
        """Read a tenant's VPPs with their present size, by number."""
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch(
                "select v.id, v.name, v.region, count(m.site_no) as sites from record.vpp v "
                "left join record.vpp_member m on m.vpp_id = v.id and upper_inf(m.during) "
                "where v.tenant_id = $1 group by v.id order by v.no",
                tenant,
            )
        return [
            VppSize(Vpp(VppId(row["id"]), row["name"], Region(row["region"])), row["sites"]) for row in rows
        ]

    async def enrol(
        self,
        tenant: Tenant,
        vpps: Sequence[Vpp],
        sites: Sequence[Site],
        vpp_of: Mapping[SiteId, VppId],
        at: datetime,
    ) -> Enrolled:
        """Enrol a tenant's VPPs and sites with their devices, all or nothing; what is there stays."""
        async with connect_for(self._pool, tenant.id) as conn:
            await take_turn(conn)
            await _add_tenant(conn, tenant)
            new_vpps = await _add_vpps(conn, tenant.id, vpps)
            new_sites, new_devices = await add_sites(conn, tenant.id, sites, vpp_of, at)
        return Enrolled(new_vpps, new_sites, new_devices)


async def take_turn(conn: Client) -> None:
    """Wait until no other enrolment is under way: one at a time leaves no gaps in the numbers."""
    await conn.execute("select from record.numbering for update")


async def add_sites(
    conn: Client,
    tenant: TenantId,
    sites: Sequence[Site],
    vpp_of: Mapping[SiteId, VppId],
    at: datetime,
    plates: Mapping[DeviceId, Plate] | None = None,
) -> tuple[int, int]:
    """Add those sites that are new, within the caller's turn; return how many sites and devices they are."""
    known = {row["id"] for row in await conn.fetch("select id from record.site where tenant_id = $1", tenant)}
    fresh = [site for site in sites if site.id not in known]
    first = await _claim(conn, "site", len(fresh))
    await _add_sites(conn, tenant, first, fresh, at)
    devices = [(first + i, device) for i, site in enumerate(fresh) for device in site.devices]
    await _add_devices(conn, tenant, devices, plates or {})
    members = [(first + i, vpp_of[site.id]) for i, site in enumerate(fresh) if site.id in vpp_of]
    await _add_members(conn, tenant, members, at)
    return len(fresh), len(devices)


def _site_table(
    tenants: Sequence[asyncpg.Record], vpps: Sequence[asyncpg.Record], rows: Sequence[asyncpg.Record]
) -> SiteTable:
    sites = _dense("site", rows)
    feeders = [row["feeder"] for row in sites]
    feeder_no = {feeder: no for no, feeder in enumerate(dict.fromkeys(feeders))}
    region_no = {region.value: no for no, region in enumerate(REGIONS)}
    return SiteTable(
        ids=[row["id"] for row in sites],
        tenant_no=_column(sites, "tenant_no", np.int32),
        vpp_no=_column(sites, "vpp_no", np.int32),
        region=np.array([region_no[row["region"]] for row in sites], np.int8),
        feeder_no=np.array([feeder_no[feeder] for feeder in feeders], np.int32),
        import_limit_kw=_column(sites, "import_limit_kw", np.float64),
        export_limit_kw=_column(sites, "export_limit_kw", np.float64),
        tenants=[row["id"] for row in _dense("tenant", tenants)],
        vpps=[row["id"] for row in _dense("vpp", vpps)],
    )


def _device_table(rows: Sequence[asyncpg.Record]) -> DeviceTable:
    devices = _dense("device", rows)
    kind_no = {kind.value: no for no, kind in enumerate(DEVICE_KINDS)}
    return DeviceTable(
        ids=[row["id"] for row in devices],
        site_no=_column(devices, "site_no", np.int32),
        kind=np.array([kind_no[row["kind"]] for row in devices], np.int8),
        charge_kw=_column(devices, "charge_kw", np.float64),
        discharge_kw=_column(devices, "discharge_kw", np.float64),
        capacity_kwh=_column(devices, "capacity_kwh", np.float64),
        reserve_soc=_column(devices, "reserve_soc", np.float64),
    )


def _column(rows: Sequence[asyncpg.Record], name: str, dtype: type[Any]) -> NDArray[Any]:
    return np.array([nan if row[name] is None else row[name] for row in rows], dtype)


def _dense(noun: str, rows: Sequence[asyncpg.Record]) -> Sequence[asyncpg.Record]:
    """Return rows in the order of their numbers, which leave none out."""
    ordered = sorted(rows, key=lambda row: row["no"])
    if ordered and ordered[-1]["no"] != len(ordered) - 1:
        raise LookupError(f"{noun} numbers run to {ordered[-1]['no']} but there are {len(ordered)}")
    return ordered


async def _claim(conn: Client, name: str, count: int) -> int:
    """Return the first of so many numbers, now given."""
    first: int = await conn.fetchval(
        "update record.numbering set next = next + $2 where name = $1 returning next - $2", name, count
    )
    return first


async def _add_tenant(conn: Client, tenant: Tenant) -> None:
    if not await conn.fetchval("select true from record.tenant where id = $1", tenant.id):
        await conn.execute(
            "insert into record.tenant (id, no, name, cap_kw) values ($1, $2, $3, $4)",
            tenant.id,
            await _claim(conn, "tenant", 1),
            tenant.name,
            tenant.cap_kw,
        )


async def _add_vpps(conn: Client, tenant: TenantId, vpps: Sequence[Vpp]) -> int:
    known = {row["id"] for row in await conn.fetch("select id from record.vpp where tenant_id = $1", tenant)}
    fresh = [vpp for vpp in vpps if vpp.id not in known]
    first = await _claim(conn, "vpp", len(fresh))
    await conn.executemany(
        "insert into record.vpp (no, id, tenant_id, name, region) values ($1, $2, $3, $4, $5)",
        [(first + i, vpp.id, tenant, vpp.name, vpp.region) for i, vpp in enumerate(fresh)],
    )
    return len(fresh)


async def _add_sites(conn: Client, tenant: TenantId, first: int, sites: Sequence[Site], at: datetime) -> None:
    await conn.execute(
        INSERT_SITES,
        first,
        tenant,
        at,
        [site.id for site in sites],
        [site.nmi for site in sites],
        [site.name for site in sites],
        [site.region for site in sites],
        [site.feeder for site in sites],
        [-site.connection.floor_kw for site in sites],
        [site.connection.ceiling_kw for site in sites],
    )


async def _add_devices(
    conn: Client, tenant: TenantId, devices: Sequence[tuple[int, Device]], entered: Mapping[DeviceId, Plate]
) -> None:
    first = await _claim(conn, "device", len(devices))
    plates = [entered.get(device.id, CONTRACT) for _, device in devices]
    await conn.execute(
        INSERT_DEVICES,
        first,
        tenant,
        [device.id for _, device in devices],
        [site_no for site_no, _ in devices],
        [DeviceKind(device.kind) for _, device in devices],
        [max(-device.rating.floor_kw, 0.0) for _, device in devices],
        [max(device.rating.ceiling_kw, 0.0) for _, device in devices],
        [device.capacity_kwh for _, device in devices],
        [device.reserve_soc for _, device in devices],
        [plate.make for plate in plates],
        [plate.model for plate in plates],
        [plate.serial for plate in plates],
        [plate.stage for plate in plates],
    )


async def _add_members(
    conn: Client, tenant: TenantId, members: Sequence[tuple[int, VppId]], at: datetime
) -> None:
    await conn.execute(
        INSERT_MEMBERS,
        tenant,
        at,
        [vpp for _, vpp in members],
        [site_no for site_no, _ in members],
    )
