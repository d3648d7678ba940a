"""A region's last week: what its prices add up to, beside the threshold at which they are administered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from manta.domain.time import INTERVALS_PER_DAY, epoch_ms, from_epoch_ms
from manta.rules.cumulative import WINDOW

INTERVAL_MS = 300_000
WEEK = timedelta(weeks=1)
LAG = 12
"""Intervals by which the sum that AEMO published last may be behind the newest price."""
_LAST = WINDOW + LAG - 1
"""Place of the newest interval among those looked at."""


@dataclass(frozen=True, slots=True)
class Week:
    """The cumulative price of the week up to an interval."""

    end: datetime
    """The end of its newest interval that is known."""
    cumulative_per_mwh: float | None
    """AEMO's own sum, of prices before administration; else ours; None while neither can be known."""
    summed_per_mwh: float
    """What the known intervals of the week add up to, however few."""
    summed_intervals: int
    day_mean_per_mwh: float | None
    """Mean of the last 24 hours; None unless all of them are known."""
    _per_mwh: NDArray[np.float64]

    def crosses_at(self, threshold_per_mwh: float) -> datetime | None:
        """Return when the sum passes the threshold, should every price be the mean of the last 24 hours.

        None where it does not within a week, after which such a sum no longer moves, where it already has,
        and where week or day are unknown.
        """
        if self.cumulative_per_mwh is None or self.day_mean_per_mwh is None:
            return None
        if self.summed_intervals < WINDOW or self.cumulative_per_mwh > threshold_per_mwh:
            return None
        ahead = self.cumulative_per_mwh + np.cumsum(self.day_mean_per_mwh - self._per_mwh)
        over = np.flatnonzero(ahead > threshold_per_mwh)
        if not len(over):
            return None
        return from_epoch_ms(epoch_ms(self.end) + (int(over[0]) + 1) * INTERVAL_MS)


def week_of(
    ends_ms: NDArray[np.int64],
    per_mwh: NDArray[np.float64],
    published_per_mwh: NDArray[np.float64],
    administered: NDArray[np.bool_],
) -> Week | None:
    """Sum up the week that ends with the newest known price; None where there is none.

    ``published_per_mwh`` is the sum as AEMO publishes it, NaN where it did not. A price that was administered
    is not the one that is summed, so that a week that has one can only be known from AEMO.
    """
    known = np.isfinite(per_mwh)
    if not known.any():
        return None
    newest_ms = int(ends_ms[known][-1])
    place = _LAST - (newest_ms - ends_ms) // INTERVAL_MS
    near = (place >= 0) & (place <= _LAST)
    price, published = np.full(_LAST + 1, np.nan), np.full(_LAST + 1, np.nan)
    price[place[near]], published[place[near]] = per_mwh[near], published_per_mwh[near]
    week, day = price[-WINDOW:], price[-INTERVALS_PER_DAY:]
    tainted = administered[near & (place > _LAST - WINDOW)].any()
    own = float(week.sum()) if np.isfinite(week).all() and not tainted else None
    told = _carried(price, published)
    return Week(
        end=from_epoch_ms(newest_ms),
        cumulative_per_mwh=own if told is None else told,
        summed_per_mwh=float(np.nansum(week)),
        summed_intervals=int(np.isfinite(week).sum()),
        day_mean_per_mwh=float(day.mean()) if np.isfinite(day).all() else None,
        _per_mwh=week,
    )


def _carried(price: NDArray[np.float64], published: NDArray[np.float64]) -> float | None:
    """Return the newest sum that was published, with what has come and less what has left since."""
    for at in range(_LAST, _LAST - LAG - 1, -1):
        came = price[at + 1 :].sum()
        left = price[at + 1 - WINDOW : _LAST + 1 - WINDOW].sum()
        if np.isfinite(total := published[at] + came - left):
            return float(total)
    return None
