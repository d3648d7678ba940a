"""The hand on a device: what is asked of it is written sparingly, repeated in time, and always undone."""

from __future__ import annotations

from datetime import datetime
from math import inf

from manta.domain.envelope import Envelope
from manta.domain.lease import Outcome
from manta.drivers.port import Applied, Driver, Order
from manta.edge.memory import Memory

STEP_KW = 0.1
"""A smaller change is not worth a write, unless it stays or what stands is no longer permitted."""
OUTSIDE_KW = 0.02
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
LONGEST_UNDO_WAIT_S = 10.0


class Hand:
    """One device's orders; that it must be released is on the disk before it hears the first."""

    def __init__(self, device: str, driver: Driver, memory: Memory) -> None:
        self.device = device
        self.held_kw: float | None = None
        """What the device last agreed to hold; None where it is free, or where it is not known."""
        self.failures = 0
        """In a row."""
        self.because = ""
        """Why it failed the last time."""
        self._driver = driver
        self._memory = memory
        self._failed_s = -inf
        self._asked_kw: float | None = None
        self._written_s = -inf

    @property
    def is_undo_due(self) -> bool:
        """Tell whether the device may be doing what we told it to."""
        return self._memory.of(self.device).is_undo_due

    def is_waiting(self, steady_s: float, longest_s: float = LONGEST_WAIT_S) -> bool:
        """Tell whether it has just failed, so that it is left alone for a while that doubles each time."""
        wait_s = min(longest_s, FIRST_WAIT_S * 2.0 ** min(self.failures - 1, 10))
        return self.failures > 0 and steady_s - self._failed_s < wait_s

    async def hold(
        self, power_kw: float, permitted: Envelope, until: datetime, at: datetime, steady_s: float
    ) -> Outcome:
        """Have the device hold a power; return how it answered, silence where it is left alone."""
        is_settled, self._asked_kw = power_kw == self._asked_kw, power_kw
        if not (is_settled and power_kw != self.held_kw) and not self._is_due(power_kw, permitted, steady_s):
            return Outcome.ACCEPTED
        if self.is_waiting(steady_s):
            return Outcome.SILENT
        self._memory.owe_undo(self.device)
        expiry = self._driver.descriptor.expiry
        order = Order(power_kw, until if expiry is None else min(until, at + expiry))
        applied = await self._driver.apply(order, at)
        self._note(applied, steady_s)
        self.held_kw = power_kw if applied.outcome is Outcome.ACCEPTED else None
        self._written_s = steady_s
        return applied.outcome

    async def release(self, at: datetime, steady_s: float) -> Outcome:
        """Have the device let go, if it may be holding anything; tried again until it does."""
        if not self.is_undo_due:
            return Outcome.ACCEPTED
        if self.is_waiting(steady_s, LONGEST_UNDO_WAIT_S):
            return Outcome.SILENT
        applied = await self._driver.apply(None, at)
        self._note(applied, steady_s)
        self.held_kw = None
        if applied.outcome is Outcome.ACCEPTED:
            self._memory.undone(self.device)
        return applied.outcome

    def _is_due(self, power_kw: float, permitted: Envelope, steady_s: float) -> bool:
        held_kw = self.held_kw
        if held_kw is None or abs(power_kw - held_kw) >= STEP_KW:
            return True
        is_outside = not permitted.floor_kw - OUTSIDE_KW <= held_kw <= permitted.ceiling_kw + OUTSIDE_KW
        refresh_s = self._driver.descriptor.refresh.total_seconds()
        return is_outside or steady_s - self._written_s >= refresh_s

    def _note(self, applied: Applied, steady_s: float) -> None:
        if applied.outcome is Outcome.ACCEPTED:
            self.failures, self.because = 0, ""
            return
        self._failed_s = steady_s
        self.failures += 1
        self.because = applied.because
