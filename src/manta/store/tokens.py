"""API tokens: how programs come in; their secrets are kept as hashes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from manta.domain.identity import TenantId, UserId
from manta.store.audit import Deed, append
from manta.store.pool import Client, Pool, act_for, connect_for
from manta.store.users import FIND_USER, User, present, read_user

INSERT = """
insert into record.api_token (id, tenant_id, user_id, name, token_hash, role, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
"""
READ = """
select k.id, k.name, k.role, k.user_id, u.name as created_by, k.created_at, k.expires_at, k.revoked_at,
       k.last_used_at
from record.api_token k join record.app_user u on u.id = k.user_id
"""
REVOKE = """
update record.api_token set revoked_at = $2 where id = $1 and revoked_at is null returning true
"""


@dataclass(frozen=True, slots=True)
class Token:
    """A program's way in, without its secret."""

    id: UUID
    name: str
    role: str
    user: UserId
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """A token that was presented, and whose it is."""

    token: Token
    user: User


class Tokens:
    """A tenant's tokens."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, tenant: TenantId) -> Sequence[Token]:
        """Read a tenant's tokens, newest first."""
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch(READ + "where k.tenant_id = $1 order by k.created_at desc, k.id", tenant)
        return [_token(row) for row in rows]

    async def create(self, tenant: TenantId, token: Token, token_hash: bytes) -> None:
        """Keep a new token."""
        async with connect_for(self._pool, tenant) as conn:
            await conn.execute(
                INSERT,
                token.id,
                tenant,
                token.user,
                token.name,
                token_hash,
                token.role,
                token.created_at,
                token.expires_at,
            )
            detail = {"name": token.name, "role": token.role, "expires_at": token.expires_at.isoformat()}
            await append(
                conn, tenant, Deed(token.created_at, token.created_by, "token.created", str(token.id), detail)
            )

    async def revoke(self, tenant: TenantId, id: UUID, actor: str, at: datetime) -> Token | None:
        """Make a token useless and return it; None if there is none. The first revocation stands."""
        async with connect_for(self._pool, tenant) as conn:
            revoked = await conn.fetchval(
                REVOKE,
                id,
                at,
            )
            if revoked:
                await append(conn, tenant, Deed(at, actor, "token.revoked", str(id), {}))
            row = await conn.fetchrow(READ + "where k.id = $1", id)
        return _token(row) if row else None

    async def by_hash(self, token_hash: bytes) -> TokenHolder | None:
        """Find a token, also one whose time is over: its reader compares."""
        async with self._pool.acquire() as conn, conn.transaction():
            if not await _turn_to_token(conn, token_hash):
                return None
            token = await conn.fetchrow(READ + "where k.token_hash = $1", token_hash)
            if token is None:
                return None
            user = await conn.fetchrow(FIND_USER, token["user_id"])
        return TokenHolder(_token(token), read_user(user)) if user else None

    async def touch(self, token_hash: bytes, at: datetime) -> None:
        """Note that a token was used."""
        async with self._pool.acquire() as conn, conn.transaction():
            if await _turn_to_token(conn, token_hash):
                await conn.execute(
                    "update record.api_token set last_used_at = $2 where token_hash = $1", token_hash, at
                )


async def _turn_to_token(conn: Client, token_hash: bytes) -> bool:
    await present(conn, token_hash.hex())
    tenant = await conn.fetchval("select tenant_id from record.api_token where token_hash = $1", token_hash)
    if tenant is not None:
        await act_for(conn, tenant)
    return tenant is not None


def _token(row: asyncpg.Record) -> Token:
    return Token(
        row["id"],
        row["name"],
        row["role"],
        UserId(row["user_id"]),
        row["created_by"],
        row["created_at"],
        row["expires_at"],
        row["revoked_at"],
        row["last_used_at"],
    )
