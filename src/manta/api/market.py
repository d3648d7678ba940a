"""The market itself: prices of years, what is forecast and how far to trust it, how each region stands."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query, Response

from manta.desk.access import GuardedRoute, Now, Role, needs
from manta.desk.deps import Deps
from manta.desk.known import known_extent, known_prices
from manta.desk.outlook import COMPARED, STEP
from manta.desk.standing import RegionStanding, standing
from manta.domain.market import REGIONS, PriceStatus, Region
from manta.domain.reference import FLOOR_PER_MWH, cap_per_mwh
from manta.domain.time import FIVE_MINUTES, DispatchInterval, from_epoch_ms
from manta.door.errors import DOCUMENTED, FieldError, Unprocessable
from manta.door.shapes import Instant, answer
from manta.wire.series import PRICE_STATUSES, PriceForecast, PriceSeries, thin

router = APIRouter(prefix="/api/market", tags=["market"], route_class=GuardedRoute, responses=DOCUMENTED)


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """A region's prices over a time, a row an interval, thinned to what a picture can show."""

    region: Region
    start: datetime
    end: datetime
    first: datetime | None
    """End of the first interval that is known at all; null where there is none."""
    last: datetime | None
    intervals: int
    """Known in this time, before thinning."""
    step_s: float
    """Rows more than twice this apart have a gap between them."""
    statuses: list[PriceStatus]
    ends_ms: list[int]
    """Ends of intervals, milliseconds since 1970; thinned, those of the least and greatest prices."""
    per_mwh: list[float]
    status: list[int]
    """Place in ``statuses``."""


@dataclass(frozen=True, slots=True)
class ForecastPoint:
    """What is expected of one interval."""

    interval_end: datetime
    per_mwh: float
    low_per_mwh: float | None
    """A tenth of the prices came lower after such a forecast; null where too few can be compared."""
    high_per_mwh: float | None


@dataclass(frozen=True, slots=True)
class ForecastRun:
    """One run of a forecast."""

    source: Literal["P5MIN", "PREDISPATCH"]
    made_at: datetime
    minutes: int
    """How long each of its intervals is."""
    compared_runs: int
    """Earlier runs from whose errors its ranges are."""
    compared_days: int
    """Over how many days these were looked for."""
    points: list[ForecastPoint]


@dataclass(frozen=True, slots=True)
class Forecasts:
    """The newest run of each source, the one that looks least far ahead first."""

    region: Region
    runs: list[ForecastRun]


@dataclass(frozen=True, slots=True)
class Standings:
    """All regions of the market at this moment."""

    at: datetime
    regions: list[RegionStanding]


@router.get("/prices", response_model=PriceHistory)
@needs(Role.VIEWER)
async def market_prices(
    now: Now,
    region: Region,
    start: Instant | None = None,
    end: Instant | None = None,
    points: Annotated[int, Query(ge=100, le=5_000)] = 2_000,
) -> Response:
    """Show a region's prices from ``start`` (default: the first one known) to ``end`` (default: now).

    At most so many points: of each stretch the least and the greatest price, so that no spike is lost.
    """
    extent = await known_extent(now.market, now.prices, region)
    upto = end or DispatchInterval.containing(now.clock.now()).end
    since = start or (extent[0] - FIVE_MINUTES if extent else upto - timedelta(days=1))
    if since >= upto:
        wrong = FieldError("start", f"This must be before the end, {upto.isoformat()}.")
        raise Unprocessable("The time has no length.", wrong)
    series = await known_prices(now.market, now.prices, region, since, upto)
    return answer(_history(region, since, upto, extent, series, points))


@router.get("/forecast", response_model=Forecasts)
@needs(Role.VIEWER)
async def market_forecast(now: Now, region: Region) -> Response:
    """Show what AEMO's newest runs expect of a region's price, with what such runs have been wrong by."""
    at = now.clock.now()
    runs = await now.market.forecasts(region, at)
    told = [await _run(now, region, at, run) for run in runs if len(run.ends_ms)]
    return answer(Forecasts(region, sorted(told, key=lambda run: run.minutes)))


@router.get("/regions", response_model=Standings)
@needs(Role.VIEWER)
async def market_regions(now: Now) -> Response:
    """Show how every region stands: its price, the price's age, its cumulative price."""
    at = now.clock.now()
    latest = await now.prices.latest()
    told = await asyncio.gather(
        *(standing(now.market, now.prices, region, latest.get(region), at) for region in REGIONS)
    )
    return answer(Standings(at, told))


def _history(
    region: Region,
    start: datetime,
    end: datetime,
    extent: tuple[datetime, datetime] | None,
    series: PriceSeries,
    points: int,
) -> PriceHistory:
    known = series.take(np.isfinite(series.per_mwh))
    shown = thin(known, points)
    whole = len(shown) == len(known)
    return PriceHistory(
        region=region,
        start=start,
        end=end,
        first=extent[0] if extent else None,
        last=extent[1] if extent else None,
        intervals=len(known),
        step_s=_every_s(known) if whole else (end - start).total_seconds() / ((points - 2) // 2),
        statuses=list(PRICE_STATUSES),
        ends_ms=shown.ends_ms.tolist(),
        per_mwh=shown.per_mwh.tolist(),
        status=shown.status.tolist(),
    )


async def _run(now: Deps, region: Region, at: datetime, run: PriceForecast) -> ForecastRun:
    spread = await now.market.spread(region, run, at)
    cap = cap_per_mwh(DispatchInterval.containing(at))
    low, high = spread.around(run.per_mwh, FLOOR_PER_MWH, cap)
    points = [
        ForecastPoint(from_epoch_ms(end_ms), per_mwh, _known(at_least), _known(at_most))
        for end_ms, per_mwh, at_least, at_most in zip(
            run.ends_ms.tolist(), run.per_mwh.tolist(), low.tolist(), high.tolist(), strict=True
        )
        if np.isfinite(per_mwh)
    ]
    return ForecastRun(
        source=run.source,
        made_at=run.made_at,
        minutes=STEP[run.source] // timedelta(minutes=1),
        compared_runs=spread.most_runs,
        compared_days=COMPARED[run.source].days,
        points=points,
    )


def _every_s(series: PriceSeries) -> float:
    """Return how far apart rows usually are: half an hour in settled prices before October 2021."""
    apart_ms = np.diff(series.ends_ms)
    return max(FIVE_MINUTES.total_seconds(), float(np.median(apart_ms)) / 1_000 if len(apart_ms) else 0.0)


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
