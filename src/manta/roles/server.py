"""The api role: pages and API on one listener, TLS 1.3 wherever it can be reached from outside."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import prometheus_client
import structlog
from cryptography import x509
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

import manta
from manta.api.app import create_app
from manta.bus.nats import Bus
from manta.desk.board import Board
from manta.desk.deps import Deps
from manta.desk.hub import Hub
from manta.desk.market import Market
from manta.governor.guards import GUARD_NAMES
from manta.marketdata.history import MarketData
from manta.roles.wiring import connected, recorded
from manta.settings.clock import WallClock
from manta.settings.config import Address, Config
from manta.settings.observe import Health, served
from manta.store.audit import Audit
from manta.store.decisions import Decisions
from manta.store.earnings import Earnings
from manta.store.enrolment import Enrolment
from manta.store.history import History
from manta.store.pool import Pool
from manta.store.prices import Prices
from manta.store.rules import Rules
from manta.store.tokens import Tokens
from manta.store.users import Users
from manta.supervisor.certificates import UnprotectedListenerError, is_loopback
from manta.supervisor.ports import seen_from_here
from manta.wire import subjects

log = structlog.get_logger()

WEB = Path(manta.__file__).parent / "web"
MARKET = "market"
"""Where the market's history is kept, below the data directory."""
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
MOST_CONNECTIONS = 10_000
"""Requests and streams that the server takes at once; it would hold back all others beyond."""
FLEET_WITHIN_S = 30.0
ENDING_S = 2.0


async def main(config: Config) -> None:
    """Run until cancelled."""
    origins = origins_of(config)
    async with served("api", config) as health:
        health.depends("page", lambda: _answers(config.api_host, config.api_port))
        async with (
            recorded(config, "api", health) as pool,
            connected(config, "api", health) as bus,
            remembered(config, health) as history,
        ):
            deps = wire(config, origins, pool, bus, history, health)
            await deps.board.begin()
            await deps.hub.listen(bus)
            await _watch_fleet(bus, health)
            await serve(config, deps)


def wire(
    config: Config, origins: frozenset[str], pool: Pool, bus: Bus, history: History, health: Health
) -> Deps:
    """Hand the pages what they need of this world."""
    clock, registry = config.clock(), prometheus_client.REGISTRY
    prices, earnings = Prices(pool), Earnings(pool)
    board = Board(prices, earnings, clock)
    return Deps(
        world=config.world.value,
        speed=config.speed,
        clock=clock,
        wall=WallClock(),
        origins=origins,
        web=WEB,
        users=Users(pool),
        tokens=Tokens(pool),
        rules=Rules(pool),
        vpps=Enrolment(pool),
        prices=prices,
        market=Market(MarketData(config.data / MARKET)),
        dispatches=Decisions(pool),
        earnings=earnings,
        audit=Audit(pool),
        history=history,
        bus=bus,
        board=board,
        hub=Hub(board, registry),
        health=health,
        guards=GUARD_NAMES,
        registry=registry,
    )


async def serve(config: Config, deps: Deps) -> None:
    """Listen until cancelled; open pages are told before the server goes."""
    _claim(config.api_host, config.api_port)
    server = Server(
        create_app(deps),
        address=config.api_host,
        port=config.api_port,
        interface=Interfaces.ASGINL,
        backlog=1_024,
        backpressure=MOST_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=15_000, max_buffer_size=64 * 1024),
        ssl_cert=config.tls_certificate,
        ssl_key=config.tls_key,
        log_enabled=False,
    )
    task = asyncio.create_task(server.serve(), name="page")
    log.info("page open", addresses=sorted(deps.origins))
    try:
        await asyncio.shield(task)
        raise ConnectionError(f"the server on port {config.api_port} ended by itself")
    finally:
        await deps.hub.close()
        server.stop()  # type: ignore[no-untyped-call] # granian states no types here
        with suppress(TimeoutError):
            await asyncio.wait_for(task, ENDING_S)


async def _answers(host: str, port: int) -> None:
    """Connect as a browser does; without this the house would say that it runs before its page opens."""
    _, writer = await asyncio.open_connection(seen_from_here(host), port)
    writer.close()


def _claim(host: str, port: int) -> None:
    """Refuse a port that is taken: the server itself would share it with whoever has it, in silence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(error.errno, f"{host}:{port} is taken; free it or set MANTA_API_PORT") from error


@asynccontextmanager
async def remembered(config: Config, health: Health) -> AsyncIterator[History]:
    """Open history, and have health ask whether it answers."""
    history = await History.open(config.require("clickhouse_url", str))
    health.depends("historian", history.ping)
    try:
        yield history
    finally:
        await history.close()


async def _watch_fleet(bus: Bus, health: Health) -> None:
    """Have health mind the age of the newest snapshot."""
    health.expects("fleet", within_s=FLEET_WITHIN_S)

    async def heard(_subject: str, _body: bytes) -> None:
        health.heard("fleet")

    await bus.subscribe(subjects.LIVE, heard)


def origins_of(config: Config) -> frozenset[str]:
    """Return the addresses by which browsers know us: those that our certificate names, else loopback's."""
    if config.tls_certificate is None:
        if not is_loopback(config.api_host):
            raise UnprotectedListenerError(
                f"refusing to listen on {config.api_host} without TLS: set MANTA_TLS_CERTIFICATE and "
                "MANTA_TLS_KEY, or listen on 127.0.0.1"
            )
        return frozenset(_origin("http", name, config.api_port) for name in LOOPBACK_NAMES)
    certificate = x509.load_pem_x509_certificate(config.tls_certificate.read_bytes())
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    names = [*named.get_values_for_type(x509.DNSName), *map(str, named.get_values_for_type(x509.IPAddress))]
    return frozenset(_origin("https", name, config.api_port) for name in names)


def _origin(scheme: str, name: str, port: int) -> str:
    """Spell an origin as browsers do: in lower case, without the port that goes without saying."""
    if port == {"http": 80, "https": 443}[scheme]:
        return f"{scheme}://[{name}]" if ":" in name else f"{scheme}://{name.lower()}"
    return f"{scheme}://{Address(host=name.lower(), port=port)}"
