"""Makes the record: its roles, its database, and its schema at the newest revision."""

from collections.abc import Mapping
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from manta.store.pool import Client

DATABASE = "manta"
OWNER = "manta_owner"
SERVICES = ("manta_api", "manta_engine", "manta_governor", "manta_gateway", "manta_settler")
ROLES = (OWNER, *SERVICES)
LONGEST_TRANSACTION = {"manta_governor": "5s"}
"""A governor that was frozen with a batch half written must not keep its successor waiting."""


async def create_roles(superuser_dsn: str, passwords: Mapping[str, str]) -> None:
    """Create every role of ROLES with its password, and the database; what exists is brought into line."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        for role in ROLES:
            await _create_role(connection, role, passwords[role])
        if not await connection.fetchval("select true from pg_database where datname = $1", DATABASE):
            await connection.execute(f"create database {DATABASE} owner {OWNER}")
        await connection.execute(f"revoke all on database {DATABASE} from public")
        await connection.execute(f"grant connect on database {DATABASE} to {', '.join(SERVICES)}")
    finally:
        await connection.close()


async def _create_role(connection: Client, role: str, password: str) -> None:
    if not await connection.fetchval("select true from pg_roles where rolname = $1", role):
        await connection.execute(f"create role {role}")
    quoted = await connection.fetchval("select quote_literal($1)", password)
    await connection.execute(
        f"alter role {role} login nosuperuser nocreatedb nocreaterole nobypassrls password {quoted}"
    )
    if limit := LONGEST_TRANSACTION.get(role):
        await connection.execute(f"alter role {role} set transaction_timeout = '{limit}'")


async def upgrade(owner_dsn: str) -> None:
    """Bring the schema to the newest revision, in one transaction."""
    url = owner_dsn.replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
