"""A fleet's day in columns: one row a site, one column a slot, NaN where nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]
type Whole = NDArray[np.int64]

BLOCK_SITES = 256
"""So many sites at a time stay in the processor's cache, which halves the time a fleet takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Plates:
    """What stands at each site, a row a site; magnitudes, NaN where there is none or nobody knows."""

    pv_kw: Floats
    inverter_kw: Floats
    """The most that the PV inverter gives out."""
    charge_kw: Floats
    discharge_kw: Floats
    capacity_kwh: Floats
    export_kw: Floats
    """What the connection agreement permits out."""
    warranty_kwh: Floats
    """Energy that may be discharged in the battery's warranted life."""
    warranty_hours: Floats
    """How long that life is."""
    age_hours: Floats
    """Since the battery was put to work."""


@dataclass(frozen=True, slots=True, eq=False)
class FleetDay:
    """What a fleet did over some slots of equal length; kW means over a slot, toward the grid."""

    site_no: Whole
    """Each row's number in the record."""
    ends_ms: Whole
    """When each slot ends."""
    pv_kw: Floats
    battery_kw: Floats
    load_kw: Floats
    grid_kw: Floats
    """At the meter: export is positive."""
    soc: Floats
    """At the end of each slot."""
    dc_kw: Floats
    """PV on the DC side of its inverter, a magnitude."""
    voltage_v: Floats
    frequency_hz: Floats
    clear_sky_kw: Floats
    """What the panels would make under a clear sky, before any limit."""
    limit_kw: Floats
    """The export limit in force, a magnitude; infinity where none is."""
    held_back: Flags
    """Whether we had asked the PV to hold back."""
    heard: Floats
    """Share of the expected readings that came, 0 to 1."""
    per_mwh: Floats
    """The price where the site is, $/MWh."""
    charged_kwh: Floats
    """The battery's counters at the end of the first slot and of the last: two columns."""
    discharged_kwh: Floats
    health_soh: Floats
    """State of health as reported on past days, oldest first, 0 to 1; any number of columns."""
    plates: Plates

    @property
    def hours(self) -> float:
        """How long a slot is."""
        return float(self.ends_ms[1] - self.ends_ms[0]) / 3_600_000.0

    def __post_init__(self) -> None:
        shape = (len(self.site_no), len(self.ends_ms))
        if shape[1] < 2 or (np.diff(self.ends_ms) != self.ends_ms[1] - self.ends_ms[0]).any():
            raise ValueError("a day has two slots or more, all of one length")
        for name in SLOTTED:
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} is {getattr(self, name).shape}, sites and slots are {shape}")

    def blocks(self, sites: int = BLOCK_SITES) -> Iterator[FleetDay]:
        """Yield the fleet some sites at a time, as views."""
        for first in range(0, len(self.site_no), sites):
            rows = slice(first, first + sites)
            yield replace(
                self,
                site_no=self.site_no[rows],
                plates=Plates(*(getattr(self.plates, field.name)[rows] for field in fields(Plates))),
                **{name: getattr(self, name)[rows] for name in (*SLOTTED, *DAILY)},
            )


SLOTTED = (
    *("pv_kw", "battery_kw", "load_kw", "grid_kw", "soc", "dc_kw", "voltage_v", "frequency_hz"),
    *("clear_sky_kw", "limit_kw", "held_back", "heard", "per_mwh"),
)
DAILY = ("charged_kwh", "discharged_kwh", "health_soh")


@dataclass(frozen=True, slots=True, eq=False)
class StringsDay:
    """What PV strings made over the same slots, a row a string."""

    site_no: Whole
    place: Whole
    """Which string of its site, from 1."""
    region: Whole
    """Strings of one region are under one sky."""
    power_kw: Floats
    clear_sky_kw: Floats


def total(values: Floats, where: Flags | None = None) -> Floats:
    """Sum each row over what is known, and over ``where`` if given; 0 where nothing is known."""
    known = ~np.isnan(values) if where is None else where & ~np.isnan(values)
    summed: Floats = np.where(known, values, 0.0).sum(axis=1)
    return summed


def ratio(part: Floats, whole: Floats) -> Floats:
    """Divide; NaN where the whole is 0 or less."""
    divided: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0.0)
    return divided


def first_slot(flags: Flags) -> Whole:
    """Return each row's first slot that is flagged, the last slot where none is."""
    found = flags.argmax(axis=1)
    return np.where(flags.any(axis=1), found, flags.shape[1] - 1)


def longest_run(flags: Flags) -> Whole:
    """Return how many slots on end each row is flagged at its longest."""
    place = np.arange(1, flags.shape[1] + 1)
    last_clear = np.maximum.accumulate(np.where(flags, 0, place), axis=1)
    run: Whole = np.max(place - last_clear, axis=1, initial=0)
    return run
