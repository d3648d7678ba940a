"""Administered pricing: when it begins, how long it lasts, and what it does to a price.

SO_OP_3705 section 15. It begins with the trading interval after the one whose cumulative price is above the
threshold and lasts at least until its trading day is over, at 04:00. What the energy price triggers binds
energy and services; what a service's price triggers binds services only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import Service
from manta.domain.reference import administered_cap_per_mwh, threshold_per_mwh
from manta.domain.time import FIVE_MINUTES, INTERVALS_PER_DAY, DispatchInterval, TradingDay


class Trigger(StrEnum):
    """Whose cumulative price went over the threshold."""

    SPOT = "spot"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Administered:
    """Until when a region's prices are administered, by what triggered it; None where nothing did."""

    spot_until: TradingDay | None = None
    service_until: TradingDay | None = None

    def trigger(self, interval: DispatchInterval) -> Trigger | None:
        """Return what binds an interval's prices; the spot trigger binds more, so it comes first."""
        day = TradingDay.of(interval)
        if self.spot_until is not None and day <= self.spot_until:
            return Trigger.SPOT
        if self.service_until is not None and day <= self.service_until:
            return Trigger.SERVICE
        return None

    def after(
        self,
        interval: DispatchInterval,
        spot_per_mwh: float | None,
        services_per_mwh: Mapping[Service, float | None],
    ) -> Administered:
        """Return what holds from the next interval on, given the cumulative prices at the end of this one."""
        threshold = threshold_per_mwh(interval)
        following = TradingDay.of(DispatchInterval(interval.end + FIVE_MINUTES))
        over = [total for total in services_per_mwh.values() if total is not None and total > threshold]
        return Administered(
            following if spot_per_mwh is not None and spot_per_mwh > threshold else self.spot_until,
            following if over else self.service_until,
        )


def administered_over(
    first: DispatchInterval, cumulative_per_mwh: NDArray[np.float64], threshold_per_mwh: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell for every interval of an unbroken column whether the cumulative price had its day administered."""
    over = cumulative_per_mwh > threshold_per_mwh  # an unknown sum is not over
    begins = np.concatenate(([False], over[:-1]))
    offset = TradingDay.of(first).period_of(first) - 1
    days = np.zeros(-(-(offset + len(begins)) // INTERVALS_PER_DAY) * INTERVALS_PER_DAY, np.bool_)
    days[offset : offset + len(begins)] = begins
    held = np.logical_or.accumulate(days.reshape(-1, INTERVALS_PER_DAY), axis=1).ravel()
    return held[offset : offset + len(begins)]


def administered_energy(per_mwh: float, trigger: Trigger | None, interval: DispatchInterval) -> float:
    """Return the energy price that counts: within the administered cap and floor if the spot price did it."""
    if trigger is not Trigger.SPOT:
        return per_mwh
    cap = administered_cap_per_mwh(interval)
    return min(max(per_mwh, -cap), cap)


def administered_service(per_mwh: float, trigger: Trigger | None, interval: DispatchInterval) -> float:
    """Return the service price that counts: at most the administered cap, whatever triggered it."""
    return per_mwh if trigger is None else min(per_mwh, administered_cap_per_mwh(interval))
