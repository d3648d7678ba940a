"""Offers to the market: ten prices for a day, and for each of its intervals how much at which of them.

An offer is what somebody wrote, right or wrong; the rules judge it whole (``manta.rules.offers``) instead of
stopping at its first mistake. Power is in kW and positive toward the grid, as everywhere: a trapezium always
ascends, on the load side too. Bands, availability and ramp rates are magnitudes on either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from manta.domain.market import Direction, Region, Service
from manta.domain.time import TradingDay

BANDS = 10
ENERGY = "ENERGY"
"""What an energy offer is called where services are called by their codes."""


@dataclass(frozen=True, slots=True)
class DispatchableUnit:
    """What AEMO has registered under one DUID."""

    duid: str
    region: Region
    mlf_export: Decimal
    mlf_import: Decimal
    is_bidirectional: bool = False
    most_kw: float | None = None
    """The most that either side may offer, a magnitude; None where we have not been told."""
    services: frozenset[Service] = frozenset(Service)
    """What it may offer; all ten unless registered for fewer."""


@dataclass(frozen=True, slots=True)
class Trapezium:
    """How much of a service a unit has at which of its energy targets, kW toward the grid.

    The four edges ascend: nothing below the first and above the last, all of it between the middle two.
    """

    max_avail_kw: float
    enablement_min_kw: float
    low_breakpoint_kw: float
    high_breakpoint_kw: float
    enablement_max_kw: float

    @property
    def edges_kw(self) -> tuple[float, float, float, float]:
        """Return the four edges in order."""
        return (
            self.enablement_min_kw,
            self.low_breakpoint_kw,
            self.high_breakpoint_kw,
            self.enablement_max_kw,
        )


@dataclass(frozen=True, slots=True)
class EnergyPeriod:
    """What is offered for one interval of the trading day."""

    period: int
    """1 to 288; 1 ends at 04:05."""
    max_avail_kw: float
    bands_kw: tuple[float, ...]
    ramp_up_kw_per_min: float
    ramp_down_kw_per_min: float
    pasa_avail_kw: float = 0.0
    """What could run within a day, recalled or not."""
    recall_period: int = 0
    fixed_load_kw: float | None = None
    energy_limit_kwh: float | None = None


@dataclass(frozen=True, slots=True)
class ServicePeriod:
    """What of a service is offered for one interval of the trading day."""

    period: int
    bands_kw: tuple[float, ...]
    trapezium: Trapezium

    @property
    def max_avail_kw(self) -> float:
        """The most that may be enabled."""
        return self.trapezium.max_avail_kw


@dataclass(frozen=True, slots=True)
class FastStart:
    """How a unit starts: its minimum load and four stretches, in minutes."""

    minimum_load_kw: float
    t1: int
    t2: int
    t3: int
    t4: int


@dataclass(frozen=True, slots=True)
class Rebid:
    """Why an offer was changed after its prices were locked: brief, verifiable, and when."""

    reason: str
    event_at: datetime | None
    """When what it cites happened."""
    aware_at: datetime | None
    """When the participant knew."""
    decided_at: datetime | None
    category: str | None
    """One letter. In use, unconfirmed: P plant, A AEMO forecast or dispatch, F financial, E error."""


@dataclass(frozen=True, slots=True)
class EnergyOffer:
    """An offer of energy for one trading day, for one side where a unit has two."""

    duid: str
    day: TradingDay
    prices: tuple[Decimal, ...]
    """$/MWh at the connection point, ten, ascending; fixed from 12:30 on the day before."""
    periods: tuple[EnergyPeriod, ...]
    direction: Direction | None = None
    daily_energy_kwh: float | None = None
    fast_start: FastStart | None = None
    rebid: Rebid | None = None

    @property
    def kind(self) -> str:
        """What is offered, as AEMO calls it."""
        return ENERGY


@dataclass(frozen=True, slots=True)
class ServiceOffer:
    """An offer of one ancillary service for one trading day."""

    duid: str
    day: TradingDay
    service: Service
    prices: tuple[Decimal, ...]
    """$/MW/h, ten, ascending; no loss factor bears on them."""
    periods: tuple[ServicePeriod, ...]
    direction: Direction | None = None
    """A bidirectional unit's side, for regulation only."""
    rebid: Rebid | None = None

    @property
    def kind(self) -> str:
        """What is offered, as AEMO calls it."""
        return self.service.value


type Offer = EnergyOffer | ServiceOffer


@dataclass(frozen=True, slots=True)
class Submission:
    """Offers sent together, under a reference that is ours alone and never used twice."""

    reference: str
    energy: tuple[EnergyOffer, ...] = ()
    services: tuple[ServiceOffer, ...] = ()
    comments: str = ""
    authorised_by: str = ""

    @property
    def offers(self) -> Sequence[Offer]:
        """Return all of them."""
        return (*self.energy, *self.services)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an offer."""

    field: str
    """Where, for example ``periods[17].bands_kw``; empty for the offer as a whole."""
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """AEMO has it, and this is what it has: what the page shows is read from here, not from what we sent."""

    transaction: str
    offered_at: datetime
    submission: Submission


@dataclass(frozen=True, slots=True)
class Refused:
    """AEMO did not take it; what was offered before still stands."""

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Unresolved:
    """It may have arrived: nobody answered, or not so that we can tell. Ask again before you send again."""

    reference: str
    because: str


type Answer = Acknowledged | Refused | Unresolved
