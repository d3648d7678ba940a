"""From a decision to its record: intents written, the governor asked, the dispatch kept, answers counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID, uuid5

import structlog

from manta.domain.identity import BatchId
from manta.domain.lease import Dispatch, DispatchOutcome
from manta.domain.market import Price
from manta.domain.time import epoch_ms
from manta.fleet.vpps import Vpp
from manta.flows.answers import Answers
from manta.flows.ports import Clock, DecisionRecord, Governor
from manta.flows.wanted import Wanted
from manta.wire.batches import IntentBatch
from manta.wire.events import DispatchMade, IntentsReady, LeasesWritten, PricePublished

type Tell = Callable[[PricePublished | DispatchMade], Awaitable[None]]

log = structlog.get_logger()

_NAMES = UUID("6f1d3d53-8f0e-5f1b-9d0b-5a0c3f6e2a17")
"""Ids are derived from what they name, so that a decision taken again after a crash has the ids it had."""
_LEASE_TAIL = timedelta(seconds=90)
"""How long after its interval a lease is counted as live."""


@dataclass(slots=True)
class Turn:
    """Whose turn it is at a VPP: batches go to the governor one by one, and only the newest again."""

    lock: asyncio.Lock
    batch: BatchId | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A recorded dispatch whose intents went to the governor."""

    dispatch: Dispatch
    wanted: Wanted
    ready: IntentsReady
    turn: Turn


class Carrying:
    """Carries decisions out; nothing here decides anything."""

    def __init__(
        self,
        clock: Clock,
        record: DecisionRecord,
        governor: Governor,
        tell: Tell,
        answers_due: timedelta,
        retry: timedelta,
    ) -> None:
        self._clock, self._record, self._governor, self._tell = clock, record, governor, tell
        self._answers_due, self._retry = answers_due, retry
        self._afterwards: set[asyncio.Task[None]] = set()
        self.answers = Answers()

    async def carry_out(self, vpp: Vpp, price: Price, cycle: int, wanted: Wanted, turn: Turn) -> None:
        """Write, ask, record, in this order; the caller holds the VPP's turn."""
        dispatch = self._dispatch(vpp, price, cycle, wanted)
        turn.batch = dispatch.intents
        written = None
        ready = IntentsReady(str(dispatch.intents), vpp.tenant, vpp.region.value, dispatch.trace)
        if dispatch.intents is not None:
            await self._record.save_intents(_intents(dispatch.intents, vpp, dispatch, wanted))
            written = await self._ask(ready)
        await self._record.save_dispatch(dispatch)
        log.info(
            "decided", vpp=vpp.id, interval=str(price.interval), cycle=cycle, trace=dispatch.trace,
            because=wanted.target.because, sites=wanted.sites, unheard=wanted.unheard,
        )  # fmt: skip
        await self.tell(_made(dispatch, "decided"))
        if dispatch.intents is not None:
            self._later(self._follow_up(Asked(dispatch, wanted, ready, turn), written))

    async def tell(self, news: PricePublished | DispatchMade) -> None:
        """Tell who watches; that nobody can be told stops nothing."""
        try:
            await self._tell(news)
        except Exception as failure:  # the record has it, the page reads it there
            log.warning("news not told", what=type(news).__name__, because=repr(failure))

    async def close(self) -> None:
        """Give up what is still to be asked again or counted."""
        for task in self._afterwards:
            task.cancel()
        await asyncio.gather(*self._afterwards, return_exceptions=True)

    def _dispatch(self, vpp: Vpp, price: Price, cycle: int, wanted: Wanted) -> Dispatch:
        name = f"{vpp.tenant}/{vpp.id}/{price.region}/{price.interval.end.isoformat()}/{cycle}"
        name = f"{name}/{price.per_mwh!r}/{price.status}"
        return Dispatch(
            id=uuid5(_NAMES, f"dispatch/{name}"),
            tenant=vpp.tenant,
            vpp=vpp.id,
            price=price,
            cycle=cycle,
            target=wanted.target,
            shortfall_kw=wanted.shortfall_kw,
            sites=wanted.sites,
            unheard=wanted.unheard,
            intents=BatchId(uuid5(_NAMES, f"intents/{name}")) if len(wanted.rows) else None,
            trace=trace_of(price),
            decided_at=self._clock.now(),
        )

    async def _ask(self, ready: IntentsReady) -> LeasesWritten | None:
        try:
            return await self._governor.ask(ready)
        except OSError as silence:  # TimeoutError and lost connections among them
            log.error("governor silent", batch=ready.batch, region=ready.region, because=repr(silence))
            return None

    async def _follow_up(self, asked: Asked, written: LeasesWritten | None) -> None:
        """Ask a silent governor again while it matters, then count what the devices answered."""
        written = written or await self._ask_again(asked)
        outcome = (
            await self._count(asked, written) if written and written.batch else self._nothing(asked, written)
        )
        await self._record.save_outcome(asked.dispatch.tenant, outcome)
        await self.tell(_made(asked.dispatch, "answered"))

    async def _ask_again(self, asked: Asked) -> LeasesWritten | None:
        ends_at = asked.dispatch.price.interval.end
        while (now := self._clock.now()) + self._retry < ends_at:
            await self._clock.sleep_until(now + self._retry)
            async with asked.turn.lock:
                if asked.turn.batch != asked.dispatch.intents:
                    return None
                if written := await self._ask(asked.ready):
                    return written
        return None

    async def _count(self, asked: Asked, written: LeasesWritten) -> DispatchOutcome:
        batch = UUID(written.batch)
        self.answers.expect(batch, asked.wanted.rows, asked.dispatch.price.interval.end + _LEASE_TAIL)
        await self._clock.sleep_until(self._clock.now() + self._answers_due)
        refused = sum(written.refused.values())
        return self.answers.count(asked.dispatch.id, batch, written.leased, refused, self._clock.now())

    def _nothing(self, asked: Asked, written: LeasesWritten | None) -> DispatchOutcome:
        """Return the outcome of a dispatch of which nothing was leased; the log says why."""
        refused = sum(written.refused.values()) if written else 0
        because = written.because if written else "the governor gave no answer"
        log.error("nothing leased", dispatch=str(asked.dispatch.id), refused=refused, because=because)
        return DispatchOutcome(asked.dispatch.id, 0, refused, 0, 0, 0, self._clock.now())

    def _later(self, journey: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(journey)
        self._afterwards.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._afterwards.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            log.error("dispatch not followed up", because=repr(failure))


def trace_of(price: Price) -> str:
    """Return the trace that all that follows from a price carries, 32 hexadecimal digits."""
    return uuid5(_NAMES, f"trace/{price.region}/{price.interval.end.isoformat()}").hex


def published(price: Price) -> PricePublished:
    """Write a price as the bus carries it."""
    heard_ms = epoch_ms(price.heard_at) if price.heard_at else 0
    end_ms = epoch_ms(price.interval.end)
    return PricePublished(
        price.region.value, end_ms, price.per_mwh, price.status.value, heard_ms, trace_of(price)
    )


def _intents(batch: BatchId, vpp: Vpp, dispatch: Dispatch, wanted: Wanted) -> IntentBatch:
    price = dispatch.price
    return IntentBatch(
        id=batch,
        tenant=vpp.tenant,
        vpp=vpp.id,
        region=vpp.region,
        interval=price.interval,
        cycle=dispatch.cycle,
        price_per_mwh=price.per_mwh,
        price_status=price.status.value,
        because=wanted.target.because,
        trace=dispatch.trace,
        created_at=dispatch.decided_at,
        rows=wanted.rows,
    )


def _made(dispatch: Dispatch, stage: Literal["decided", "answered"]) -> DispatchMade:
    return DispatchMade(
        dispatch.tenant,
        str(dispatch.id),
        dispatch.vpp,
        dispatch.price.region.value,
        epoch_ms(dispatch.price.interval.end),
        stage,
    )
