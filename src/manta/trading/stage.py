"""What one step is worth, as a function of the energy that the cells release in it: slopes in falling order.

For a battery at power b behind a meter the site's best revenue is concave and piecewise linear in b as long
as importing costs at least what exporting earns. A roof that may be turned down adds a stretch of slope
zero where revenue would begin to fall. Seen from the cells, efficiency bends the slopes at b = 0 and wear
lowers them on the side of discharge. Where a slope would rise instead, the order is repaired by sorting,
which is the linear relaxation, and the caller is told.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from manta.trading.columns import Floats, HomeRow, LimitRow, PriceRow, SiteRow

BREACH_PER_MWH = 1e6
"""What a plan pays for power beyond a limit that it cannot keep; far above any price."""
SEGMENTS = 16
"""More than a step can have: four of the grid, a breach at either end, cut at zero and by two services."""
SLOPE, WIDTH, GRID_SLOPE, GRID_END = 0, 1, 2, 3
ROWS = 4


@njit(cache=True, error_model="numpy")
def bounds_kw(limit: LimitRow, home: HomeRow, site: SiteRow) -> tuple[float, float]:
    """Return the lowest and highest power at the meter that network and shared inverter permit."""
    load_kw = -home.load_kw
    top_kw = min(limit.export_kw, site.inverter_kw - load_kw)
    return min(max(-limit.import_kw, -site.inverter_kw - load_kw), top_kw), top_kw


@njit(cache=True, error_model="numpy")
def grid_slopes(
    price: PriceRow, limit: LimitRow, home: HomeRow, site: SiteRow, rows: Floats
) -> tuple[int, float]:
    """Write slope and end of each stretch of revenue over battery power; return how many and their begin."""
    bottom_kw, top_kw = bounds_kw(limit, home, site)
    end_kw = bottom_kw - home.load_kw - home.pv_kw
    begin_kw, edge_kw, n = end_kw, bottom_kw, 0
    spill_kw = home.pv_kw if site.curtails else 0.0
    for k in range(3):
        slope = price.export_per_mwh
        to_kw = top_kw
        if k == 0:
            slope, to_kw = price.import_per_mwh + price.peak_per_mwh, min(top_kw, -site.peak_kw)
        elif k == 1:
            slope, to_kw = price.import_per_mwh, min(top_kw, 0.0)
        if spill_kw > 0.0 and slope < 0.0:
            end_kw += spill_kw
            rows[GRID_SLOPE, n], rows[GRID_END, n] = 0.0, end_kw
            spill_kw = 0.0
            n += 1
        if to_kw > edge_kw:
            end_kw += to_kw - edge_kw
            rows[GRID_SLOPE, n], rows[GRID_END, n] = slope, end_kw
            edge_kw = to_kw
            n += 1
    if spill_kw > 0.0:
        rows[GRID_SLOPE, n], rows[GRID_END, n] = 0.0, end_kw + spill_kw
        n += 1
    return n, begin_kw


@njit(cache=True, error_model="numpy")
def _serve(at_kw: float, to_kw: float, price: PriceRow, site: SiteRow) -> tuple[float, float]:
    """Return where the next corner of the two services cuts a stretch, and what they add to its slope."""
    per_mwh = 0.0
    if price.lower_per_mwh > 0.0:
        until_kw = site.lower_kw - site.charge_kw
        if at_kw < until_kw:
            to_kw = min(to_kw, until_kw)
            per_mwh += price.lower_per_mwh
    if price.raise_per_mwh > 0.0:
        from_kw = site.discharge_kw - site.raise_kw
        if at_kw < from_kw:
            to_kw = min(to_kw, from_kw)
        else:
            per_mwh -= price.raise_per_mwh
    return to_kw, per_mwh


@njit(cache=True, error_model="numpy")
def _write(
    step_hours: float, kw: tuple[float, float], per_mwh: float, site: SiteRow, rows: Floats, n: int
) -> None:
    """Write a stretch of battery power as energy of the cells."""
    from_kw, to_kw = kw
    if from_kw < 0.0:
        rows[SLOPE, n] = per_mwh / site.charge_efficiency
        rows[WIDTH, n] = (to_kw - from_kw) * step_hours * site.charge_efficiency
    else:
        rows[SLOPE, n] = per_mwh * site.discharge_efficiency - site.wear_per_mwh
        rows[WIDTH, n] = (to_kw - from_kw) * step_hours / site.discharge_efficiency


@njit(cache=True, error_model="numpy")
def _cut(step_hours: float, price: PriceRow, site: SiteRow, n: int, begin_kw: float, rows: Floats) -> int:
    """Cut the grid's stretches at the battery's own corners; return how many there are."""
    at_kw, written = -site.charge_kw, 0
    for k in range(-1, n + 1):
        slope, end_kw = BREACH_PER_MWH, begin_kw
        if k == n:
            slope, end_kw = -BREACH_PER_MWH, np.inf
        elif k >= 0:
            slope, end_kw = rows[GRID_SLOPE, k], rows[GRID_END, k]
        end_kw = min(end_kw, site.discharge_kw)
        while at_kw < end_kw:
            to_kw = min(end_kw, 0.0) if at_kw < 0.0 else end_kw
            to_kw, served = _serve(at_kw, to_kw, price, site)
            per_mwh = slope + served
            if k == n and at_kw >= 0.0:  # a breach by discharge must not look cheaper than one by charging
                per_mwh /= site.charge_efficiency * site.discharge_efficiency
            _write(step_hours, (at_kw, to_kw), per_mwh, site, rows, written)
            at_kw = to_kw
            written += 1
    return written


@njit(cache=True, error_model="numpy")
def _sort(rows: Floats, n: int) -> bool:
    """Put slopes in falling order; return whether they already were."""
    was_falling = True
    for i in range(1, n):
        slope, width, j = rows[SLOPE, i], rows[WIDTH, i], i - 1
        if rows[SLOPE, j] >= slope:
            continue
        was_falling = was_falling and slope - rows[SLOPE, j] <= 1e-9 * abs(slope)
        while j >= 0 and rows[SLOPE, j] < slope:
            rows[SLOPE, j + 1], rows[WIDTH, j + 1] = rows[SLOPE, j], rows[WIDTH, j]
            j -= 1
        rows[SLOPE, j + 1], rows[WIDTH, j + 1] = slope, width
    return was_falling


@njit(cache=True, error_model="numpy")
def stage(
    step_hours: float, price: PriceRow, limit: LimitRow, home: HomeRow, site: SiteRow, rows: Floats
) -> tuple[int, tuple[float, float], bool]:
    """Write a step's slopes ($/MWh of the cells) and widths (kWh) into ``rows`` (ROWS × SEGMENTS).

    The first begins at full charge. Return how many there are, the energy that full charge takes in and full
    discharge gives, and whether the slopes fall by themselves: where not, they are the linear relaxation's.
    """
    n, begin_kw = grid_slopes(price, limit, home, site, rows)
    n = _cut(step_hours, price, site, n, begin_kw, rows)
    take_kwh = site.charge_kw * step_hours * site.charge_efficiency
    give_kwh = site.discharge_kw * step_hours / site.discharge_efficiency
    return n, (take_kwh, give_kwh), _sort(rows, n)


@njit(cache=True, error_model="numpy")
def _revenue(power_kw: float, price: PriceRow, site: SiteRow) -> float:
    """Value power at the meter, $/MWh times kW."""
    if power_kw >= 0.0:
        return power_kw * price.export_per_mwh
    return power_kw * price.import_per_mwh + min(power_kw + site.peak_kw, 0.0) * price.peak_per_mwh


@njit(cache=True, error_model="numpy")
def meter(
    battery_kw: float, price: PriceRow, limit: LimitRow, home: HomeRow, site: SiteRow
) -> tuple[float, float]:
    """Return the best power at the meter for a battery's power, and its value in $/MWh times kW.

    The roof is turned down only where that earns more or a limit asks for it. A limit that cannot be kept is
    missed by as little as possible.
    """
    bottom_kw, top_kw = bounds_kw(limit, home, site)
    most_kw = battery_kw + home.pv_kw + home.load_kw
    least_kw = most_kw - home.pv_kw if site.curtails else most_kw
    low_kw = min(max(least_kw, bottom_kw), most_kw)
    high_kw = max(min(most_kw, top_kw), least_kw)
    best_kw, best = high_kw, _revenue(high_kw, price, site)
    for k in range(3):
        try_kw = low_kw if k == 0 else (0.0 if k == 1 else -site.peak_kw)
        if low_kw <= try_kw < high_kw:
            value = _revenue(try_kw, price, site)
            if value > best:
                best, best_kw = value, try_kw
    return best_kw, best


@njit(cache=True, error_model="numpy")
def readiness(battery_kw: float, price: PriceRow, site: SiteRow) -> float:
    """Value what a battery at some power can still hold ready both ways, $/MWh times kW."""
    ready = min(site.raise_kw, site.discharge_kw - battery_kw) * price.raise_per_mwh
    return ready + min(site.lower_kw, battery_kw + site.charge_kw) * price.lower_per_mwh


@njit(cache=True, error_model="numpy")
def power_of(release_kwh: float, step_hours: float, site: SiteRow) -> float:
    """Return the power at the terminals of releasing (or, negative, taking in) energy over a step."""
    if release_kwh > 0.0:
        return release_kwh * site.discharge_efficiency / step_hours
    return release_kwh / (site.charge_efficiency * step_hours)
