"""How a role is seen from outside: one log line an event, /healthz, /metrics, and a death in good order."""

import asyncio
import logging
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TextIO

import msgspec
import prometheus_client
import structlog

from manta.settings.config import Config, ConfigError, LogStyle
from manta.supervisor.ports import LOOPBACK

log = structlog.get_logger()

PROBE_S = 2.0
REQUEST_S = 5.0
LONGEST_REQUEST = 8 * 1024
GRACE_S = 4.0
"""From the request to end until the end, whatever still runs."""
HIDDEN = "***"

SECRET_NAME = re.compile(
    r"(^|[_\-. ])(password|passwd|secret|seed|key|token|credentials?|dsn|authorization|cookie)s?($|[_\-. ])",
    re.I,
)
USER_IN_URL = re.compile(r"(?<=://)[^/\s@:]*:[^/\s@]+(?=@)")
BEARER = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+")
PRIVATE_SEED = re.compile(r"\bS[OAUNC][A-Z2-7]{56}\b")


def redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what a log must not hold: values named like secrets, and secrets inside other words."""
    return {key: HIDDEN if SECRET_NAME.search(key) else _cleaned(value) for key, value in event.items()}


def _cleaned(value: object) -> object:
    match value:
        case str():
            return PRIVATE_SEED.sub(HIDDEN, BEARER.sub(HIDDEN, USER_IN_URL.sub(HIDDEN, value)))
        case dict():
            return {k: HIDDEN if SECRET_NAME.search(str(k)) else _cleaned(v) for k, v in value.items()}
        case list() | tuple():
            return [_cleaned(v) for v in value]
        case bytes():
            return f"{len(value)} bytes"
        case BaseException():
            return _cleaned(repr(value))
    return value


def start_logging(style: LogStyle, role: str, to: TextIO | None = None) -> None:
    """Have everything that logs, ours and the libraries', write one redacted line an event."""
    to = to or sys.stderr
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(role=role)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if style is LogStyle.CONSOLE:
        renderer = structlog.dev.ConsoleRenderer(colors=to.isatty(), timestamp_key="at")
    structlog.configure(
        processors=[*shared[:2], *shared[3:], renderer],
        logger_factory=structlog.WriteLoggerFactory(file=to),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(to)
    drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[drop_meta, renderer])
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a role depends on, as it stands."""

    name: str
    ok: bool
    age_s: float | None = None
    """How long ago it last worked; None if it never did."""
    because: str | None = None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What /healthz answers."""

    role: str
    ok: bool
    up_s: float
    checks: list[Check] = field(default_factory=list)


class Health:
    """A role's dependencies: some are asked, of others it is expected that they are heard of in time."""

    def __init__(self, role: str, monotonic_s: Callable[[], float] | None = None) -> None:
        self._role = role
        self._monotonic_s = monotonic_s or asyncio.get_running_loop().time
        self._began_s = self._monotonic_s()
        self._probes: dict[str, Callable[[], Awaitable[object]]] = {}
        self._within_s: dict[str, float] = {}
        self._worked_s: dict[str, float] = {}

    def depends(self, name: str, probe: Callable[[], Awaitable[object]]) -> None:
        """Ask this each time somebody asks us; it fails by raising or by taking longer than 2 s."""
        self._probes[name] = probe

    def expects(self, name: str, within_s: float) -> None:
        """Count this as failed when ``heard`` is not called at least so often, from now on."""
        self._within_s[name] = within_s

    def heard(self, name: str) -> None:
        """Note that an expected thing happened."""
        self._worked_s[name] = self._monotonic_s()

    async def report(self) -> HealthReport:
        """Ask every dependency, all at once, and return how they stand."""
        asked = await asyncio.gather(*(self._ask(name, probe) for name, probe in self._probes.items()))
        checks = [*asked, *(self._expected(name, within_s) for name, within_s in self._within_s.items())]
        up_s = round(self._monotonic_s() - self._began_s, 3)
        ok = bool(checks) and all(check.ok for check in checks)  # a role that names no check is not open yet
        return HealthReport(self._role, ok, up_s, checks)

    async def _ask(self, name: str, probe: Callable[[], Awaitable[object]]) -> Check:
        try:
            async with asyncio.timeout(PROBE_S):
                await probe()
        except Exception as error:
            because = (
                f"no answer within {PROBE_S:g} s"
                if isinstance(error, TimeoutError)
                else str(_cleaned(str(error)))
            )
            return Check(name, ok=False, age_s=self._age_s(name), because=because or type(error).__name__)
        self.heard(name)
        return Check(name, ok=True, age_s=0.0)

    def _expected(self, name: str, within_s: float) -> Check:
        age_s = self._age_s(name)
        silent_s = self._monotonic_s() - self._worked_s.get(name, self._began_s)
        if silent_s <= within_s:
            return Check(name, ok=True, age_s=age_s)
        return Check(name, ok=False, age_s=age_s, because=f"expected every {within_s:g} s")

    def _age_s(self, name: str) -> float | None:
        if name not in self._worked_s:
            return None
        return round(self._monotonic_s() - self._worked_s[name], 3)


@asynccontextmanager
async def served(role: str, config: Config) -> AsyncIterator[Health]:
    """Answer /healthz and /metrics on loopback while the body runs; without a health port nobody asks."""
    health = Health(role)
    if config.health_port is None:
        yield health
        return
    server = await asyncio.start_server(
        lambda reader, writer: _answer(health, reader, writer),
        LOOPBACK,
        config.health_port,
        limit=LONGEST_REQUEST,
    )
    async with server:
        yield health


async def _answer(health: Health, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(REQUEST_S):
            head = await reader.readuntil(b"\r\n\r\n")
            status, kind, body = await _page(health, head.split(b"\r\n", 1)[0])
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                "Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
    writer.close()


async def _page(health: Health, request: bytes) -> tuple[str, str, bytes]:
    match request.split(b" "):
        case [b"GET", b"/healthz", _]:
            report = await health.report()
            status = "200 OK" if report.ok else "503 Service Unavailable"
            return status, "application/json", msgspec.json.encode(report)
        case [b"GET", b"/metrics", _]:
            return "200 OK", prometheus_client.CONTENT_TYPE_LATEST, prometheus_client.generate_latest()
        case [b"GET", _, _]:
            return "404 Not Found", "text/plain", b"there are /healthz and /metrics\n"
    return "405 Method Not Allowed", "text/plain", b"only GET\n"


def run_role(role: str, main: Callable[[Config], Coroutine[Any, Any, None]], config: Config) -> int:
    """Run a role until it ends or is asked to, and return its exit code.

    SIGTERM and SIGINT cancel it; should it not end within its grace, even stuck in foreign code, the
    system's own alarm ends the process.
    """
    start_logging(config.log, role)
    try:
        asyncio.run(_until_asked(role, main(config)))
    except ConfigError as error:
        log.error("role misconfigured", because=str(error))
        return 2
    except Exception:
        log.exception("role failed")
        return 1
    return 0


async def _until_asked(role: str, body: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(body, name=role)
    asked = False

    def ask(by: signal.Signals) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)
        log.info("role ending", because=by.name)
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)
    try:
        await task
    except asyncio.CancelledError:
        if not asked:
            raise
    log.info("role ended")
