"""What every role does alike: connect to the bus, watch its dependencies, log what others are told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from manta.bus.nats import Bus
from manta.settings.config import Config
from manta.settings.observe import Health
from manta.store.pool import Pool, open_pool
from manta.supervisor.certificates import trusting


@asynccontextmanager
async def connected(config: Config, role: str, health: Health) -> AsyncIterator[Bus]:
    """Connect a role to the bus with its own credentials, and have its health ask whether it lives."""
    bus = await Bus.connect(
        config.require("nats_url", str),
        name=role,
        credentials=config.require("nats_credentials", Path),
        tls=trusting(config.tls_authority) if config.tls_authority else None,
    )

    async def alive() -> None:
        if not await bus.is_alive():
            raise ConnectionError("the bus does not answer")

    health.depends("bus", alive)
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def recorded(config: Config, role: str, health: Health) -> AsyncIterator[Pool]:
    """Open a role's connections to the record, and have its health ask whether it answers."""
    pool = await open_pool(config.dsn(role))

    async def answers() -> None:
        await pool.fetchval("select 1")

    health.depends("record", answers)
    try:
        yield pool
    finally:
        pool.terminate()
