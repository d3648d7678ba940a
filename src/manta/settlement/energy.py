"""Metered energy of an interval: the difference of two consecutive last counters, in whole watt-hours.

Counters are rounded to watt-hours before they are subtracted, so that the intervals of a day add up to
exactly what the meter's display moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manta.domain.time import FIVE_MINUTES, DispatchInterval, epoch_ms

type Counters = NDArray[Any]
"""device_no, import_kwh, export_kwh, at_ms: the last of each meter within one interval."""

EARLY_MS = 60_000
"""A last counter this far from its interval's end does not stand for the end: price changes there."""
_MOST_KWH = 1e12
"""No counter has so many digits; NaN and infinity are not below it either."""


class Finding(StrEnum):
    """Why a meter's energy is not known; a column's finding number is its place in this list."""

    KNOWN = "known"
    MISSING = "missing"
    """No counter at the interval's beginning or end."""
    EARLY = "early"
    """The last counter was taken long before its interval ended."""
    BACKWARDS = "backwards"
    """A counter fell: the meter was swapped or reset."""
    IMPLAUSIBLE = "implausible"
    """More than the connection could carry."""


FINDINGS = tuple(Finding)
_KNOWN, _MISSING, _EARLY, _BACKWARDS, _IMPLAUSIBLE = range(len(FINDINGS))


@dataclass(frozen=True, slots=True)
class Energy:
    """What some meters measured over an interval, one row a meter."""

    watt_hours: NDArray[np.int64]
    """Net toward the grid; 0 and without meaning where the finding is not KNOWN."""
    finding: NDArray[np.int8]
    """Place in FINDINGS."""

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which rows may be settled."""
        known: NDArray[np.bool_] = self.finding == _KNOWN
        return known


def energy_of(
    meters: NDArray[np.int32],
    most_kw: NDArray[np.float64],
    interval: DispatchInterval,
    before: Counters,
    after: Counters,
) -> Energy:
    """Return each meter's energy over an interval, given the last counters before it and within it.

    ``most_kw`` is what the connection can carry either way, a magnitude; half as much again is believed.
    """
    begins_wh, began_ms = _of_meters(meters, before)
    ends_wh, ended_ms = _of_meters(meters, after)
    moved_wh = ends_wh - begins_wh
    most_wh = most_kw * 1_500 * (FIVE_MINUTES.total_seconds() + EARLY_MS / 1_000) / 3_600
    start_ms, end_ms = epoch_ms(interval.start), epoch_ms(interval.end)
    finding = np.select(
        [
            (began_ms < 0) | (ended_ms < 0),
            (began_ms < start_ms - EARLY_MS) | (ended_ms < end_ms - EARLY_MS),
            (moved_wh < 0).any(axis=0),
            (moved_wh > most_wh + 1).any(axis=0),
        ],
        [_MISSING, _EARLY, _BACKWARDS, _IMPLAUSIBLE],
        _KNOWN,
    ).astype(np.int8)
    return Energy(np.where(finding == _KNOWN, moved_wh[1] - moved_wh[0], 0), finding)


def by_site(energy: Energy, site_no: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Add meters up to sites; a site with one unknown meter is left out."""
    sites, place = np.unique(site_no, return_inverse=True)
    unknown = np.bincount(place, weights=~energy.known, minlength=len(sites)) > 0
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(sites)))
    watt_hours = np.add.reduceat(energy.watt_hours[order], starts) if len(sites) else energy.watt_hours
    return sites[~unknown].astype(np.int32), watt_hours[~unknown]


def _of_meters(meters: NDArray[np.int32], counters: Counters) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Line counters up with meters as (import, export) watt-hours and instants; -1 where there is none."""
    usable = counters[(abs(counters["import_kwh"]) < _MOST_KWH) & (abs(counters["export_kwh"]) < _MOST_KWH)]
    usable = usable[np.argsort(usable["device_no"], kind="stable")]
    watt_hours = np.zeros((2, len(meters)), np.int64)
    at_ms = np.full(len(meters), -1, np.int64)
    if not len(usable):
        return watt_hours, at_ms
    row = np.minimum(np.searchsorted(usable["device_no"], meters), len(usable) - 1)
    found = usable["device_no"][row] == meters
    at_ms[found] = usable["at_ms"][row[found]]
    for side, column in enumerate(("import_kwh", "export_kwh")):
        watt_hours[side, found] = np.rint(usable[column][row[found]] * 1_000).astype(np.int64)
    return watt_hours, at_ms
