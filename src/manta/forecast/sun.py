"""What a region's rooftops will make: the same ridge as demand's, never below zero, nothing in the dark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manta.forecast.demand import RegionModel, fit_region
from manta.forecast.history import SLOTS, Floats, Singles, Whole, slot_of

_DARK_SHARE = 0.002
"""Of the highest power: a half-hour of the day that never makes more is dark."""
_DARK_DAYS = 30


@dataclass(frozen=True, slots=True, eq=False)
class SunModel:
    """Rooftop PV of a region, 28 hours ahead."""

    region: RegionModel

    def quantiles(self, rooftop_kw: Floats, ends_ms: Whole, issues: Whole) -> Singles:
        """Return [N, H, 9] kW, 0 or more; 0 in half-hours of the day that were dark the last 30 days."""
        fan = self.region.quantiles(rooftop_kw, ends_ms, issues)
        slots = slot_of(ends_ms)
        ahead = np.arange(1, fan.shape[1] + 1)
        for place, issue in enumerate(issues):
            past = rooftop_kw[max(0, issue + 1 - _DARK_DAYS * SLOTS) : issue + 1]
            most = np.zeros(SLOTS)
            np.maximum.at(most, slots[issue + 1 - len(past) : issue + 1], np.nan_to_num(past, nan=0.0))
            dark = most <= _DARK_SHARE * most.max()
            fan[place, dark[(slots[issue] + ahead) % SLOTS]] = 0.0
        return fan


def fit_sun(rooftop_kw: Floats, ends_ms: Whole) -> SunModel:
    """Fit on successive half-hours of a region's rooftop PV, positive; NaN is unknown and left out."""
    return SunModel(fit_region(rooftop_kw, ends_ms, floor_kw=0.0))
