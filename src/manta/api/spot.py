"""Spot Market: a region's prices with the fleet's power under them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Query, Response

from manta.api.overview import ARRIVING, points_of, step_of
from manta.desk.access import GuardedRoute, Known, Now, Role, needs
from manta.desk.deps import Deps
from manta.domain.identity import TenantId
from manta.domain.market import Price, Region
from manta.domain.reference import FLOOR_PER_MWH, cap_per_mwh
from manta.domain.time import FIVE_MINUTES, DispatchInterval, from_epoch_ms
from manta.door.errors import DOCUMENTED
from manta.door.shapes import PowerPoint, PricePoint, answer
from manta.wire.series import PRICE_STATUSES, PriceSeries

router = APIRouter(prefix="/api/spot", tags=["spot"], route_class=GuardedRoute, responses=DOCUMENTED)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Spot:
    """What a region's price was and what the fleet did."""

    region: Region
    intervals: list[PricePoint]
    """Every dispatch interval of the window, oldest first, the running one last."""
    power: list[PowerPoint]
    """Empty while history does not answer."""
    rule_ids: list[UUID]
    """Rules that watch this price."""
    cap_per_mwh: float
    """The market's own price cap at this time."""
    floor_per_mwh: float


@router.get("/{region}", response_model=Spot)
@needs(Role.VIEWER)
async def spot(
    caller: Known, now: Now, region: Region, hours: Annotated[int, Query(ge=1, le=48)] = 6
) -> Response:
    """Show a region's prices and the fleet's power over the last hours."""
    running = DispatchInterval.containing(now.clock.now())
    start = running.end - timedelta(hours=hours)
    published, heard, power, rules = await asyncio.gather(
        now.market.prices(region, start, running.end),
        now.prices.between(region, start, running.end),
        _power(caller.tenant, now, region, start, hours),
        now.rules.list(caller.tenant),
    )
    return answer(
        Spot(
            region=region,
            intervals=_every_interval(published, heard, start, running.end),
            power=power,
            rule_ids=[rule.rule.id for rule in rules if rule.region is region],
            cap_per_mwh=cap_per_mwh(running),
            floor_per_mwh=FLOOR_PER_MWH,
        )
    )


async def _power(
    tenant: TenantId, now: Deps, region: Region, start: datetime, hours: int
) -> list[PowerPoint]:
    """Return the fleet's power, or nothing while history is away: the prices are shown all the same."""
    try:
        return points_of(
            await now.history.power(tenant, region, start, now.clock.now() - ARRIVING, step_of(hours))
        )
    except ConnectionError as error:
        log.warning("power not shown", region=region, error=str(error))
        return []


def _every_interval(
    published: PriceSeries, heard: Sequence[Price], start: datetime, end: datetime
) -> list[PricePoint]:
    """Return a point for every interval, null where no price is known.

    What we heard counts; what was published while we did not listen comes from the market's history.
    """
    known = {point.interval_end: point for point in _points_in(published)}
    known |= {
        price.interval.end: PricePoint(price.interval.end, price.per_mwh, price.status) for price in heard
    }
    ends = [start + FIVE_MINUTES * (i + 1) for i in range((end - start) // FIVE_MINUTES)]
    return [known.get(at, PricePoint(at, None, None)) for at in ends]


def _points_in(series: PriceSeries) -> list[PricePoint]:
    """Return the rows of a series as points."""
    columns = zip(series.ends_ms.tolist(), series.per_mwh.tolist(), series.status.tolist(), strict=True)
    return [
        PricePoint(from_epoch_ms(end_ms), price, PRICE_STATUSES[place]) for end_ms, price, place in columns
    ]
