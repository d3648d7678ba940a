"""What the journeys need of the world, as small as they need it.

An adapter does not import this file to satisfy it: the shapes match, and the wiring in ``manta.roles`` is
where the type checker compares them.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from numpy.typing import NDArray

from manta.domain.identity import BatchId, SiteId, TenantId
from manta.domain.lease import Dispatch, DispatchOutcome
from manta.domain.market import Price, Region
from manta.domain.offer import Answer, Submission
from manta.domain.rule import SpotRule
from manta.domain.time import DispatchInterval
from manta.wire.batches import DeviceTable, IntentBatch, LeaseBatch, SiteTable
from manta.wire.events import IntentsReady, LeasesWritten


class Clock(Protocol):
    """Where time comes from; a replay turns the hands itself."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        ...

    async def sleep_until(self, at: datetime) -> None:
        """Return once it is that late."""
        ...


class Market(Protocol):
    """Where prices come from."""

    def prices(self) -> AsyncIterator[Sequence[Price]]:
        """Yield each file's prices, all regions, for ever: the newest first, then what was missed."""
        ...


class Enrolment(Protocol):
    """Who takes part."""

    async def tables(self) -> tuple[SiteTable, DeviceTable]:
        """Read every tenant's sites and devices as columns."""
        ...

    async def rules(self) -> Sequence[tuple[TenantId, SpotRule]]:
        """Read every tenant's enabled rules."""
        ...


class DecisionRecord(Protocol):
    """What a decision leaves behind."""

    async def save_prices(self, prices: Sequence[Price]) -> Sequence[Price]:
        """Upsert on LASTCHANGED and return those that are new or changed."""
        ...

    async def save_intents(self, batch: IntentBatch) -> None:
        """Write an intent batch; writing the same id again changes nothing."""
        ...

    async def save_dispatch(self, dispatch: Dispatch) -> None:
        """Append a dispatch."""
        ...

    async def save_outcome(self, tenant: TenantId, outcome: DispatchOutcome) -> None:
        """Append how a dispatch was answered."""
        ...


class Governor(Protocol):
    """The way to power: nobody but the governor signs."""

    async def ask(self, ready: IntentsReady) -> LeasesWritten:
        """Have a recorded intent batch checked, signed, written and sent; silence raises TimeoutError."""
        ...


class LeaseRecord(Protocol):
    """What the governor reads and writes."""

    async def take(self, region: Region, holder: str, ttl: timedelta) -> int | None:
        """Take or keep the region's writer lease and return its epoch; None while another holds it."""
        ...

    async def intents(self, tenant: TenantId, batch: BatchId) -> IntentBatch | None:
        """Read an intent batch."""
        ...

    async def write(self, batch: LeaseBatch) -> LeaseBatch:
        """Write a lease batch; one that answers the same intents already is returned instead.

        A stale epoch or an over-long lease is refused by the database (PermissionError).
        """
        ...

    async def live(self, at: datetime) -> Sequence[LeaseBatch]:
        """Read the batches that still have a lease running, oldest first, with all their rows."""
        ...

    async def last_sequence(self, region: Region, epoch: int) -> int:
        """Return the highest sequence written in an epoch, 0 if none."""
        ...


class Signer(Protocol):
    """The governor's own key, which answers for whole batches."""

    def sign(self, batch: LeaseBatch) -> bytes:
        """Return the signature over everything in a batch but the signature."""
        ...


class LeaseSender(Protocol):
    """The way out to the devices."""

    async def send(self, batch: LeaseBatch) -> None:
        """Seal each lease for its device and pass it on; sending again is harmless."""
        ...


class AckRecord(Protocol):
    """What the devices answered."""

    async def save_acks(self, rows: NDArray[Any]) -> None:
        """Append ACK columns; an answer already there is not doubled."""
        ...


class History(Protocol):
    """Telemetry history, and what settlement reads of it."""

    async def append(self, rows: NDArray[Any]) -> None:
        """Append READING columns."""
        ...

    async def meter_counters(
        self, intervals: Sequence[DispatchInterval]
    ) -> Mapping[DispatchInterval, NDArray[Any]]:
        """Return each interval's last counter of every meter: (device_no, import_kwh, export_kwh, at_ms)."""
        ...


class Books(Protocol):
    """The ledger."""

    async def post(  # noqa: PLR0913 - one fact, written once
        self,
        tenant: TenantId,
        interval: DispatchInterval,
        region: Region,
        sites: Sequence[SiteId],
        micro_aud: Sequence[int],
        watt_hours: Sequence[int],
        price: Decimal,
    ) -> UUID | None:
        """Post one interval of one region, balanced against the market; None if it stands so already.

        When it stands with other figures, that posting is reversed and the new one added, in one transaction.
        """
        ...

    async def price(self, region: Region, interval: DispatchInterval) -> Price | None:
        """Return the price as it stands now."""
        ...


class Bidding(Protocol):
    """Where offers to the market go."""

    async def submit(self, submission: Submission) -> Answer:
        """Send a submission under a reference never used before, and return what became of it."""
        ...

    async def find(self, reference: str) -> Answer | None:
        """Ask for a submission, as after a restart or while its fate is not known; None if there is none."""
        ...
