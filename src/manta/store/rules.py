"""Rules: what operators ask for. A change, its audit entry and its message are one transaction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import asyncpg

from manta.domain.identity import RuleId, TenantId, VppId
from manta.domain.market import Region
from manta.domain.rule import SpotRule
from manta.store.audit import Deed, append
from manta.store.outbox import announce
from manta.store.pool import Client, Pool, connect_for
from manta.store.prices import exact

INSERT = """
insert into record.rule (
    id, tenant_id, vpp_id, name, sell_above_per_mwh, buy_below_per_mwh, site_export_kw, reserve_soc, enabled,
    changed_by, changed_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
UPDATE = """
update record.rule set
    name = $2, sell_above_per_mwh = $3, buy_below_per_mwh = $4, site_export_kw = $5, reserve_soc = $6,
    enabled = $7, changed_by = $8, changed_at = $9, version = version + 1
where id = $1
"""
READ = """
select r.*, v.name as vpp_name, v.region
from record.rule r join record.vpp v on v.id = r.vpp_id
"""


@dataclass(frozen=True, slots=True)
class RecordedRule:
    """A rule as it stands, and who left it so."""

    rule: SpotRule
    vpp_name: str
    region: Region
    version: int
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Conflict:
    """The change was not made: the rule has moved on from the version that was changed."""

    current: RecordedRule


class Rules:
    """A tenant's rules."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, tenant: TenantId) -> Sequence[RecordedRule]:
        """Read every rule of a tenant."""
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch(READ + "where r.tenant_id = $1 order by v.no, r.name, r.id", tenant)
        return [_recorded(row) for row in rows]

    async def create(self, tenant: TenantId, rule: SpotRule, actor: str, at: datetime) -> RecordedRule | None:
        """Add a rule; None if the tenant has no such VPP."""
        async with connect_for(self._pool, tenant) as conn:
            if not await conn.fetchval("select true from record.vpp where id = $1", rule.vpp):
                return None
            await conn.execute(
                INSERT,
                rule.id,
                tenant,
                rule.vpp,
                *_wishes(rule),
                actor,
                at,
            )
            await _note(conn, tenant, Deed(at, actor, "rule.created", str(rule.id), _words(rule)))
            return await _read(conn, rule.id)

    async def update(
        self, tenant: TenantId, rule: SpotRule, version: int, actor: str, at: datetime
    ) -> RecordedRule | Conflict | None:
        """Change a rule that is still at the version given; its VPP stays. None if there is no such rule."""
        async with connect_for(self._pool, tenant) as conn:
            before = await _read(conn, rule.id, "for update of r")
            if before is None:
                return None
            if before.version != version:
                return Conflict(before)
            await conn.execute(
                UPDATE,
                rule.id,
                *_wishes(rule),
                actor,
                at,
            )
            after = await _read(conn, rule.id)
            assert after is not None  # noqa: S101 - we hold its row
            detail = {"before": _words(before.rule), "after": _words(after.rule)}
            await _note(conn, tenant, Deed(at, actor, "rule.changed", str(rule.id), detail))
            return after

    async def delete(self, tenant: TenantId, id: RuleId, actor: str, at: datetime) -> RecordedRule | None:
        """Take a rule away and return it as it last stood; None if there was none."""
        async with connect_for(self._pool, tenant) as conn:
            before = await _read(conn, id, "for update of r")
            if before is not None:
                await conn.execute("delete from record.rule where id = $1", id)
                await _note(conn, tenant, Deed(at, actor, "rule.deleted", str(id), _words(before.rule)))
            return before


def spot_rule(row: asyncpg.Record) -> SpotRule:
    """Read a rule from its row."""
    return SpotRule(
        id=RuleId(row["id"]),
        vpp=VppId(row["vpp_id"]),
        name=row["name"],
        sell_above_per_mwh=float(row["sell_above_per_mwh"]),
        buy_below_per_mwh=float(row["buy_below_per_mwh"]),
        site_export_kw=row["site_export_kw"],
        reserve_soc=row["reserve_soc"],
        enabled=row["enabled"],
    )


async def _read(conn: Client, id: RuleId, locking: str = "") -> RecordedRule | None:
    row = await conn.fetchrow(f"{READ} where r.id = $1 {locking}", id)
    return _recorded(row) if row else None


async def _note(conn: Client, tenant: TenantId, deed: Deed) -> None:
    await append(conn, tenant, deed)
    await announce(conn, tenant, "rules", deed.at)


def _recorded(row: asyncpg.Record) -> RecordedRule:
    return RecordedRule(
        spot_rule(row),
        row["vpp_name"],
        Region(row["region"]),
        row["version"],
        row["changed_by"],
        row["changed_at"],
    )


def _wishes(rule: SpotRule) -> tuple[object, ...]:
    return (
        rule.name,
        exact(rule.sell_above_per_mwh),
        exact(rule.buy_below_per_mwh),
        rule.site_export_kw,
        rule.reserve_soc,
        rule.enabled,
    )


def _words(rule: SpotRule) -> dict[str, object]:
    """Spell a rule for the audit."""
    return asdict(rule) | {"id": str(rule.id)}
