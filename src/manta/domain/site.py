"""A site and the devices behind its connection point."""

from dataclasses import dataclass
from enum import StrEnum

from manta.domain.envelope import Envelope
from manta.domain.identity import DeviceId, Nmi, SiteId
from manta.domain.market import Region


class DeviceKind(StrEnum):
    """What a device is; a column's kind number is its place in this list."""

    BATTERY = "battery"
    PV = "pv"
    LOAD = "load"
    METER = "meter"


DEVICE_KINDS = tuple(DeviceKind)


@dataclass(frozen=True, slots=True)
class Device:
    """One device at a site; the battery fields are None for what stores nothing."""

    id: DeviceId
    kind: DeviceKind
    rating: Envelope
    """What its plate permits, kW toward the grid."""
    capacity_kwh: float | None = None
    reserve_soc: float | None = None
    """State of charge that we leave to the householder, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Site:
    """Everything behind one connection point."""

    id: SiteId
    nmi: Nmi
    name: str
    region: Region
    feeder: str
    connection: Envelope
    """What the connection agreement permits when the network says nothing tighter."""
    devices: tuple[Device, ...]
