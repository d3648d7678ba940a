"""What makes an offer one that AEMO takes: everything that is wrong with it, each with what to do about it.

A unit's two energy sides are two offers, each judged alone; whether their prices may cross is not known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from manta.domain.market import Direction
from manta.domain.offer import (
    BANDS,
    DispatchableUnit,
    EnergyOffer,
    EnergyPeriod,
    Offer,
    Problem,
    ServiceOffer,
    ServicePeriod,
    Submission,
)
from manta.domain.reference import BIDIRECTIONAL_UNITS, FLOOR_PER_MWH, cap_per_mwh, is_traded
from manta.domain.time import INTERVALS_PER_DAY
from manta.domain.units import KW_PER_MW

DUID = re.compile(r"[A-Z0-9][A-Z0-9_/#-]{0,9}")
_CENT = Decimal("0.01")
_MOST_REFERENCE, _MOST_COMMENTS, _MOST_AUTHORISED = 100, 100, 20
"""Characters. Confidence M: from a client of 2020."""
_T1_T2, _T3_T4 = 30, 59
"""Minutes, the most."""


def price_bounds(offer: Offer, unit: DispatchableUnit) -> tuple[Decimal, Decimal]:
    """Return the lowest and highest price that an offer may hold.

    Energy is offered at the connection point, so the market's bounds come to it by the loss factor of that
    side; a service is offered from zero, without one. The cap is that of the trading day's first interval.
    """
    cap = Decimal(cap_per_mwh(offer.day.interval(1)))
    if isinstance(offer, ServiceOffer):
        return Decimal(0), cap
    mlf = unit.mlf_import if offer.direction is Direction.LOAD else unit.mlf_export
    return Decimal(FLOOR_PER_MWH) * mlf, cap * mlf


def problems(offer: Offer, unit: DispatchableUnit) -> Sequence[Problem]:
    """Return everything that is wrong with an offer of a unit; none if AEMO would take it."""
    found = [*_head(offer, unit), *_prices(offer, unit), *_all_periods(offer)]
    if isinstance(offer, EnergyOffer):
        found += _day(offer)
        for i, energy in enumerate(offer.periods):
            found += [*_amounts(f"periods[{i}]", energy, unit), *_energy(f"periods[{i}]", energy)]
    else:
        for i, service in enumerate(offer.periods):
            found += _amounts(f"periods[{i}]", service, unit)
            found += _edges(f"periods[{i}].trapezium", service, offer, unit)
    return found


def submission_problems(submission: Submission) -> Sequence[Problem]:
    """Return what is wrong with the cover of a submission, apart from the offers in it."""
    found = []
    for name, text, most in (
        ("reference", submission.reference, _MOST_REFERENCE),
        ("comments", submission.comments, _MOST_COMMENTS),
        ("authorised_by", submission.authorised_by, _MOST_AUTHORISED),
    ):
        if len(text) > most:
            found.append(Problem(name, f"{len(text)} characters are too many", f"shorten it to {most}"))
    if not submission.reference.strip():
        found.append(Problem("reference", "it is empty", "give a reference that was never used before"))
    if not submission.offers:
        found.append(Problem("", "there is no offer in it", "add an offer"))
    keys = Counter((o.duid, o.day.starts_on, o.kind, o.direction) for o in submission.offers)
    for (duid, day, kind, side), count in keys.items():
        if count > 1:
            what = f"{kind} {side}" if side else kind
            found.append(Problem("", f"{duid} offers {what} for {day} {count} times", "keep one of them"))
    return found


def _head(offer: Offer, unit: DispatchableUnit) -> Iterator[Problem]:
    if not DUID.fullmatch(offer.duid):
        yield Problem("duid", f"{offer.duid!r} is not a DUID", "use the registered name, at most 10 capitals")
    elif offer.duid != unit.duid:
        yield Problem("duid", f"{offer.duid} is not {unit.duid}", "offer it for the unit that it belongs to")
    needs_side = not isinstance(offer, ServiceOffer) or offer.service.regulates
    if unit.is_bidirectional and needs_side and offer.direction is None:
        yield Problem("direction", f"{offer.kind} of a bidirectional unit has a side", "say GEN or LOAD")
    if not unit.is_bidirectional and offer.direction is not None:
        yield Problem("direction", f"{unit.duid} is not a bidirectional unit", "leave the direction out")
    if offer.direction is not None and offer.day.starts_on < BIDIRECTIONAL_UNITS:
        yield Problem("day", f"there were no sides before {BIDIRECTIONAL_UNITS}", "leave the direction out")
    if isinstance(offer, ServiceOffer):
        if offer.service not in unit.services:
            yield Problem("service", f"{unit.duid} is not registered for {offer.service}", "leave it out")
        if not is_traded(offer.service, offer.day.starts_on):
            yield Problem(
                "service", f"{offer.service} was not traded on {offer.day.starts_on}", "leave it out"
            )


def _prices(offer: Offer, unit: DispatchableUnit) -> Iterator[Problem]:
    if len(offer.prices) != BANDS:
        yield Problem("prices", f"{len(offer.prices)} prices", f"give {BANDS}")
    lowest, highest = price_bounds(offer, unit)
    before: Decimal | None = None
    for i, price in enumerate(offer.prices):
        where = f"prices[{i}]"
        if not price.is_finite():
            yield Problem(where, f"{price} is not a price", "give dollars and cents")
            continue
        if not lowest <= price <= highest:
            yield Problem(where, f"{price} is not from {lowest} to {highest}", "bring it within the bounds")
        elif price != price.quantize(_CENT):
            yield Problem(where, f"{price} has parts of a cent", "round it to cents")
        if before is not None and not price > before:
            yield Problem(where, f"{price} is not above {before}", "let each price be higher than the last")
        before = price


def _all_periods(offer: Offer) -> Iterator[Problem]:
    """Yield a problem for each period that is missing, given twice, or of no day."""
    numbers = Counter(period.period for period in offer.periods)
    if missing := [n for n in range(1, INTERVALS_PER_DAY + 1) if n not in numbers]:
        yield Problem("periods", f"{_ranges(missing)} missing", f"give all {INTERVALS_PER_DAY}")
    for number, count in numbers.items():
        if not 1 <= number <= INTERVALS_PER_DAY:
            yield Problem("periods", f"there is no period {number}", f"number them 1 to {INTERVALS_PER_DAY}")
        elif count > 1:
            yield Problem("periods", f"period {number} is given {count} times", "keep one of them")


def _day(offer: EnergyOffer) -> Iterator[Problem]:
    if offer.daily_energy_kwh is not None and not offer.daily_energy_kwh >= 0:
        yield Problem(
            "daily_energy_kwh", f"{offer.daily_energy_kwh} kWh", "give zero or more, or leave it out"
        )
    if (start := offer.fast_start) is None:
        return
    if not _is_whole(start.minimum_load_kw):
        yield Problem("fast_start.minimum_load_kw", _not_whole(start.minimum_load_kw), _WHOLE)
    stretches = (("t1", start.t1, _T1_T2), ("t2", start.t2, _T1_T2))
    for name, minutes, most in (*stretches, ("t3", start.t3, _T3_T4), ("t4", start.t4, _T3_T4)):
        if not 0 <= minutes <= most:
            yield Problem(f"fast_start.{name}", f"{minutes} minutes", f"give 0 to {most}")


def _amounts(where: str, period: EnergyPeriod | ServicePeriod, unit: DispatchableUnit) -> Iterator[Problem]:
    if len(period.bands_kw) != BANDS:
        yield Problem(f"{where}.bands_kw", f"{len(period.bands_kw)} bands", f"give {BANDS}")
    for i, band_kw in enumerate(period.bands_kw):
        if not _is_whole(band_kw):
            yield Problem(f"{where}.bands_kw[{i}]", _not_whole(band_kw), _WHOLE)
    most_kw = period.max_avail_kw
    if not _is_whole(most_kw):
        yield Problem(f"{where}.max_avail_kw", _not_whole(most_kw), _WHOLE)
    if sum(period.bands_kw) < most_kw:
        cause = f"the bands add up to {sum(period.bands_kw):,.0f} kW and {most_kw:,.0f} kW is available"
        yield Problem(f"{where}.bands_kw", cause, "fill the bands or lower the availability")
    if unit.most_kw is not None and most_kw > unit.most_kw:
        cause = f"{most_kw:,.0f} kW is more than the {unit.most_kw:,.0f} kW registered"
        yield Problem(f"{where}.max_avail_kw", cause, "offer no more than is registered")


def _energy(where: str, period: EnergyPeriod) -> Iterator[Problem]:
    """Yield what is wrong with what only energy has; a rate of 0 is a rate, which real offers hold."""
    rates = (
        ("ramp_up_kw_per_min", period.ramp_up_kw_per_min),
        ("ramp_down_kw_per_min", period.ramp_down_kw_per_min),
    )
    for name, kw in (
        *rates,
        ("pasa_avail_kw", period.pasa_avail_kw),
        ("fixed_load_kw", period.fixed_load_kw),
    ):
        if kw is not None and not _is_whole(kw):
            yield Problem(f"{where}.{name}", _not_whole(kw), _WHOLE)
    if period.recall_period < 0:
        yield Problem(f"{where}.recall_period", f"{period.recall_period}", "give zero or more")
    if period.energy_limit_kwh is not None and not period.energy_limit_kwh >= 0:
        yield Problem(f"{where}.energy_limit_kwh", f"{period.energy_limit_kwh} kWh", "give zero or more")


def _edges(
    where: str, period: ServicePeriod, offer: ServiceOffer, unit: DispatchableUnit
) -> Iterator[Problem]:
    edges = period.trapezium.edges_kw
    for kw in edges:
        if not _is_whole(abs(kw)):
            yield Problem(where, _not_whole(kw), _WHOLE)
    if not all(left <= right for left, right in zip(edges, edges[1:], strict=False)):
        shown = ", ".join(f"{kw:,.0f}" for kw in edges)
        yield Problem(where, f"the edges {shown} kW do not ascend", "order them from lowest to highest")
    spans = unit.is_bidirectional and offer.direction is None
    if offer.direction is Direction.LOAD and max(edges) > 0:
        yield Problem(where, "the load side reaches above zero", "keep the load side at or below zero")
    elif offer.direction is not Direction.LOAD and not spans and min(edges) < 0:
        yield Problem(where, "it reaches below zero", "keep it at or above zero")


_WHOLE = "use whole megawatts, zero or more"


def _is_whole(kw: float) -> bool:
    """Tell whether a power is a whole number of megawatts that AEMO can hold; NaN is none."""
    return kw >= 0 and kw % KW_PER_MW == 0


def _not_whole(kw: float) -> str:
    return f"{kw:,.10g} kW is not a whole number of megawatts"


def _ranges(numbers: Sequence[int]) -> str:
    """Spell ascending numbers shortly: periods 1-240, 288."""
    ends: list[tuple[int, int]] = []
    for number in numbers:
        if ends and ends[-1][1] == number - 1:
            ends[-1] = ends[-1][0], number
        else:
            ends.append((number, number))
    return "periods " + ", ".join(f"{a}-{b}" if a != b else f"{a}" for a, b in ends)
