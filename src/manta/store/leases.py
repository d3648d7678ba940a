"""Leases: what the governor reads, and what it writes before anything leaves."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import numpy as np

from manta.domain.identity import BatchId, TenantId, VppId
from manta.domain.market import Region
from manta.domain.time import DispatchInterval
from manta.store.pool import Client, Pool, connect_for, each_tenant
from manta.wire.batches import IntentBatch, LeaseBatch
from manta.wire.columns import INTENT, LEASE, REFUSAL, pack, unpack
from manta.wire.seal import digest

INSERT = """
insert into record.lease_batch (
    id, intent_batch, tenant_id, vpp_id, region, interval_end, epoch, sequence, trace, expires_at,
    body, refusals, sha256, signature, created_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
on conflict (intent_batch) do nothing returning id
"""


class Leases:
    """The governor's part of the record."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(self, region: Region, holder: str, ttl: timedelta) -> int | None:
        """Take or keep the region's writer lease and return its epoch; None while another holds it."""
        epoch: int | None = await self._pool.fetchval(
            "select record.take_writer_lease($1, $2, $3)", f"region/{region}", holder, ttl
        )
        return epoch

    async def intents(self, tenant: TenantId, batch: BatchId) -> IntentBatch | None:
        """Read an intent batch; ValueError if its rows are not those that were written."""
        async with connect_for(self._pool, tenant) as conn:
            row = await conn.fetchrow("select * from record.intent_batch where id = $1", batch)
        return _intents(row) if row else None

    async def write(self, batch: LeaseBatch) -> LeaseBatch:
        """Write a lease batch; one that answers the same intents already is returned instead.

        A stale epoch or an over-long lease is refused by the database (PermissionError).
        """
        try:
            async with connect_for(self._pool, batch.tenant) as conn:
                if await _insert(conn, batch):
                    return batch
                row = await conn.fetchrow(
                    "select * from record.lease_batch where intent_batch = $1", batch.intents
                )
        except asyncpg.InsufficientPrivilegeError as refusal:
            raise PermissionError(str(refusal)) from refusal
        except asyncpg.CheckViolationError as refusal:
            raise PermissionError(f"{refusal.constraint_name}: {refusal}") from refusal
        if row is None:
            raise LookupError(f"intents {batch.intents} have leases that tenant {batch.tenant} cannot see")
        return _leases(row)

    async def live(self, at: datetime) -> Sequence[LeaseBatch]:
        """Read the batches that still have a lease running, oldest first, with all their rows."""
        found: list[LeaseBatch] = []
        async with self._pool.acquire() as conn, conn.transaction():
            async for tenant in each_tenant(conn):
                rows = await conn.fetch(
                    "select * from record.lease_batch where tenant_id = $1 and expires_at > $2", tenant, at
                )
                found += [_leases(row) for row in rows]
        return sorted(found, key=lambda b: (b.created_at, b.epoch, b.sequence))

    async def last_sequence(self, region: Region, epoch: int) -> int:
        """Return the highest sequence written in an epoch, 0 if none."""
        highest = 0
        async with self._pool.acquire() as conn, conn.transaction():
            async for _ in each_tenant(conn):
                last = await conn.fetchval(
                    "select max(sequence) from record.lease_batch where region = $1 and epoch = $2",
                    region,
                    epoch,
                )
                highest = max(highest, last or 0)
        return highest


async def _insert(conn: Client, batch: LeaseBatch) -> bool:
    body, refusals = pack(batch.rows), pack(batch.refusals)
    written = await conn.fetchval(
        INSERT,
        batch.id,
        batch.intents,
        batch.tenant,
        batch.vpp,
        batch.region,
        batch.interval.end,
        batch.epoch,
        batch.sequence,
        batch.trace,
        batch.expires_at,
        body,
        refusals,
        digest(body + refusals),
        batch.signature,
        batch.created_at,
    )
    return written is not None


def _intents(row: asyncpg.Record) -> IntentBatch:
    _require_whole(row, row["body"])
    return IntentBatch(
        id=BatchId(row["id"]),
        tenant=TenantId(row["tenant_id"]),
        vpp=VppId(row["vpp_id"]),
        region=Region(row["region"]),
        interval=DispatchInterval(row["interval_end"]),
        cycle=row["cycle"],
        price_per_mwh=float(row["price_per_mwh"]),
        price_status=row["price_status"],
        because=row["because"],
        trace=row["trace"],
        created_at=row["created_at"],
        rows=unpack(INTENT, row["body"]),
    )


def _leases(row: asyncpg.Record) -> LeaseBatch:
    _require_whole(row, row["body"] + row["refusals"])
    return LeaseBatch(
        id=BatchId(row["id"]),
        intents=BatchId(row["intent_batch"]),
        tenant=TenantId(row["tenant_id"]),
        vpp=VppId(row["vpp_id"]),
        region=Region(row["region"]),
        interval=DispatchInterval(row["interval_end"]),
        epoch=row["epoch"],
        sequence=row["sequence"],
        trace=row["trace"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        rows=unpack(LEASE, row["body"]),
        refusals=unpack(REFUSAL, row["refusals"]),
        signature=row["signature"],
    )


def refusals_by_guard(packed: bytes) -> dict[int, int]:
    """Count the sites refused, by the guard's number."""
    guards, sites = np.unique(unpack(REFUSAL, packed)["guard"], return_counts=True)
    return dict(zip(guards.tolist(), sites.tolist(), strict=True))


def _require_whole(row: asyncpg.Record, body: bytes) -> None:
    if digest(body) != row["sha256"]:
        raise ValueError(f"batch {row['id']} does not match its digest")
