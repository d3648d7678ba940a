"""What the processes tell each other, as MessagePack. NATS carries it and remembers nothing."""

from typing import Literal

import msgspec

from manta.wire.stories import StoryName


class PricePublished(msgspec.Struct, frozen=True):
    """A region's price for one dispatch interval, already in the record."""

    region: str
    interval_end_ms: int
    per_mwh: float
    status: str
    heard_ms: int
    trace: str


class IntentsReady(msgspec.Struct, frozen=True):
    """An intent batch that stands in the record and waits for the governor."""

    batch: str
    tenant: str
    region: str
    trace: str


class LeasesWritten(msgspec.Struct, frozen=True):
    """The governor's answer: the leases are durable, or why there are none."""

    batch: str | None
    leased: int
    refused: dict[str, int]
    """Sites refused, by guard."""
    because: str = ""


class SealedLeases(msgspec.Struct, frozen=True):
    """Leases on their way out: (site id, encoded SealedLease) each."""

    batch: str
    until_ms: int
    leases: list[tuple[str, bytes]]


class RegionNow(msgspec.Struct, frozen=True):
    """One region of the fleet at one moment."""

    region: str
    sites: int
    heard: int
    """Sites with a fresh reading."""
    power_kw: float
    """At the connection points, positive toward the grid; of the sites heard."""
    battery_kw: float
    pv_kw: float
    load_kw: float
    stored_kwh: float
    capacity_kwh: float
    headroom_up_kw: float
    headroom_down_kw: float
    leased: int
    """Sites under a live lease."""


class FleetSnapshot(msgspec.Struct, frozen=True):
    """The fleet of one tenant at one moment."""

    tenant: str
    at_ms: int
    regions: list[RegionNow]


class DispatchMade(msgspec.Struct, frozen=True):
    """A decision was made, or its answers were counted; the record has the rest."""

    tenant: str
    dispatch: str
    vpp: str
    region: str
    interval_end_ms: int
    stage: Literal["decided", "answered"]


class Changed(msgspec.Struct, frozen=True):
    """Something in the record changed that others keep in memory."""

    tenant: str
    subject: Literal["rules", "vpps", "sites"]


class StartStory(msgspec.Struct, frozen=True):
    """Ask the simulated market for a story; it begins with the next dispatch interval."""

    name: StoryName


class StoryStarted(msgspec.Struct, frozen=True):
    """When a story runs."""

    name: str
    begins_ms: int
    ends_ms: int
    because: str = ""
    """Why not, when it could not be started."""
