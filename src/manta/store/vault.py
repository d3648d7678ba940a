"""Vendors' tokens under envelope encryption: a tenant's data key seals them, a key kept elsewhere wraps it.

AES-256-GCM throughout, with a fresh 96-bit nonce for each sealing (NIST SP 800-38D). What a seal belongs to,
tenant, site, make and data key, is authenticated with it: a row that is moved does not open. Opening is the
adapter's alone; the database shows nobody else what is sealed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Never

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from manta.domain.identity import SiteId, TenantId
from manta.store.audit import Deed, append
from manta.store.keys import KEY_BYTES, KeyFileError, KeyRing
from manta.store.pool import Client, Pool, connect_for

NONCE_BYTES = 12

NEWEST_KEY = "select * from record.data_key where tenant_id = $1 order by no desc limit 1"
ADD_KEY = """
insert into record.data_key (tenant_id, no, kek_id, nonce, wrapped, made_at) values ($1, $2, $3, $4, $5, $6)
on conflict do nothing
"""
SITE_NO = "select no from record.site where tenant_id = $1 and id = $2"
CHANGE = """
update record.credential set key_no = $3, nonce = $4, sealed = $5, version = version + 1, changed_at = $6
where site_no = $1 and make = $2 returning true
"""
ADD = """
insert into record.credential (site_no, make, tenant_id, key_no, nonce, sealed, changed_at)
values ($1, $2, $7, $3, $4, $5, $6) on conflict do nothing returning true
"""
# One statement sees one moment: a rotation in between changes both rows or neither.
OPEN = """
select c.key_no, c.nonce as seal_nonce, c.sealed, k.kek_id, k.nonce as wrap_nonce, k.wrapped
from record.credential c
join record.site s on s.no = c.site_no
join record.data_key k on k.tenant_id = c.tenant_id and k.no = c.key_no
where c.tenant_id = $1 and s.id = $2 and c.make = $3
"""
SEALED_WITH_OLDER = """
select c.site_no, s.id as site, c.make, c.version, c.key_no, c.nonce as seal_nonce, c.sealed,
       k.kek_id, k.nonce as wrap_nonce, k.wrapped
from record.credential c
join record.site s on s.no = c.site_no
join record.data_key k on k.tenant_id = c.tenant_id and k.no = c.key_no
where c.tenant_id = $1 and c.key_no < $2
"""
RESEAL = """
update record.credential set key_no = $4, nonce = $5, sealed = $6
where site_no = $1 and make = $2 and version = $3 and key_no < $4 returning true
"""
DROP_KEYS = """
delete from record.data_key k where k.tenant_id = $1 and k.no < $2 - 1
    and not exists (select from record.credential c where c.tenant_id = k.tenant_id and c.key_no = k.no)
returning true
"""


class VaultError(ValueError):
    """A seal does not open: it was changed, or belongs elsewhere."""


class Secret:
    """A text that is shown only to who asks for it by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not written down")


@dataclass(frozen=True, slots=True)
class Kept:
    """A credential without its secret."""

    site: SiteId
    make: str
    version: int
    changed_at: datetime


class Vault:
    """A tenant's credentials. Sealing needs the api's pool, opening the gateway's, turning the owner's."""

    def __init__(self, pool: Pool, ring: KeyRing) -> None:
        self._pool = pool
        self._ring = ring

    async def seal(  # noqa: PLR0913 - one fact, written once
        self, tenant: TenantId, site: SiteId, make: str, secret: Secret, actor: str, at: datetime
    ) -> None:
        """Keep a secret in place of any before it; LookupError for a site that is not the tenant's."""
        async with connect_for(self._pool, tenant) as conn:
            site_no = await conn.fetchval(SITE_NO, tenant, site)
            if site_no is None:
                raise LookupError(f"{tenant} has no site {site}")
            key_no, key = await self._newest_key(conn, tenant, at)
            nonce = secrets.token_bytes(NONCE_BYTES)
            sealed = AESGCM(key).encrypt(
                nonce, secret.reveal().encode(), _belongs("token", tenant, site, make, key_no)
            )
            row = (site_no, make, key_no, nonce, sealed, at)
            kept = await conn.fetchval(CHANGE, *row) or await conn.fetchval(ADD, *row, tenant)
            if not kept:  # somebody else was the first, just now
                await conn.fetchval(CHANGE, *row)
            await append(conn, tenant, Deed(at, actor, "credential.changed", f"{site}/{make}", {}))

    async def open(self, tenant: TenantId, site: SiteId, make: str) -> Secret | None:
        """Return a secret, None if none is kept; VaultError for one that was tampered with or moved."""
        try:
            return await self._open(tenant, site, make)
        except (
            KeyFileError
        ):  # its key was turned and dropped between our two looks: the row is another by now
            return await self._open(tenant, site, make)

    async def _open(self, tenant: TenantId, site: SiteId, make: str) -> Secret | None:
        async with connect_for(self._pool, tenant) as conn:
            row = await conn.fetchrow(OPEN, tenant, site, make)
        return None if row is None else Secret(self._opened(tenant, site, make, row).decode())

    async def kept(self, tenant: TenantId) -> Sequence[Kept]:
        """Read which credentials there are, without what is in them."""
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch(
                "select s.id, c.make, c.version, c.changed_at from record.credential c "
                "join record.site s on s.no = c.site_no where c.tenant_id = $1 order by s.no, c.make",
                tenant,
            )
        return [Kept(SiteId(row["id"]), row["make"], row["version"], row["changed_at"]) for row in rows]

    async def rewrap(self, tenant: TenantId) -> int:
        """Wrap a tenant's data keys with the newest key-encryption key, and return how many were not yet."""
        kek_id, kek = self._ring.newest()
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch(
                "select * from record.data_key where tenant_id = $1 and kek_id <> $2 for update",
                tenant,
                kek_id,
            )
            for row in rows:
                nonce = secrets.token_bytes(NONCE_BYTES)
                wrapped = AESGCM(kek).encrypt(
                    nonce, self._unwrapped(tenant, row["no"], row), _belongs("key", tenant, row["no"])
                )
                await conn.execute(
                    "update record.data_key set kek_id = $3, nonce = $4, wrapped = $5 "
                    "where tenant_id = $1 and no = $2",
                    *(tenant, row["no"], kek_id, nonce, wrapped),
                )
        return len(rows)

    async def renew(self, tenant: TenantId, at: datetime) -> int:
        """Make a new data key, seal everything again with it, and return how many were sealed again.

        Each row by itself, so that readers and writers go on; one that is written meanwhile is left to its
        writer, who may still have used the old key: so the key before the newest is kept one round more.
        """
        async with connect_for(self._pool, tenant) as conn:
            newest = await conn.fetchrow(NEWEST_KEY, tenant)
            no = 1 + (newest["no"] if newest else 0)
            await self._add_key(conn, tenant, no, at)
        async with connect_for(self._pool, tenant) as conn:
            no, key = await self._newest_key(conn, tenant, at)
            rows = await conn.fetch(SEALED_WITH_OLDER, tenant, no)
        changed = [await self._reseal(tenant, row, no, key) for row in rows]
        async with connect_for(self._pool, tenant) as conn:
            await conn.fetch("select from record.data_key where tenant_id = $1 for update", tenant)
            await conn.fetch(DROP_KEYS, tenant, no)
        return sum(changed)

    async def wrapped_with(self, tenant: TenantId) -> frozenset[str]:
        """Return the key-encryption keys that a tenant still needs; drop none of them."""
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch("select kek_id from record.data_key where tenant_id = $1", tenant)
        return frozenset(row["kek_id"] for row in rows)

    async def _reseal(self, tenant: TenantId, row: asyncpg.Record, no: int, key: bytes) -> bool:
        site, make = SiteId(row["site"]), row["make"]
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(
            nonce, self._opened(tenant, site, make, row), _belongs("token", tenant, site, make, no)
        )
        async with connect_for(self._pool, tenant) as conn:
            resealed = await conn.fetchval(RESEAL, row["site_no"], make, row["version"], no, nonce, sealed)
        return resealed is not None

    async def _newest_key(self, conn: Client, tenant: TenantId, at: datetime) -> tuple[int, bytes]:
        row = await conn.fetchrow(NEWEST_KEY, tenant)
        if row is None:
            await self._add_key(conn, tenant, 1, at)
            row = await conn.fetchrow(NEWEST_KEY, tenant)
        if row is None:
            raise LookupError(f"{tenant} is not there, or not whom we act for")
        return row["no"], self._unwrapped(tenant, row["no"], row)

    async def _add_key(self, conn: Client, tenant: TenantId, no: int, at: datetime) -> None:
        kek_id, kek = self._ring.newest()
        nonce = secrets.token_bytes(NONCE_BYTES)
        wrapped = AESGCM(kek).encrypt(nonce, secrets.token_bytes(KEY_BYTES), _belongs("key", tenant, no))
        await conn.execute(ADD_KEY, tenant, no, kek_id, nonce, wrapped, at)

    def _opened(self, tenant: TenantId, site: SiteId, make: str, row: asyncpg.Record) -> bytes:
        key = AESGCM(self._unwrapped(tenant, row["key_no"], row))
        try:
            return key.decrypt(
                row["seal_nonce"], row["sealed"], _belongs("token", tenant, site, make, row["key_no"])
            )
        except InvalidTag:
            raise VaultError(f"the credential of {site} for {make} is not what was sealed there") from None

    def _unwrapped(self, tenant: TenantId, no: int, row: asyncpg.Record) -> bytes:
        kek = AESGCM(self._ring.key(row["kek_id"]))
        nonce = row["wrap_nonce"] if "wrap_nonce" in row else row["nonce"]
        try:
            return kek.decrypt(nonce, row["wrapped"], _belongs("key", tenant, no))
        except InvalidTag:
            raise VaultError(f"data key {no} of {tenant} is not what was wrapped") from None


def _belongs(*to: str | int) -> bytes:
    """Spell what a seal belongs to, so that no two belongings are spelled alike."""
    return json.dumps(to).encode()
