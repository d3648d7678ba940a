"""What the governor remembers of what it signed, and what it has itself heard of the sites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import REGIONS, Region
from manta.governor.enrolled import Enrolled

_MS_PER_MIN = 60_000.0
_NEVER_MS = -(2**62)


@dataclass(frozen=True, slots=True)
class SiteSight:
    """The governor's own view at one moment; what is not known is NaN, who was never heard has 0 ms."""

    soc: NDArray[Any]
    """By device."""
    heard_ms: NDArray[Any]
    """By device: when its newest reading arrived, if that was usable."""
    other_kw: NDArray[Any]
    """By site: PV and load together, toward the grid; NaN unless both were heard lately."""


@dataclass(frozen=True, slots=True)
class GovernorState:
    """Who is enrolled and what they were last told; a value, replaced and never changed in place."""

    enrolled: Enrolled

    power_kw: NDArray[Any]
    """By device from here on: what it was told to hold; NaN for nothing."""
    until_ms: NDArray[Any]
    home_ms: NDArray[Any]
    """When it is at its default again at the latest, should it hear no more."""
    ramp_kw_per_min: NDArray[Any]

    direction: NDArray[Any]
    """By site from here on: 1 discharging, -1 charging, as last told; 0 not yet."""
    turned_ms: NDArray[Any]
    """When it was first told to go that way."""
    reversals_ms: NDArray[Any]
    """A row a site: its latest reversals, the oldest first."""

    epoch: NDArray[Any]
    """By region: the highest seen, and the last sequence signed in it."""
    sequence: NDArray[Any]

    @classmethod
    def empty(cls, enrolled: Enrolled, reversals: int) -> GovernorState:
        """Begin without a memory: nobody was told anything."""
        devices, sites = len(enrolled.kw), len(enrolled.import_limit_kw)
        return cls(
            enrolled,
            np.full(devices, np.nan),
            np.zeros(devices, np.int64),
            np.zeros(devices, np.int64),
            np.zeros(devices),
            np.zeros(sites, np.int8),
            np.full(sites, _NEVER_MS, np.int64),
            np.full((sites, reversals), _NEVER_MS, np.int64),
            np.zeros(len(REGIONS), np.int64),
            np.zeros(len(REGIONS), np.int64),
        )

    def enrolling(self, enrolled: Enrolled) -> GovernorState:
        """Go on with another enrolment; numbers are never reused, so that what we know keeps its row."""
        fresh = GovernorState.empty(enrolled, self.reversals_ms.shape[1])
        columns = (
            "power_kw",
            "until_ms",
            "home_ms",
            "ramp_kw_per_min",
            "direction",
            "turned_ms",
            "reversals_ms",
        )
        for name in columns:
            known, column = getattr(self, name)[:-1], getattr(fresh, name)
            column[: len(known)] = known[: len(column) - 1]
        return replace(fresh, epoch=self.epoch, sequence=self.sequence)

    def remember(
        self, leases: NDArray[Any], now_ms: int, region: Region, epoch: int, sequence: int
    ) -> GovernorState:
        """Return what is known once these leases are signed; also how a restart learns its past."""
        told = _telling(self, leases, now_ms)
        site_no, way = self._ways(leases)
        before = self.direction[site_no]
        back, new = site_no[way == -before], site_no[way != before]

        direction, turned_ms, reversals_ms = self.direction.copy(), self.turned_ms.copy(), self.reversals_ms
        direction[site_no], turned_ms[new] = way, now_ms
        if len(back):
            reversals_ms = reversals_ms.copy()
            reversals_ms[back] = np.roll(reversals_ms[back], -1, axis=1)
            reversals_ms[back, -1] = now_ms

        place = REGIONS.index(region)
        epochs, sequences = self.epoch.copy(), self.sequence.copy()
        if (epoch, sequence) > (epochs[place], sequences[place]):
            epochs[place], sequences[place] = epoch, sequence
        return replace(
            told,
            direction=direction,
            turned_ms=turned_ms,
            reversals_ms=reversals_ms,
            epoch=epochs,
            sequence=sequences,
        )

    def _ways(self, leases: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the sites that were told to move, each once, and which way their batteries go together."""
        site_no = self.enrolled.site_no[leases["device_no"]]
        net = np.bincount(site_no, np.nan_to_num(leases["power_kw"]), len(self.direction))
        moving = np.flatnonzero(net)
        return moving, np.sign(net[moving]).astype(np.int8)


def _telling(state: GovernorState, leases: NDArray[Any], now_ms: int) -> GovernorState:
    """Return the state with what each device was told; a release ends now and is home a full swing later."""
    device = leases["device_no"]
    kw = state.enrolled.kw[device]
    ends_ms = np.where(np.isnan(leases["power_kw"]), now_ms, leases["until_ms"])
    swing_min = 2 * kw / np.maximum(leases["ramp_kw_per_min"], 1e-6)

    power_kw, until_ms = state.power_kw.copy(), state.until_ms.copy()
    home_ms, ramp = state.home_ms.copy(), state.ramp_kw_per_min.copy()
    power_kw[device], until_ms[device] = leases["power_kw"], ends_ms
    home_ms[device] = ends_ms + (swing_min * _MS_PER_MIN).astype(np.int64)
    ramp[device] = leases["ramp_kw_per_min"]
    return replace(state, power_kw=power_kw, until_ms=until_ms, home_ms=home_ms, ramp_kw_per_min=ramp)
