"""The box: each second it looks, decides and acts; every few it reports; all the while it listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from math import inf

import msgspec

from manta.domain.der import ComponentKind
from manta.domain.identity import SiteId
from manta.domain.time import epoch_ms
from manta.edge.battery import Battery, Turn
from manta.edge.clock import SteadyClock
from manta.edge.keeper import read_lease
from manta.edge.limits import SiteLimits
from manta.edge.outbox import Line, Outbox
from manta.wire import subjects
from manta.wire.device import LeaseAck

log = logging.getLogger(__name__)

TURN_S = 1.0
JUMP_S = 5.0
"""A wall that was set by more is worth a line in the log."""
UNDO_S = 20.0
"""At the end, so long is tried to release what is held."""


class Box:
    """A site's batteries, their leases, and the way to the house."""

    def __init__(
        self,
        site: SiteId,
        limits: SiteLimits,
        batteries: Sequence[Battery],
        outbox: Outbox,
        line: Line,
        clock: SteadyClock,
        report_s: float,
    ) -> None:
        self.batteries: Mapping[str, Battery] = {battery.device: battery for battery in batteries}
        self.clock = clock
        self.unreadable = 0
        """What came down and was no lease."""
        self.turned_s = clock.steady_s()
        """When the last turn ended."""
        self._limits = limits
        self._outbox = outbox
        self._line = line
        self._answers = subjects.topic(subjects.acks_of(site))
        self._report_s = report_s
        self._reported_s = self._seen_s = -inf
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Turn for ever; when cancelled, let go of every device."""
        try:
            while True:
                self._wake.clear()
                await self.turn()
                await self._rest()
        finally:
            await self.let_go()

    async def turn(self) -> None:
        """Look, decide, act and report, once."""
        if abs(jump_s := self.clock.follow()) > JUMP_S:
            log.warning("the clock was set", extra={"jump_s": round(jump_s, 1)})
        await self._look()
        await self._act()
        self._report()
        self._outbox.pump(self.clock.steady_s())
        self.turned_s = self.clock.steady_s()

    def hear(self, payload: bytes) -> None:
        """Take what came down: judged and on the disk at once, acted on with the next turn, which is now."""
        read = read_lease(payload)
        if read is None:
            self.unreadable += 1
            return
        sealed, lease = read
        now_ms = self._now_ms()
        battery = self.batteries.get(lease.device)
        if battery is None:
            self._answer(LeaseAck(lease.lease, lease.device, "refused", now_ms, "device"))
            return
        answer = battery.hear(sealed, lease, now_ms, self.clock.steady_s())
        if answer is not None:
            self._answer(answer)
        self._wake.set()

    async def let_go(self) -> None:
        """Release every device that may be under an order, as long as a box that ends can wait."""
        try:
            async with asyncio.timeout(UNDO_S):
                while any(battery.hand.is_undo_due for battery in self.batteries.values()):
                    at, steady_s = self.clock.now(), self.clock.steady_s()
                    await asyncio.gather(*(b.hand.release(at, steady_s) for b in self.batteries.values()))
                    await asyncio.sleep(0.1)
        except TimeoutError:
            log.error("a device was not released; it will be at the next start")

    async def _look(self) -> None:
        """See every device: each second while one of them holds or moves, else as often as is reported."""
        at, steady_s = self.clock.now(), self.clock.steady_s()
        now_ms = epoch_ms(at)
        is_busy = any(battery.is_busy(now_ms, steady_s) for battery in self.batteries.values())
        if is_busy or steady_s - self._seen_s >= self._report_s - TURN_S / 2:
            self._seen_s = steady_s
            await asyncio.gather(*(battery.see(at, steady_s) for battery in self.batteries.values()))

    async def _act(self) -> None:
        """Decide one battery after the other, so that together they keep the site's limits; act at once."""
        at, steady_s = self.clock.now(), self.clock.steady_s()
        others_kw = self._site_kw(steady_s)
        turns: list[tuple[Battery, Turn]] = []
        for battery in self.batteries.values():
            power_kw = battery.seen(ComponentKind.BATTERY, steady_s)
            rest_kw = None if others_kw is None or power_kw is None else others_kw - power_kw
            turn = battery.turn(self._limits, rest_kw, epoch_ms(at), steady_s)
            turns.append((battery, turn))
            if rest_kw is not None and turn.power_kw is not None:
                others_kw = rest_kw + turn.power_kw
        answers = await asyncio.gather(*(battery.act(turn, at, steady_s) for battery, turn in turns))
        for answer in answers:
            if answer is not None:
                self._answer(answer)

    def _report(self) -> None:
        steady_s = self.clock.steady_s()
        if steady_s - self._reported_s < self._report_s - TURN_S / 2:
            return
        self._reported_s = steady_s
        readings = [each for battery in self.batteries.values() for each in battery.readings(steady_s)]
        if readings:
            self._outbox.report(self._now_ms(), readings)

    def _site_kw(self, steady_s: float) -> float | None:
        """Return what flows at the connection, toward the grid positive; None where nobody sees it."""
        for battery in self.batteries.values():
            if ComponentKind.GRID_METER in battery.names:
                return battery.seen(ComponentKind.GRID_METER, steady_s)
        return None

    def _answer(self, answer: LeaseAck) -> None:
        """Say how a lease was taken; unheard it counts as silence, and the lease is sent again."""
        self._line.publish(self._answers, msgspec.msgpack.encode(answer))

    def _now_ms(self) -> int:
        return epoch_ms(self.clock.now())

    async def _rest(self) -> None:
        """Wait for the next second, or for a lease."""
        left_s = self.turned_s + TURN_S - self.clock.steady_s()
        if left_s > 0.0:
            try:
                async with asyncio.timeout(left_s):
                    await self._wake.wait()
            except TimeoutError:
                return
