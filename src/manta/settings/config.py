"""Settings, read once from the environment. The only file that reads it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from manta.flows.ports import Clock
from manta.settings.clock import ClockSetting, SimulatedClock, WallClock
from manta.settings.options import LOOPBACK, PAGE_PORT, MarketDays, World

PREFIX = "MANTA_"
DSN_PREFIX = "MANTA_DSN_"
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "TMPDIR",
    "COVERAGE_PROCESS_START",
    "NUMBA_CACHE_DIR",
)
"""What a child of ours inherits besides its own settings."""


class LogStyle(StrEnum):
    """How a log line looks."""

    JSON = "json"
    CONSOLE = "console"


class ConfigError(ValueError):
    """A setting is missing or makes no sense; the message says which and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A host and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``host:port``."""
        host, _, port = text.rpartition(":")
        if not host:
            raise ValueError("an address is host:port")
        return cls(host=host.strip("[]"), port=parse_port(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All that a role is told; plain values, frozen."""

    world: World = World.SIMULATE
    data: Path = Path(".manta")
    clock_setting: ClockSetting | None = None
    """None in the live world."""
    dsns: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Database role → DSN; a role is given its own alone."""
    nats_url: str | None = None
    nats_credentials: Path | None = None
    mqtt: Address | None = None
    clickhouse_url: str | None = field(default=None, repr=False)
    nemweb_url: str | None = None
    api_host: str = LOOPBACK
    api_port: int = PAGE_PORT
    health_port: int | None = None
    governor_key: Path | None = None
    lease_master: Path | None = None
    """What provisioning derives the devices' keys from."""
    site_key: Path | None = None
    """What makes sites on the bus."""
    admin_password: Path | None = None
    """Where the first user's password is kept."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_authority: Path | None = None
    """Whom our clients trust; set when the bus is spoken to over TLS."""
    homes: int = 5_000
    seed: int = 1
    market: MarketDays = MarketDays.SUMMER
    """What ordinary days of the simulated market are like."""
    story_after: timedelta | None = None
    """How long after the simulated origin story 1 begins by itself; None: only when asked."""
    log: LogStyle = LogStyle.CONSOLE

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every ``MANTA_…`` variable; one that nobody knows is refused rather than ignored."""
        given = {
            k: v
            for k, v in (_environ() if environment is None else environment).items()
            if k.startswith(PREFIX)
        }
        dsns = {k.removeprefix(DSN_PREFIX).lower(): v for k, v in given.items() if k.startswith(DSN_PREFIX)}
        values: dict[str, object] = {}
        for name, text in given.items():
            if name.startswith(DSN_PREFIX):
                continue
            if name not in READERS:
                raise ConfigError(
                    f"{name} is no setting of ours; we know {', '.join(sorted(READERS))}, {DSN_PREFIX}<ROLE>"
                )
            attribute, read = READERS[name]
            try:
                values[attribute] = read(text)
            except ValueError as error:
                raise ConfigError(f"{name} makes no sense: {error}") from error
        config = cls(dsns=dsns, **values)  # type: ignore[arg-type] # READERS pairs each name with its reader
        config._check()
        return config

    def environment(self) -> dict[str, str]:
        """Spell these settings as a child process reads them."""
        default = Config()
        spelled = {
            name: WRITERS.get(attribute, str)(getattr(self, attribute))
            for name, (attribute, _) in READERS.items()
            if getattr(self, attribute) != getattr(default, attribute)
        }
        return spelled | {DSN_PREFIX + role.upper(): dsn for role, dsn in self.dsns.items()}

    def clock(self) -> Clock:
        """Return this world's clock."""
        return SimulatedClock(self.clock_setting) if self.clock_setting else WallClock()

    @property
    def speed(self) -> float:
        """How much faster than the wall's our clock runs."""
        return self.clock_setting.speed if self.clock_setting else 1.0

    def dsn(self, role: str) -> str:
        """Return how a database role connects."""
        if role not in self.dsns:
            raise ConfigError(
                f"{DSN_PREFIX}{role.upper()} is not set: postgresql://user:password@host:port/database"
            )
        return self.dsns[role]

    def require[T](self, attribute: str, kind: type[T]) -> T:
        """Return a setting that this role cannot do without."""
        value = getattr(self, attribute)
        if not isinstance(value, kind):
            name = next(name for name, (known, _) in READERS.items() if known == attribute)
            raise ConfigError(f"{name} is not set, and this role needs it")
        return value

    def _check(self) -> None:
        if self.world is World.LIVE and self.clock_setting:
            raise ConfigError("MANTA_CLOCK is for a simulated world; the live one follows the wall")
        if self.world is World.LIVE and self.story_after is not None:
            raise ConfigError("MANTA_STORY_AFTER is for a simulated world")
        if self.world is World.LIVE and self.market is not MarketDays.SUMMER:
            raise ConfigError("MANTA_MARKET is for a simulated world; the live one has its own days")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigError("MANTA_TLS_CERTIFICATE and MANTA_TLS_KEY go together")


def inherited() -> dict[str, str]:
    """Return what of our environment a child of ours gets besides its settings."""
    return {name: value for name, value in _environ().items() if name in PASSED_ON}


def parse_port(text: str) -> int:
    """Read a port."""
    if not (text.isdecimal() and 0 < int(text) < 65_536):
        raise ValueError(f"a port is 1 to 65535, was {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) <= 1_000_000):
        raise ValueError(f"1 to 1,000,000, was {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"a whole number, was {text!r}")
    return int(text)


def _minutes(text: str) -> timedelta:
    minutes = float(text)
    if not 0 <= minutes <= 24 * 60:
        raise ValueError(f"minutes of one day, was {text!r}")
    return timedelta(minutes=minutes)


def _http(text: str) -> str:
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname:
        raise ValueError("http://host… or https://host…")
    return text


def _bus(text: str) -> str:
    if urlsplit(text).scheme not in ("nats", "tls") or not urlsplit(text).hostname:
        raise ValueError("nats://host:port or tls://host:port")
    return text


READERS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "MANTA_WORLD": ("world", World),
    "MANTA_DATA": ("data", Path),
    "MANTA_CLOCK": ("clock_setting", ClockSetting.parse),
    "MANTA_NATS_URL": ("nats_url", _bus),
    "MANTA_NATS_CREDENTIALS": ("nats_credentials", Path),
    "MANTA_MQTT": ("mqtt", Address.parse),
    "MANTA_CLICKHOUSE_URL": ("clickhouse_url", _http),
    "MANTA_NEMWEB_URL": ("nemweb_url", _http),
    "MANTA_API_HOST": ("api_host", str),
    "MANTA_API_PORT": ("api_port", parse_port),
    "MANTA_HEALTH_PORT": ("health_port", parse_port),
    "MANTA_GOVERNOR_KEY": ("governor_key", Path),
    "MANTA_LEASE_MASTER": ("lease_master", Path),
    "MANTA_SITE_KEY": ("site_key", Path),
    "MANTA_ADMIN_PASSWORD": ("admin_password", Path),
    "MANTA_TLS_CERTIFICATE": ("tls_certificate", Path),
    "MANTA_TLS_KEY": ("tls_key", Path),
    "MANTA_TLS_AUTHORITY": ("tls_authority", Path),
    "MANTA_HOMES": ("homes", _count),
    "MANTA_SEED": ("seed", _seed),
    "MANTA_MARKET": ("market", MarketDays),
    "MANTA_STORY_AFTER": ("story_after", _minutes),
    "MANTA_LOG": ("log", LogStyle),
}
"""Environment name → attribute and how it is read."""

WRITERS = {"story_after": lambda after: repr(after / timedelta(minutes=1))}
"""Attributes that ``str`` does not spell as they are read."""

_UNREAD = {f.name for f in fields(Config)} - {attribute for attribute, _ in READERS.values()} - {"dsns"}
if _UNREAD:
    raise TypeError(f"no environment variable sets {_UNREAD}")


def _environ() -> Mapping[str, str]:
    return os.environ  # noqa: TID251 - the one place
