"""The exact programme of one site behind its meter, for a whole fleet: value functions as merged slopes.

The best revenue of a step is concave and piecewise linear in the energy released, and so is the value of
what remains; the best of both together is their slopes merged in falling order, cut to what the cells can
hold. Going backward through the steps this costs as many operations as there are slopes, and equals the
linear programme's optimum. Where a step is not concave (charging and discharging at once would pay, or
exporting earns more than importing costs) the merged slopes are an upper bound, the site is marked, and
``kinked`` solves it exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manta.trading.columns import Floats, Numbers, Outlook, Refusal, Rows, SiteRow, refusals
from manta.trading.curves import CurveParts, Curves, floors_kwh, together
from manta.trading.kinked import MOST, solve_kinked
from manta.trading.lots import in_lots
from manta.trading.merging import best_release, fill, settle, value_curve, worth
from manta.trading.stage import ROWS, SEGMENTS, SLOPE, WIDTH, stage

LOT = 512
"""Sites that are planned between two looks at the clock."""

type OutlookParts = tuple[Floats, Rows, Numbers, Rows, Numbers, Rows]
"""An outlook's columns in their order."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the fleet is to do, as a policy: what stored energy is worth once the coming step is over."""

    curves: Curves
    """One curve a site; empty for a site that is refused."""
    refused: NDArray[np.uint8]
    """Why a site has no plan, as ``Refusal``; 0 where it has one."""
    is_kinked: NDArray[np.bool_]
    """Where some step was not concave: the curve is that of the linear relaxation."""


def plan_fleet(
    sites: Rows,
    outlook: Outlook,
    end: Curves,
    is_late: Callable[[], bool] = lambda: False,
    *,
    threads: int = 1,
) -> Plan:
    """Plan every site by itself, exactly: return what stored energy is worth after the outlook's first step.

    ``sites`` are rows of ``SITE``; ``end`` values what is left after the last step. Sites that make no
    sense are refused with their reason and the others go on; so are those whose turn comes after
    ``is_late`` says so.
    """
    refused = refusals(sites, outlook)
    if len(end) != len(sites):
        raise ValueError(f"{len(end)} curves end the outlook of {len(sites)} sites")
    floor_kwh = np.where(refused == 0, floors_kwh(sites), 0.0)
    is_kinked = np.zeros(len(sites), np.bool_)
    most = (SEGMENTS - 2) * len(outlook.step_hours) + int(np.diff(end.first).max(initial=0))
    done: dict[int, Curves] = {}

    def plan(lot: slice) -> None:
        if is_late():
            refused[lot] = np.where(refused[lot] == 0, Refusal.LATE, refused[lot])
        held, count = np.empty((lot.stop - lot.start, 2, most)), np.zeros(lot.stop - lot.start, np.int64)
        given = _parts(outlook.of(lot)), end.some(lot).parts
        _plan(sites[lot], *given, refused[lot], (held, count, is_kinked[lot]))
        done[lot.start] = Curves(*_packed(held, count), floor_kwh[lot])

    in_lots(len(sites), LOT, plan, threads=threads)
    curves = together([done[begin] for begin in sorted(done)])
    return Plan(curves, refused, is_kinked)


@dataclass(frozen=True, slots=True)
class Trace:
    """What sites would do if everything came as expected; shape (sites, steps), NaN for a refused site."""

    battery_kw: Floats
    """Positive is discharge."""
    meter_kw: Floats
    """Positive is export."""
    stored_kwh: Floats
    """In the cells at the end of each step."""
    net_aud: Floats
    """What each site earns over the outlook, wear and readiness included; shape (sites,)."""
    end_aud: Floats
    """What the energy that is left is worth by the end's curve; shape (sites,)."""


def trace_fleet(sites: Rows, outlook: Outlook, end: Curves) -> Trace:
    """Follow every site's own optimum through the outlook; kinked sites follow the relaxation's values."""
    refused = refusals(sites, outlook)
    shape = outlook.home.shape
    trace = Trace(*(np.full(shape, np.nan) for _ in range(3)), *(np.full(len(sites), np.nan) for _ in "ab"))
    paths = (trace.battery_kw, trace.meter_kw, trace.stored_kwh, trace.net_aud, trace.end_aud)
    _trace(sites, _parts(outlook), end.parts, refused, paths)
    return trace


def _parts(outlook: Outlook) -> OutlookParts:
    """Return an outlook as compiled code takes it."""
    return (
        np.ascontiguousarray(outlook.step_hours),
        np.ascontiguousarray(outlook.price),
        np.ascontiguousarray(outlook.price_no),
        np.ascontiguousarray(outlook.limit),
        np.ascontiguousarray(outlook.limit_no),
        np.ascontiguousarray(outlook.home),
    )


def _packed(held: Floats, count: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Put curves of different lengths one after the other."""
    first = np.zeros(len(count) + 1, np.int64)
    np.cumsum(count, out=first[1:])
    width, value = np.empty(first[-1]), np.empty(first[-1])
    _pack(held, first, width, value)
    return first, width, value


@njit(cache=True)
def _pack(held: Floats, first: NDArray[np.int64], width: Floats, value: Floats) -> None:
    for i in range(len(first) - 1):
        n = first[i + 1] - first[i]
        value[first[i] : first[i + 1]] = held[i, SLOPE, :n]
        width[first[i] : first[i + 1]] = held[i, WIDTH, :n]


@njit(cache=True)
def _load(end: CurveParts, i: int, curve: Floats) -> int:
    """Write a site's end curve into a working curve and return how many slopes it has."""
    first, width, value = end
    n = 0
    for k in range(first[i], first[i + 1]):
        if width[k] > 0.0:
            curve[SLOPE, n], curve[WIDTH, n] = value[k], width[k]
            n += 1
    return n


type PlanOut = tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]


@njit(cache=True, nogil=True, error_model="numpy")
def _plan(
    sites: Rows, outlook: OutlookParts, end: CurveParts, refused: NDArray[np.uint8], out: PlanOut
) -> None:
    hours, price, price_no, limit, limit_no, home = outlook
    held, count, is_kinked = out
    work = np.empty((2, 2, held.shape[2]))
    for i in range(len(sites)):
        if refused[i]:
            continue
        n = _load(end, i, work[0])
        at, n, is_concave = value_curve(
            hours, price[price_no[i]], limit[limit_no[i]], home[i], sites[i], work, n
        )
        for k in range(n):
            held[i, SLOPE, k], held[i, WIDTH, k] = work[at, SLOPE, k], work[at, WIDTH, k]
        count[i] = n
        is_kinked[i] = not is_concave


type TraceOut = tuple[Floats, Floats, Floats, Floats, Floats]


@njit(cache=True, nogil=True, error_model="numpy")
def _trace(
    sites: Rows, outlook: OutlookParts, end: CurveParts, refused: NDArray[np.uint8], out: TraceOut
) -> None:
    steps, most = len(outlook[0]), 0
    for i in range(len(sites)):
        most = max(most, end[0][i + 1] - end[0][i])
    curves = np.empty((steps, 2, most + (SEGMENTS - 2) * steps))
    for i in range(len(sites)):
        if refused[i] == 0:
            _follow(i, sites[i], outlook, end, curves, out)


@njit(cache=True, error_model="numpy")
def _follow(
    i: int, site: SiteRow, outlook: OutlookParts, end: CurveParts, curves: Floats, out: TraceOut
) -> None:
    """Solve one site, keep the value after every step, and walk forward."""
    hours, prices, price_no, limits, limit_no, homes = outlook
    price, limit, home = prices[price_no[i]], limits[limit_no[i]], homes[i]
    counts = np.zeros(len(hours), np.int64)
    counts[-1] = _load(end, i, curves[-1])
    releases = np.empty(len(hours))
    is_concave = fill(hours, price, limit, home, site, curves, counts)
    if is_concave or not _exactly(hours, price, limit, home, site, curves[-1, :, : counts[-1]], releases):
        _walk(hours, price, limit, home, site, (curves, counts), releases)
    battery_kw, meter_kw, stored_kwh, net_aud, end_aud = out
    floor_kwh = min(site.reserve_kwh, site.stored_kwh)
    energy_kwh, total = site.stored_kwh - floor_kwh, 0.0
    for t in range(len(hours)):
        release_kwh = releases[t]
        battery_kw[i, t], meter_kw[i, t], earned = settle(
            release_kwh, hours[t], price[t], limit[t], home[t], site
        )
        energy_kwh = min(max(energy_kwh - release_kwh, 0.0), site.capacity_kwh - floor_kwh)
        stored_kwh[i, t] = floor_kwh + energy_kwh
        total += earned
    net_aud[i] = total
    end_aud[i] = worth(curves[-1], counts[-1], energy_kwh) / 1_000


@njit(cache=True, error_model="numpy")
def _exactly(
    hours: Floats, price: Rows, limit: Rows, home: Rows, site: SiteRow, end: Floats, releases: Floats
) -> bool:
    """Solve a kinked site; False where that takes more room than there is."""
    n = end.shape[1]
    if n + 1 >= MOST:
        return False
    points = np.zeros((2, n + 1))
    for k in range(n):
        points[0, k + 1] = points[0, k] + end[WIDTH, k]
        points[1, k + 1] = points[1, k] + end[WIDTH, k] * end[SLOPE, k]
    return solve_kinked(hours, price, limit, home, site, points, releases)


type Values = tuple[Floats, NDArray[np.int64]]


@njit(cache=True, error_model="numpy")
def _walk(
    hours: Floats, price: Rows, limit: Rows, home: Rows, site: SiteRow, values: Values, releases: Floats
) -> None:
    """Write the best energy to release in each step, given what it is worth after each."""
    curves, counts = values
    floor_kwh, rows = min(site.reserve_kwh, site.stored_kwh), np.empty((ROWS, SEGMENTS))
    energy_kwh = site.stored_kwh - floor_kwh
    for t in range(len(hours)):
        n, kwh, _ = stage(hours[t], price[t], limit[t], home[t], site, rows)
        releases[t] = best_release(rows, n, kwh[0], curves[t], counts[t], energy_kwh)
        energy_kwh = min(max(energy_kwh - releases[t], 0.0), site.capacity_kwh - floor_kwh)
