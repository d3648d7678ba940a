"""What goes up and when: now at once, history behind it, oldest first, no faster than the house can bear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from manta.edge.buffer import Buffer, Kept
from manta.wire.device import DeviceReading

AT_ONCE = 8
"""Reports of history under way at a time."""


class Line(Protocol):
    """The way to the house, as far as reports care."""

    @property
    def connection(self) -> int | None:
        """Which connection this is, counted up; None while there is none."""
        ...

    def publish(self, topic: str, body: bytes, done: Callable[[], None] | None = None) -> bool:
        """Send at least once; call ``done`` when the house says it has it. False where nothing was sent."""
        ...


class Outbox:
    """A site's reports on their way."""

    def __init__(self, buffer: Buffer, line: Line, topic: str, history_per_s: float) -> None:
        self._buffer = buffer
        self._line = line
        self._topic = topic
        self._history_per_s = history_per_s
        self._under_way: set[int] = set()
        self._connection: int | None = None
        self._due = 0.0
        """Reports of history that may be sent by now; a fraction too."""
        self._pumped_s = 0.0

    def report(self, at_ms: int, readings: Sequence[DeviceReading]) -> Kept:
        """Keep a report, then send it at once if there is a way."""
        kept = self._buffer.add(at_ms, readings)
        self._look()
        if self._connection is not None:
            self._send(kept)
        return kept

    def pump(self, steady_s: float) -> int:
        """Send as much of history as has come due; return how many reports."""
        self._look()
        elapsed_s, self._pumped_s = steady_s - self._pumped_s, steady_s
        if self._connection is None or self._buffer.waiting == len(self._under_way):
            self._due = 0.0
            return 0
        self._due = min(self._due + elapsed_s * self._history_per_s, float(AT_ONCE))
        free = min(int(self._due), AT_ONCE - len(self._under_way))
        sent = sum(map(self._send, self._buffer.oldest(free, self._under_way))) if free > 0 else 0
        self._due -= sent
        return sent

    def _look(self) -> None:
        """With a new connection nothing is under way any more: what was not acknowledged is sent again."""
        if self._line.connection != self._connection:
            self._connection = self._line.connection
            self._under_way.clear()

    def _send(self, kept: Kept) -> bool:
        connection = self._connection

        def done() -> None:
            if connection == self._connection and kept.sequence in self._under_way:
                self._under_way.remove(kept.sequence)
                self._buffer.acknowledge(kept.sequence)

        self._under_way.add(kept.sequence)
        is_sent = self._line.publish(self._topic, kept.body, done)
        if not is_sent:
            self._under_way.discard(kept.sequence)
        return is_sent
