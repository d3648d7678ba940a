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
    MARKET_SIMULATOR = "market-simulator"
    FLEET_SIMULATOR = "fleet-simulator"
    RECORD = "record"


class Story(StrEnum):
    """What the simulated market can be asked for."""

    SPIKE = "spike"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a house is to be."""

    world: World = World.SIMULATE
    data: Path | None = None
    homes: int = 5_000
    speed: float = 1.0
    seed: int = 1
    host: str = LOOPBACK
    port: int = PAGE_PORT
    bus_host: str = LOOPBACK
    story_after: timedelta | None = timedelta(minutes=3)
    """How long after the simulated evening begins; None waits to be asked."""
