"""What aemo-to-tariff knows of a tariff beside its energy prices: the daily and the demand charge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, time
from decimal import Decimal
from types import ModuleType
from typing import Any

from manta.domain.tariff import DemandCharge, DemandUnit, Hours

_MONTHLY = ("energex", "ergon")
"""Networks whose demand prices are known to be dollars a kW or kVA and month; elsewhere the library's text
and code disagree on the unit, so that no charge is known."""
_IN_KVA = ("7200", "8100", "8300")
_HALVES = range(48)
_CENTS = Decimal(100)


def daily_aud(module: ModuleType, code: str, noon: datetime) -> Decimal | None:
    """Return the charge for a day of being connected, or None where the library does not know it."""
    table: Callable[[datetime], dict[str, Any]] | None = getattr(
        module, "get_daily_fees", getattr(module, "get_daily_fixed_charges", None)
    )
    if table is None:
        cents = module.get_tariffs(noon)[code].get("fixed_daily_charge")
    elif isinstance(table(noon).get(code), int | float):
        cents = module.get_daily_fee(code, interval_time=noon)
    else:
        cents = None
    return None if cents is None else (Decimal(repr(round(float(cents), 6))) / _CENTS)


def demand_charges(
    network: str, module: ModuleType, code: str, noon: datetime, name: str
) -> tuple[DemandCharge, ...] | None:
    """Return a tariff's demand charges, none where it has none, and None where their terms are not known."""
    table: Callable[[datetime], dict[str, Any]] | None = getattr(
        module, "get_demand_charges", getattr(module, "get_demand_tariffs", None)
    )
    charge = table(noon).get(code) if table else None
    if charge is None:
        return None if "demand" in name.lower() else ()
    if network not in _MONTHLY:
        return None
    halves: defaultdict[float, list[int]] = defaultdict(list)
    for half in _HALVES:
        at = noon.replace(hour=half // 2, minute=half % 2 * 30)
        halves[float(module.estimate_demand_fee(at, code, 1.0))].append(half)
    unit = DemandUnit.KVA if code in _IN_KVA else DemandUnit.KW
    return tuple(
        DemandCharge(_name(charge, rate), _hours(those), Decimal(repr(rate)), unit)
        for rate, those in sorted(halves.items(), reverse=True)
        if rate
    )


def _name(charge: object, rate: float) -> str:
    if isinstance(charge, dict):
        return next((str(name) for name, price in charge.items() if price == rate), "other")
    return "Any time"


def _hours(halves: list[int]) -> tuple[Hours, ...]:
    """Put neighboring half hours together."""
    edges = [at for at in range(1, len(halves)) if halves[at] != halves[at - 1] + 1]
    bounds = zip([0, *edges], [*edges, len(halves)], strict=True)
    return tuple(Hours(_clock(halves[first]), _clock(halves[last - 1] + 1)) for first, last in bounds)


def _clock(half: int) -> time:
    return time(half // 2 % 24, half % 2 * 30)
