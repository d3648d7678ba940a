"""What the pages need of the record, of history and of the bus; others fit by shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from manta.desk.outlook import Spread
from manta.domain.identity import RuleId, SiteId, TenantId
from manta.domain.market import Price, Region
from manta.domain.rule import SpotRule
from manta.store.audit import AuditEntry, Deed
from manta.store.decisions import DispatchDetail, RecordedDispatch
from manta.store.earnings import FleetEarnings, PricedEntry
from manta.store.enrolment import VppSize
from manta.store.rules import Conflict, RecordedRule
from manta.store.tokens import Token, TokenHolder
from manta.store.users import Claimed, Session, User
from manta.wire.series import PriceForecast, PriceSeries


class UserRecord(Protocol):
    """People and their sessions."""

    async def by_email(self, email: str) -> Claimed | None:
        """Find whom an address belongs to."""
        ...

    async def open_session(self, user: User, id_hash: bytes, at: datetime, expires_at: datetime) -> None:
        """Keep a new session, with its audit entry."""
        ...

    async def session(self, id_hash: bytes) -> Session | None:
        """Find a session, also one whose time is over: its reader compares."""
        ...

    async def touch_session(self, id_hash: bytes, at: datetime) -> None:
        """Note that a session is in use."""
        ...

    async def close_session(self, id_hash: bytes) -> None:
        """End a session; one that has ended stays so."""
        ...


class TokenRecord(Protocol):
    """How programs come in."""

    async def list(self, tenant: TenantId) -> Sequence[Token]:
        """Read a tenant's tokens, newest first."""
        ...

    async def create(self, tenant: TenantId, token: Token, token_hash: bytes) -> None:
        """Keep a new token, with its audit entry."""
        ...

    async def revoke(self, tenant: TenantId, id: UUID, actor: str, at: datetime) -> Token | None:
        """Make a token useless and return it; None if there is none."""
        ...

    async def by_hash(self, token_hash: bytes) -> TokenHolder | None:
        """Find a token, also one whose time is over: its reader compares."""
        ...

    async def touch(self, token_hash: bytes, at: datetime) -> None:
        """Note that a token was used."""
        ...


class RuleRecord(Protocol):
    """A tenant's rules; each change leaves its audit entry and its message."""

    async def list(self, tenant: TenantId) -> Sequence[RecordedRule]:
        """Read every rule of a tenant."""
        ...

    async def create(self, tenant: TenantId, rule: SpotRule, actor: str, at: datetime) -> RecordedRule | None:
        """Add a rule; None if the tenant has no such VPP."""
        ...

    async def update(
        self, tenant: TenantId, rule: SpotRule, version: int, actor: str, at: datetime
    ) -> RecordedRule | Conflict | None:
        """Change a rule that is still at the version given; its VPP stays. None if there is no such rule."""
        ...

    async def delete(self, tenant: TenantId, id: RuleId, actor: str, at: datetime) -> RecordedRule | None:
        """Take a rule away and return it as it last stood; None if there was none."""
        ...


class VppRecord(Protocol):
    """Who trades as one."""

    async def vpps(self, tenant: TenantId) -> Sequence[VppSize]:
        """Read a tenant's VPPs with their present size."""
        ...


class PriceRecord(Protocol):
    """The prices of every region."""

    async def latest(self) -> Mapping[Region, Price]:
        """Read each region's newest interval."""
        ...

    async def between(self, region: Region, start: datetime, end: datetime) -> Sequence[Price]:
        """Read the prices of the intervals that end after ``start`` and not after ``end``, oldest first."""
        ...


class MarketRecord(Protocol):
    """The market's own history, as AEMO published it; it may be years long, empty, or behind the record."""

    async def prices(self, region: Region, start: datetime, end: datetime) -> PriceSeries:
        """Read the prices of the intervals that end after ``start`` and not after ``end``."""
        ...

    async def extent(self, region: Region) -> tuple[datetime, datetime] | None:
        """Read the ends of the first and of the last interval known; None where there is none."""
        ...

    async def forecasts(self, region: Region, at: datetime) -> Sequence[PriceForecast]:
        """Read each source's newest run of those published by an instant."""
        ...

    async def spread(self, region: Region, run: PriceForecast, at: datetime) -> Spread:
        """Compare the runs of a run's source in the days before an instant with the prices that came."""
        ...

    async def demand_kw(self, region: Region, start: datetime, end: datetime) -> float | None:
        """Read the newest demand of the intervals that end after ``start`` and not after ``end``."""
        ...


class DispatchRecord(Protocol):
    """What was decided."""

    async def recent(self, tenant: TenantId, region: Region | None, limit: int) -> Sequence[RecordedDispatch]:
        """Read the latest dispatches, newest first, of one region or of all."""
        ...

    async def detail(self, tenant: TenantId, id: UUID) -> DispatchDetail | None:
        """Read one dispatch whole; None if this tenant has none of that id."""
        ...


class EarningsRecord(Protocol):
    """What the ledger says of the homes. A time holds the intervals that lie in it whole."""

    async def of_fleet(
        self, tenant: TenantId, start: datetime, end: datetime, region: Region | None = None
    ) -> FleetEarnings:
        """Sum up what each home earned."""
        ...

    async def of_site(
        self, tenant: TenantId, site: SiteId, start: datetime, end: datetime
    ) -> Sequence[PricedEntry] | None:
        """Read one home's entries as they stand, oldest first; None if the tenant has no such site."""
        ...

    async def by_region(self, tenant: TenantId, start: datetime, end: datetime) -> Mapping[Region, Decimal]:
        """Read what each region earned; a region with nothing settled is not in it."""
        ...


class AuditRecord(Protocol):
    """Who did what."""

    async def write(self, tenant: TenantId, deed: Deed) -> int:
        """Add a deed that changes nothing else in the record, and return its number."""
        ...

    async def recent(self, tenant: TenantId, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        """Read the newest entries, newest first; only those numbered below ``before`` if it is given."""
        ...


class PowerStep(Protocol):
    """A fleet's mean power from an instant on; None where nobody was heard."""

    @property
    def at(self) -> datetime:
        """When the step begins."""
        ...

    @property
    def power_kw(self) -> float | None:
        """At the connection points."""
        ...

    @property
    def battery_kw(self) -> float | None:
        """Of the batteries."""
        ...

    @property
    def stored_kwh(self) -> float | None:
        """In the batteries."""
        ...


class PowerRecord(Protocol):
    """What the fleet did."""

    async def power(
        self, tenant: TenantId, region: Region | None, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[PowerStep]:
        """Read a tenant's power, averaged over each step and named by its start, oldest first."""
        ...


class Asks(Protocol):
    """The bus, for a question."""

    async def request(self, subject: str, body: bytes, timeout: float) -> bytes:
        """Ask and return the answer; TimeoutError if nobody answers."""
        ...


class Report(Protocol):
    """How this process and what it depends on stand."""

    @property
    def ok(self) -> bool:
        """Whether all of it works."""
        ...


class Health(Protocol):
    """Asks what this process depends on."""

    async def report(self) -> Report:
        """Ask every dependency, all at once, and return how they stand."""
        ...
