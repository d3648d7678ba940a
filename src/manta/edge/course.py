"""How a battery's power moves: by the ramp of its lease, there and home again."""

from __future__ import annotations


class Course:
    """One battery's way between its default and what its lease asks for.

    What is ramped is the power beyond self-consumption, so that the site's exchange with the grid rises and
    falls evenly while its own load comes and goes.
    """

    def __init__(self) -> None:
        self.is_ramping = False
        self.beyond_kw = 0.0
        """Beyond self-consumption, toward the grid positive."""
        self._lease: str | None = None
        self._ramp_kw_per_min = 0.0

    @property
    def is_home(self) -> bool:
        """Tell whether nothing is held."""
        return self._lease is None and not self.is_ramping

    def turn_to(self, lease: str, ramp_kw_per_min: float, *, power_kw: float, default_kw: float) -> None:
        """Begin the way to a lease's power from the power that flows now."""
        if lease != self._lease:
            self._begin(lease, power_kw - default_kw)
            self._ramp_kw_per_min = ramp_kw_per_min

    def turn_home(self, *, power_kw: float, default_kw: float) -> None:
        """Begin the way home, by the ramp of the lease that was."""
        if self._lease is not None:
            self._begin(None, power_kw - default_kw)

    def drop(self) -> None:
        """Be home at once: nobody sees where the power stands."""
        self.is_ramping, self.beyond_kw, self._lease = False, 0.0, None

    def step(self, goal_kw: float | None, default_kw: float, elapsed_s: float) -> float | None:
        """Move on and return the power to ask for, kW toward the grid; None once home."""
        away_kw = (default_kw if goal_kw is None else goal_kw) - default_kw - self.beyond_kw
        step_kw = self._ramp_kw_per_min * elapsed_s / 60.0
        if abs(away_kw) <= step_kw:
            self.is_ramping = False
        self.beyond_kw += min(max(away_kw, -step_kw), step_kw)
        return default_kw + self.beyond_kw if self.is_ramping else goal_kw

    def _begin(self, lease: str | None, beyond_kw: float) -> None:
        self._lease = lease
        self.is_ramping = True
        self.beyond_kw = beyond_kw
