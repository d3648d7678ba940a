"""The market's own numbers, by the day from which they hold, with where they come from and how sure we are.

A number that could not be confirmed says so (``LOW``): whoever uses it keeps it configurable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from zoneinfo import ZoneInfo

from manta.domain.market import Region, Service
from manta.domain.time import NEM_TIME, DispatchInterval


class Confidence(StrEnum):
    """How sure we are of a number."""

    HIGH = "H"
    """Read in a primary text, or found in AEMO's own data."""
    MEDIUM = "M"
    """One good secondary source, or a primary one read in part."""
    LOW = "L"
    """Believed, not confirmed."""


_H, _M, _L = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW


@dataclass(frozen=True, slots=True)
class Setting:
    """A number of dollars from a day on; it goes on until the next one."""

    since: date
    per_mwh: float
    confidence: Confidence
    source: str


def in_force(settings: Sequence[Setting], interval: DispatchInterval) -> Setting | None:
    """Return the setting that holds over an interval, None before the first one known.

    A setting begins with the interval that begins at midnight of its day, NEM time.
    """
    day = interval.start.astimezone(NEM_TIME).date()
    return next((setting for setting in reversed(settings) if setting.since <= day), None)


def _july(year: int, per_mwh: float, confidence: Confidence, source: str) -> Setting:
    return Setting(date(year, 7, 1), per_mwh, confidence, source)


_THRESHOLDS = "AEMO MMS, MARKET_PRICE_THRESHOLDS"

MARKET_PRICE_CAPS = (
    _july(2018, 14_500.0, _H, _THRESHOLDS),
    _july(2019, 14_700.0, _H, _THRESHOLDS),
    _july(2020, 15_000.0, _H, _THRESHOLDS),
    _july(2021, 15_100.0, _H, "AEMO media release 13 Jun 2022; dispatch prices of that year"),
    _july(2022, 15_500.0, _M, "Modo Energy, NEM documentation"),
    _july(2023, 16_600.0, _H, "dispatch prices, VIC1 Feb 2024"),
    _july(2024, 17_500.0, _H, "dispatch prices of that year"),
    _july(2025, 20_300.0, _H, "dispatch prices, SA1 Dec 2025; offers of Apr 2026"),
    _july(2026, 23_200.0, _M, "AEMC update of the market price cap for 2026-27, quoted"),
)
"""$/MWh, and $/MW/h for a service. For 2027-28 only a base is known: 22,800 in 2022 dollars."""

MARKET_PRICE_FLOORS = (_july(2018, -1_000.0, _H, "NER 3.9.6; not indexed"),)

CUMULATIVE_PRICE_THRESHOLDS = (
    _july(2018, 1_301_400.0, _H, f"{_THRESHOLDS}: 216,900 over half-hours, times six"),
    _july(2019, 1_326_600.0, _H, f"{_THRESHOLDS}: 221,100 over half-hours, times six"),
    _july(2020, 1_347_600.0, _H, f"{_THRESHOLDS}: 224,600 over half-hours, times six"),
    _july(2021, 1_359_100.0, _H, "AEMO media release 13 Jun 2022"),
    _july(2022, 1_398_100.0, _M, "Modo Energy, NEM documentation"),
    _july(2023, 1_490_200.0, _M, "secondary sources that agree"),
    _july(2024, 1_573_700.0, _M, "secondary sources that agree"),
    _july(2025, 1_823_600.0, _M, "WattUtilities"),
    _july(2026, 2_225_900.0, _M, "AEMC update of the market price cap for 2026-27, quoted"),
)
"""The sum of 2,016 five-minute prices beyond which prices are administered."""

ADMINISTERED_PRICE_CAPS = (
    _july(2018, 300.0, _H, _THRESHOLDS),
    Setting(date(2022, 12, 1), 600.0, _M, "AEMC rule on the administered price cap"),
)
"""$/MWh; the administered floor is the same below zero."""

FLOOR_PER_MWH = MARKET_PRICE_FLOORS[-1].per_mwh
SERVICE_FLOOR_PER_MWH = 0.0
"""Of every ancillary service, $/MW/h. Confidence H: SO_OP_3705 section 15, note 2."""
CAP_STRIKE_PER_MWH = 300.0
"""Of the cap contract that the exchange lists. Confidence M."""
SMALLEST_SERVICE_OFFER_KW = 1_000.0
"""Confidence M; that bands are whole megawatts, H."""


def cap_per_mwh(interval: DispatchInterval) -> float:
    """Return the market price cap over an interval, $/MWh.

    Before the first year and after the last one that is known, the nearest holds: a cap that is too low makes
    a true price suspect, not the reverse.
    """
    return (in_force(MARKET_PRICE_CAPS, interval) or MARKET_PRICE_CAPS[0]).per_mwh


def threshold_per_mwh(interval: DispatchInterval) -> float:
    """Return the cumulative price threshold over an interval, on the five-minute basis."""
    return (in_force(CUMULATIVE_PRICE_THRESHOLDS, interval) or CUMULATIVE_PRICE_THRESHOLDS[0]).per_mwh


def administered_cap_per_mwh(interval: DispatchInterval) -> float:
    """Return the administered price cap over an interval, $/MWh; the administered floor is its negative."""
    return (in_force(ADMINISTERED_PRICE_CAPS, interval) or ADMINISTERED_PRICE_CAPS[0]).per_mwh


FIVE_MINUTE_SETTLEMENT = date(2021, 10, 1)
"""From this day trading interval and dispatch interval are one. Confidence H."""
VERY_FAST_SERVICES = date(2023, 10, 9)
"""From this day there are one-second services. Confidence H."""
BIDIRECTIONAL_UNITS = date(2024, 6, 3)
"""From this day one unit has a GEN and a LOAD side. Confidence H."""


def is_traded(service: Service, on: date) -> bool:
    """Tell whether there was a market for a service on a trading day."""
    return on >= VERY_FAST_SERVICES or not service.value.endswith("1SEC")


_ZONES = {
    Region.NSW: "Australia/Sydney",
    Region.QLD: "Australia/Brisbane",
    Region.SA: "Australia/Adelaide",
    Region.TAS: "Australia/Hobart",
    Region.VIC: "Australia/Melbourne",
}


def zone_of(region: Region) -> ZoneInfo:
    """Return a region's local time, for tariffs and screens (Broken Hill, in NSW1, keeps Adelaide's)."""
    return ZoneInfo(_ZONES[region])


@dataclass(frozen=True, slots=True)
class FrequencyBand:
    """A band of the frequency operating standard."""

    name: str
    floor_hz: float
    ceiling_hz: float
    confidence: Confidence
    source: str


_STANDARD = "AEMC frequency operating standard, effective 9 Oct 2023"

MAINLAND_BANDS = (
    FrequencyBand("primary response deadband", 49.985, 50.015, _L, "NER, primary frequency response"),
    FrequencyBand("normal operating", 49.85, 50.15, _M, _STANDARD),
    FrequencyBand("normal operating, excursion", 49.75, 50.25, _M, _STANDARD),
    FrequencyBand("generation and load event containment", 49.5, 50.5, _M, _STANDARD),
    FrequencyBand("operational tolerance", 49.0, 51.0, _M, _STANDARD),
    FrequencyBand("extreme excursion tolerance", 47.0, 52.0, _M, _STANDARD),
)
"""The mainland in one piece, narrowest first; an island has other ones."""
TASMANIA_BANDS = (FrequencyBand("generation and load event containment", 48.0, 52.0, _L, _STANDARD),)
