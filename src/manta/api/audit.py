"""Audit: who did what, in the order of the chain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from manta.desk.access import GuardedRoute, Known, Now, Role, needs
from manta.door.errors import DOCUMENTED
from manta.door.shapes import answer

router = APIRouter(prefix="/api/audit", tags=["audit"], route_class=GuardedRoute, responses=DOCUMENTED)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One link of the chain."""

    no: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, object]
    """What changed."""
    hash: str
    """SHA-256 over this entry and the one before it, hexadecimal."""


@dataclass(frozen=True, slots=True)
class AuditList:
    """Entries, newest first."""

    entries: list[AuditEntry]


@router.get("", response_model=AuditList)
@needs(Role.ADMIN)
async def list_audit(
    caller: Known,
    now: Now,
    before: Annotated[int | None, Query(ge=1, description="Only entries with a lower number")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """List what was done."""
    found = await now.audit.recent(caller.tenant, limit, before)
    entries = [
        AuditEntry(
            e.no, e.deed.at, e.deed.actor, e.deed.action, e.deed.subject, dict(e.deed.detail), e.hash.hex()
        )
        for e in found
    ]
    return answer(AuditList(entries))
