"""Time on a box whose wall clock may be wrong, jump, or be set while a lease runs."""

from collections.abc import Callable
from datetime import datetime, timedelta

NOTICED_S = 0.5
"""A wall that differs by less is let be: that is reading two clocks one after the other."""


class SteadyClock:
    """The wall's time, carried on by a clock that nobody can set.

    Between two calls of ``follow`` its time runs evenly whatever is done to the wall. What must not be
    lengthened is bounded in steady seconds besides.
    """

    def __init__(self, wall: Callable[[], datetime], steady_s: Callable[[], float]) -> None:
        self._wall = wall
        self.steady_s = steady_s
        """Seconds since some instant; never set, and not stopped while the machine sleeps."""
        self._at, self._at_s = wall(), steady_s()
        self.jumps = 0
        """How often the wall was found elsewhere."""
        self.last_jump_s = 0.0
        """How far the last time, positive where the wall went forward."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        return self._at + timedelta(seconds=self.steady_s() - self._at_s)

    def follow(self) -> float:
        """Take the wall's time again if it has been set; return by how many seconds, 0 if it was not."""
        wall, now_s = self._wall(), self.steady_s()
        jump_s = (wall - self._at).total_seconds() - (now_s - self._at_s)
        if abs(jump_s) < NOTICED_S:
            return 0.0
        self._at, self._at_s = wall, now_s
        self.jumps += 1
        self.last_jump_s = jump_s
        return jump_s
