"""The tariff with which a Powerwall in autonomous mode is led to charge or to discharge.

Tesla's public interface takes no power. Its optimizer follows prices, so that a window in which energy is
dear makes it discharge, and one in which it is free makes it charge: after 15 to 45 minutes, with a power of
its own choice, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

CODE = "MANTA-VPP"
"""By this a tariff is known as ours."""
_STEP = timedelta(minutes=30)
_MIDNIGHT = (0, 0)
_INSIDE, _OUTSIDE = "ON_PEAK", "OFF_PEAK"
_DEAR, _CHEAP, _FREE = 2.0, 0.05, 0.0
"""Dollars a kWh; only their order matters."""


def tariff(power_kw: float, at: datetime, until: datetime, zone: ZoneInfo) -> Mapping[str, Any]:
    """Return the tariff that leads to this sign of power, positive to discharge, from ``at`` until ``until``.

    The window is in the site's local time, widened to half hours, and recurs each day until it is released.
    """
    begin, end = _half_hour(at.astimezone(zone)), _half_hour(until.astimezone(zone) + _STEP)
    if end - begin >= timedelta(days=1):
        raise ValueError("a Powerwall is led for less than a day at a time")
    inside = _periods((begin.hour, begin.minute), (end.hour, end.minute))
    outside = _periods((end.hour, end.minute), (begin.hour, begin.minute))
    prices = {_INSIDE: _DEAR, _OUTSIDE: _CHEAP} if power_kw > 0 else {_INSIDE: _FREE, _OUTSIDE: _DEAR}
    verb = "discharge" if power_kw > 0 else "charge"
    return {
        "version": 1,
        "utility": "Manta",
        "code": CODE,
        "name": f"{verb} {begin:%H:%M} to {end:%H:%M}",
        "currency": "AUD",
        **_priced(prices, inside, outside),
        "sell_tariff": {"utility": "Manta", "name": verb, **_priced(prices, inside, outside)},
    }


def continued(seen: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the tariff of ours that a site has already if it leads to the same, otherwise the wanted one.

    A tariff is the dearest thing to change, and a command is repeated with a later beginning each time.
    """
    if seen is None or seen.get("code") != CODE:
        return wanted
    verb, _, __, end = str(wanted["name"]).split()
    name = str(seen.get("name")).split()
    return seen if name[:1] == [verb] and name[-1:] == [end] else wanted


def _half_hour(at: datetime) -> datetime:
    return at.replace(minute=at.minute // 30 * 30, second=0, microsecond=0)


def _periods(begin: tuple[int, int], end: tuple[int, int]) -> list[dict[str, int]]:
    spans = [(begin, end)] if begin < end or end == _MIDNIGHT else [(begin, _MIDNIGHT), (_MIDNIGHT, end)]
    return [
        {
            "fromDayOfWeek": 0,
            "toDayOfWeek": 6,
            "fromHour": first[0],
            "fromMinute": first[1],
            "toHour": last[0],
            "toMinute": last[1],
        }
        for first, last in spans
        if first != last
    ]


def _priced(
    prices: Mapping[str, float], inside: list[dict[str, int]], outside: list[dict[str, int]]
) -> dict[str, Any]:
    return {
        "daily_charges": [{"amount": 0, "name": "Charge"}],
        "demand_charges": {"ALL": {"rates": {"ALL": 0}}, "Year": {}},
        "energy_charges": {"ALL": {"rates": {"ALL": 0}}, "Year": {"rates": dict(prices)}},
        "seasons": {
            "Year": {
                "fromMonth": 1,
                "fromDay": 1,
                "toMonth": 12,
                "toDay": 31,
                "tou_periods": {_INSIDE: {"periods": inside}, _OUTSIDE: {"periods": outside}},
            }
        },
    }
