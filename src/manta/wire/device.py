"""The device contract: MessagePack over MQTT 3.1.1, one session a site.

Up (QoS 1) ``manta/v1/s/<site>/up`` and ``…/ack``; down ``manta/v1/s/<site>/down``. Structs travel as
arrays, so new fields are only ever added at the end. Instants are milliseconds since 1970, UTC. Power is
in kW, positive toward the grid.
"""

from typing import Literal

import msgspec


class DeviceReading(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """One device's part of a site's report."""

    device: str
    power_kw: float
    soc: float | None = None
    import_kwh: float | None = None
    export_kwh: float | None = None
    quality: Literal["good", "estimated", "bad"] = "good"


class SiteReport(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What a site says of its devices at one instant."""

    sequence: int
    """Rises by one a report; never repeats, also across a restart of the site."""
    at_ms: int
    readings: list[DeviceReading]


class Lease(msgspec.Struct, array_like=True, frozen=True):
    """A power until a time, then the site's default. Sealed by the governor for one device alone."""

    lease: str
    device: str
    epoch: int
    """The governor's fencing epoch; a device refuses one lower than it has seen."""
    sequence: int
    """Within an epoch; a device refuses one not higher than it has applied."""
    power_kw: float | None
    """Battery power to hold; None releases the site to its default now."""
    export_limit_kw: float | None
    """The most that the site may export meanwhile, a magnitude; its own limit still binds."""
    not_before_ms: int
    until_ms: int
    ramp_kw_per_min: float
    """How fast to move, toward the power and home again."""
    default: Literal["self_consumption"]
    trace: str


class SealedLease(msgspec.Struct, array_like=True, frozen=True):
    """An encoded Lease and its seal (HMAC-SHA256 under the device's own key)."""

    lease: bytes
    seal: bytes


class LeaseAck(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A device's answer to a lease."""

    lease: str
    device: str
    outcome: Literal["accepted", "refused"]
    at_ms: int
    because: str = ""
    """Why refused: ``seal``, ``epoch``, ``sequence``, ``expired``, ``device``, ``island``."""
