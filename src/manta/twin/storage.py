"""Batteries: what a round trip returns, whether the reported charge is true, how worn they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manta.twin.columns import FleetDay, Floats, Whole, ratio

USUAL_EFFICIENCY = 0.89
"""Of a round trip, where a day says too little about the battery's own."""
LEAST_CYCLE_SHARE = 0.25
"""A day judges the round trip if so much of the capacity went in and so much came out."""
MOST_UNKNOWN_SHARE = 0.1
HOURS_PER_YEAR = 8_766.0


@dataclass(frozen=True, slots=True, eq=False)
class Wear:
    """How worn each battery is, a row a site; NaN where nobody knows."""

    cycles: Floats
    """Full ones, since it was put to work."""
    used_share: Floats
    """Of the warranted throughput."""
    pace: Floats
    """Of use against age: above 1 the energy warranty ends before its time."""
    health_share: Floats
    """State of health now, by the line through what was reported."""
    yearly_share: Floats
    """State of health lost in a year at that slope; a magnitude."""


def round_trip(day: FleetDay) -> Floats:
    """Return each battery's round-trip efficiency by its counters, put right for what is still in it.

    With g the efficiency one way, g × charged − discharged / g is what the cells gained; that is ΔSoC ×
    capacity, and the positive root is g. NaN where the day's cycle is too small to tell.
    """
    charged_kwh, discharged_kwh = np.diff(day.charged_kwh)[:, 0], np.diff(day.discharged_kwh)[:, 0]
    gained_kwh = (_edge(day.soc, last=True) - _edge(day.soc, last=False)) * day.plates.capacity_kwh
    root = np.sqrt(np.maximum(gained_kwh**2 + 4.0 * charged_kwh * discharged_kwh, 0.0))
    one_way = ratio(gained_kwh + root, 2.0 * charged_kwh)
    least_kwh = LEAST_CYCLE_SHARE * day.plates.capacity_kwh
    judged = (charged_kwh >= least_kwh) & (discharged_kwh >= least_kwh)
    return np.where(judged, one_way**2, np.nan)


def soc_drift(day: FleetDay, efficiency: Floats) -> tuple[Floats, Whole]:
    """Return how far the reported charge strays from the energy counted, and the slot where it is farthest.

    The counted charge begins at the first report and follows power, each way at the root of the efficiency
    (NaN: the usual). NaN where more than a tenth of the powers is unknown.
    """
    one_way = np.sqrt(np.where(np.isnan(efficiency), USUAL_EFFICIENCY, np.clip(efficiency, 0.5, 1.0)))[
        :, None
    ]
    power_kw = np.nan_to_num(day.battery_kw)
    stored_kw = np.where(power_kw < 0.0, -power_kw * one_way, -power_kw / one_way)
    counted = np.cumsum(stored_kw, axis=1) * (day.hours / day.plates.capacity_kwh[:, None])
    apart = day.soc - counted
    begin = _edge(apart, last=False)
    strayed = np.abs(np.nan_to_num(apart - begin[:, None]))
    farthest = strayed.argmax(axis=1)
    unknown = np.isnan(day.battery_kw).mean(axis=1) > MOST_UNKNOWN_SHARE
    most = np.take_along_axis(strayed, farthest[:, None], axis=1)[:, 0]
    return np.where(unknown | np.isnan(begin), np.nan, most), farthest


def wear(day: FleetDay) -> Wear:
    """Return how worn each battery is: by its counter against the warranty, and by the health it reports."""
    plates = day.plates
    delivered_kwh = day.discharged_kwh[:, -1]
    used = ratio(delivered_kwh, plates.warranty_kwh)
    health, daily = _line(day.health_soh)
    return Wear(
        cycles=ratio(delivered_kwh, plates.capacity_kwh),
        used_share=used,
        pace=ratio(used, ratio(plates.age_hours, plates.warranty_hours)),
        health_share=health,
        yearly_share=np.maximum(-daily, 0.0) * HOURS_PER_YEAR / 24.0,
    )


def _line(health_soh: Floats) -> tuple[Floats, Floats]:
    """Return the end and the slope a day of the least-squares line through each row's known values."""
    known = ~np.isnan(health_soh)
    day = np.where(known, np.arange(health_soh.shape[1], dtype=np.float64), 0.0)
    value = np.where(known, health_soh, 0.0)
    count = known.sum(axis=1).astype(np.float64)
    mean_day, mean = ratio(day.sum(axis=1), count), ratio(value.sum(axis=1), count)
    away = np.where(known, day - mean_day[:, None], 0.0)
    slope = ratio((away * value).sum(axis=1), (away * away).sum(axis=1))
    flat = np.where(np.isnan(slope), 0.0, slope)
    return mean + flat * (health_soh.shape[1] - 1 - mean_day), flat


def _edge(values: Floats, *, last: bool) -> Floats:
    """Return each row's first or last known value, NaN where there is none."""
    known = ~np.isnan(values)
    place = known.shape[1] - 1 - known[:, ::-1].argmax(axis=1) if last else known.argmax(axis=1)
    return np.take_along_axis(values, place[:, None], axis=1)[:, 0]
