"""What AEMO's bidding service has against a submission: its own reading of the rules, on the JSON itself.

It shares no code with the rules that our offers are checked by, so that each can be held against the other.
Codes and titles are ours; AEMO's are not public. Names arrive here in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeIs

from manta.domain.market import Service
from manta.domain.offer import ENERGY, DispatchableUnit
from manta.domain.reference import BIDIRECTIONAL_UNITS, FLOOR_PER_MWH, cap_per_mwh, is_traded
from manta.domain.time import NEM_TIME, TradingDay

type Json = Mapping[str, Any]
type Key = tuple[str, str, str, str | None]
"""DUID, trading date, service and direction: what one offer replaces."""

_SIDES = ("GEN", "LOAD")
_CORNERS = ("enablementmin", "lowbreakpoint", "highbreakpoint", "enablementmax")
_AMOUNTS = ("maxavail", "rampuprate", "rampdownrate")
_MAYBE = ("pasaavail", "fixedload", "recallperiod")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d")
_PERIODS = 288
_BANDS = 10


@dataclass(frozen=True, slots=True)
class Objection:
    """One thing that is wrong, and where."""

    code: str
    detail: str
    source: str


@dataclass(frozen=True, slots=True)
class Desk:
    """What AEMO looks things up in."""

    units: Mapping[str, DispatchableUnit]
    prices_held: Callable[[Key], Sequence[Decimal] | None]
    """The prices of the offer that stands."""
    now: datetime


def bids_in(submission: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield each bid of a submission with where it stands and its service."""
    for name, service in (("energybids", ENERGY), ("fcasbids", None)):
        bids = submission.get(name) or []
        for i, bid in enumerate(bids if isinstance(bids, list) else []):
            if isinstance(bid, dict):
                yield f"{name}[{i}]", service or str(bid.get("service")), bid


def key_of(service: str, bid: Json) -> Key:
    """Return what an offer replaces."""
    side = str(bid["direction"]) if bid.get("direction") else None
    return str(bid.get("duid")), str(bid.get("tradingdate"))[:10], service, side


def objections(submission: Json, desk: Desk) -> Sequence[Objection]:
    """Return everything that AEMO has against a submission; none if it takes it."""
    reference = submission.get("referenceid")
    found = []
    if not isinstance(reference, str) or not reference.strip() or len(reference) > 100:
        found.append(Objection("REFERENCE", "1 to 100 characters", "referenceid"))
    bids = list(bids_in(submission))
    if not bids:
        found.append(Objection("EMPTY", "there is no bid", ""))
    keys = [key_of(service, bid) for _, service, bid in bids]
    found += [Objection("TWICE", f"{key}", "") for key in set(keys) if keys.count(key) > 1]
    for where, service, bid in bids:
        found += _bid(where, service, bid, desk)
    return found


def _bid(where: str, service: str, bid: Json, desk: Desk) -> Iterator[Objection]:
    unit = desk.units.get(str(bid.get("duid")))
    try:
        day = TradingDay(date.fromisoformat(str(bid.get("tradingdate"))[:10]))
    except ValueError:
        yield Objection("DATE", f"{bid.get('tradingdate')!r} is no date", f"{where}.tradingdate")
        return
    if unit is None:
        yield Objection("DUID", f"{bid.get('duid')!r} is not yours", f"{where}.duid")
        return
    if desk.now >= day.end:
        yield Objection("OVER", "the trading day is over", f"{where}.tradingdate")
    if service != ENERGY and (
        service not in Service
        or Service(service) not in unit.services
        or not is_traded(Service(service), day.starts_on)
    ):
        yield Objection("SERVICE", f"{service} is not offered by {unit.duid}", f"{where}.service")
        return
    side = str(bid["direction"]) if bid.get("direction") else None
    yield from _side(where, service, side, unit, day)
    yield from _prices(where, bid.get("prices"), _bounds(service, side, unit, day))
    name = "energyperiods" if service == ENERGY else "fcasperiods"
    yield from _periods(f"{where}.{name}", bid.get(name), service, side, unit)
    if desk.now >= _locks(day):
        yield from _lock(where, bid, desk.prices_held(key_of(service, bid)))


def _side(
    where: str, service: str, side: str | None, unit: DispatchableUnit, day: TradingDay
) -> Iterator[Objection]:
    must = service == ENERGY or service.endswith("REG")
    known = unit.is_bidirectional and day.starts_on >= BIDIRECTIONAL_UNITS
    if (
        side is not None
        and (side not in _SIDES or not known)
        or side is None
        and unit.is_bidirectional
        and must
    ):
        yield Objection("DIRECTION", f"{side!r} for {service} of {unit.duid}", f"{where}.direction")


def _bounds(
    service: str, side: str | None, unit: DispatchableUnit, day: TradingDay
) -> tuple[Decimal, Decimal]:
    cap = Decimal(cap_per_mwh(day.interval(1)))
    if service != ENERGY:
        return Decimal(0), cap
    mlf = unit.mlf_import if side == "LOAD" else unit.mlf_export
    return Decimal(FLOOR_PER_MWH) * mlf, cap * mlf


def _prices(where: str, prices: object, bounds: tuple[Decimal, Decimal]) -> Iterator[Objection]:
    where = f"{where}.prices"
    if not isinstance(prices, list) or len(prices) != _BANDS or not all(map(_is_number, prices)):
        yield Objection("PRICES", f"{_BANDS} numbers", where)
        return
    if any(not low < high for low, high in zip(prices, prices[1:], strict=False)):
        yield Objection("MONOTONIC", "each price is above the one before", where)
    if not (bounds[0] <= prices[0] and prices[-1] <= bounds[1]):
        yield Objection("BOUNDS", f"from {bounds[0]} to {bounds[1]}", where)
    if any(Decimal(price) * 100 % 1 for price in prices if abs(price) < 1e9):
        yield Objection("CENTS", "dollars and cents", where)


def _periods(
    where: str, periods: object, service: str, side: str | None, unit: DispatchableUnit
) -> Iterator[Objection]:
    if not isinstance(periods, list) or not all(isinstance(period, dict) for period in periods):
        yield Objection("PERIODS", f"{_PERIODS} of them", where)
        return
    if sorted(str(period.get("periodid")) for period in periods) != _ALL_PERIODS:
        yield Objection("PERIODS", f"1 to {_PERIODS}, each once", where)
    for i, period in enumerate(periods):
        yield from _amounts(f"{where}[{i}]", period, service, unit)
        if service != ENERGY:
            yield from _corners(f"{where}[{i}]", period, side, unit)


_ALL_PERIODS = sorted(str(number) for number in range(1, _PERIODS + 1))


def _amounts(where: str, period: Json, service: str, unit: DispatchableUnit) -> Iterator[Objection]:
    bands, most = period.get("bandavail"), period.get("maxavail", -1)
    wanted = [period.get(name) for name in (_AMOUNTS if service == ENERGY else _AMOUNTS[:1])]
    wanted += [period[name] for name in _MAYBE if service == ENERGY and period.get(name) is not None]
    if not all(map(_is_amount, wanted)):
        yield Objection("WHOLE", "whole numbers, zero or more", where)
        return
    if not isinstance(bands, list) or len(bands) != _BANDS or not all(map(_is_amount, bands)):
        yield Objection("BANDS", f"{_BANDS} whole megawatts, zero or more", f"{where}.bandavail")
    elif sum(bands) < most:
        yield Objection("AVAILABILITY", "the bands add up to less than maxAvail", f"{where}.bandavail")
    if unit.most_kw is not None and most * 1_000 > unit.most_kw:
        yield Objection("CAPACITY", "more than is registered", f"{where}.maxavail")


def _corners(where: str, period: Json, side: str | None, unit: DispatchableUnit) -> Iterator[Objection]:
    corners = [corner for name in _CORNERS if _is_whole(corner := period.get(name))]
    if len(corners) != len(_CORNERS):
        yield Objection("TRAPEZIUM", "four whole megawatts", where)
        return
    outward = [-corner for corner in corners] if side == "LOAD" else corners
    is_two_sided = unit.is_bidirectional and side is None
    if outward != sorted(outward) or (min(outward) < 0 and not is_two_sided):
        yield Objection("TRAPEZIUM", "min, low, high, max do not grow outward", where)


def _lock(where: str, bid: Json, held: Sequence[Decimal] | None) -> Iterator[Objection]:
    if held is None:
        yield Objection("LATE", "prices are locked and no offer stands", where)
    elif bid.get("prices") != list(held):
        yield Objection("LOCKED", "prices are locked since 12:30 on the day before", f"{where}.prices")
    told = bid.get("rebidexplanation")
    if not isinstance(told, dict):
        yield Objection("REBID", "an explanation", f"{where}.rebidexplanation")
        return
    reason, category = told.get("reason"), told.get("category")
    if not isinstance(reason, str) or not reason.strip() or len(reason) > 500:
        yield Objection("REBID", "a reason of 1 to 500 characters", f"{where}.rebidexplanation.reason")
    if not isinstance(category, str) or not re.fullmatch("[A-Z]", category):
        yield Objection("REBID", "a category of one letter", f"{where}.rebidexplanation.category")
    for name in ("eventtime", "awaretime", "decisiontime"):
        if not _CLOCK.fullmatch(str(told.get(name))):
            yield Objection("REBID", "HH:MM:SS", f"{where}.rebidexplanation.{name}")


def _locks(day: TradingDay) -> datetime:
    before = day.starts_on - timedelta(days=1)
    return datetime.combine(before, time(12, 30), NEM_TIME).astimezone(UTC)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and Decimal(value).is_finite()


def _is_whole(value: object) -> TypeIs[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_amount(value: object) -> bool:
    return _is_whole(value) and value >= 0
