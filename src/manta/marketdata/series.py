"""Prices and forecasts over time, for who draws or learns from them: years of a region in milliseconds."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import Region
from manta.domain.time import FIVE_MINUTES, HALF_HOUR, epoch_ms, from_epoch_ms
from manta.marketdata.history import MarketData
from manta.marketdata.monthfile import Stamp
from manta.marketdata.months import Month
from manta.mms.catalogue import P5MIN, PREDISPATCH_PRICE, PRICE, PRICE_AND_DEMAND, Table
from manta.mms.rows import Rows
from manta.mms.standing import COLUMNS, paid, status_places
from manta.wire.series import PriceForecast, PriceSeries, Source

MOST_MONTHS = 600
"""Of one region each that are kept in memory: ten years of five regions, some 130 MB."""
_RUNS: dict[Source, tuple[Table, timedelta, timedelta]] = {
    "P5MIN": (P5MIN, FIVE_MINUTES, timedelta(hours=2)),
    "PREDISPATCH": (PREDISPATCH_PRICE, HALF_HOUR, timedelta(days=2)),
}
"""Where a source's runs are, how long their intervals are, and how old the newest run may be."""
_FURTHEST = timedelta(days=2)
"""A pre-dispatch run looks 39 hours ahead at most."""
_UNKNOWN = np.iinfo(np.int64).min
_NOTHING = PriceSeries(np.array([], np.int64), np.array([]), np.array([], np.uint8), np.array([]))


class MarketSeries:
    """A region's prices and forecasts from market history, the months that were looked at kept in memory.

    Dispatch prices come first; where one is lacking, PRICE_AND_DEMAND's, which was of half-hours before
    October 2021 and then gives a row a half-hour.
    """

    def __init__(self, market: MarketData) -> None:
        self._market = market
        self._months: OrderedDict[tuple[Region, Month], tuple[Stamp, PriceSeries]] = OrderedDict()
        self._lock = Lock()

    async def prices(self, region: Region, start: datetime, end: datetime) -> PriceSeries:
        """Return the prices of the intervals between two instants, those that end after ``start``."""
        return await asyncio.to_thread(self._prices, region, start, end)

    async def extent(self, region: Region) -> tuple[datetime, datetime] | None:
        """Return when the first and the last known interval of a region end; None if there is none."""
        return await asyncio.to_thread(self._extent, region)

    async def forecasts(self, region: Region, at: datetime) -> Sequence[PriceForecast]:
        """Return what was expected at an instant: each source's newest run of those published by then."""
        runs = [await self.runs(source, region, at - back, at) for source, (*_, back) in _RUNS.items()]
        return [known[-1] for known in runs if known]

    async def runs(
        self, source: Source, region: Region, start: datetime, end: datetime
    ) -> Sequence[PriceForecast]:
        """Return every run of a source that was published after ``start`` and not after ``end``, in order."""
        return await asyncio.to_thread(self._runs, source, region, start, end)

    def _prices(self, region: Region, start: datetime, end: datetime) -> PriceSeries:
        months = [month for month in self._known_months() if month.start < end and start < month.end]
        joined = _joined([self._month(region, month) for month in months])
        begins, ends = np.searchsorted(joined.ends_ms, [epoch_ms(start), epoch_ms(end)], "right").tolist()
        return joined.take(slice(begins, ends))

    def _extent(self, region: Region) -> tuple[datetime, datetime] | None:
        months = self._known_months()
        first = next((each for month in months if len(each := self._month(region, month))), None)
        last = next((each for month in reversed(months) if len(each := self._month(region, month))), None)
        if first is None or last is None:
            return None
        return from_epoch_ms(int(first.ends_ms[0])), from_epoch_ms(int(last.ends_ms[-1]))

    def _known_months(self) -> list[Month]:
        return sorted({*self._market.months(PRICE), *self._market.months(PRICE_AND_DEMAND)})

    def _month(self, region: Region, month: Month) -> PriceSeries:
        """Return a month of a region, from memory unless its files have changed."""
        stamp = (
            *self._market.month(PRICE, month).stamp,
            *self._market.month(PRICE_AND_DEMAND, month).stamp,
        )
        with self._lock:
            known = self._months.get((region, month))
            if known is not None and known[0] == stamp:
                self._months.move_to_end((region, month))
                return known[1]
        read = self._read_month(region, month)
        with self._lock:
            self._months[region, month] = stamp, read
            while len(self._months) > MOST_MONTHS:
                self._months.popitem(last=False)
        return read

    def _read_month(self, region: Region, month: Month) -> PriceSeries:
        dispatch = self._market.read(PRICE, month.start, month.end, COLUMNS, (region,))
        settled = self._market.read(PRICE_AND_DEMAND, month.start, month.end, ("RRP",), (region,))
        return _filled(_series(paid(dispatch)), _series(paid(settled)))

    def _runs(
        self, source: Source, region: Region, start: datetime, end: datetime
    ) -> Sequence[PriceForecast]:
        table, length, _ = _RUNS[source]
        until = end + (_FURTHEST if source == "PREDISPATCH" else length)
        columns = ("RRP", "LASTCHANGED", "INTERVENTION")
        rows = paid(self._market.read(table, start, until, columns, (region,)))
        return [
            run
            for run in sorted(_forecasts(source, rows, length), key=lambda run: run.made_at)
            if start < run.made_at <= end
        ]


def _series(rows: Rows) -> PriceSeries:
    """Return the rows of one region as a series; those without a price are no rows of it."""
    per_mwh = rows.numbers("RRP") if "RRP" in rows else np.full(len(rows), np.nan)
    cumulative = "CUMUL_PRE_AP_ENERGY_PRICE"
    series = PriceSeries(
        rows.instants("SETTLEMENTDATE").view(np.int64),
        per_mwh,
        status_places(rows),
        rows.numbers(cumulative) if cumulative in rows else np.full(len(rows), np.nan),
    )
    return series.take(~np.isnan(per_mwh))


def _filled(series: PriceSeries, other: PriceSeries) -> PriceSeries:
    """Return a series with what the other one has beside it."""
    if not len(other):
        return series
    beside = other.take(~np.isin(other.ends_ms, series.ends_ms))
    joined = _joined([series, beside])
    return joined.take(np.argsort(joined.ends_ms, kind="stable"))


def _joined(parts: Iterable[PriceSeries]) -> PriceSeries:
    series = [_NOTHING, *parts]
    return PriceSeries(
        np.concatenate([each.ends_ms for each in series]),
        np.concatenate([each.per_mwh for each in series]),
        np.concatenate([each.status for each in series]),
        np.concatenate([each.cumulative_per_mwh for each in series]),
    )


def _forecasts(source: Source, rows: Rows, length: timedelta) -> Iterable[PriceForecast]:
    """Yield each run that some rows of one region are of."""
    run, ends = rows.table.key[:2]
    runs: NDArray[np.int64] | NDArray[np.float64]
    runs = rows.instants(run).view(np.int64) if run in rows.table.instants else rows.numbers(run)
    ends_ms = rows.instants(ends).view(np.int64)
    changed_ms = (
        rows.instants("LASTCHANGED").view(np.int64) if "LASTCHANGED" in rows else np.full(len(rows), _UNKNOWN)
    )
    per_mwh = rows.numbers("RRP") if "RRP" in rows else np.full(len(rows), np.nan)
    # Rows come month by month, and a run may reach from one into the next.
    order = np.argsort(runs, kind="stable")
    runs, ends_ms, changed_ms, per_mwh = (column[order] for column in (runs, ends_ms, changed_ms, per_mwh))
    for begins, stops in _stretches(runs):
        known = begins + np.flatnonzero(~np.isnan(per_mwh[begins:stops]))
        if not len(known):
            continue
        made_ms = int(changed_ms[known].max())
        yield PriceForecast(
            # The first interval of a run has begun when the run is made: by its end the run is out.
            from_epoch_ms(made_ms if made_ms != _UNKNOWN else int(ends_ms[begins])),
            source,
            ends_ms[known],
            per_mwh[known],
        )


def _stretches(values: NDArray[np.int64] | NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return where each stretch of equal values begins and stops."""
    breaks = (np.flatnonzero(np.diff(values)) + 1).tolist()
    if not len(values):
        return []
    return list(zip([0, *breaks], [*breaks, len(values)], strict=True))
