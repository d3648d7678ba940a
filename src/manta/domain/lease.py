"""Commands as leases: what was decided, what the device answered, and the record of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from manta.domain.identity import BatchId, TenantId, VppId
from manta.domain.market import Price
from manta.domain.proposal import Target


class Outcome(StrEnum):
    """How a device answered; silence is an answer. A column's outcome number is its place in this list."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    SILENT = "silent"


OUTCOMES = tuple(Outcome)


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One decision as it will be read a year from now: what, why, who, and how it went."""

    id: UUID
    tenant: TenantId
    vpp: VppId
    price: Price
    cycle: int
    """0 on the published price, then 1, 2 … as the target is refreshed within the interval."""
    target: Target
    shortfall_kw: float
    """What was wanted and nobody could carry; never dropped in silence."""
    sites: int
    """Sites asked."""
    unheard: int
    """Sites left out because they had gone silent or stale."""
    intents: BatchId | None
    trace: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class DispatchOutcome:
    """How the devices answered a dispatch, counted once the answers were due."""

    dispatch: UUID
    leased: int
    refused_by_governor: int
    accepted: int
    refused: int
    silent: int
    at: datetime
