"""A record of one's own for each test, copied from a template that was migrated once."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import asyncpg
import pytest
from tests.contract.store.houses import enrol

from manta.store import migrate
from manta.store.pool import Pool, open_pool

TEMPLATE = "manta_template"


@dataclass(frozen=True, slots=True)
class Record:
    """A database with two tenants, one pool per role, and the superuser who can do anything."""

    owner: Pool
    api: Pool
    engine: Pool
    governor: Pool
    gateway: Pool
    settler: Pool
    superuser: Pool

    def of(self, role: str) -> Pool:
        pool: Pool = getattr(self, role.removeprefix("manta_"))
        return pool


def dsn_of(superuser_dsn: str, user: str, password: str, database: str) -> str:
    where = superuser_dsn.split("@")[1].split("/")[0]
    return f"postgresql://{user}:{quote(password, safe='')}@{where}/{database}"


@pytest.fixture(scope="session")
def passwords() -> dict[str, str]:
    return {role: secrets.token_urlsafe(12) + "'\"\\" for role in migrate.ROLES}


@pytest.fixture(scope="session")
def template(engine_room, postgres, passwords) -> str:
    """A migrated database with two tenants enrolled."""

    async def build() -> None:
        await migrate.create_roles(postgres, passwords)
        await migrate.create_roles(postgres, passwords)  # again: nothing changes
        await execute(postgres, f"create database {TEMPLATE} owner {migrate.OWNER}")
        owner = dsn_of(postgres, migrate.OWNER, passwords[migrate.OWNER], TEMPLATE)
        await migrate.upgrade(owner)
        await migrate.upgrade(owner)
        async with await open_pool(owner, size=1) as pool:
            await enrol(pool)

    engine_room.run(build())
    return TEMPLATE


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def copied(superuser_dsn: str, passwords: dict[str, str]) -> AsyncIterator[Record]:
    """Copy the template, open every role's pool on it, and drop it afterwards."""
    name = f"t_{secrets.token_hex(6)}"
    await execute(superuser_dsn, f"create database {name} template {TEMPLATE} owner {migrate.OWNER}")
    async with AsyncExitStack() as pools:
        dsns = [dsn_of(superuser_dsn, role, passwords[role], name) for role in migrate.ROLES]
        dsns.append(superuser_dsn.rsplit("/", 1)[0] + f"/{name}")
        yield Record(*[await pools.enter_async_context(await open_pool(dsn, size=2)) for dsn in dsns])
    await execute(superuser_dsn, f"drop database {name} with (force)")


@pytest.fixture
async def record(postgres, template, passwords) -> AsyncIterator[Record]:
    """A record of this test's own, with the tenants 'harbour' and 'mallee' in it."""
    async with copied(postgres, passwords) as record:
        yield record


@pytest.fixture(scope="module")
def lasting_record(engine_room, postgres, template, passwords) -> Iterator[Record]:
    """A record for all the examples of a property, used on the engines' loop."""
    opening = copied(postgres, passwords)
    yield engine_room.run(opening.__aenter__())
    engine_room.run(opening.__aexit__(None, None, None))
