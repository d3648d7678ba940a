"""What each device is, how it came into service, what is wrong at its site, and how people list them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from manta.domain.commissioning import Commissioning, Fault, Remark, Stage
from manta.domain.der import Capability, Identity
from manta.domain.finding import Finding, FindingKind
from manta.domain.identity import DeviceId, SiteId, TenantId, UserId, VppId
from manta.domain.market import Region
from manta.domain.site import DeviceKind
from manta.store.pool import Pool, connect_for

MICRO = 1_000_000
MOST_PAGE = 500

DEVICES = """
select d.no, d.id, d.kind, d.make, d.model, d.serial, d.firmware, d.capability, d.stage,
       d.charge_kw, d.discharge_kw, d.capacity_kwh,
       s.id as site, s.no as site_no, s.name as site_name, s.region, m.vpp_id,
       (select count(*) from record.finding f where f.site_no = s.no and f.closed_at is null) as findings
from record.device d
join record.site s on s.no = d.site_no
left join record.vpp_member m on m.site_no = s.no and upper_inf(m.during)
where d.tenant_id = $1 and d.no > $2
    and ($3::text is null or s.region = $3) and ($4::text is null or m.vpp_id = $4)
    and ($5::text is null or d.make = $5) and ($6::text is null or d.stage = $6)
    and ($7::text is null or d.kind = $7)
    and ($8::text is null
         or strpos(lower(concat_ws(' ', d.id, d.model, d.serial, s.name, s.nmi)), lower($8)) > 0)
order by d.no limit $9
"""
HISTORY = """
select c.* from record.commissioning c join record.device d on d.no = c.device_no
where c.tenant_id = $1 and d.id = $2 order by c.no
"""
ADD_REMARK = """
insert into record.commissioning (device_no, no, tenant_id, stage, fault, reached, at, actor, evidence)
select d.no, $3, $1, $4, $5, $6, $7, $8, $9 from record.device d where d.tenant_id = $1 and d.id = $2
returning true
"""
# What is seen again keeps the day when it was first seen.
SAVE_FINDINGS = """
insert into record.finding as f (
    tenant_id, site_no, kind, part, first_seen_at, last_seen_at, evidence, daily_micro_aud, remedy
)
select $1, n.site_no, n.kind, n.part, least(n.first_seen_at, $2), $2, n.evidence, n.micro_aud, n.remedy
from unnest($3::int[], $4::text[], $5::text[], $6::timestamptz[], $7::jsonb[], $8::bigint[], $9::text[])
    as n (site_no, kind, part, first_seen_at, evidence, micro_aud, remedy)
on conflict (site_no, kind, part) where closed_at is null do update set
    first_seen_at = least(f.first_seen_at, excluded.first_seen_at), last_seen_at = excluded.last_seen_at,
    evidence = excluded.evidence, daily_micro_aud = excluded.daily_micro_aud, remedy = excluded.remedy
"""
CLOSE_FINDINGS = """
update record.finding set closed_at = $2
where tenant_id = $1 and closed_at is null and site_no = any($3::int[]) and last_seen_at < $2
returning true
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which devices to list; None means all."""

    region: Region | None = None
    vpp: VppId | None = None
    make: str | None = None
    stage: Stage | None = None
    kind: DeviceKind | None = None
    words: str | None = None
    """A part of an id, a model, a serial number, a name or an NMI, in any case."""


@dataclass(frozen=True, slots=True)
class Item:
    """A device in the list."""

    no: int
    id: DeviceId
    kind: DeviceKind
    site: SiteId
    site_no: int
    site_name: str
    region: Region
    vpp: VppId | None
    make: str
    model: str
    serial: str
    firmware: str
    stage: Stage
    charge_kw: float
    discharge_kw: float
    capacity_kwh: float | None
    capability: Capability | None
    """What it told of itself; None until it was asked."""
    findings: int
    """Open ones at its site."""


@dataclass(frozen=True, slots=True)
class KeptFinding:
    """A finding with its life so far."""

    finding: Finding
    last_seen_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class View:
    """How somebody looks at the list."""

    id: UUID
    user: UserId
    name: str
    query: Mapping[str, object]


class Inventory:
    """A tenant's devices. Findings are saved with the engine's pool, everything else with the api's."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def devices(
        self, tenant: TenantId, wanted: Wanted | None = None, after: int = -1, limit: int = 100
    ) -> Sequence[Item]:
        """Read devices numbered above ``after``, by number: the last one's number asks for the next page."""
        w = wanted or Wanted()
        filters = (w.region, w.vpp, w.make, w.stage, w.kind, w.words)
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch(DEVICES, tenant, after, *filters, min(limit, MOST_PAGE))
        return [_item(row) for row in rows]

    async def describe(
        self, tenant: TenantId, device: DeviceId, identity: Identity, capability: Capability
    ) -> bool:
        """Keep what a device told of itself; False if there is no such device."""
        async with connect_for(self._pool, tenant) as conn:
            found = await conn.fetchval(
                "update record.device set make = $3, model = $4, serial = $5, firmware = $6, capability = $7 "
                "where tenant_id = $1 and id = $2 returning true",
                *(tenant, device, identity.make.lower(), identity.model, identity.serial),
                *(identity.firmware, asdict(capability)),
            )
        return found is not None

    async def way(self, tenant: TenantId, device: DeviceId) -> Commissioning | None:
        """Read how far a device came, with every check that was made; None if there is no such device."""
        async with connect_for(self._pool, tenant) as conn:
            stage = await conn.fetchval(
                "select stage from record.device where tenant_id = $1 and id = $2", tenant, device
            )
            rows = await conn.fetch(HISTORY, tenant, device)
        if stage is None:
            return None
        return Commissioning(device, Stage(stage), tuple(_remark(row) for row in rows))

    async def save_remark(self, tenant: TenantId, way: Commissioning, remark: Remark) -> None:
        """Append a way's newest remark and move the device to its stage, both or neither.

        LookupError if there is no such device; a unique violation if somebody else made the same step first.
        """
        async with connect_for(self._pool, tenant) as conn:
            added = await conn.fetchval(
                ADD_REMARK,
                *(tenant, way.device, len(way.remarks), remark.stage, remark.fault, way.stage),
                *(remark.at, remark.by, dict(remark.evidence)),
            )
            if not added:
                raise LookupError(f"{tenant} has no device {way.device}")
            await conn.execute(
                "update record.device set stage = $3 where tenant_id = $1 and id = $2",
                *(tenant, way.device, way.stage),
            )

    async def save_findings(
        self, tenant: TenantId, judged: Sequence[int], findings: Sequence[Finding], at: datetime
    ) -> int:
        """Keep what was found at the sites judged, close what is gone, and return how many were closed."""
        columns = (
            [finding.site_no for finding in findings],
            [finding.kind.value for finding in findings],
            [finding.part for finding in findings],
            [finding.first_seen_at for finding in findings],
            [dict(finding.evidence) for finding in findings],
            [int(finding.daily_aud * MICRO) for finding in findings],
            [finding.remedy for finding in findings],
        )
        async with connect_for(self._pool, tenant) as conn:
            await conn.execute(SAVE_FINDINGS, tenant, at, *columns)
            closed = await conn.fetch(CLOSE_FINDINGS, tenant, at, list(judged))
        return len(closed)

    async def findings(self, tenant: TenantId, site_no: int) -> Sequence[KeptFinding]:
        """Read a site's findings: open ones first, then the newest."""
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch(
                "select * from record.finding where tenant_id = $1 and site_no = $2 "
                "order by closed_at is not null, last_seen_at desc, id",
                *(tenant, site_no),
            )
        return [_finding(row) for row in rows]

    async def save_view(self, tenant: TenantId, view: View, at: datetime) -> None:
        """Keep a view; one of the same person's with the same name takes its place."""
        async with connect_for(self._pool, tenant) as conn:
            await conn.execute(
                "insert into record.saved_view (id, tenant_id, user_id, name, query, changed_at) "
                "values ($1, $2, $3, $4, $5, $6) on conflict (tenant_id, user_id, name) do update set "
                "query = excluded.query, changed_at = excluded.changed_at",
                *(view.id, tenant, view.user, view.name, dict(view.query), at),
            )

    async def views(self, tenant: TenantId, user: UserId) -> Sequence[View]:
        """Read a person's views, by name."""
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch(
                "select * from record.saved_view where tenant_id = $1 and user_id = $2 order by name",
                *(tenant, user),
            )
        return [View(row["id"], UserId(row["user_id"]), row["name"], row["query"]) for row in rows]

    async def drop_view(self, tenant: TenantId, user: UserId, id: UUID) -> bool:
        """Forget a person's view; False if there is none."""
        async with connect_for(self._pool, tenant) as conn:
            dropped = await conn.fetchval(
                "delete from record.saved_view where tenant_id = $1 and user_id = $2 and id = $3 "
                "returning true",
                *(tenant, user, id),
            )
        return dropped is not None


def _item(row: asyncpg.Record) -> Item:
    capability = row["capability"]
    return Item(
        no=row["no"],
        id=DeviceId(row["id"]),
        kind=DeviceKind(row["kind"]),
        site=SiteId(row["site"]),
        site_no=row["site_no"],
        site_name=row["site_name"],
        region=Region(row["region"]),
        vpp=None if row["vpp_id"] is None else VppId(row["vpp_id"]),
        make=row["make"],
        model=row["model"],
        serial=row["serial"],
        firmware=row["firmware"],
        stage=Stage(row["stage"]),
        charge_kw=row["charge_kw"],
        discharge_kw=row["discharge_kw"],
        capacity_kwh=row["capacity_kwh"],
        capability=None if capability is None else Capability(**capability),
        findings=row["findings"],
    )


def _remark(row: asyncpg.Record) -> Remark:
    fault = None if row["fault"] is None else Fault(row["fault"])
    return Remark(Stage(row["stage"]), fault, row["at"], row["actor"], row["evidence"])


def _finding(row: asyncpg.Record) -> KeptFinding:
    finding = Finding(
        FindingKind(row["kind"]),
        row["site_no"],
        row["part"],
        row["first_seen_at"],
        row["evidence"],
        Decimal(row["daily_micro_aud"]) / MICRO,
        row["remedy"],
    )
    return KeptFinding(finding, row["last_seen_at"], row["closed_at"])
