"""What a person may choose on the command line; light, so that the command answers at once."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

DEFAULT_DATA = Path(".manta")
SHARED_DATA = Path("/var/lib/manta")
"""Where a root's house lives when its own directory is closed to the engines' user."""
LOOPBACK = "127.0.0.1"
PAGE_PORT = 8600
DEMO_EMAIL = "admin@harbour.example"
"""Who signs in first in a simulated world."""


class World(StrEnum):
    """A clock, a market and devices."""

    SIMULATE = "simulate"
    LIVE = "live"


class Role(StrEnum):
    """A process of ours."""

    GATEWAY = "gateway"
    ENGINE = "engine"
    GOVERNOR = "governor"
    SETTLER = "settler"
    HISTORIAN = "historian"
    API = "api"
    MARKET = "market"
    MARKET_SIMULATOR = "market-simulator"
    FLEET_SIMULATOR = "fleet-simulator"
    RECORD = "record"


class MarketDays(StrEnum):
    """What days of the simulated market are like where no story is told."""

    SUMMER = "summer"
    """The same calm summer's day for ever."""
    FITTED = "fitted"
    """As the real market's of 2022 to 2024, spikes and negative middays included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a house is to be."""

    world: World = World.SIMULATE
    data: Path | None = None
    homes: int = 5_000
    speed: float = 1.0
    seed: int = 1
    market: MarketDays = MarketDays.SUMMER
    """Of a simulated world."""
    host: str = LOOPBACK
    port: int = PAGE_PORT
    bus_host: str = LOOPBACK
    story_after: timedelta | None = timedelta(minutes=3)
    """How long after the simulated evening begins; None waits to be asked."""
