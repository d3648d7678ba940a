"""What the live stream says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from manta.domain.market import PriceStatus, Region
from manta.door.shapes import FleetNow, RegionOverview


@dataclass(frozen=True, slots=True)
class FleetMessage:
    """The fleet at one moment, once a second."""

    kind: Literal["fleet"]
    at: datetime
    fleet: FleetNow
    regions: list[RegionOverview]


@dataclass(frozen=True, slots=True)
class PriceMessage:
    """A price was published."""

    kind: Literal["price"]
    region: Region
    interval_end: datetime
    per_mwh: float
    status: PriceStatus


@dataclass(frozen=True, slots=True)
class DispatchMessage:
    """A decision was made, or its answers were counted."""

    kind: Literal["dispatch"]
    id: str
    region: Region
    interval_end: datetime
    stage: Literal["decided", "answered"]


@dataclass(frozen=True, slots=True)
class ChangedMessage:
    """Something in the record changed; read it again."""

    kind: Literal["changed"]
    subject: Literal["rules", "vpps", "sites"]


@dataclass(frozen=True, slots=True)
class StoryMessage:
    """A story was started."""

    kind: Literal["story"]
    name: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class PingMessage:
    """Nothing happened for a while, but the stream is alive."""

    kind: Literal["ping"]


type LiveMessage = FleetMessage | PriceMessage | DispatchMessage | ChangedMessage | StoryMessage | PingMessage
