"""How far to trust a forecast: the errors of earlier runs, added to the present one.

Compared are forecasts that looked equally far ahead and expected a like price: what a calm one is wrong by
says nothing of one of $10,000. Nothing is assumed about the shape of the errors. Where too few can be
compared there is no range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from manta.domain.time import FIVE_MINUTES, HALF_HOUR
from manta.wire.series import PriceForecast, Source

LEAST_RUNS = 20
"""Forecasts of one lead and level, below which a tenth of them is no tenth."""
LOW, HIGH = 0.1, 0.9
_DEARER = np.array([0.0, 150.0, 300.0, 1_000.0])
"""$/MWh from which on a price is of the next level, as the pages colour it."""
LEVELS = len(_DEARER) + 1
STEP: dict[Source, timedelta] = {"P5MIN": FIVE_MINUTES, "PREDISPATCH": HALF_HOUR}
"""How long each source's intervals are."""
COMPARED: dict[Source, timedelta] = {"P5MIN": timedelta(days=7), "PREDISPATCH": timedelta(days=30)}
"""How far back runs are compared: the longest leads of pre-dispatch exist once a day."""


@dataclass(frozen=True, slots=True)
class PastRuns:
    """What earlier runs said, a row a forecast interval."""

    lead: NDArray[np.int64]
    """How many intervals after the first one of its run."""
    ends_ms: NDArray[np.int64]
    per_mwh: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """Price less forecast, $/MWh, a row a lead and a column a level of the forecast.

    A tenth of the errors lay below ``low`` and a tenth above ``high``; NaN where too few are known.
    """

    runs: NDArray[np.int64]
    """How many forecasts could be compared."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def most_runs(self) -> int:
        """Return how many runs could be compared at the lead that has the most."""
        return int(self.runs.sum(axis=1).max(initial=0))

    def around(
        self, per_mwh: NDArray[np.float64], floor_per_mwh: float, cap_per_mwh: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the range around a forecast that begins at lead 0, within the market's own bounds."""
        lead, level = np.arange(len(per_mwh)), _level(per_mwh)
        inside = lead < len(self.runs)
        around = []
        for errors in (self.low, self.high):
            column = np.full(len(per_mwh), np.nan)
            column[inside] = per_mwh[inside] + errors[lead[inside], level[inside]]
            around.append(np.clip(column, floor_per_mwh, cap_per_mwh))
        return around[0], around[1]


def past_runs(runs: Sequence[PriceForecast]) -> PastRuns:
    """Return the rows of runs of one source; each begins with the interval that ran when it was made."""
    leads = [
        np.rint((run.ends_ms - run.ends_ms[0]) / _ms(STEP[run.source])).astype(np.int64)
        for run in runs
        if len(run.ends_ms)
    ]
    return PastRuns(
        np.concatenate([np.zeros(0, np.int64), *leads]),
        np.concatenate([np.zeros(0, np.int64), *(run.ends_ms for run in runs)]),
        np.concatenate([np.zeros(0), *(run.per_mwh for run in runs)]),
    )


def spread_of(
    past: PastRuns, ends_ms: NDArray[np.int64], per_mwh: NDArray[np.float64], intervals: int = 1
) -> Spread:
    """Compare runs with the prices that came; each forecast is of so many dispatch intervals together.

    ``ends_ms`` is sorted. A half-hour is compared with the mean of its six prices if all six are known.
    """
    came = _means(past.ends_ms, ends_ms, per_mwh, intervals)
    known = np.isfinite(came) & np.isfinite(past.per_mwh) & (past.lead >= 0)
    lead, error = past.lead[known], (came - past.per_mwh)[known]
    leads = int(lead.max()) + 1 if len(lead) else 0
    cell = lead * LEVELS + _level(past.per_mwh[known])
    runs = np.bincount(cell, minlength=leads * LEVELS)
    low, high = np.full(len(runs), np.nan), np.full(len(runs), np.nan)
    ordered = error[np.argsort(cell, kind="stable")]
    edges = np.concatenate(([0], np.cumsum(runs)))
    for n in np.flatnonzero(runs >= LEAST_RUNS):
        errors = ordered[edges[n] : edges[n + 1]]
        # Errors that happened, on the wide side: in between lies nothing that was seen.
        low[n] = np.quantile(errors, LOW, method="lower")
        high[n] = np.quantile(errors, HIGH, method="higher")
    by_lead = (leads, LEVELS)
    return Spread(runs.reshape(by_lead), low.reshape(by_lead), high.reshape(by_lead))


def _level(per_mwh: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how dear each price is, from 0: below nothing, calm, warm, high, peak."""
    return np.searchsorted(_DEARER, per_mwh, "right").astype(np.int64)


def _means(
    wanted_ms: NDArray[np.int64], ends_ms: NDArray[np.int64], per_mwh: NDArray[np.float64], intervals: int
) -> NDArray[np.float64]:
    """Return the mean price of the intervals up to each end wanted; NaN where one of them is unknown."""
    if not len(ends_ms):
        return np.full(len(wanted_ms), np.nan)
    total = np.zeros(len(wanted_ms))
    for back in range(intervals):
        end_ms = wanted_ms - back * _ms(FIVE_MINUTES)
        place = np.minimum(np.searchsorted(ends_ms, end_ms), len(ends_ms) - 1)
        total += np.where(ends_ms[place] == end_ms, per_mwh[place], np.nan)
    return total / intervals


def _ms(step: timedelta) -> int:
    return step // timedelta(milliseconds=1)
