"""What a device says about itself, in our units and our sign."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from manta.domain.identity import DeviceId


class Quality(StrEnum):
    """How far a reading may be trusted; a column's quality number is its place in this list."""

    GOOD = "good"
    ESTIMATED = "estimated"
    BAD = "bad"


QUALITIES = tuple(Quality)


@dataclass(frozen=True, slots=True)
class Reading:
    """One normalised sample of one device."""

    device: DeviceId
    sequence: int
    at: datetime
    """When the device measured it (not when we heard of it), UTC."""
    power_kw: float
    """Power at the device's terminals, positive toward the grid."""
    soc: float | None = None
    """State of charge, 0 to 1; None for what stores nothing."""
    import_kwh: float | None = None
    """Counter of energy taken in (from the grid at a meter, charged at a battery), a magnitude."""
    export_kwh: float | None = None
    """Counter of energy given out, a magnitude."""
    quality: Quality = Quality.GOOD
