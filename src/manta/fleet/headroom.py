"""What batteries could do next, every hard limit already in it. Unknown (NaN) stays unknown."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from manta.domain.envelope import Envelope

if TYPE_CHECKING:
    from manta.wire.batches import DeviceTable

type Floats = NDArray[np.float64]

ONE_WAY_EFFICIENCY = 0.94
"""Between cells and terminals, in either direction: the root of a usual round trip of 89 %."""


@dataclass(frozen=True, slots=True)
class HomeLimits:
    """What a rule permits each home, beside the home's own limits."""

    export_kw: float = inf
    """The most that the site may export, a magnitude."""
    reserve_soc: float = 0.0
    """State of charge below which nothing is sold; the home's own reserve still binds."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """The headroom of some homes' batteries, one row a site; NaN where the site is not known well enough."""

    site_no: NDArray[np.int32]
    floor_kw: Floats
    ceiling_kw: Floats
    spare_kwh: Floats
    """What could still be sold, at the terminals."""
    room_kwh: Floats
    """What could still be taken in, at the terminals."""

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which of the sites have headroom at all; silence is none."""
        return ~np.isnan(self.ceiling_kw)

    def heard(self) -> Rooms:
        """Keep the sites that are known."""
        keep = self.known
        return Rooms(
            self.site_no[keep],
            self.floor_kw[keep],
            self.ceiling_kw[keep],
            self.spare_kwh[keep],
            self.room_kwh[keep],
        )

    def together(self) -> Envelope:
        """Add up what the known sites can do side by side."""
        return Envelope(float(np.nansum(self.floor_kw)), float(np.nansum(self.ceiling_kw)))


def spare_kwh(soc: Floats, reserve_soc: Floats | float, capacity_kwh: Floats) -> Floats:
    """Return what batteries can give above a reserve, at their terminals."""
    return np.maximum(soc - reserve_soc, 0.0) * capacity_kwh * ONE_WAY_EFFICIENCY


def room_kwh(soc: Floats, capacity_kwh: Floats) -> Floats:
    """Return what batteries can take until full, at their terminals."""
    return np.maximum(1.0 - soc, 0.0) * capacity_kwh / ONE_WAY_EFFICIENCY


def ceiling_of(batteries: DeviceTable, device_no: NDArray[np.int32], spare: Floats, hours: float) -> Floats:
    """Return the most that batteries can give for some time: their rating, or what is left in them."""
    return np.minimum(batteries.discharge_kw[device_no], spare / hours)


def floor_of(batteries: DeviceTable, device_no: NDArray[np.int32], room: Floats, hours: float) -> Floats:
    """Return the most that batteries can take for some time, as negative power."""
    return -np.minimum(batteries.charge_kw[device_no], room / hours)


def at_connection(
    floor_kw: Floats, ceiling_kw: Floats, others_kw: Floats, import_kw: Floats, export_kw: Floats
) -> tuple[Floats, Floats]:
    """Narrow by what the connection leaves once the rest of the site flows.

    Where the two cannot meet, as when the roof alone exports more than is permitted, the batteries come as
    near as they can: what a battery cannot physically do is not asked of it.
    """
    lowest_kw = np.clip(-import_kw - others_kw, floor_kw, ceiling_kw)
    highest_kw = np.clip(export_kw - others_kw, floor_kw, ceiling_kw)
    return lowest_kw, highest_kw
