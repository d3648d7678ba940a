"""What is replayed: one battery, what else stands behind its meter, and how late news reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from manta.backtest.series import Series
from manta.domain.tariff import Tariff
from manta.tariffs.pricing import price

LONGEST = timedelta(hours=1)
"""Later news than this is an outage, not a delay; the product then falls back, which is not replayed here."""


class SiteError(ValueError):
    """A site that cannot be replayed; says which of its figures is wrong."""


@dataclass(frozen=True, slots=True)
class Battery:
    """One battery, as its maker rates it at the connection point."""

    charge_kw: float
    discharge_kw: float
    capacity_kwh: float
    """What its cells hold."""
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    wear_per_mwh: float = 20.0
    """Cost of wear for each MWh taken out of the cells."""
    reserve_kwh: float = 0.0
    """Never discharged below."""
    initial_soc: float = 0.5

    def __post_init__(self) -> None:
        for name in ("charge_kw", "discharge_kw", "capacity_kwh"):
            if not (isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise SiteError(f"a battery's {name} is above 0, was {getattr(self, name)}")
        for name in ("charge_efficiency", "discharge_efficiency"):
            if not 0 < getattr(self, name) <= 1:
                raise SiteError(f"{name} is above 0 and at most 1, was {getattr(self, name)}")
        if not (isfinite(self.wear_per_mwh) and self.wear_per_mwh >= 0):
            raise SiteError(f"wear is 0 $/MWh or more, was {self.wear_per_mwh}")
        if not 0 <= self.reserve_kwh < self.capacity_kwh:
            raise SiteError(f"the reserve is within the capacity, was {self.reserve_kwh} kWh")
        if not 0 <= self.initial_soc <= 1:
            raise SiteError(f"the initial soc is a share from 0 to 1, was {self.initial_soc}")

    @property
    def usable_kwh(self) -> float:
        """What lies between the reserve and full."""
        return self.capacity_kwh - self.reserve_kwh

    @property
    def initial_kwh(self) -> float:
        """What lies above the reserve at the beginning."""
        return max(0.0, self.initial_soc * self.capacity_kwh - self.reserve_kwh)


def delivering(
    power_kw: float, energy_kwh: float, round_trip_efficiency: float = 0.9025, wear_per_mwh: float = 20.0
) -> Battery:
    """Return a battery that can deliver this much energy to the grid, losses shared by both directions."""
    one_way = float(np.sqrt(round_trip_efficiency))
    return Battery(
        charge_kw=power_kw,
        discharge_kw=power_kw,
        capacity_kwh=energy_kwh / one_way,
        charge_efficiency=one_way,
        discharge_efficiency=one_way,
        wear_per_mwh=wear_per_mwh,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Meter:
    """What else stands behind the meter and how the meter is billed, one row an interval of the series.

    Import and export prices are ``scale × spot + adder``, so that a forecast of spot is a forecast of both.
    """

    load_kw: NDArray[np.float64]
    """A magnitude: what the home uses."""
    pv_kw: NDArray[np.float64]
    """What the sun would give; less is used where less pays."""
    import_adder_per_mwh: NDArray[np.float64]
    export_adder_per_mwh: NDArray[np.float64]
    import_scale: float = 1.0
    export_scale: float = 1.0
    import_kw: float = inf
    export_kw: float = inf

    def __post_init__(self) -> None:
        columns = (self.load_kw, self.pv_kw, self.import_adder_per_mwh, self.export_adder_per_mwh)
        if len({len(column) for column in columns}) != 1:
            raise SiteError("load, sun and tariff differ in their number of intervals")
        if not all(np.isfinite(column).all() for column in columns):
            raise SiteError(
                "load, sun or tariff is unknown for some interval; fill the gap or shorten the span"
            )
        if (self.load_kw < 0).any() or (self.pv_kw < 0).any():
            raise SiteError("load and sun are magnitudes and never negative")
        if not (self.import_kw >= 0 and self.export_kw >= 0):
            raise SiteError(f"connection limits are 0 or more: {self.import_kw}, {self.export_kw} kW")
        if (self.load_kw > self.import_kw).any():
            raise SiteError(f"load exceeds the import limit of {self.import_kw} kW; raise --import-kw")

    def __len__(self) -> int:
        return len(self.load_kw)

    def between(self, first: int, last: int) -> Meter:
        """Return the rows from one place up to another, half-open."""
        part = slice(first, last)
        return Meter(
            *(self.load_kw[part], self.pv_kw[part]),
            *(self.import_adder_per_mwh[part], self.export_adder_per_mwh[part]),
            *(self.import_scale, self.export_scale, self.import_kw, self.export_kw),
        )


def grid_meter(intervals: int) -> Meter:
    """Return the meter of a battery that stands by itself and is settled at spot both ways."""
    none = np.zeros(intervals)
    return Meter(none, none, none, none)


def home_meter(
    series: Series, load_kw: NDArray[np.float64], pv_kw: NDArray[np.float64], tariff: Tariff, export_kw: float
) -> Meter:
    """Return a home's meter under a tariff that passes spot through in whole or part."""
    adders = price(tariff, series.end_ms, np.zeros(len(series)))
    return Meter(
        load_kw=load_kw,
        pv_kw=pv_kw,
        import_adder_per_mwh=adders.import_per_mwh,
        export_adder_per_mwh=adders.export_per_mwh,
        import_scale=tariff.spot_share * tariff.losses.import_scale * (1 + tariff.gst_share),
        export_scale=tariff.spot_share * tariff.losses.export_scale,
        export_kw=export_kw,
    )


@dataclass(frozen=True, slots=True)
class Timing:
    """How late news reaches the decision."""

    latency: timedelta = timedelta(seconds=20)
    """From the start of an interval until a decision on its price takes effect."""
    telemetry_age: timedelta = timedelta(seconds=10)
    """How old the stored energy is that a decision sees."""

    def __post_init__(self) -> None:
        for name in ("latency", "telemetry_age"):
            if not timedelta() <= getattr(self, name) <= LONGEST:
                raise SiteError(f"{name} is from 0 to {LONGEST}, was {getattr(self, name)}")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One site on one span of prices."""

    series: Series
    battery: Battery
    meter: Meter
    timing: Timing = Timing()

    def __post_init__(self) -> None:
        if len(self.meter) != len(self.series):
            raise SiteError(f"{len(self.meter)} intervals of the site for {len(self.series)} of prices")

    @property
    def import_per_mwh(self) -> NDArray[np.float64]:
        """What energy taken costs in each interval."""
        spot_per_mwh = self.series.per_mwh
        return self.meter.import_scale * spot_per_mwh + self.meter.import_adder_per_mwh

    @property
    def export_per_mwh(self) -> NDArray[np.float64]:
        """What energy sent earns in each interval."""
        spot_per_mwh = self.series.per_mwh
        return self.meter.export_scale * spot_per_mwh + self.meter.export_adder_per_mwh
