"""Intent to lease: read from the record, checked by every guard, signed, written, and only then sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import numpy as np
import structlog

from manta.domain.identity import BatchId, TenantId
from manta.domain.market import REGIONS, Region
from manta.domain.time import epoch_ms, from_epoch_ms
from manta.fleet.view import FleetView
from manta.flows.delivery import Delivery
from manta.flows.ports import Clock, LeaseRecord, LeaseSender, Signer
from manta.governor.enrolled import Enrolled
from manta.governor.govern import Governed, by_guard, govern
from manta.governor.limits import Limits
from manta.governor.state import GovernorState, SiteSight
from manta.wire.batches import DeviceTable, IntentBatch, LeaseBatch, SiteTable
from manta.wire.events import IntentsReady, LeasesWritten

TENURE = timedelta(seconds=6)
"""How long a region stays ours without a word from the record."""
KEEP = timedelta(seconds=2)
MEMORY = timedelta(hours=1)
"""How far back a start looks: reversals count by the hour."""

_NO_INTS, _NO_FLOATS = np.zeros(0, np.int32), np.zeros(0)
_NO_BYTES = np.zeros(0, np.int8)
NOBODY = (
    SiteTable([], _NO_INTS, _NO_INTS, _NO_BYTES, _NO_INTS, _NO_FLOATS, _NO_FLOATS, [], []),
    DeviceTable([], _NO_INTS, _NO_BYTES, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS),
)
"""Who takes part before the enrolment is read."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Tenure:
    """Our right to sign for a region."""

    epoch: int
    sequence: int
    """The last one used."""
    until: datetime


class Leasing:
    """The journey of an intent batch, for as long as this governor holds the batch's region."""

    def __init__(  # noqa: PLR0913 - the world around it, each by its own port
        self,
        clock: Clock,
        record: LeaseRecord,
        sender: LeaseSender,
        signer: Signer,
        holder: str,
        limits: Limits,
        speed: float = 1.0,
    ) -> None:
        """``speed`` is how much faster than the record's clock ours runs; the former counts a hold."""
        self._clock, self._record, self._signer, self._holder = clock, record, signer, holder
        self._limits, self._tenure, self._keep_every = limits, TENURE * speed, KEEP * speed
        self.delivery = Delivery(clock, sender, lambda batch: self._holds(batch.region))
        self.view = FleetView(*NOBODY, timedelta(milliseconds=limits.expected_age_ms))
        """The governor's own; it trusts no other's account of the fleet."""
        self._state = GovernorState.empty(Enrolled.of(*NOBODY), limits.reversals)
        self._regions: list[Region] = []
        self._tenures: dict[Region, _Tenure] = {}
        self._turn = asyncio.Lock()
        self._asked = 0
        """Questions that wait for an answer."""
        self._is_sure = False
        """Whether our memory has all that the record has."""

    async def enrol(
        self, sites: SiteTable, devices: DeviceTable, tenant_cap_kw: Mapping[TenantId, float]
    ) -> None:
        """Take in who takes part, now and whenever that changes."""
        caps = {str(tenant): cap_kw for tenant, cap_kw in tenant_cap_kw.items()}
        async with self._turn:
            self._limits = replace(self._limits, tenant_cap_kw=caps)
            self._state = self._state.enrolling(Enrolled.of(sites, devices))
            self.view.enrol(sites, devices)
            self._regions = [REGIONS[no] for no in np.unique(sites.region)]

    @property
    def epochs(self) -> Mapping[Region, int | None]:
        """Return the epoch of every region that is enrolled; None where it is not ours at this moment."""
        return {r: self._tenures[r].epoch if self._holds(r) else None for r in self._regions}

    async def run(self) -> None:
        """Keep the regions and deliver, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep())
            group.create_task(self.delivery.run())

    async def answer(self, ready: IntentsReady) -> LeasesWritten | None:
        """Govern a recorded intent batch; what is answered is durable, and is sent after the answer.

        The same intents always get the same leases, whoever asks how often. None is for regions that are not
        ours: who holds them will answer. A record that is away raises what it raises: to be asked again.
        """
        self._asked += 1
        self.delivery.is_quiet.clear()
        try:
            return await self._answer(ready)
        finally:
            self._asked -= 1
            if not self._asked:
                self.delivery.is_quiet.set()

    async def _answer(self, ready: IntentsReady) -> LeasesWritten | None:
        async with self._turn:
            try:
                return await self._lease(TenantId(ready.tenant), BatchId(UUID(ready.batch)))
            except PermissionError as refusal:
                log.error(
                    "leases refused by the record",
                    intents=ready.batch,
                    trace=ready.trace,
                    because=str(refusal),
                )
                return _none(f"refused by the record: {refusal}")

    async def _lease(self, tenant: TenantId, intents: BatchId) -> LeasesWritten | None:
        if known := self._already(intents):
            return _written(known)
        batch = await self._record.intents(tenant, intents)
        if batch is None:
            return _none("no such intent batch in the record")
        if not self._holds(batch.region):
            return None
        tenure = self._tenures[batch.region]
        await self._recall()
        self._is_sure = False  # until the record has answered, nobody knows what it has
        leases, governed = self._sign(batch, tenure)
        stands = await self._write(leases)
        if stands.signature == leases.signature:
            self._state, self._is_sure = governed.state, True
            _tell(stands, governed)
        self.delivery.put(stands)
        return _written(stands)

    def _already(self, intents: BatchId) -> LeaseBatch | None:
        """Return the leases that some intents have got; the record's unique key is the second lock."""
        return self.delivery.written_for(intents)

    def _sign(self, intents: IntentBatch, tenure: _Tenure) -> tuple[LeaseBatch, Governed]:
        now = self._clock.now()
        tenure.sequence += 1
        governed = govern(
            self._state,
            intents,
            sight(self.view, now),
            self._limits,
            epoch_ms(now),
            tenure.epoch,
            tenure.sequence,
        )
        last_ms = int(governed.leases["until_ms"].max(initial=epoch_ms(now)))
        unsigned = LeaseBatch(
            id=BatchId(uuid5(intents.id, "leases")),
            intents=intents.id,
            tenant=intents.tenant,
            vpp=intents.vpp,
            region=intents.region,
            interval=intents.interval,
            epoch=tenure.epoch,
            sequence=tenure.sequence,
            trace=intents.trace,
            expires_at=from_epoch_ms(last_ms),
            created_at=now,
            rows=governed.leases,
            refusals=governed.refusals,
            signature=b"",
        )
        return replace(unsigned, signature=self._signer.sign(unsigned)), governed

    async def _write(self, leases: LeaseBatch) -> LeaseBatch:
        """Write before anything is sent; a refusal by the record ends our hold on the region."""
        try:
            return await self._record.write(leases)
        except PermissionError:
            self._tenures.pop(leases.region, None)
            raise

    def _holds(self, region: Region) -> bool:
        tenure = self._tenures.get(region)
        return tenure is not None and self._clock.now() < tenure.until

    async def _keep(self) -> None:
        while True:
            for region in self._regions:
                await self._take(region)
            async with self._turn:
                try:
                    await self._recall()
                except Exception as failure:  # nothing is signed before this has worked
                    log.warning("leases not recalled", because=repr(failure))
            await self._clock.sleep_until(self._clock.now() + self._keep_every)

    async def _take(self, region: Region) -> None:
        """Take or keep a region; while the record does not answer, what hold we have runs out by itself."""
        asked_at = self._clock.now()
        try:
            epoch = await self._record.take(region, self._holder, TENURE)
            before = self._tenures.get(region)
            if epoch is not None and before and before.epoch == epoch:
                before.until = asked_at + self._tenure
            elif epoch is not None:
                await self._begin(region, epoch, asked_at + self._tenure)
            elif self._tenures.pop(region, None):
                log.error("region lost to another governor", region=region)
        except Exception as failure:
            log.warning("region not kept", region=region, because=repr(failure))

    async def _begin(self, region: Region, epoch: int, until: datetime) -> None:
        sequence = await self._record.last_sequence(region, epoch)
        async with self._turn:
            self._is_sure = False
            self._tenures[region] = _Tenure(epoch, sequence, until)
        log.info("region taken", region=region, epoch=epoch, sequence=sequence)

    async def _recall(self) -> None:
        """Learn from the record what was signed before our start, and by others for regions not ours."""
        now = self._clock.now()
        if not self._is_sure:
            self._state = GovernorState.empty(self._state.enrolled, self._limits.reversals)
            for batch in await self._record.live(now - MEMORY):
                self._learn(batch)
            self._is_sure = True
        elif None in self.epochs.values():
            for batch in await self._record.live(now):
                self._learn(batch)

    def _learn(self, batch: LeaseBatch) -> None:
        """Remember a batch that is news, and take charge of it if it is ours to send."""
        place = REGIONS.index(batch.region)
        if (batch.epoch, batch.sequence) <= (self._state.epoch[place], self._state.sequence[place]):
            return
        rows = batch.rows[batch.rows["device_no"] < len(self._state.power_kw) - 1]
        signed_ms = epoch_ms(batch.created_at)
        self._state = self._state.remember(rows, signed_ms, batch.region, batch.epoch, batch.sequence)
        if self._holds(batch.region):
            self.delivery.put(batch)


def sight(view: FleetView, at: datetime) -> SiteSight:
    """Return the governor's own view of the fleet at an instant."""
    heard = view.is_heard(np.arange(len(view.sites.ids)), at)
    return SiteSight(
        soc=view.soc,
        heard_ms=np.where(np.isnan(view.power_kw), 0, view.heard_ms),
        other_kw=np.where(heard, view.others_kw, np.nan),
    )


def _written(batch: LeaseBatch) -> LeasesWritten:
    return LeasesWritten(str(batch.id), len(batch.rows), by_guard(batch.refusals["guard"]))


def _none(because: str) -> LeasesWritten:
    return LeasesWritten(None, 0, {}, because)


def _tell(batch: LeaseBatch, governed: Governed) -> None:
    log.info(
        "leases written",
        batch=str(batch.id),
        intents=str(batch.intents),
        trace=batch.trace,
        region=batch.region,
        leases=len(batch.rows),
        lowered=dict(governed.lowered),
        refused=by_guard(batch.refusals["guard"]),
    )
