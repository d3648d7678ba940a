"""Distributed energy resources in one model: what a site is made of, what each part can do, and does.

Five things that vendors mix are kept apart: capability (the plate and the firmware), settings (what somebody
chose), status (how it is), measurement (what flows), availability (what it could do now). Units and signs are
the house's: kW, kWh, positive toward the grid at every component, so that a site adds up to its export.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite


class ComponentKind(StrEnum):
    """What a part of a site is."""

    GRID_METER = "grid_meter"
    AC_BUS = "ac_bus"
    INVERTER = "inverter"
    """AC on one side, DC on the other; a hybrid where a battery hangs on its DC bus."""
    DC_BUS = "dc_bus"
    PV_STRING = "pv_string"
    BATTERY = "battery"
    LOAD = "load"
    EV_CHARGER = "ev_charger"


MEASURED = frozenset(ComponentKind) - {ComponentKind.AC_BUS, ComponentKind.DC_BUS}
"""Buses are where powers meet; nobody meters them."""


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a site."""

    id: str
    kind: ComponentKind
    parent: str | None
    """The component on its grid side; None for the grid meter alone."""
    rated_kw: float | None = None
    """A magnitude; None where the plate is not known."""
    capacity_kwh: float | None = None
    phases: int = 1


class GraphError(ValueError):
    """The parts do not make a site: says which one, and why."""


@dataclass(frozen=True, slots=True)
class SiteGraph:
    """A site's parts as a tree from the grid meter down."""

    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        by_id = {component.id: component for component in self.components}
        if len(by_id) != len(self.components):
            raise GraphError("two components have one id")
        roots = [component for component in self.components if component.parent is None]
        if [root.kind for root in roots] != [ComponentKind.GRID_METER]:
            raise GraphError(f"a site has one grid meter at its top, here are {len(roots)} tops")
        for component in self.components:
            _check_path(component, by_id)

    def children(self, id: str) -> tuple[Component, ...]:
        """Return what stands directly behind a component."""
        return tuple(component for component in self.components if component.parent == id)

    def of_kind(self, kind: ComponentKind) -> tuple[Component, ...]:
        """Return every component of a kind."""
        return tuple(component for component in self.components if component.kind is kind)


def _check_path(component: Component, by_id: Mapping[str, Component]) -> None:
    seen = {component.id}
    at = component
    while at.parent is not None:
        if at.parent not in by_id:
            raise GraphError(f"{at.id} stands behind {at.parent}, which is not there")
        at = by_id[at.parent]
        if at.id in seen:
            raise GraphError(f"{component.id} stands behind itself")
        seen.add(at.id)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device says it is."""

    make: str
    model: str
    serial: str
    firmware: str = ""
    rated_kw: float | None = None
    capacity_kwh: float | None = None


@dataclass(frozen=True, slots=True)
class Capability:
    """What plate and firmware permit, as magnitudes."""

    charge_kw: float
    discharge_kw: float
    export_limit: bool = False
    """Whether it holds an export limit by itself."""
    capacity_kwh: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What somebody chose; None is unknown."""

    reserve_soc: float | None = None
    export_limit_kw: float | None = None
    """A magnitude; infinity where none is set."""
    mode: str = ""
    """In the vendor's own word."""


class Running(StrEnum):
    """How a device is."""

    RUNNING = "running"
    STANDBY = "standby"
    STOPPED = "stopped"
    DERATED = "derated"
    FAULT = "fault"
    ISLANDED = "islanded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Status:
    """How a device is, and what it complains of."""

    running: Running
    alarms: tuple[str, ...] = ()
    is_remote_allowed: bool | None = None
    """Whether it lets us command it; None where it does not say."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one component did at an instant; None is unknown, never 0."""

    power_kw: float | None
    soc: float | None = None
    import_kwh: float | None = None
    """Counter of energy taken in: from the grid at the meter, charged at a battery. A magnitude."""
    export_kwh: float | None = None
    voltage_v: float | None = None
    frequency_hz: float | None = None
    temperature_degc: float | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not isfinite(value):
                raise ValueError(f"{name} is a finite number or None, was {value}")
        if self.soc is not None and not 0.0 <= self.soc <= 1.0:
            raise ValueError(f"a state of charge lies from 0 to 1, was {self.soc}")


@dataclass(frozen=True, slots=True)
class Availability:
    """What a battery could do now, as magnitudes."""

    charge_kw: float
    discharge_kw: float
    stored_kwh: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a site through one driver."""

    at: datetime
    """When the device measured it; where it does not say, when it answered."""
    measurements: Mapping[ComponentKind, Measurement]
    status: Status
    settings: Settings = field(default_factory=Settings)
    availability: Availability | None = None
    strings_kw: tuple[float | None, ...] = ()
    """Each PV string's power, where it is told."""


class Latency(StrEnum):
    """How soon a command acts."""

    EDGE = "edge"
    """Milliseconds to a second: on site."""
    CLOUD = "cloud"
    """Seconds to minutes: through a vendor's service."""
    SCHEDULER = "scheduler"
    """15 to 45 minutes: through the vendor's own optimizer."""


class Setpoints(StrEnum):
    """What a command can say."""

    NONE = "none"
    """It can be read alone."""
    MODE = "mode"
    """Charge, discharge or leave alone; the vendor chooses the power."""
    POWER = "power"


class Trust(StrEnum):
    """How far what is read back after a write may be believed."""

    SURE = "sure"
    STALE = "stale"
    """It shows the old value for a while."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What the engine and the governor must know of a driver before they lean on it."""

    make: str
    latency: Latency
    setpoints: Setpoints
    expiry: timedelta | None
    """The longest that the device itself holds a command without hearing from us; None: it holds it for
    ever, so that the undo is prepared before the do and a watchdog of ours stands beside it."""
    refresh: timedelta
    """A command is repeated at least this often."""
    poll: timedelta
    """Readings are asked for this often."""
    calls_per_day: int | None = None
    """The vendor's budget a site; None where there is none."""
    call_aud: float = 0.0
    writes_wear: bool = False
    """Whether a write wears out the device's memory, so that equal values are not written again."""
    read_back: Trust = Trust.SURE

    @property
    def needs_watchdog(self) -> bool:
        """Tell whether only we can end what we began."""
        return self.setpoints is not Setpoints.NONE and self.expiry is None
