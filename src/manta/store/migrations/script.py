"""Runs a whole SQL file inside a migration's transaction."""

from importlib.resources import files

import asyncpg
from alembic import op
from sqlalchemy.util import await_only


def run(name: str) -> None:
    """Run ``sql/<name>.sql``: many statements at once, which the dialect's prepared statements cannot."""
    connection = op.get_bind().connection.driver_connection
    if not isinstance(connection, asyncpg.Connection) or not connection.is_in_transaction():
        raise RuntimeError("a migration runs over asyncpg, inside a transaction")
    await_only(connection.execute((files(__package__) / "sql" / f"{name}.sql").read_text()))
