"""From a published price to every site's power by look-up: no plan is solved again, no loop in Python.

A plan says what energy in the cells is worth once the step is over. With a price the best power follows by
merging the step's own slopes with that curve, as the plan itself would have done at this price.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manta.trading.columns import PRICE, Floats, HomeRow, LimitRow, Numbers, Rows, SiteRow, layout_of
from manta.trading.curves import CurveParts, Curves
from manta.trading.stage import ROWS, SEGMENTS, SLOPE, WIDTH, bounds_kw, meter, power_of, stage


class TariffRow(Protocol):
    """How a site's prices follow the market's in this step; a row of ``TARIFF``."""

    import_scale: float
    import_adder_per_mwh: float
    export_scale: float
    export_adder_per_mwh: float
    peak_per_mwh: float
    """Added to what is taken above the month's highest import."""
    raise_per_mwh: float
    lower_per_mwh: float


TARIFF = layout_of(TariffRow)


class Bound(IntEnum):
    """What keeps a site from doing more of what it does."""

    VALUE = 0
    """Nothing: a unit more or less would be worth the same or less."""
    RATING = 1
    """What the battery's power is rated for."""
    ENERGY = 2
    """The cells are at their reserve, or full."""
    NETWORK = 3
    """The envelope, or the inverter that roof and battery share."""
    NO_PLAN = 4
    """There is no plan: the site consumes its own."""
    UNKNOWN = 5
    """Too little is known of the site to ask anything of it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The step to be decided, once its price is known."""

    step_hours: float
    tariff: Rows
    """``TARIFF``, one row a tariff."""
    tariff_no: Numbers
    """Which tariff each site has."""
    limit: Rows
    """``LIMIT``, one row a limit."""
    limit_no: Numbers
    home: Rows
    """``HOME``, one row a site; NaN where nothing is known."""

    def price(self, spot_per_mwh: float) -> Rows:
        """Return each tariff's prices at a market price."""
        rows = np.zeros(len(self.tariff), PRICE)
        tariff = self.tariff
        rows["import_per_mwh"] = tariff["import_scale"] * spot_per_mwh + tariff["import_adder_per_mwh"]
        rows["export_per_mwh"] = tariff["export_scale"] * spot_per_mwh + tariff["export_adder_per_mwh"]
        for name in ("peak_per_mwh", "raise_per_mwh", "lower_per_mwh"):
            rows[name] = tariff[name]
        return rows


@dataclass(frozen=True, slots=True)
class Answer:
    """What every site is to do, and the numbers of its reasons; one row a site."""

    battery_kw: Floats
    """Positive is discharge; NaN where too little is known."""
    meter_kw: Floats
    """Expected at the meter, positive is export."""
    charge_below_per_mwh: Floats
    """The market price below which the next unit would be bought in; −infinity where there is no room."""
    discharge_above_per_mwh: Floats
    """The market price above which the next unit would be sold; infinity where there is nothing to sell."""
    bound: NDArray[np.uint8]
    """What keeps it from more, as ``Bound``."""


def answer(spot_per_mwh: float, sites: Rows, curves: Curves, moment: Moment) -> Answer:
    """Look up what every site does at a market price, with telemetry as new as ``sites`` and ``moment``.

    Sites without a curve consume their own. A price that is no number is refused.
    """
    if not np.isfinite(spot_per_mwh):
        raise ValueError(f"a price is a number of dollars, was {spot_per_mwh}")
    count = len(sites)
    if not len(curves) == len(moment.home) == len(moment.tariff_no) == len(moment.limit_no) == count:
        raise ValueError(f"curves and moment are not of the same {count} sites")
    bound = np.empty(count, np.uint8)
    found = Answer(np.empty(count), np.empty(count), np.empty(count), np.empty(count), bound)
    columns = (found.battery_kw, found.meter_kw, found.charge_below_per_mwh, found.discharge_above_per_mwh)
    held = (curves.parts, curves.floor_kwh)
    # One layout in memory is one compilation.
    one = np.ascontiguousarray
    nos = one(moment.tariff_no, np.int32), one(moment.limit_no, np.int32)
    tables = (one(moment.tariff), moment.price(spot_per_mwh), nos[0], one(moment.limit), nos[1])
    rows = one(sites), one(moment.home)
    _answer(moment.step_hours, rows, held, tables, (*columns, found.bound))
    return found


def supply(prices_per_mwh: Floats, sites: Rows, curves: Curves, moment: Moment) -> tuple[Floats, Floats]:
    """Return what the fleet does at each market price, in kW: at the batteries, and at the meters.

    The sum of what is known of the sites' own curves; with rising price it rises.
    """
    found = [answer(float(price), sites, curves, moment) for price in prices_per_mwh]
    batteries_kw = np.array([np.nansum(each.battery_kw) for each in found])
    return batteries_kw, np.array([np.nansum(each.meter_kw) for each in found])


type Held = tuple[CurveParts, Floats]
type Tables = tuple[Rows, Rows, Numbers, Rows, Numbers]
type Columns = tuple[Floats, Floats, Floats, Floats, NDArray[np.uint8]]


@njit(cache=True, error_model="numpy")
def _find(curve: CurveParts, i: int, energy_kwh: float) -> tuple[int, float]:
    """Return the stretch of a site's curve that holds an energy, and how far into it that is."""
    first, width, _ = curve
    k, left_kwh = first[i], energy_kwh
    while k < first[i + 1] - 1 and left_kwh > width[k]:
        left_kwh -= width[k]
        k += 1
    return k, left_kwh


@njit(cache=True, error_model="numpy")
def _around(curve: CurveParts, i: int, energy_kwh: float) -> tuple[float, float]:
    """Return what the last unit stored is worth and what the next would be, $/MWh."""
    first, width, value = curve
    k, into_kwh = _find(curve, i, energy_kwh)
    last_per_mwh = np.inf if energy_kwh <= 0.0 else value[k]
    if width[k] - into_kwh > 1e-9:
        return last_per_mwh, value[k]
    if k + 1 < first[i + 1]:
        return last_per_mwh, value[k + 1]
    return last_per_mwh, -np.inf


@njit(cache=True, error_model="numpy")
def _release(rows: Floats, n: int, take_kwh: float, curve: CurveParts, i: int, energy_kwh: float) -> float:
    """Return the best energy to release; at equal value energy is kept."""
    first, width, value = curve
    need_kwh, taken_kwh, r, k = energy_kwh + take_kwh, 0.0, 0, first[i]
    while need_kwh > 1e-12 and (r < n or k < first[i + 1]):
        if k >= first[i + 1] or (r < n and rows[SLOPE, r] > value[k]):
            part_kwh = min(rows[WIDTH, r], need_kwh)
            taken_kwh += part_kwh
            r += 1
        else:
            part_kwh = min(width[k], need_kwh)
            k += 1
        need_kwh -= part_kwh
    return taken_kwh - take_kwh


@njit(cache=True, error_model="numpy")
def _own_use(limit: LimitRow, home: HomeRow, site: SiteRow) -> float:
    """Return the battery power that brings the meter to zero, as the home would do by itself."""
    bottom_kw, top_kw = bounds_kw(limit, home, site)
    around_kw = -home.pv_kw - home.load_kw
    wish_kw = min(max(0.0, bottom_kw), top_kw) + around_kw
    return min(max(wish_kw, -site.charge_kw), site.discharge_kw)


@njit(cache=True, error_model="numpy")
def _held_back(battery_kw: float, step_hours: float, site: SiteRow) -> float:
    """Narrow a power to what the cells hold above the reserve, or have room for."""
    spare_kwh = max(site.stored_kwh - site.reserve_kwh, 0.0)
    room_kwh = max(site.capacity_kwh - site.stored_kwh, 0.0)
    most_kw = spare_kwh * site.discharge_efficiency / step_hours
    return min(max(battery_kw, -room_kwh / (site.charge_efficiency * step_hours)), most_kw)


@njit(cache=True, error_model="numpy")
def _bound(
    battery_kw: float, meter_kw: float, step_hours: float, limit: LimitRow, home: HomeRow, site: SiteRow
) -> int:
    """Say what keeps a site from doing more."""
    near_kw = 1e-6
    bottom_kw, top_kw = bounds_kw(limit, home, site)
    if battery_kw > near_kw:
        if battery_kw >= site.discharge_kw - near_kw:
            return 1
        if battery_kw >= _held_back(np.inf, step_hours, site) - near_kw:
            return 2
        return 3 if meter_kw >= top_kw - near_kw else 0
    if battery_kw < -near_kw:
        if battery_kw <= near_kw - site.charge_kw:
            return 1
        if battery_kw <= _held_back(-np.inf, step_hours, site) + near_kw:
            return 2
        return 3 if meter_kw <= bottom_kw + near_kw else 0
    return 0


@njit(cache=True, error_model="numpy")
def _answer(step_hours: float, both: tuple[Rows, Rows], held: Held, tables: Tables, out: Columns) -> None:
    (curve, floors_kwh), (tariffs, prices, tariff_no, limits, limit_no) = held, tables
    sites, homes = both
    battery_kw, meter_kw, charge_below, discharge_above, bound = out
    rows = np.empty((ROWS, SEGMENTS))
    for i in range(len(sites)):
        site, home = sites[i], homes[i]
        tariff, price, limit = tariffs[tariff_no[i]], prices[tariff_no[i]], limits[limit_no[i]]
        charge_below[i], discharge_above[i] = -np.inf, np.inf
        if not np.isfinite(site.stored_kwh + site.capacity_kwh + home.pv_kw + home.load_kw):
            battery_kw[i], meter_kw[i], bound[i] = np.nan, np.nan, 5
            continue
        if curve[0][i + 1] == curve[0][i]:
            power_kw = _held_back(_own_use(limit, home, site), step_hours, site)
            battery_kw[i], bound[i] = power_kw, 4
            meter_kw[i] = meter(power_kw, price, limit, home, site)[0]
            continue
        energy_kwh = max(site.stored_kwh - floors_kwh[i], 0.0)
        n, kwh, _ = stage(step_hours, price, limit, home, site, rows)
        release_kwh = _release(rows, n, kwh[0], curve, i, energy_kwh)
        power_kw = _held_back(power_of(release_kwh, step_hours, site), step_hours, site)
        power_kw = min(max(power_kw, -site.charge_kw), site.discharge_kw)
        if abs(power_kw) < 1e-9:
            power_kw = 0.0
        battery_kw[i] = power_kw
        meter_kw[i] = meter(power_kw, price, limit, home, site)[0]
        bound[i] = _bound(power_kw, meter_kw[i], step_hours, limit, home, site)
        charge_below[i], discharge_above[i] = _thresholds(curve, i, energy_kwh, tariff, site)


@njit(cache=True, error_model="numpy")
def _thresholds(
    curve: CurveParts, i: int, energy_kwh: float, tariff: TariffRow, site: SiteRow
) -> tuple[float, float]:
    """Return the market prices at which the next unit would be bought in, and the last one sold."""
    last_per_mwh, next_per_mwh = _around(curve, i, energy_kwh)
    below, above = -np.inf, np.inf
    if tariff.import_scale > 0.0 and site.stored_kwh < site.capacity_kwh:
        below = (next_per_mwh * site.charge_efficiency - tariff.import_adder_per_mwh) / tariff.import_scale
    if tariff.export_scale > 0.0 and site.stored_kwh > site.reserve_kwh:
        cost = (last_per_mwh + site.wear_per_mwh) / site.discharge_efficiency
        above = (cost - tariff.export_adder_per_mwh) / tariff.export_scale
    return below, above
