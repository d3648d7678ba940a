"""What a driver is: a table of facts, who the device says it is, and two verbs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Protocol

from manta.domain.der import Capability, Descriptor, Identity, Sample
from manta.domain.lease import Outcome


@dataclass(frozen=True, slots=True)
class Order:
    """A battery power to hold until a time, and the export it may come to meanwhile."""

    power_kw: float
    """Positive toward the grid: discharge."""
    until: datetime
    export_limit_kw: float | None = None
    """A magnitude, of the whole site."""

    def __post_init__(self) -> None:
        if not isfinite(self.power_kw):
            raise ValueError(f"a power is a finite number of kW, was {self.power_kw}")
        if self.export_limit_kw is not None and self.export_limit_kw < 0.0:
            raise ValueError(f"an export limit is a magnitude, was {self.export_limit_kw}")


@dataclass(frozen=True, slots=True)
class Applied:
    """How a device answered an order."""

    outcome: Outcome
    power_kw: float | None
    """What it will hold, after its own limits; None once it is released, or where only the vendor knows."""
    because: str = ""


class ForbiddenError(PermissionError):
    """A register or an endpoint that no driver may touch: protection, firmware, accounts, or unlisted."""


class DeviceError(ConnectionError):
    """The device did not answer, or not with what was asked for; says which and why."""


class Driver(Protocol):
    """One device or vendor account, spoken to in its own tongue and heard in ours."""

    @property
    def descriptor(self) -> Descriptor:
        """What the engine and the governor must know before they lean on it."""
        ...

    async def identify(self) -> tuple[Identity, Capability]:
        """Ask who it is and what its plate permits; DeviceError if it does not answer."""
        ...

    async def read(self, at: datetime) -> Sample:
        """Look at everything once; DeviceError if it does not answer."""
        ...

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Hold a power, or with None let go, so that the device is again as its householder set it.

        Never raises for what a device may do: a refusal and silence are outcomes.
        """
        ...

    async def close(self) -> None:
        """Let go of the connection; what was ordered and has no expiry of its own is released first."""
        ...
