"""From a few options to a whole house: where it lives, its ports and secrets, and what each child is told."""

import asyncio
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import structlog

from manta.app import hours
from manta.settings.clock import ClockSetting, wall
from manta.settings.config import Address, Config, LogStyle, inherited
from manta.settings.options import DEFAULT_DATA, SHARED_DATA, MarketDays, Options, World
from manta.supervisor import certificates, nats, postgres, secrets
from manta.supervisor.accounts import Account, reachable
from manta.supervisor.certificates import Certificates
from manta.supervisor.children import Program
from manta.supervisor.ports import LOOPBACK, Ports, addresses, seen_from_here
from manta.supervisor.secrets import Secrets

log = structlog.get_logger()

NEMWEB = "https://nemweb.com.au"
CORE = ("governor", "gateway", "engine", "settler", "api", "market")
SIMULATORS = ("market-simulator", "fleet-simulator")
FIRST_HEALTH_PORT = 9180
DATABASE = "manta"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A house, ready to be started."""

    options: Options
    data: Path
    secrets: Secrets
    cluster: postgres.Cluster
    bus: nats.Bus
    config: Config
    """What every role is told; ``config_of`` adds what only one may know."""
    health_ports: Mapping[str, int]
    tls: Certificates | None
    notes: Sequence[str]
    """What a person may want to know: ports that had to be others."""

    @property
    def page(self) -> str:
        """Return where the page is, as this machine reaches it."""
        here = Address(host=seen_from_here(self.options.host), port=self.config.api_port)
        return f"{'https' if self.tls else 'http'}://{here}"

    @property
    def roles(self) -> tuple[str, ...]:
        """Return our own processes, in the order in which they start."""
        return ("historian", *CORE, *(SIMULATORS if self.options.world is World.SIMULATE else ()))

    def config_of(self, role: str) -> Config:
        """Return what one role is told: the common settings and its own secrets, nobody else's."""
        own: dict[str, object] = {"health_port": self.health_ports.get(role)}
        if role in self.secrets.database:
            own["dsns"] = {role: self._dsn(role)}
        if self.bus.credentials_of(role).exists():
            own["nats_credentials"] = self.bus.credentials_of(role)
        if role in ("historian", "gateway", "settler", "api", "engine"):
            host = f"{LOOPBACK}:{self.health_ports['clickhouse']}"
            own["clickhouse_url"] = f"http://manta:{self.secrets.historian}@{host}"
        return replace(self.config, **own, **self._keys(role))  # type: ignore[arg-type] # both name fields of Config

    def program(self, role: str) -> Program:
        """Return a role of ours as a program to supervise; ready when its /healthz is content."""
        port = self.health_ports.get(role)

        async def ready() -> None:
            await healthy(port or 0)

        return Program(
            name=role,
            command=(sys.executable, "-m", "manta.app.run", role),
            ready=ready,
            log=self.data / "logs" / f"{role}.log",
            environment=inherited() | self.config_of(role).environment(),
        )

    def _keys(self, role: str) -> dict[str, object]:
        match role:
            case "governor":
                return {"governor_key": self.secrets.governor_key}
            case "api":
                tls = self.tls
                return {"tls_certificate": tls.certificate, "tls_key": tls.key} if tls else {}
            case "record":
                dsns = {"superuser": self.cluster.dsn()}
                dsns |= {user: self._dsn(user) for user in self.secrets.database}
                return {
                    "dsns": dsns,
                    "admin_password": self.data / "secrets" / "admin.password",
                    "site_key": self.secrets.site_key,
                    "lease_master": self.secrets.lease_master,
                }
        return {}

    def _dsn(self, user: str) -> str:
        return self.cluster.dsn(f"manta_{user}", self.secrets.database[user], DATABASE)


def draw(options: Options, data: Path, account: Account | None) -> Plan:
    """Lay out a house in a data directory that is ours alone."""
    ports, now = Ports(), wall()
    kept = secrets.ensure(data / "secrets")
    names = {"localhost", LOOPBACK, *addresses(options.host), *addresses(options.bus_host)}
    made = certificates.ensure(data / "certificates", sorted(names), now)
    api_port = ports.take("page", options.port, options.host)
    bus = _bus(options, data, kept, ports, made)
    cluster = postgres.Cluster(data / "postgres", ports.take("PostgreSQL", 5442), kept.postgres, account)
    config = _common(options, data, bus, now)
    nemweb_port = ports.take("NEMWEB files", 8490)
    nemweb = f"http://{LOOPBACK}:{nemweb_port}" if options.world is World.SIMULATE else NEMWEB
    health_ports = _health_ports(ports)
    return Plan(
        options=options,
        data=data,
        secrets=kept,
        cluster=cluster,
        bus=bus,
        config=replace(config, api_port=api_port, nemweb_url=nemweb),
        health_ports=health_ports,
        tls=None if certificates.is_loopback(options.host) else made,
        notes=tuple(ports.elsewhere),
    )


def _bus(options: Options, data: Path, kept: Secrets, ports: Ports, made: Certificates) -> nats.Bus:
    return nats.Bus(
        home=data / "nats",
        keys=kept.bus,
        host=options.bus_host,
        port=ports.take("NATS", 4222, options.bus_host),
        mqtt_port=ports.take("MQTT", 1883, options.bus_host),
        monitor_port=ports.take("NATS monitor", 8222),
        tls=None if certificates.is_loopback(options.bus_host) else made,
    )


def _common(options: Options, data: Path, bus: nats.Bus, now: datetime) -> Config:
    simulated = options.world is World.SIMULATE
    return Config(
        world=options.world,
        data=data,
        clock_setting=ClockSetting(hours.next_origin(data), now, options.speed) if simulated else None,
        nats_url=bus.url,
        mqtt=Address(host=seen_from_here(options.bus_host), port=bus.mqtt_port),
        api_host=options.host,
        tls_authority=bus.tls.authority if bus.tls else None,
        homes=options.homes,
        seed=options.seed,
        market=options.market if simulated else MarketDays.SUMMER,
        story_after=options.story_after if simulated else None,
        log=LogStyle.JSON,
    )


def data_directory(asked: Path | None, account: Account | None) -> Path:
    """Return where the house lives: as asked, else ``.manta`` here, else where its user can go."""
    data = (asked or DEFAULT_DATA).absolute()
    if not reachable(data.parent, account):
        if asked is not None:
            raise PermissionError(
                f"{data} lies beneath a directory that user {account and account.name!r} may not enter; "
                "choose another with --data, or start as the user who owns it"
            )
        log.warning("data elsewhere", instead=str(SHARED_DATA), because=f"{data} lies in a private directory")
        data = SHARED_DATA
    data.mkdir(mode=0o711, parents=True, exist_ok=True)
    if not reachable(data, account):
        raise PermissionError(f"user {account and account.name!r} may not enter {data}: chmod o+x {data}")
    return data


def raise_descriptor_limit() -> None:
    """Let our children open as many files as we may: each site is a socket at both ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def healthy(port: int) -> None:
    """Ask a role's /healthz; ConnectionError unless it is content."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, _, body = (await reader.read(64 * 1024)).partition(b"\r\n\r\n")
        if b" 200 " not in status.split(b"\r\n", 1)[0]:
            raise ConnectionError(body.decode(errors="replace")[:500])
    finally:
        writer.close()


def _health_ports(ports: Ports) -> Mapping[str, int]:
    roles = ("historian", *CORE, *SIMULATORS)
    given = {role: ports.take(f"health of {role}", FIRST_HEALTH_PORT + n) for n, role in enumerate(roles)}
    return given | {"clickhouse": ports.take("historian", 8123)}
