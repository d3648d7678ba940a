"""Prices over time in columns: one row an interval, oldest first, for charts, forecasts and back-tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import PriceStatus

PRICE_STATUSES = tuple(PriceStatus)
"""The order in which status columns count: a column's status is an index into this."""
FEWEST_POINTS = 4
"""That a thinned series can have: its ends, a trough and a peak."""

type Source = Literal["P5MIN", "PREDISPATCH"]
"""Who forecasts: an hour in five minutes, or to the end of the days with offers in half-hours."""


@dataclass(frozen=True, slots=True, eq=False)
class PriceSeries:
    """A region's prices, one row an interval; an interval that nobody published has no row."""

    ends_ms: NDArray[np.int64]
    """When the interval ends, milliseconds since 1970, UTC; strictly increasing."""
    per_mwh: NDArray[np.float64]
    """Regional reference price, $/MWh; negative when generation must pay to run."""
    status: NDArray[np.uint8]
    """Place in PRICE_STATUSES."""
    cumulative_per_mwh: NDArray[np.float64]
    """Sum of the 2,016 prices before administration that end with this one, as published; NaN unknown."""

    def __len__(self) -> int:
        return len(self.ends_ms)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> PriceSeries:
        """Return some of the rows."""
        return PriceSeries(
            self.ends_ms[rows], self.per_mwh[rows], self.status[rows], self.cumulative_per_mwh[rows]
        )


@dataclass(frozen=True, slots=True, eq=False)
class PriceForecast:
    """What one run expected of a region's prices."""

    made_at: datetime
    """When it was published or, where that is not known, by when it must have been."""
    source: Source
    ends_ms: NDArray[np.int64]
    """When each interval ends, five minutes or half an hour long; strictly increasing."""
    per_mwh: NDArray[np.float64]


def thin(series: PriceSeries, points: int) -> PriceSeries:
    """Return at most so many rows: first, last, and the lowest and highest price of each equal span of time.

    A spike is never thinned away. Rows are those published: nothing is averaged. ValueError for fewer points
    than FEWEST_POINTS.
    """
    if points < FEWEST_POINTS:
        raise ValueError(f"a series is thinned to {FEWEST_POINTS} points or more, not to {points}")
    if len(series) <= points:
        return series
    begins = _spans(series.ends_ms, (points - 2) // 2)
    rows = np.unique(
        np.concatenate(
            [
                np.array([0, len(series) - 1]),
                _first_equal(series.per_mwh, np.minimum.reduceat(series.per_mwh, begins), begins),
                _first_equal(series.per_mwh, np.maximum.reduceat(series.per_mwh, begins), begins),
            ]
        )
    )
    return series.take(rows)


def _spans(ends_ms: NDArray[np.int64], spans: int) -> NDArray[np.int64]:
    """Return the first row of each span of equal length in which there are rows."""
    since_ms = ends_ms - ends_ms[0]
    width_ms = int(since_ms[-1]) // spans + 1
    return np.flatnonzero(np.diff(since_ms // width_ms, prepend=-1))


def _first_equal(
    per_mwh: NDArray[np.float64], wanted_per_mwh: NDArray[np.float64], begins: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the first row of each span that holds the span's wanted price."""
    lengths = np.diff(begins, append=len(per_mwh))
    equal = np.flatnonzero(per_mwh == np.repeat(wanted_per_mwh, lengths))
    return equal[np.searchsorted(equal, begins)]
