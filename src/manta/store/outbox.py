"""Messages that leave because the record changed: written with the change, sent afterwards, at least once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Literal

import msgspec

from manta.domain.identity import TenantId
from manta.store.pool import Client, Pool, each_tenant
from manta.wire.events import Changed
from manta.wire.subjects import CHANGES

CHANNEL = "manta_outbox"
"""PostgreSQL's own bell; it says that there is something, never what."""
AT_ONCE = 100

type Publish = Callable[[str, bytes], Awaitable[None]]


async def announce(
    conn: Client, tenant: TenantId, subject: Literal["rules", "vpps", "sites"], at: datetime
) -> None:
    """Leave word, within the caller's transaction, that others should read a subject again."""
    await conn.execute(
        "insert into record.outbox (tenant_id, subject, body, created_at) values ($1, $2, $3, $4)",
        tenant,
        CHANGES,
        msgspec.msgpack.encode(Changed(tenant, subject)),
        at,
    )
    await conn.execute(f"notify {CHANNEL}")


class Outbox:
    """What waits to be sent, of every tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def relay(self, publish: Publish, at: datetime) -> int:
        """Publish what waits, oldest first, and mark it sent; several relays never take the same message.

        If publishing fails the message stays, and whatever went out before it may go out again.
        """
        sent = 0
        async with self._pool.acquire() as conn, conn.transaction():
            async for tenant in each_tenant(conn):
                sent += await _relay_one(conn, tenant, publish, at)
        return sent

    @asynccontextmanager
    async def bell(self) -> AsyncIterator[asyncio.Event]:
        """Yield an event that is set whenever something was left to send; the listener clears it."""
        rung = asyncio.Event()

        def ring(*_: object) -> None:
            rung.set()

        async with self._pool.acquire() as conn:
            await conn.add_listener(CHANNEL, ring)
            try:
                yield rung
            finally:
                await conn.remove_listener(CHANNEL, ring)


async def _relay_one(conn: Client, tenant: TenantId, publish: Publish, at: datetime) -> int:
    rows = await conn.fetch(
        "select id, subject, body from record.outbox where tenant_id = $1 and sent_at is null "
        "order by id limit $2 for update skip locked",
        tenant,
        AT_ONCE,
    )
    for row in rows:
        await publish(row["subject"], row["body"])
    await conn.execute(
        "update record.outbox set sent_at = $1 where id = any($2::bigint[])", at, [row["id"] for row in rows]
    )
    return len(rows)
