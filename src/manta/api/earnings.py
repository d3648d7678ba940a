"""Earnings: what the homes earned, from the ledger."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, TypedDict

from fastapi import APIRouter, Path, Query, Response

from manta.desk.access import GuardedRoute, Known, Now, Role, needs
from manta.desk.board import market_midnight
from manta.domain.identity import SiteId
from manta.domain.market import Region
from manta.door.errors import DOCUMENTED, FieldError, NotFound, Unprocessable
from manta.door.shapes import MICRO, Aud, Instant, Key, answer

router = APIRouter(prefix="/api", tags=["earnings"], route_class=GuardedRoute, responses=DOCUMENTED)

LONGEST = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class EarningsBin:
    """How many homes earned between two amounts; the lower one is included."""

    from_aud: Aud
    to_aud: Aud
    homes: int


@dataclass(frozen=True, slots=True)
class HomeEarnings:
    """What one home earned."""

    site: str
    name: str
    amount_aud: Aud
    energy_kwh: float
    """Net energy toward the grid."""


Earnings = TypedDict(
    "Earnings",
    {
        "from": datetime,
        "to": datetime,
        "region": Region | None,
        "homes": int,
        "settled_intervals": int,
        "total_aud": Aud,
        "energy_kwh": float,
        "mean_aud": Aud | None,
        "min_aud": Aud | None,
        "max_aud": Aud | None,
        "histogram": list[EarningsBin],
        "top": list[HomeEarnings],
    },
)
"""What the homes earned over a time; mean, least and most are null while nothing is settled."""


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """What one home earned in one interval, as it stands after revisions."""

    interval_end: datetime
    energy_kwh: float
    price_per_mwh: float
    amount_aud: Aud
    revision: int


@dataclass(frozen=True, slots=True)
class SiteLedger:
    """One home's ledger over a time."""

    site: str
    entries: list[LedgerLine]
    total_aud: Aud
    energy_kwh: float


Since = Annotated[
    Instant | None, Query(alias="from", description="Inclusive; by default midnight, market time")
]
Until = Annotated[Instant | None, Query(alias="to", description="Exclusive; by default now")]


@router.get("/earnings", response_model=Earnings)
@needs(Role.VIEWER)
async def earnings(
    caller: Known, now: Now, since: Since = None, until: Until = None, region: Region | None = None
) -> Response:
    """Show what the homes earned over a time of at most 31 days."""
    start, end = _window(now.clock.now(), since, until)
    found = await now.earnings.of_fleet(caller.tenant, start, end, region)
    shown: Earnings = {
        "from": start,
        "to": end,
        "region": region,
        "homes": found.homes,
        "settled_intervals": found.settled_intervals,
        "total_aud": found.total_aud,
        "energy_kwh": found.energy_kwh,
        "mean_aud": found.mean_aud,
        "min_aud": found.min_aud,
        "max_aud": found.max_aud,
        "histogram": [EarningsBin(bar.from_aud, bar.to_aud, bar.homes) for bar in found.histogram],
        "top": [HomeEarnings(home.site, home.name, home.amount_aud, home.energy_kwh) for home in found.top],
    }
    return answer(shown)


@router.get("/sites/{id}/ledger", response_model=SiteLedger)
@needs(Role.VIEWER)
async def site_ledger(
    caller: Known,
    now: Now,
    id: Annotated[Key, Path()],
    since: Since = None,
    until: Until = None,
) -> Response:
    """Show one home's ledger over a time of at most 31 days."""
    start, end = _window(now.clock.now(), since, until)
    found = await now.earnings.of_site(caller.tenant, SiteId(id), start, end)
    if found is None:
        raise NotFound("There is no such site.")
    lines = [
        LedgerLine(
            interval_end=line.entry.interval.end,
            energy_kwh=line.entry.energy_kwh,
            price_per_mwh=float(line.price_per_mwh),
            amount_aud=line.entry.amount_aud,
            revision=line.entry.revision,
        )
        for line in found
    ]
    total_aud = sum((line.amount_aud for line in lines), Decimal(0)).quantize(MICRO)
    return answer(SiteLedger(id, lines, total_aud, math.fsum(line.energy_kwh for line in lines)))


def _window(now: datetime, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    end = (until or now).astimezone(UTC)
    start = (since or market_midnight(end)).astimezone(UTC)
    if start >= end:
        raise Unprocessable(
            "The time ends before it begins.", FieldError("from", "This must be before 'to'.")
        )
    if end - start > LONGEST:
        raise Unprocessable(
            "The time is too long.", FieldError("from", f"At most {LONGEST.days} days before 'to'.")
        )
    return start, end
