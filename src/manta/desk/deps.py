"""What the pages are built with: handed over once by the wiring, never looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry

from manta.desk.board import Board
from manta.desk.hub import Hub
from manta.desk.ports import (
    Asks,
    AuditRecord,
    DispatchRecord,
    EarningsRecord,
    Health,
    MarketRecord,
    PowerRecord,
    PriceRecord,
    RuleRecord,
    TokenRecord,
    UserRecord,
    VppRecord,
)
from manta.door.limits import Limits
from manta.door.passwords import Passwords
from manta.flows.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """Everything that the pages need of the world."""

    world: Literal["simulate", "live"]
    speed: float
    """World seconds to a second of the wall."""
    clock: Clock
    """The world's time: prices, dispatches, the ledger, the audit."""
    wall: Clock
    """People's time: sessions, tokens, haste."""
    origins: frozenset[str]
    """Addresses by which a browser knows us, such as ``https://manta.example``, in lower case."""
    web: Path
    """Where the built page lies."""

    users: UserRecord
    tokens: TokenRecord
    rules: RuleRecord
    vpps: VppRecord
    prices: PriceRecord
    market: MarketRecord
    dispatches: DispatchRecord
    earnings: EarningsRecord
    audit: AuditRecord
    history: PowerRecord
    bus: Asks

    board: Board
    hub: Hub
    health: Health
    guards: Sequence[str]
    """Names of the governor's guards, by number."""
    registry: CollectorRegistry
    passwords: Passwords = field(default_factory=Passwords)
    limits: Limits = field(default_factory=Limits)
