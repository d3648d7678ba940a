"""The market's history as the pages ask for it: prices, forecasts, how wrong these have been, demand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from manta.desk.outlook import COMPARED, STEP, Spread, past_runs, spread_of
from manta.domain.market import Region
from manta.domain.time import FIVE_MINUTES
from manta.domain.units import kw_from_mw
from manta.marketdata.history import MarketData
from manta.marketdata.series import MarketSeries
from manta.mms.catalogue import REGIONSUM
from manta.wire.series import PriceForecast, PriceSeries, Source


class Market:
    """Reads the market's history; a run is compared with those before it once."""

    def __init__(self, data: MarketData) -> None:
        self._data, self._series = data, MarketSeries(data)
        self._spreads: dict[tuple[Region, Source], tuple[datetime, Spread]] = {}
        self._turn = asyncio.Lock()

    async def prices(self, region: Region, start: datetime, end: datetime) -> PriceSeries:
        """Read the prices of the intervals that end after ``start`` and not after ``end``."""
        return await self._series.prices(region, start, end)

    async def extent(self, region: Region) -> tuple[datetime, datetime] | None:
        """Read the ends of the first and of the last interval known; None where there is none."""
        return await self._series.extent(region)

    async def forecasts(self, region: Region, at: datetime) -> Sequence[PriceForecast]:
        """Read each source's newest run of those published by an instant."""
        return await self._series.forecasts(region, at)

    async def spread(self, region: Region, run: PriceForecast, at: datetime) -> Spread:
        """Compare the runs of a run's source in the days before an instant with the prices that came."""
        async with self._turn:
            kept = self._spreads.get((region, run.source))
            if kept is None or kept[0] != run.made_at:
                kept = (run.made_at, await self._compared(region, run.source, at))
                self._spreads[region, run.source] = kept
            return kept[1]

    async def demand_kw(self, region: Region, start: datetime, end: datetime) -> float | None:
        """Read the newest demand of the intervals that end after ``start`` and not after ``end``."""
        return await asyncio.to_thread(_newest_demand, self._data, region, start, end)

    async def _compared(self, region: Region, source: Source, at: datetime) -> Spread:
        since = at - COMPARED[source]
        runs = await self._series.runs(source, region, since, at)
        came = await self.prices(region, since - STEP[source], at)
        return await asyncio.to_thread(
            spread_of, past_runs(runs), came.ends_ms, came.per_mwh, STEP[source] // FIVE_MINUTES
        )


def _newest_demand(data: MarketData, region: Region, start: datetime, end: datetime) -> float | None:
    columns = ("SETTLEMENTDATE", "INTERVENTION", "TOTALDEMAND")
    rows = data.read(REGIONSUM, start, end, columns=columns, regions=(region,))
    if "TOTALDEMAND" not in rows:
        return None
    known = np.isfinite(rows.numbers("TOTALDEMAND")) & (rows.numbers("INTERVENTION") == 0)
    if not known.any():
        return None
    newest = int(np.argmax(np.where(known, rows.instants("SETTLEMENTDATE").view(np.int64), -1)))
    return kw_from_mw(float(rows.numbers("TOTALDEMAND")[newest]))
