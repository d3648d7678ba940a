"""What a site pays for the energy it takes and is paid for the energy it sends, by windows of its local time.

Both prices are in $/MWh and positive where positive spot makes them so: energy, which is positive toward the
grid, times the price of its direction is revenue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from manta.domain.time import DispatchInterval

GST_SHARE = 0.1
ALL_MONTHS = frozenset(range(1, 13))
ALL_WEEKDAYS = frozenset(range(7))
"""Monday is 0."""
_DAY = 24 * 60


class UnknownTariffError(LookupError):
    """No tariff of that name is known for that day; says what is."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of certain local days, half-open, on five-minute marks of the wall clock.

    When clocks go forward the hour that does not exist is missing from whatever would hold it, and when they
    go back the hour that happens twice counts twice.
    """

    begins: time
    ends: time
    """Midnight means the end of the day."""
    months: frozenset[int] = ALL_MONTHS
    weekdays: frozenset[int] = ALL_WEEKDAYS

    def __post_init__(self) -> None:
        if any(mark.minute % 5 or mark.second or mark.microsecond for mark in (self.begins, self.ends)):
            raise ValueError(f"hours begin and end on five-minute marks, not {self.begins} to {self.ends}")
        if self.first >= self.last:
            raise ValueError(f"hours end after they begin, not {self.begins} to {self.ends}")
        if not self.months or not self.weekdays or self.months - ALL_MONTHS or self.weekdays - ALL_WEEKDAYS:
            raise ValueError(f"no such months or weekdays: {sorted(self.months)}, {sorted(self.weekdays)}")

    @property
    def first(self) -> int:
        """The minute of the day with which it begins."""
        return self.begins.hour * 60 + self.begins.minute

    @property
    def last(self) -> int:
        """The minute of the day before which it ends."""
        return self.ends.hour * 60 + self.ends.minute or _DAY

    def hold(self, local: datetime) -> bool:
        """Say whether a local time falls within."""
        if local.month not in self.months or local.weekday() not in self.weekdays:
            return False
        return self.first <= local.hour * 60 + local.minute < self.last


@dataclass(frozen=True, slots=True)
class Window:
    """Hours in which something is added to the price of energy."""

    name: str
    hours: Hours
    adder_per_mwh: float
    """Before GST."""


@dataclass(frozen=True, slots=True)
class LossFactors:
    """What of a megawatt-hour at the regional reference node arrives at a connection point, and back."""

    dlf_scale: float = 1.0
    mlf_scale: float = 1.0
    export_mlf_scale: float | None = None
    """Of a point that has two marginal loss factors: the generator's, for what it sends."""

    @property
    def import_scale(self) -> float:
        """What spot is multiplied with for energy taken."""
        return self.dlf_scale * self.mlf_scale

    @property
    def export_scale(self) -> float:
        """What spot is multiplied with for energy sent."""
        mlf_scale = self.mlf_scale if self.export_mlf_scale is None else self.export_mlf_scale
        return self.dlf_scale * mlf_scale


class DemandUnit(StrEnum):
    """What a demand charge counts."""

    KW = "kW"
    KVA = "kVA"


@dataclass(frozen=True, slots=True)
class DemandCharge:
    """A charge on the highest average import of a local month within certain hours."""

    name: str
    hours: tuple[Hours, ...]
    monthly_aud: Decimal
    """For each kW or kVA of the month's maximum, before GST."""
    unit: DemandUnit = DemandUnit.KW
    averaged: timedelta = timedelta(minutes=30)

    def holds(self, local: datetime) -> bool:
        """Say whether demand at a local time is charged for."""
        return any(hours.hold(local) for hours in self.hours)


@dataclass(frozen=True, slots=True)
class Retail:
    """What a retailer that passes spot through puts on top of the network's tariff."""

    name: str
    import_adder_per_mwh: float = 0.0
    """Margin, certificates and market charges, before GST."""
    export_adder_per_mwh: float = 0.0
    daily_aud: Decimal = Decimal(0)
    """Before GST."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """One dated tariff of one network; its windows fill every local day, whatever its length."""

    network: str
    code: str
    name: str
    zone: str
    """Where its windows are local time, as the time zone database calls it."""
    since: date
    until: date
    """The first local day on which it does not hold any more."""
    import_windows: tuple[Window, ...]
    export_windows: tuple[Window, ...]
    losses: LossFactors = LossFactors()
    spot_share: float = 1.0
    """How much of spot is passed through; 0 for a tariff of fixed prices."""
    gst_share: float = GST_SHARE
    """On energy taken, spot and network alike; energy that a home sends bears none."""
    daily_aud: Decimal | None = None
    """For being connected, before GST; None where it is not known."""
    demand: tuple[DemandCharge, ...] | None = ()
    """None where there is a charge whose terms are not known."""

    def __post_init__(self) -> None:
        if self.since >= self.until:
            raise ValueError(f"{self.network} {self.code} ends on {self.until}, before it begins")
        for windows in (self.import_windows, self.export_windows):
            check_partition(tuple(window.hours for window in windows))

    def with_losses(self, losses: LossFactors) -> Tariff:
        """Return the tariff at a connection point with these loss factors."""
        return replace(self, losses=losses)

    def sold_by(self, retail: Retail) -> Tariff:
        """Return the tariff as a retailer sells it on."""
        return replace(
            self,
            name=f"{self.name}, {retail.name}",
            import_windows=_raised(self.import_windows, retail.import_adder_per_mwh),
            export_windows=_raised(self.export_windows, retail.export_adder_per_mwh),
            daily_aud=None if self.daily_aud is None else self.daily_aud + retail.daily_aud,
        )

    def local(self, interval: DispatchInterval) -> datetime:
        """Return the local time at which an interval begins; an interval belongs to its beginning."""
        return interval.start.astimezone(ZoneInfo(self.zone))

    def import_per_mwh(self, interval: DispatchInterval, spot_per_mwh: float) -> float:
        """Return what a megawatt-hour taken costs, GST included."""
        adder_per_mwh = self._window(self.import_windows, interval).adder_per_mwh
        spot_per_mwh *= self.spot_share * self.losses.import_scale
        return (spot_per_mwh + adder_per_mwh) * (1 + self.gst_share)

    def export_per_mwh(self, interval: DispatchInterval, spot_per_mwh: float) -> float:
        """Return what a megawatt-hour sent earns."""
        adder_per_mwh = self._window(self.export_windows, interval).adder_per_mwh
        return spot_per_mwh * (self.spot_share * self.losses.export_scale) + adder_per_mwh

    def _window(self, windows: tuple[Window, ...], interval: DispatchInterval) -> Window:
        local = self.local(interval)
        if not self.since <= local.date() < self.until:
            held = f"holds from {self.since} until {self.until}, not on {local.date()}"
            raise UnknownTariffError(f"{self.network} {self.code} {held}")
        return next(window for window in windows if window.hours.hold(local))


def check_partition(parts: tuple[Hours, ...]) -> None:
    """Refuse hours that leave a minute of any day of any month without a window, or give it two."""
    for month in ALL_MONTHS:
        for weekday in ALL_WEEKDAYS:
            at = 0
            here = (part for part in parts if month in part.months and weekday in part.weekdays)
            for part in sorted(here, key=lambda part: part.first):
                if part.first != at:
                    what = "two windows" if part.first < at else "no window"
                    clock = min(part.first, at)
                    raise ValueError(
                        f"month {month}, weekday {weekday}: {what} at {clock // 60}:{clock % 60:02}"
                    )
                at = part.last
            if at != _DAY:
                raise ValueError(f"month {month}, weekday {weekday}: no window at {at // 60}:{at % 60:02}")


def _raised(windows: tuple[Window, ...], adder_per_mwh: float) -> tuple[Window, ...]:
    return tuple(replace(window, adder_per_mwh=window.adder_per_mwh + adder_per_mwh) for window in windows)
