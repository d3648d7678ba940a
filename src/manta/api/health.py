"""Health and figures of this process, for whoever watches it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from manta.desk.access import GuardedRoute, Now, open_to_all
from manta.door.errors import NotFound
from manta.door.security import address_of
from manta.door.shapes import answer

router = APIRouter(tags=["health"], route_class=GuardedRoute, include_in_schema=False)

LOOPBACK = frozenset({"127.0.0.1", "::1"})


@router.get("/healthz")
@open_to_all
async def healthz(request: Request, now: Now) -> Response:
    """Tell whether this process works; what it depends on is told on this machine alone."""
    report = await now.health.report()
    told: object = report if address_of(request.scope) in LOOPBACK else {"ok": report.ok}
    return answer(told, 200 if report.ok else 503)


@router.get("/metrics")
@open_to_all
async def metrics(request: Request, now: Now) -> Response:
    """Give this process's figures, on this machine alone."""
    if address_of(request.scope) not in LOOPBACK:
        raise NotFound("There is nothing at this address.")
    return Response(generate_latest(now.registry), media_type=CONTENT_TYPE_LATEST)
