"""Asking a service that counts our questions: never more than it allows, less and less while it is ill."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from manta.markets.fetching import Clock

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=5)
LONGEST_ORDERED = timedelta(hours=1)
"""A service may tell us to wait this long; what asks for more gets this."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The service will not answer this, however often it is asked."""

    because: str


@dataclass(frozen=True, slots=True)
class Waits:
    """There is no answer now, and nothing is asked before ``until``."""

    until: datetime
    because: str


class Asking:
    """When we may ask: ``most`` questions in any stretch of ``within``, none while waiting or refused."""

    def __init__(self, clock: Clock, most: int, within: timedelta) -> None:
        self._clock, self._most, self._within = clock, most, within
        self._asked: deque[datetime] = deque(maxlen=most)
        self._halt: Refused | Waits | None = None
        self._failures = 0

    def begin(self) -> Refused | Waits | None:
        """Count a question that is about to be asked; return why it must not be, if so."""
        now = self._clock.now()
        if isinstance(self._halt, Refused) or (self._halt is not None and now < self._halt.until):
            return self._halt
        if len(self._asked) == self._most and now < (free := self._asked[0] + self._within):
            return Waits(free, f"{self._most} questions in {self._within} are all that is allowed")
        self._asked.append(now)
        return None

    def answered(self) -> None:
        """Note that the service is well."""
        self._failures, self._halt = 0, None

    def failed(self, because: str) -> Waits:
        """Note that there was no answer, or one that cannot be believed; wait twice as long each time."""
        wait = min(FIRST_WAIT * 2 ** min(self._failures, 10), LONGEST_WAIT)
        self._failures += 1
        return self._wait(wait, because)

    def throttled(self, after: str | None, because: str) -> Waits:
        """Note that we asked too often; wait as long as we are told, in seconds, if that can be read."""
        if after is not None and after.isascii() and after.isdigit() and len(after) < 8:
            return self._wait(min(timedelta(seconds=int(after)), LONGEST_ORDERED), because)
        return self.failed(because)

    def barred(self, because: str) -> Refused:
        """Note that the service does not know us; it is not asked again."""
        self._halt = Refused(because)
        return self._halt

    def _wait(self, wait: timedelta, because: str) -> Waits:
        waits = Waits(self._clock.now() + wait, because)
        self._halt = waits
        return waits
