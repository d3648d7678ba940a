"""Every plan is proved before it is published: what a fleet would do, held against what each site can do.

The proof shares nothing with the planner but its inputs: it adds the energy up again from the powers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from manta.trading.columns import Floats, Outlook, Rows

SLACK = 1e-6
"""Rounding that is forgiven, in kW and kWh."""


class Fault(IntFlag):
    """What is wrong with a site's plan; several may be."""

    NONE = 0
    UNKNOWN = 1
    """A number is missing, or is none."""
    POWER = 2
    """More than the battery is rated for."""
    STORED = 4
    """More than the cells hold, or less than nothing."""
    RESERVE = 8
    """Below what is left to the householder, and below what there was."""
    ENVELOPE = 16
    """More at the meter than the network permits, although the site could keep to it."""
    FUSE = 32
    """More at the meter than the main fuse carries."""
    WARRANTY = 64
    """More energy through the cells than the warranty leaves for these hours."""


@dataclass(frozen=True, slots=True)
class Care:
    """What must not be broken whatever the price; one row a site."""

    fuse_kw: Floats
    """What the main fuse carries either way."""
    throughput_kwh: Floats
    """What may still leave the cells over the outlook under the maker's warranty; infinite if unlimited."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The verdict on every site's plan."""

    fault: NDArray[np.uint8]
    """``Fault`` of each site; 0 is proved."""
    worst_kw: Floats
    """By how much power goes beyond rating, envelope or fuse at worst."""
    worst_kwh: Floats
    """By how much energy goes beyond capacity, reserve or warranty at worst."""

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Which sites' plans may be published."""
        proved: NDArray[np.bool_] = self.fault == 0
        return proved


def prove(battery_kw: Floats, meter_kw: Floats, sites: Rows, outlook: Outlook, care: Care) -> Proof:
    """Check what batteries and meters would do, shape (sites, steps), step by step.

    A meter beyond its envelope is no fault where
    the battery is already doing all it can against it.
    """
    hours, site = outlook.step_hours, {name: sites[name][:, None] for name in sites.dtype.names or ()}
    stored_kwh = _stored(battery_kw, sites, hours)
    least_kwh = np.minimum(site["reserve_kwh"], site["stored_kwh"])
    drawn_kwh = np.maximum(battery_kw, 0.0) / site["discharge_efficiency"] @ hours
    limit = outlook.limit[outlook.limit_no]
    over_kw = np.maximum(meter_kw - limit["export_kw"], -limit["import_kw"] - meter_kw)
    helpless = _helpless(battery_kw, meter_kw, stored_kwh, sites)
    rating_kw = np.maximum(battery_kw - site["discharge_kw"], -site["charge_kw"] - battery_kw)
    fuse_kw = np.abs(meter_kw) - care.fuse_kw[:, None]
    held_kwh = np.maximum(stored_kwh - site["capacity_kwh"], -stored_kwh)
    beyond: dict[Fault, Floats] = {
        Fault.POWER: rating_kw.max(axis=1),
        Fault.STORED: held_kwh.max(axis=1),
        Fault.RESERVE: (least_kwh - stored_kwh).max(axis=1),
        Fault.ENVELOPE: np.where(helpless, 0.0, over_kw).max(axis=1),
        Fault.FUSE: fuse_kw.max(axis=1),
        Fault.WARRANTY: drawn_kwh - care.throughput_kwh,
    }
    fault = np.zeros(len(sites), np.uint8)
    unknown = ~np.isfinite(battery_kw).all(axis=1) | ~np.isfinite(meter_kw).all(axis=1)
    unknown |= ~np.isfinite(stored_kwh).all(axis=1)
    fault[unknown] = Fault.UNKNOWN
    for each, excess in beyond.items():
        fault[~unknown & ~(excess <= SLACK)] |= np.uint8(each)
    power = np.max([beyond[f] for f in (Fault.POWER, Fault.ENVELOPE, Fault.FUSE)], axis=0)
    energy = np.max([beyond[f] for f in (Fault.STORED, Fault.RESERVE, Fault.WARRANTY)], axis=0)
    return Proof(fault, np.maximum(power, 0.0), np.maximum(energy, 0.0))


def _stored(battery_kw: Floats, sites: Rows, hours: Floats) -> Floats:
    """Add up what the cells hold at the end of each step."""
    into = np.maximum(-battery_kw, 0.0) * sites["charge_efficiency"][:, None]
    out = np.maximum(battery_kw, 0.0) / sites["discharge_efficiency"][:, None]
    stored: Floats = sites["stored_kwh"][:, None] + np.cumsum((into - out) * hours, axis=1)
    return stored


def _helpless(battery_kw: Floats, meter_kw: Floats, stored_kwh: Floats, sites: Rows) -> NDArray[np.bool_]:
    """Say where a battery already does all it can against what flows at the meter."""
    full = stored_kwh >= sites["capacity_kwh"][:, None] - SLACK
    least_kwh = np.minimum(sites["reserve_kwh"], sites["stored_kwh"])[:, None]
    empty = stored_kwh <= least_kwh + SLACK
    charging = battery_kw <= SLACK - sites["charge_kw"][:, None]
    giving = battery_kw >= sites["discharge_kw"][:, None] - SLACK
    can_curtail = sites["curtails"][:, None]
    no_more_in = (full | charging) & (battery_kw <= SLACK) & ~can_curtail
    no_more_out = (empty | giving) & (battery_kw >= -SLACK)
    helpless: NDArray[np.bool_] = np.where(meter_kw > 0, no_more_in, no_more_out)
    return helpless
