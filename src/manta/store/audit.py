"""Who did what: a chain of hashes per tenant; the database refuses to change a link."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from manta.domain.identity import TenantId
from manta.store.pool import Client, Pool, connect_for


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did, before it has its place in the chain."""

    at: datetime
    actor: str
    action: str
    """``rule.changed``, ``token.revoked`` …"""
    subject: str
    """What it was done to, by id."""
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One link of the chain."""

    no: int
    deed: Deed
    prev: bytes
    hash: bytes


async def append(conn: Client, tenant: TenantId, deed: Deed) -> int:
    """Add a deed to its tenant's chain within the caller's transaction, and return its number."""
    no: int = await conn.fetchval(
        "select record.audit_append($1, $2, $3, $4, $5, $6)",
        tenant,
        deed.at,
        deed.actor,
        deed.action,
        deed.subject,
        deed.detail,
    )
    return no


class Audit:
    """The chain as it is read, and written where nothing else is written with it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def write(self, tenant: TenantId, deed: Deed) -> int:
        """Add a deed that changes nothing else in the record, and return its number."""
        async with connect_for(self._pool, tenant) as conn:
            return await append(conn, tenant, deed)

    async def recent(self, tenant: TenantId, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        """Read the newest entries, newest first; only those numbered below ``before`` if it is given."""
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch(
                "select no, at, actor, action, subject, detail, prev, hash from record.audit "
                "where tenant_id = $1 and ($2::bigint is null or no < $2) order by no desc limit $3",
                tenant,
                before,
                limit,
            )
        return [_entry(row) for row in rows]

    async def verify(self, tenant: TenantId) -> int | None:
        """Recompute the chain and return the number of its first broken entry."""
        async with connect_for(self._pool, tenant) as conn:
            broken: int | None = await conn.fetchval("select record.audit_verify($1)", tenant)
        return broken


def _entry(row: asyncpg.Record) -> AuditEntry:
    deed = Deed(row["at"], row["actor"], row["action"], row["subject"], row["detail"])
    return AuditEntry(row["no"], deed, row["prev"], row["hash"])
