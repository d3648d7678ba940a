"""Device to screen: readings are folded into now, kept for history, then shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from manta.fleet.view import FleetView, Folded
from manta.flows.ports import Clock, History

type Rows = NDArray[Any]

log = structlog.get_logger()


class HistoryQueue:
    """Readings on their way to the historian: written in batches, kept while it is away, bounded.

    When the bound is reached the oldest readings go first and are counted: energy counters add up, so the
    newest carry the most. A batch that failed is written again; history takes a repeat for what it is.
    """

    def __init__(
        self,
        history: History,
        clock: Clock,
        rows_at_most: int = 2_000_000,
        rows_at_once: int = 100_000,
        every: timedelta = timedelta(seconds=1),
    ) -> None:
        self._history, self._clock = history, clock
        self._rows_at_most, self._rows_at_once, self._every = rows_at_most, rows_at_once, every
        self._waiting: deque[Rows] = deque()
        self.waiting = 0
        """Rows not yet written."""
        self.written = 0
        self.dropped = 0
        """Rows given up because the historian was away for too long."""

    def add(self, rows: Rows) -> None:
        """Put rows in the queue; never waits."""
        if len(rows):
            self._waiting.append(rows)
            self.waiting += len(rows)
            self._keep_bound()

    async def flush(self) -> bool:
        """Write all that waits and tell whether it is written."""
        while self._waiting:
            batch = self._next_batch()
            try:
                await self._history.append(batch)
            except Exception as failure:  # whatever ails the historian, the rows are kept
                self._waiting.appendleft(batch)
                self.waiting += len(batch)
                self._keep_bound()
                log.warning("history not written", waiting=self.waiting, because=repr(failure))
                return False
            self.written += len(batch)
        return True

    async def run(self) -> None:
        """Write once a period, for ever; slower while the historian is away."""
        pause = self._every
        while True:
            await self._clock.sleep_until(self._clock.now() + pause)
            pause = self._every if await self.flush() else min(pause * 2, 30 * self._every)

    def _next_batch(self) -> Rows:
        parts: list[Rows] = []
        taken = 0
        while self._waiting and taken < self._rows_at_once:
            parts.append(self._waiting.popleft())
            taken += len(parts[-1])
        self.waiting -= taken
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _keep_bound(self) -> None:
        over = self.waiting - self._rows_at_most
        if over <= 0:
            return
        if not self.dropped:
            log.error("history is too far behind, the oldest readings are dropped", waiting=self.waiting)
        self.waiting -= over
        self.dropped += over
        while over:
            oldest = self._waiting.popleft()
            if len(oldest) > over:
                self._waiting.appendleft(oldest[over:])
            over -= min(over, len(oldest))


class Telemetry:
    """The journey of a batch of readings."""

    def __init__(
        self, view: FleetView, show: Callable[[Folded], None], history: HistoryQueue | None = None
    ) -> None:
        self._view, self._show = view, show
        self._history = history
        """None where another process keeps the history."""
        self.seen = Folded()
        """All that was ever folded, for the metrics."""

    def hear(self, rows: Rows) -> Folded:
        """Fold, keep, show: a decision never waits for a disk, and nobody sees a reading before it is kept.

        History gets every row, late and repeated ones too; only "now" ignores them.
        """
        folded = self._view.fold(rows)
        self.seen += folded
        if self._history is not None:
            self._history.add(rows)
        self._show(folded)
        return folded
