"""Real engines for tests: one PostgreSQL and one NATS a session, started by our own supervisor.

@pytest.mark.engines
async def test_something(database): ...      # DSN (superuser) of an empty database of its own
async def test_other(postgres): ...          # superuser DSN of the session's cluster
"""

import asyncio
import secrets
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from manta.domain.identity import SiteId
from manta.supervisor import credentials
from manta.supervisor import nats as nats_engine
from manta.supervisor import postgres as postgres_engine
from manta.supervisor.accounts import unprivileged
from manta.supervisor.children import Child
from manta.supervisor.ports import free_port


class EngineRoom:
    """A loop in a thread of its own, so that the engines outlive each test's loop."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="manta-test-"))
        self.directory.chmod(0o711)  # ours, fresh: the unprivileged user walks through to its private rooms
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engines", daemon=True)
        self._thread.start()
        self._children: list[Child] = []

    def run[T](self, coroutine: Coroutine[Any, Any, T], within_s: float = 60) -> T:
        """Run something on the engines' loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(within_s)

    def start(self, child: Child) -> None:
        """Start a child and stop it at the end."""
        self._children.append(child)
        self.run(child.start())

    def close(self) -> None:
        """Stop every child, youngest first, and leave nothing behind."""
        for child in reversed(self._children):
            self.run(child.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture(scope="session")
def engine_room() -> Iterator[EngineRoom]:
    room = EngineRoom()
    yield room
    room.close()


@pytest.fixture(scope="session")
def postgres(engine_room: EngineRoom) -> str:
    """Superuser DSN of the session's cluster."""
    cluster = postgres_engine.Cluster(
        home=engine_room.directory / "postgres",
        port=free_port(),
        password=secrets.token_urlsafe(24),
        account=unprivileged(),
    )
    engine_room.run(postgres_engine.prepare(cluster))
    engine_room.start(Child(postgres_engine.program(cluster)))
    return cluster.dsn()


@pytest.fixture
def database(engine_room: EngineRoom, postgres: str) -> Iterator[str]:
    """Superuser DSN of an empty database that this test has to itself."""
    name = f"t_{secrets.token_hex(6)}"
    engine_room.run(_execute(postgres, f'create database "{name}"'))
    yield postgres.rsplit("/", 1)[0] + f"/{name}"
    engine_room.run(_execute(postgres, f'drop database "{name}" with (force)'))


@dataclass(frozen=True, slots=True)
class NatsServer:
    """A running server and who may sign in to it."""

    bus: nats_engine.Bus

    @property
    def url(self) -> str:
        return self.bus.url

    @property
    def mqtt_port(self) -> int:
        return self.bus.mqtt_port

    @property
    def site_key(self) -> credentials.SiteKey:
        """What makes sites."""
        return self.bus.keys.site_key

    def credentials(self, role: str) -> str:
        """Return the path of a role's credentials file (``user_credentials`` of nats.connect)."""
        return str(self.bus.credentials_of(role))

    def site_password(self, site: str) -> str:
        """Return a site's MQTT password; its user name is its id."""
        return credentials.site_credentials(self.site_key, SiteId(site))


@pytest.fixture(scope="session")
def nats_server(engine_room: EngineRoom) -> NatsServer:
    """The session's NATS, with JetStream and MQTT."""
    operator, account, sites = (
        credentials.seed_from(secrets.token_bytes(32), kind) for kind in ("operator", "account", "account")
    )
    bus = nats_engine.Bus(
        home=engine_room.directory / "nats",
        keys=nats_engine.BusKeys(operator, account, sites),
        port=free_port(),
        mqtt_port=free_port(),
        monitor_port=free_port(),
    )
    nats_engine.prepare(bus)
    engine_room.start(Child(nats_engine.program(bus, engine_room.directory / "logs" / "nats.log")))
    return NatsServer(bus)


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
