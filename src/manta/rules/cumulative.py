"""The cumulative price: what a week of prices adds up to, and where that makes AEMO administer them.

Prices have five decimals, so they are added as whole hundred-thousandths of a dollar: a running sum over
years is exact, and the one kept interval by interval equals the one computed over a column.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manta.domain.time import DispatchInterval, epoch_ms

WINDOW = 2_016
"""Intervals that are summed: a week."""
_PER_AUD = 100_000
_NEVER = -1
_INTERVAL_MS = 300_000


def cumulative(per_mwh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for every interval of an unbroken column what the week that ends with it adds up to.

    A week that holds an unknown price (NaN), or begins before the column does, is unknown itself.
    """
    known = np.isfinite(per_mwh)
    units = np.rint(np.where(known, per_mwh, 0.0) * _PER_AUD).astype(np.int64)
    total, count = _over_window(units), _over_window(known.astype(np.int64))
    return np.where(count == WINDOW, total / _PER_AUD, np.nan)


def _over_window(column: NDArray[np.int64]) -> NDArray[np.int64]:
    so_far = np.cumsum(column)
    so_far[WINDOW:] -= so_far[:-WINDOW].copy()
    return so_far


class CumulativePrice:
    """The cumulative price of one region's energy or service, kept up interval by interval.

    Intervals may be missed, and a price may be heard again with another value: the last word counts.
    """

    def __init__(self) -> None:
        self._units = np.zeros(WINDOW, np.int64)
        self._number = np.full(WINDOW, _NEVER, np.int64)
        """Which interval each place holds."""
        self._newest = _NEVER
        self._total = 0
        self._count = 0

    @property
    def per_mwh(self) -> float | None:
        """Return what the week up to the newest interval adds up to; None while a price of it is unknown."""
        return self._total / _PER_AUD if self._count == WINDOW else None

    def hear(self, interval: DispatchInterval, per_mwh: float) -> float | None:
        """Take a price, new or revised, and return the sum; ValueError for one from before the week."""
        number = _number(interval)
        if not np.isfinite(per_mwh):
            raise ValueError(f"a price is a number of dollars, was {per_mwh}")
        if number <= self._newest - WINDOW:
            raise ValueError(f"the price of {interval} is older than the week that is summed")
        for passed in range(max(self._newest, number - WINDOW) + 1, number):
            self._forget(passed)
        self._forget(number)
        place = number % WINDOW
        self._units[place], self._number[place] = round(per_mwh * _PER_AUD), number
        self._total += int(self._units[place])
        self._count += 1
        self._newest = max(self._newest, number)
        return self.per_mwh

    def _forget(self, number: int) -> None:
        """Make room for an interval: what its place holds no longer counts."""
        place = number % WINDOW
        if self._number[place] != _NEVER:
            self._total -= int(self._units[place])
            self._count -= 1
            self._number[place] = _NEVER


def _number(interval: DispatchInterval) -> int:
    """Count five-minute intervals since 1970."""
    return epoch_ms(interval.end) // _INTERVAL_MS
