"""Connections to the record, and on whose behalf they are used."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from manta.domain.identity import TenantId

type Pool = asyncpg.Pool[asyncpg.Record]
type Client = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]


async def open_pool(dsn: str, size: int = 8, timeout_s: float = 30) -> Pool:
    """Open a role's connections; they are made when first needed, and no statement outlasts the time-out."""
    pool: Pool = await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        max_inactive_connection_lifetime=0,  # a governor that rests between intervals must not sign in first
        command_timeout=timeout_s,
        init=_prepare,
        server_settings={"application_name": "manta", "timezone": "UTC", "jit": "off"},
    )
    return pool


async def _prepare(connection: Client) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


@asynccontextmanager
async def tenant(conn: Client, id: TenantId) -> AsyncIterator[None]:
    """Open a transaction that sees and writes the rows of one tenant."""
    async with conn.transaction():
        await act_for(conn, id)
        yield


@asynccontextmanager
async def connect_for(pool: Pool, id: TenantId) -> AsyncIterator[Client]:
    """Borrow a connection for one transaction of one tenant."""
    async with pool.acquire() as conn, tenant(conn, id):
        yield conn


async def act_for(conn: Client, id: TenantId) -> None:
    """Turn to a tenant until the transaction ends, or until the next turn."""
    await conn.execute("select set_config('manta.tenant', $1, true)", id)


async def tenant_ids(conn: Client) -> Sequence[TenantId]:
    """Read every tenant's id, by number; a role that serves one tenant at a time sees only that one."""
    return [TenantId(row["id"]) for row in await conn.fetch("select id from record.tenant order by no")]


async def each_tenant(conn: Client) -> AsyncIterator[TenantId]:
    """Turn to one tenant after another, inside one transaction of the caller's."""
    for id in await tenant_ids(conn):
        await act_for(conn, id)
        yield id
