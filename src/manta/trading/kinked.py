"""The exact programme where a step is not concave: never both ways at once, at the meter or in the battery.

At deeply negative prices burning energy in the battery would pay, and where exporting earns more than
importing costs so would doing both: a linear programme does what no battery can. Here value functions are
piecewise linear but of any shape. A step splits both functions into concave runs, merges the slopes of every
pair, and keeps the upper envelope; the result equals the mixed-integer programme's. It costs some hundred
times the concave merge, and is meant for the few sites and days that need it.

A function is two rows, energy in kWh in rising order and value in $/MWh times kWh.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from manta.trading.columns import Floats, HomeRow, LimitRow, PriceRow, Rows, SiteRow
from manta.trading.stage import BREACH_PER_MWH, bounds_kw, meter, readiness

MOST = 1_024
"""Points that a value function may have; a site that needs more keeps its relaxation."""
_STEEP = 1e9
"""Slope at which a run falls off outside its reach: steeper than any true value."""
_STAGE = 96
_NEAR_KWH = 1e-11


@njit(cache=True, error_model="numpy")
def _rise(at_kw: Floats, n: int) -> int:
    """Put the first n values in rising order and drop repetitions; return how many are left."""
    for i in range(1, n):
        value, j = at_kw[i], i - 1
        while j >= 0 and at_kw[j] > value:
            at_kw[j + 1] = at_kw[j]
            j -= 1
        at_kw[j + 1] = value
    kept = 1
    for k in range(1, n):
        if at_kw[k] > at_kw[kept - 1]:
            at_kw[kept] = at_kw[k]
            kept += 1
    return kept


@njit(cache=True, error_model="numpy")
def _copy(source: Floats, to: Floats, n: int) -> None:
    """Copy the first n points of a function."""
    for k in range(n):
        to[0, k], to[1, k] = source[0, k], source[1, k]


@njit(cache=True, error_model="numpy")
def _corners(price: PriceRow, limit: LimitRow, home: HomeRow, site: SiteRow, at_kw: Floats) -> int:
    """Write, in rising order, the battery powers at which revenue may bend; return how many."""
    bottom_kw, top_kw = bounds_kw(limit, home, site)
    at_kw[0], at_kw[1], at_kw[2] = -site.charge_kw, 0.0, site.discharge_kw
    at_kw[3], at_kw[4] = site.lower_kw - site.charge_kw, site.discharge_kw - site.raise_kw
    n = 5
    for meter_kw in (bottom_kw, -site.peak_kw, 0.0, top_kw):
        at_kw[n] = meter_kw - home.load_kw
        at_kw[n + 1] = at_kw[n] - home.pv_kw
        n += 2
    for k in range(n):
        at_kw[k] = min(max(at_kw[k], -site.charge_kw), site.discharge_kw)
    return _rise(at_kw, _ties(at_kw, n, price, home, site))


@njit(cache=True, error_model="numpy")
def _ties(at_kw: Floats, n: int, price: PriceRow, home: HomeRow, site: SiteRow) -> int:
    """Add where turning the roof down becomes worth while although paid for both directions."""
    if not site.curtails or not price.import_per_mwh < 0.0 < price.export_per_mwh:
        return n
    # All of the roof sent for one price, or none of it and imports paid by either tier of the other.
    for low_per_mwh in (price.import_per_mwh, price.import_per_mwh + price.peak_per_mwh):
        rise = price.export_per_mwh - low_per_mwh
        tier = min(site.peak_kw, 1e9) * price.peak_per_mwh if low_per_mwh > price.import_per_mwh else 0.0
        where = -home.load_kw - (home.pv_kw * price.export_per_mwh - tier) / rise
        if rise > 0.0 and -site.charge_kw < where < site.discharge_kw:
            at_kw[n] = where
            n += 1
    return n


@njit(cache=True, error_model="numpy")
def exact_stage(
    step_hours: float, price: PriceRow, limit: LimitRow, home: HomeRow, site: SiteRow, out: Floats
) -> int:
    """Write what a step is worth at each released energy where that bends; return how many points."""
    at_kw = np.empty(24)
    n = _corners(price, limit, home, site, at_kw)
    bottom_kw, top_kw = bounds_kw(limit, home, site)
    for k in range(n):
        power_kw = at_kw[k]
        if power_kw < 0.0:
            release_kwh = power_kw * step_hours * site.charge_efficiency
        else:
            release_kwh = power_kw * step_hours / site.discharge_efficiency
        meter_kw, value = meter(power_kw, price, limit, home, site)
        breach_kw = max(meter_kw - top_kw, bottom_kw - meter_kw, 0.0)
        value += readiness(power_kw, price, site) - BREACH_PER_MWH * breach_kw
        out[0, k] = release_kwh
        out[1, k] = value * step_hours - max(release_kwh, 0.0) * site.wear_per_mwh
    return n


@njit(cache=True, error_model="numpy")
def _at(curve: Floats, n: int, energy_kwh: float) -> float:
    """Read a function between its points."""
    low, high = 0, n - 1
    while high - low > 1:
        middle = (low + high) // 2
        if curve[0, middle] <= energy_kwh:
            low = middle
        else:
            high = middle
    if high == low or curve[0, high] == curve[0, low]:
        return float(curve[1, low])
    share = (energy_kwh - curve[0, low]) / (curve[0, high] - curve[0, low])
    return float(curve[1, low] + share * (curve[1, high] - curve[1, low]))


@njit(cache=True, error_model="numpy")
def _run(curve: Floats, n: int, begin: int) -> int:
    """Return where the concave run ends that begins at a point."""
    end = begin + 1
    slope = np.inf
    while end < n:
        width = curve[0, end] - curve[0, end - 1]
        if width > _NEAR_KWH:
            next_slope = (curve[1, end] - curve[1, end - 1]) / width
            if next_slope > slope + 1e-9 * (1.0 + abs(slope)):
                return end
            slope = next_slope
        end += 1
    return n


@njit(cache=True, error_model="numpy")
def _join(step: Floats, steps: tuple[int, int], value: Floats, runs: tuple[int, int], out: Floats) -> int:
    """Merge the slopes of two concave runs: the best of both together, as points."""
    i, j, k = steps[0], runs[0], 1
    out[0, 0], out[1, 0] = step[0, i] + value[0, j], step[1, i] + value[1, j]
    while i + 1 < steps[1] or j + 1 < runs[1]:
        of_step, of_value = -np.inf, -np.inf
        if i + 1 < steps[1]:
            of_step = (step[1, i + 1] - step[1, i]) / max(step[0, i + 1] - step[0, i], 1e-300)
        if j + 1 < runs[1]:
            of_value = (value[1, j + 1] - value[1, j]) / max(value[0, j + 1] - value[0, j], 1e-300)
        if i + 1 < steps[1] and (j + 1 >= runs[1] or of_step >= of_value):
            i += 1
        else:
            j += 1
        out[0, k], out[1, k] = step[0, i] + value[0, j], step[1, i] + value[1, j]
        k += 1
    return k


@njit(cache=True, error_model="numpy")
def _stretch(run: Floats, n: int, room_kwh: float, out: Floats) -> int:
    """Cut a run to what the cells can hold and let it fall off steeply where it does not reach."""
    begin, end = max(run[0, 0], 0.0), min(run[0, n - 1], room_kwh)
    if begin > end:
        return 0
    k = 0
    if begin > 0.0:
        out[0, k], out[1, k] = 0.0, _at(run, n, begin) - _STEEP * begin
        k += 1
    out[0, k], out[1, k] = begin, _at(run, n, begin)
    k += 1
    for i in range(n):
        if begin < run[0, i] < end:
            out[0, k], out[1, k] = run[0, i], run[1, i]
            k += 1
    if end > begin:
        out[0, k], out[1, k] = end, _at(run, n, end)
        k += 1
    if end < room_kwh:
        out[0, k], out[1, k] = room_kwh, _at(run, n, end) - _STEEP * (room_kwh - end)
        k += 1
    return k


@njit(cache=True, error_model="numpy")
def _upper(one: Floats, n: int, two: Floats, m: int, out: Floats) -> int:
    """Write the greater of two functions over the same reach, as points."""
    i, j, k, before = 0, 0, 0, 0.0
    while i < n and j < m and k + 2 < out.shape[1]:
        x = min(one[0, i], two[0, j])
        first = one[1, i] if one[0, i] <= x else _between(one, i, x)
        second = two[1, j] if two[0, j] <= x else _between(two, j, x)
        gap = first - second
        if k > 0 and before * gap < 0.0:
            share = before / (before - gap)
            back_x, back = out[0, k - 1], out[1, k - 1]
            # The one that was above leads down (or less up) to where they cross.
            out[0, k], out[1, k] = back_x + share * (x - back_x), back + share * (min(first, second) - back)
            k += 1
        out[0, k], out[1, k] = x, max(first, second)
        k, before = k + 1, gap
        i += one[0, i] <= x
        j += two[0, j] <= x
    return _slim(out, k)


@njit(cache=True, error_model="numpy")
def _between(curve: Floats, i: int, energy_kwh: float) -> float:
    """Read a function just before its point i."""
    if i == 0:
        return float(curve[1, 0])
    share = (energy_kwh - curve[0, i - 1]) / (curve[0, i] - curve[0, i - 1])
    return float(curve[1, i - 1] + share * (curve[1, i] - curve[1, i - 1]))


@njit(cache=True, error_model="numpy")
def _slim(curve: Floats, n: int) -> int:
    """Drop points that lie on the line between their neighbors."""
    k = 0
    for i in range(n):
        if k > 0 and curve[0, i] - curve[0, k - 1] <= _NEAR_KWH:
            curve[1, k - 1] = max(curve[1, k - 1], curve[1, i])
            continue
        while k > 1:
            share = (curve[0, k - 1] - curve[0, k - 2]) / (curve[0, i] - curve[0, k - 2])
            line = curve[1, k - 2] + share * (curve[1, i] - curve[1, k - 2])
            if abs(line - curve[1, k - 1]) > 1e-10 * (1.0 + abs(line)):
                break
            k -= 1
        curve[0, k], curve[1, k] = curve[0, i], curve[1, i]
        k += 1
    return k


@njit(cache=True, error_model="numpy")
def step_back(step: Floats, n: int, value: Floats, count: int, work: Floats, out: Floats) -> int:
    """Return the points, written to ``out``, of the value before a step; 0 if there is no room for them.

    ``work`` has shape (4, 2, more than MOST + _STAGE).
    """
    room_kwh, kept, a = value[0, count - 1], 0, 0
    while a < n - 1 or (n == 1 and a == 0):
        a_end = _run(step, n, a)
        b = 0
        while b < count - 1 or (count == 1 and b == 0):
            b_end = _run(value, count, b)
            joined = _join(step, (a, a_end), value, (b, b_end), work[0])
            reach = _stretch(work[0], joined, room_kwh, work[1])
            if reach > 0 and kept == 0:
                kept = _slim(work[1], reach)
                _copy(work[1], work[2], kept)
            elif reach > 0:
                kept = _upper(work[2], kept, work[1], reach, work[3])
                if kept >= MOST:
                    return 0
                _copy(work[3], work[2], kept)
            b = b_end - 1 if b_end < count else count
        a = a_end - 1 if a_end < n else n
    _copy(work[2], out, kept)
    return kept


@njit(cache=True, error_model="numpy")
def choose(step: Floats, n: int, value: Floats, count: int, energy_kwh: float) -> float:
    """Return the best energy to release; the smallest move among equals."""
    room_kwh, best, best_kwh = value[0, count - 1], -np.inf, 0.0
    low, high = max(step[0, 0], energy_kwh - room_kwh), min(step[0, n - 1], energy_kwh)
    for k in range(n + count + 1):
        release_kwh = 0.0
        if k < n:
            release_kwh = step[0, k]
        elif k < n + count:
            release_kwh = energy_kwh - value[0, k - n]
        release_kwh = min(max(release_kwh, low), high)
        total = _at(step, n, release_kwh) + _at(value, count, energy_kwh - release_kwh)
        slack = 1e-12 * (1.0 + abs(total))
        if total > best + slack or (total > best - slack and abs(release_kwh) < abs(best_kwh)):
            best, best_kwh = total, release_kwh
    return best_kwh


@njit(cache=True, error_model="numpy")
def solve_kinked(
    hours: Floats, price: Rows, limit: Rows, home: Rows, site: SiteRow, end: Floats, releases: Floats
) -> bool:
    """Write the exact optimum's released energy of each step; False where a value has too many points.

    ``end`` are the points of the value of what is left, from the floor upward.
    """
    steps, floor_kwh = len(hours), min(site.reserve_kwh, site.stored_kwh)
    values, counts = np.empty((steps, 2, MOST)), np.zeros(steps, np.int64)
    counts[-1] = end.shape[1]
    _copy(end, values[-1], end.shape[1])
    work, stage = np.empty((4, 2, 2 * MOST + _STAGE)), np.empty((2, _STAGE))
    for t in range(steps - 1, 0, -1):
        n = exact_stage(hours[t], price[t], limit[t], home[t], site, stage)
        counts[t - 1] = step_back(stage, n, values[t], counts[t], work, values[t - 1])
        if counts[t - 1] == 0:
            return False
    energy_kwh = site.stored_kwh - floor_kwh
    for t in range(steps):
        n = exact_stage(hours[t], price[t], limit[t], home[t], site, stage)
        releases[t] = choose(stage, n, values[t], counts[t], energy_kwh)
        energy_kwh = min(max(energy_kwh - releases[t], 0.0), site.capacity_kwh - floor_kwh)
    return True
