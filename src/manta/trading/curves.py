"""What stored energy is worth to each site: falling curves of marginal value, one site after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manta.trading.columns import Floats, Rows

type CurveParts = tuple[NDArray[np.int64], Floats, Floats]
REFILL_PER_MWH = 1e5
"""What a plan pays to bring a battery back to its reserve: above any price, below any breach."""


@dataclass(frozen=True, slots=True)
class Curves:
    """The marginal value of energy in the cells, from the lowest permitted energy upward, in stretches."""

    first: NDArray[np.int64]
    """Where each site's stretches begin; one entry more than there are sites."""
    width_kwh: Floats
    value_per_mwh: Floats
    """What one more unit in the cells is worth within a stretch; $0.001 a kWh."""
    floor_kwh: Floats
    """Energy at which each site's curve begins."""

    def __len__(self) -> int:
        return len(self.floor_kwh)

    @property
    def parts(self) -> CurveParts:
        """The columns as compiled code takes them."""
        return self.first, self.width_kwh, self.value_per_mwh

    def of(self, site_no: int) -> tuple[Floats, Floats]:
        """Return one site's widths in kWh and values in $/MWh."""
        at = slice(self.first[site_no], self.first[site_no + 1])
        return self.width_kwh[at], self.value_per_mwh[at]

    def some(self, sites: slice) -> Curves:
        """Return the curves of some neighboring sites."""
        begin, end, _ = sites.indices(len(self))
        at = slice(self.first[begin], self.first[end])
        first = self.first[begin : end + 1] - self.first[begin]
        return Curves(first, self.width_kwh[at], self.value_per_mwh[at], self.floor_kwh[begin:end])


def floors_kwh(sites: Rows) -> Floats:
    """Return the least energy that a plan may leave: the reserve, or what there is where that is less."""
    floor: Floats = np.minimum(sites["reserve_kwh"], sites["stored_kwh"])
    return floor


def flat(sites: Rows, value_per_mwh: Floats | float) -> Curves:
    """Value what is left at the end of an outlook at one price a site, in $/MWh of the cells.

    What is missing to the reserve is worth more than any price, so that it is filled first.
    """
    floor = floors_kwh(sites)
    missing_kwh = sites["reserve_kwh"] - floor
    width = np.column_stack([missing_kwh, sites["capacity_kwh"] - floor - missing_kwh])
    value = np.column_stack([np.full(len(sites), REFILL_PER_MWH), np.full(len(sites), value_per_mwh)])
    return Curves(2 * np.arange(len(sites) + 1), width.ravel(), value.ravel(), floor)


def target(sites: Rows, energy_kwh: Floats | float, pull_per_mwh: float) -> Curves:
    """Draw the end of an outlook to a stored energy: a unit below earns the pull, one above costs it."""
    floor = floors_kwh(sites)
    under_kwh = np.clip(energy_kwh - floor, 0.0, sites["capacity_kwh"] - floor)
    width = np.column_stack([under_kwh, sites["capacity_kwh"] - floor - under_kwh])
    value = np.tile([pull_per_mwh, -pull_per_mwh], len(sites))
    return Curves(2 * np.arange(len(sites) + 1), width.ravel(), value, floor)


def together(parts: list[Curves]) -> Curves:
    """Put the curves of neighboring lots of sites one after the other."""
    lengths = np.cumsum([0, *(len(part.width_kwh) for part in parts)])
    shifted = [part.first[:-1] + begin for part, begin in zip(parts, lengths[:-1], strict=True)]
    return Curves(
        np.concatenate([*shifted, lengths[-1:]]).astype(np.int64),
        np.concatenate([part.width_kwh for part in parts]),
        np.concatenate([part.value_per_mwh for part in parts]),
        np.concatenate([part.floor_kwh for part in parts]),
    )
