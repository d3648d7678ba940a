"""Leases in the record that must reach their devices: sent at once, and again until answered or over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray

from manta.domain.identity import BatchId
from manta.domain.time import epoch_ms
from manta.flows.ports import Clock, LeaseSender
from manta.wire.batches import LeaseBatch

RESEND = timedelta(seconds=10)
COURTESY_S = 0.2
"""The most that a portion waits for questions to be answered first."""
PORTION = 1_000
"""Leases sent at once; before each portion we make sure that the region is still ours."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Parcel:
    """A batch under way."""

    batch: LeaseBatch
    place: int
    """Rises with every batch; of two that name a device, the higher counts."""
    waiting: NDArray[np.bool_]
    """Which rows nobody has answered yet."""
    due: datetime
    sent: int = 0
    """How often it was sent."""


class Delivery:
    """Sends what was written and keeps at it; remembers nothing that the record does not have."""

    def __init__(self, clock: Clock, sender: LeaseSender, may_send: Callable[[LeaseBatch], bool]) -> None:
        self._clock, self._sender, self._may_send = clock, sender, may_send
        self._parcels: dict[BatchId, _Parcel] = {}
        self._by_intents: dict[BatchId, LeaseBatch] = {}
        self._newest = np.full(0, -1, np.int64)
        self._count = 0
        self._wake = asyncio.Event()
        self.is_quiet = asyncio.Event()
        """Cleared while questions wait for the governor: one price asks for several VPPs at once, and the
        last should not wait until the leases of the first have been sealed and sent."""
        self.is_quiet.set()
        self.resent = 0
        """Leases sent a second time or more often."""

    def put(self, batch: LeaseBatch) -> None:
        """Take charge of a batch; sent as soon as the loop turns, unless it is under way already."""
        if batch.id in self._parcels or batch.expires_at <= self._clock.now():
            return
        devices = batch.rows["device_no"]
        top = int(devices.max(initial=-1)) + 1
        if top > len(self._newest):
            self._newest = np.concatenate((self._newest, np.full(top - len(self._newest), -1, np.int64)))
        self._newest[devices] = self._count
        parcel = _Parcel(batch, self._count, np.ones(len(batch.rows), np.bool_), self._clock.now())
        self._parcels[batch.id] = parcel
        self._by_intents[batch.intents] = batch
        self._count += 1
        self._wake.set()

    def written_for(self, intents: BatchId) -> LeaseBatch | None:
        """Return the batch that answers some intents, if it is under way."""
        return self._by_intents.get(intents)

    def hear(self, acks: NDArray[Any]) -> None:
        """Note ACK columns: who has answered, either way, is not sent the same again."""
        for name in np.unique(acks["batch"]):
            parcel = self._parcels.get(_batch_id(name))
            if parcel:
                answered = acks["device_no"][acks["batch"] == name]
                parcel.waiting &= ~np.isin(parcel.batch.rows["device_no"], answered)

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            self._wake.clear()
            for parcel in list(self._parcels.values()):
                if self._clock.now() >= parcel.due:
                    await self._send(parcel)
            self._forget()
            await self._rest()

    async def _rest(self) -> None:
        """Wait for a new batch, or for the next one due."""
        next_due = min((p.due for p in self._parcels.values()), default=self._clock.now() + RESEND)
        async with asyncio.TaskGroup() as group:
            alarm = group.create_task(self._clock.sleep_until(next_due))
            woken = group.create_task(self._wake.wait())
            await asyncio.wait((alarm, woken), return_when=asyncio.FIRST_COMPLETED)
            alarm.cancel()
            woken.cancel()

    async def _send(self, parcel: _Parcel) -> None:
        parcel.due = self._clock.now() + RESEND
        batch = self._unanswered(parcel)
        if not len(batch.rows):
            return
        try:
            sent = await self._send_portions(batch)
        except (ConnectionError, TimeoutError) as failure:
            log.warning("leases not sent, trying again", batch=str(batch.id), because=str(failure))
            return
        if sent < len(batch.rows):
            log.warning("leases held back, the region is not ours", batch=str(batch.id), region=batch.region)
        self.resent += sent if parcel.sent else 0
        parcel.sent += 1
        log.info("leases sent", batch=str(batch.id), trace=batch.trace, leases=sent, attempt=parcel.sent)

    async def _send_portions(self, batch: LeaseBatch) -> int:
        """Send for as long as we may, and return how many leases went out."""
        for begin in range(0, len(batch.rows), PORTION):
            await self._after_questions()
            if not self._may_send(batch):
                return begin
            await self._sender.send(replace(batch, rows=batch.rows[begin : begin + PORTION]))
        return len(batch.rows)

    async def _after_questions(self) -> None:
        """Wait until nobody waits for an answer, but not for long."""
        if not self.is_quiet.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(COURTESY_S):
                    await self.is_quiet.wait()

    def _unanswered(self, parcel: _Parcel) -> LeaseBatch:
        """Return the batch with the rows that still matter: unanswered, not replaced, not over."""
        rows = parcel.batch.rows
        newest = self._newest[rows["device_no"]] == parcel.place
        running = rows["until_ms"] > epoch_ms(self._clock.now())
        return replace(parcel.batch, rows=rows[parcel.waiting & newest & running])

    def _forget(self) -> None:
        now = self._clock.now()
        for parcel in [p for p in self._parcels.values() if p.batch.expires_at <= now]:
            del self._parcels[parcel.batch.id], self._by_intents[parcel.batch.intents]


def _batch_id(name: bytes) -> BatchId:
    """Read a batch id from an ACK column, which drops zeros at the end."""
    return BatchId(UUID(bytes=name.ljust(16, b"\0")))
