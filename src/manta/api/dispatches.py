"""Dispatches: what was decided, why, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from manta.desk.access import GuardedRoute, Known, Now, Role, needs
from manta.domain.market import PriceStatus, Region
from manta.door.errors import DOCUMENTED, NotFound
from manta.door.shapes import VppName, answer
from manta.store.decisions import RecordedDispatch

router = APIRouter(
    prefix="/api/dispatches", tags=["dispatches"], route_class=GuardedRoute, responses=DOCUMENTED
)


@dataclass(frozen=True, slots=True)
class DispatchSummary:
    """One decision; the counts of answers are null until the answers were due."""

    id: UUID
    vpp: VppName
    region: Region
    interval_end: datetime
    cycle: int
    """0 on the published price, then 1, 2 … as the target is refreshed within the interval."""
    price_per_mwh: float
    price_status: PriceStatus
    target_kw: float | None
    """Null lets every home go back to its default."""
    because: str
    shortfall_kw: float
    sites: int
    unheard: int
    leased: int | None
    refused_by_governor: int | None
    accepted: int | None
    refused: int | None
    silent: int | None
    decided_at: datetime
    trace: str


@dataclass(frozen=True, slots=True)
class DispatchList:
    """Decisions, newest first."""

    dispatches: list[DispatchSummary]


@dataclass(frozen=True, slots=True)
class GuardCount:
    """How many sites one guard of the governor refused."""

    guard: str
    sites: int


@dataclass(frozen=True, slots=True)
class DispatchDetail(DispatchSummary):
    """One decision with what the governor refused and how long each step took."""

    refusals: list[GuardCount]
    signed_at: datetime | None
    """When the governor had the leases in the record."""
    price_to_leases_s: float | None
    """From the price in hand to the leases in the record."""
    first_ack_s: float | None
    """From the leases in the record to the first and the last answer."""
    last_ack_s: float | None


@router.get("", response_model=DispatchList)
@needs(Role.VIEWER)
async def list_dispatches(
    caller: Known, now: Now, region: Region | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> Response:
    """List the latest decisions."""
    found = await now.dispatches.recent(caller.tenant, region, limit)
    return answer(DispatchList([DispatchSummary(**_summary(recorded)) for recorded in found]))


@router.get("/{id}", response_model=DispatchDetail)
@needs(Role.VIEWER)
async def read_dispatch(caller: Known, now: Now, id: UUID) -> Response:
    """Show one decision whole."""
    found = await now.dispatches.detail(caller.tenant, id)
    if found is None:
        raise NotFound("There is no such dispatch.")
    steps = found.steps
    detail = DispatchDetail(
        **_summary(found.recorded),
        refusals=[GuardCount(_guard(now.guards, no), sites) for no, sites in sorted(found.refusals.items())],
        signed_at=steps.leases_at,
        price_to_leases_s=_between_s(steps.price_heard_at, steps.leases_at),
        first_ack_s=_between_s(steps.leases_at, steps.first_ack_at),
        last_ack_s=_between_s(steps.leases_at, steps.last_ack_at),
    )
    return answer(detail)


def _summary(recorded: RecordedDispatch) -> dict[str, Any]:
    dispatch, outcome = recorded.dispatch, recorded.outcome
    return {
        "id": dispatch.id,
        "vpp": VppName(dispatch.vpp, recorded.vpp_name),
        "region": dispatch.price.region,
        "interval_end": dispatch.price.interval.end,
        "cycle": dispatch.cycle,
        "price_per_mwh": dispatch.price.per_mwh,
        "price_status": dispatch.price.status,
        "target_kw": dispatch.target.power_kw,
        "because": dispatch.target.because,
        "shortfall_kw": dispatch.shortfall_kw,
        "sites": dispatch.sites,
        "unheard": dispatch.unheard,
        "leased": outcome.leased if outcome else None,
        "refused_by_governor": outcome.refused_by_governor if outcome else None,
        "accepted": outcome.accepted if outcome else None,
        "refused": outcome.refused if outcome else None,
        "silent": outcome.silent if outcome else None,
        "decided_at": dispatch.decided_at,
        "trace": dispatch.trace,
    }


def _guard(names: Sequence[str], no: int) -> str:
    return names[no] if no < len(names) else f"guard {no}"


def _between_s(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None
