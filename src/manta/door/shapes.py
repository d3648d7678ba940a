"""What several pages speak of, and how an answer becomes JSON."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema

from manta.domain.market import PriceStatus, Region

type Health = Literal["good", "degraded", "silent"]

Aud = Annotated[
    Decimal,
    WithJsonSchema(
        {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "description": "Australian dollars, exact"}
    ),
]
"""Money in an answer: a decimal string, never a float."""

FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _within_reason(at: datetime) -> datetime:
    if not FIRST <= at <= LAST:
        raise ValueError(f"This must lie between the years {FIRST.year} and {LAST.year}.")
    return at


Instant = Annotated[AwareDatetime, AfterValidator(_within_reason)]
"""An instant in a request; a naive one is refused."""
Label = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""What people call a thing: one line."""
Key = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")]
"""The id of a site or a VPP."""

MICRO = Decimal("0.000001")

encoder = msgspec.json.Encoder()


class Form(BaseModel):
    """What a client may send: every field named, of its own type, finite and bounded."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


@dataclass(frozen=True, slots=True)
class VppName:
    """A VPP as other things refer to it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class PricePoint:
    """A region's price over one dispatch interval; null where none was published."""

    interval_end: datetime
    per_mwh: float | None
    status: PriceStatus | None


@dataclass(frozen=True, slots=True)
class PowerPoint:
    """The fleet's power at one moment; null where nobody was heard."""

    at: datetime
    power_kw: float | None
    battery_kw: float | None
    stored_kwh: float | None


@dataclass(frozen=True, slots=True)
class FleetNow:
    """All of a tenant's sites together; powers are of the sites heard, positive toward the grid."""

    sites: int
    heard: int
    power_kw: float
    battery_kw: float
    pv_kw: float
    load_kw: float
    stored_kwh: float
    capacity_kwh: float
    headroom_up_kw: float
    headroom_down_kw: float
    leased: int
    revenue_today_aud: Aud


@dataclass(frozen=True, slots=True)
class RegionOverview:
    """One region: its sites, its price and what it earned since midnight, market time."""

    region: Region
    sites: int
    heard: int
    power_kw: float
    battery_kw: float
    pv_kw: float
    load_kw: float
    stored_kwh: float
    capacity_kwh: float
    headroom_up_kw: float
    headroom_down_kw: float
    leased: int
    price_per_mwh: float | None
    price_status: PriceStatus | None
    price_interval_end: datetime | None
    price_age_s: float | None
    """Since we had the price in hand."""
    revenue_today_aud: Aud
    health: Health


@dataclass(frozen=True, slots=True)
class Overview:
    """The fleet at one moment."""

    at: datetime
    fleet: FleetNow
    regions: list[RegionOverview]


def answer(value: Any, status: int = 200, **headers: str) -> Response:  # noqa: ANN401 - whatever a page shows
    """Encode an answer once, without a second validation."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(encoder.encode(value), status, named, media_type="application/json")
