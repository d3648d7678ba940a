"""People and how they are known: passwords and sessions, both as hashes."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from manta.domain.identity import TenantId, UserId
from manta.store.audit import Deed, append
from manta.store.pool import Client, Pool, act_for, connect_for

USER = """
select u.id, u.tenant_id, t.name as tenant_name, u.email, u.name, u.role, u.password_hash
from record.app_user u join record.tenant t on t.id = u.tenant_id
"""
FIND_USER = USER + "where u.id = $1 and u.disabled_at is null"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who works for a tenant."""

    id: UserId
    tenant: TenantId
    tenant_name: str
    email: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class NewUser:
    """Somebody to be let in."""

    id: UserId
    email: str
    name: str
    password_hash: str
    role: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """Whom an address belongs to, and what their password must fit."""

    user: User
    password_hash: str


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in with a cookie."""

    user: User
    seen_at: datetime
    expires_at: datetime


class Users:
    """Who may come in. A user who was disabled is found no more, by whatever means."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, tenant: TenantId, user: NewUser) -> None:
        """Let somebody in; an address that is known already stays as it is."""
        async with connect_for(self._pool, tenant) as conn:
            await conn.execute(
                "insert into record.app_user (id, tenant_id, email, name, password_hash, role) "
                "values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
                user.id,
                tenant,
                user.email,
                user.name,
                user.password_hash,
                user.role,
            )

    async def by_email(self, email: str) -> Claimed | None:
        """Find whom an address belongs to."""
        async with self._pool.acquire() as conn, conn.transaction():
            await present(conn, email.lower())
            tenant = await conn.fetchval(
                "select tenant_id from record.app_user where lower(email) = lower($1)", email
            )
            if tenant is None:
                return None
            await act_for(conn, tenant)
            row = await conn.fetchrow(
                USER + "where lower(u.email) = lower($1) and u.disabled_at is null", email
            )
        return Claimed(read_user(row), row["password_hash"]) if row else None

    async def open_session(self, user: User, id_hash: bytes, at: datetime, expires_at: datetime) -> None:
        """Keep a new session, and sweep out those of the tenant that have ended."""
        async with connect_for(self._pool, user.tenant) as conn:
            await conn.execute("delete from record.session where expires_at <= $1", at)
            await conn.execute(
                "insert into record.session (id_hash, tenant_id, user_id, created_at, seen_at, expires_at) "
                "values ($1, $2, $3, $4, $4, $5)",
                id_hash,
                user.tenant,
                user.id,
                at,
                expires_at,
            )
            await append(conn, user.tenant, Deed(at, user.email, "session.opened", str(user.id), {}))

    async def session(self, id_hash: bytes) -> Session | None:
        """Find a session, also one whose time is over: its reader compares."""
        async with self._pool.acquire() as conn, conn.transaction():
            found = await _find_session(conn, id_hash)
            if found is None:
                return None
            row = await conn.fetchrow(FIND_USER, found["user_id"])
        return Session(read_user(row), found["seen_at"], found["expires_at"]) if row else None

    async def touch_session(self, id_hash: bytes, at: datetime) -> None:
        """Note that a session is in use; one that has been closed stays closed."""
        async with self._pool.acquire() as conn, conn.transaction():
            if await _find_session(conn, id_hash):
                await conn.execute("update record.session set seen_at = $2 where id_hash = $1", id_hash, at)

    async def close_session(self, id_hash: bytes) -> None:
        """End a session; one that has ended stays so."""
        async with self._pool.acquire() as conn, conn.transaction():
            if await _find_session(conn, id_hash):
                await conn.execute("delete from record.session where id_hash = $1", id_hash)


async def present(conn: Client, secret: str) -> None:
    """Show what one row can be found by, until the transaction ends."""
    await conn.execute("select set_config('manta.presented', $1, true)", secret)


async def _find_session(conn: Client, id_hash: bytes) -> asyncpg.Record | None:
    """Find a session and turn to its tenant."""
    await present(conn, id_hash.hex())
    row = await conn.fetchrow(
        "select tenant_id, user_id, seen_at, expires_at from record.session where id_hash = $1", id_hash
    )
    if row is not None:
        await act_for(conn, row["tenant_id"])
    return row


def read_user(row: asyncpg.Record) -> User:
    """Read a user from their row."""
    return User(
        UserId(row["id"]),
        TenantId(row["tenant_id"]),
        row["tenant_name"],
        row["email"],
        row["name"],
        row["role"],
    )
