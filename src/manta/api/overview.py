"""Overview: the fleet at this moment, by region, and its power over the last hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response

from manta.desk.access import GuardedRoute, Known, Now, Role, needs
from manta.desk.ports import PowerStep
from manta.domain.market import Region
from manta.domain.time import FIVE_MINUTES
from manta.door.errors import DOCUMENTED
from manta.door.shapes import Overview, PowerPoint, answer

router = APIRouter(prefix="/api/overview", tags=["overview"], route_class=GuardedRoute, responses=DOCUMENTED)

FINE_HOURS = 6
ARRIVING = timedelta(seconds=20)
"""A step whose last readings are still on their way would look like a fall of the power."""


@dataclass(frozen=True, slots=True)
class PowerHistory:
    """A fleet's power over time; a point a minute up to 6 hours, then one each five minutes."""

    region: Region | None
    points: list[PowerPoint]


@router.get("", response_model=Overview)
@needs(Role.VIEWER)
async def overview(caller: Known, now: Now) -> Response:
    """Show the fleet as it is now."""
    return answer(await now.board.overview(caller.tenant))


@router.get("/power", response_model=PowerHistory)
@needs(Role.VIEWER)
async def overview_power(
    caller: Known, now: Now, hours: Annotated[int, Query(ge=1, le=48)] = 6, region: Region | None = None
) -> Response:
    """Show the fleet's power over the last hours, of one region or of all."""
    end = now.clock.now()
    points = await now.history.power(
        caller.tenant, region, end - timedelta(hours=hours), end - ARRIVING, step_of(hours)
    )
    return answer(PowerHistory(region, points_of(points)))


def points_of(steps: Sequence[PowerStep]) -> list[PowerPoint]:
    """Return history as a chart's points."""
    return [PowerPoint(step.at, step.power_kw, step.battery_kw, step.stored_kwh) for step in steps]


def step_of(hours: int) -> timedelta:
    """Return how far apart the points of a chart are: a minute as long as they can be told apart."""
    return timedelta(minutes=1) if hours <= FINE_HOURS else FIVE_MINUTES
