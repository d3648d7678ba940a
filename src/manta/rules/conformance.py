"""Conformance: how AEMO tells a unit that follows its dispatch target from one that does not.

SO_OP_3705, as the compliance monitor runs it. Power is positive toward the grid for either side of a unit, so
one pair of formulas serves generation and load: a load that takes too much is a unit below its target.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SMALLEST_ERROR_KW = 6_000.0
_SMALL_SHARE, _SMALL_ROC_MINUTES = 0.03, 2.0
_LARGE_SHARE, _LARGE_ROC_MINUTES = 0.05, 4.0
_NOT_RESPONDING_LARGE, _NOT_RESPONDING_SMALL = 3, 6
_PENDING_LARGE, _PENDING_SMALL = 5, 8


class Status(StrEnum):
    """How far a unit has come on the way to being declared non-conforming."""

    CONFORMING = "conforming"
    OFF_TARGET = "off target"
    NOT_RESPONDING = "not responding"
    PENDING = "non-conformance pending"
    NON_CONFORMING = "non-conforming"


MESSAGES = {
    Status.OFF_TARGET: "Please move to dispatch target or rebid",
    Status.NOT_RESPONDING: "Unit not responding to dispatch target. Non-conformance action pending",
    Status.PENDING: "Unit not responding to dispatch target. Non-conformance action pending",
    Status.NON_CONFORMING: "Unit declared Non-conforming; a constraint now holds it",
}
"""What AEMO says; the end of the last one is ours. Confidence: H for the texts, L for which stands when."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What a unit was to do over an interval, and what it did."""

    power_kw: float
    """Measured at the end of the interval."""
    target_kw: float
    """The target for that end."""
    raise_kw: float = 0.0
    """Regulation raise enabled: it may be above its target by that much."""
    lower_kw: float = 0.0
    """Regulation lower enabled."""
    available_kw: float = 0.0
    """The offer's maximum availability, or what wind or sun permit where that is less; a magnitude."""
    up_kw_per_min: float = 0.0
    """Ramp rate upward, the lesser of telemetered and offered."""
    down_kw_per_min: float = 0.0

    @property
    def above_kw(self) -> float:
        """Return by how much it was above what it was permitted, negative if it was not."""
        return self.power_kw - (self.target_kw + self.raise_kw)

    @property
    def below_kw(self) -> float:
        """Return by how much it was below what it was permitted, negative if it was not."""
        return (self.target_kw - self.lower_kw) - self.power_kw

    @property
    def error_kw(self) -> float:
        """Return how far it was off, a magnitude."""
        return max(self.above_kw, self.below_kw, 0.0)

    @property
    def small_kw(self) -> float:
        """Return the trigger of a small error."""
        return self._trigger_kw(_SMALL_SHARE, _SMALL_ROC_MINUTES * self._needed_kw_per_min())

    @property
    def large_kw(self) -> float:
        """Return the trigger of a large error."""
        return self._trigger_kw(_LARGE_SHARE, _LARGE_ROC_MINUTES * self._needed_kw_per_min())

    def _needed_kw_per_min(self) -> float:
        """Return the ramp rate of the direction in which it would have to move."""
        return self.down_kw_per_min if self.above_kw > self.below_kw else self.up_kw_per_min

    def _trigger_kw(self, share: float, ramped_kw: float) -> float:
        return max(SMALLEST_ERROR_KW, min(share * self.available_kw, ramped_kw))


@dataclass(frozen=True, slots=True)
class Conformance:
    """A unit's standing: how many intervals in a row it has been off by a small and by a large error."""

    small: int = 0
    large: int = 0
    declared: bool = False

    @property
    def status(self) -> Status:
        """Return what AEMO makes of it."""
        if self.declared:
            return Status.NON_CONFORMING
        if self.large >= _PENDING_LARGE or self.small >= _PENDING_SMALL:
            return Status.PENDING
        if self.large >= _NOT_RESPONDING_LARGE or self.small >= _NOT_RESPONDING_SMALL:
            return Status.NOT_RESPONDING
        return Status.OFF_TARGET if self.small >= 1 or self.large >= 1 else Status.CONFORMING

    @property
    def message(self) -> str | None:
        """Return what AEMO says to the participant, None while there is nothing to say."""
        return MESSAGES.get(self.status)

    def after(self, followed: Followed) -> Conformance:
        """Return the standing an interval later; whoever is within a trigger starts its count anew."""
        return Conformance(
            self.small + 1 if followed.error_kw > followed.small_kw else 0,
            self.large + 1 if followed.error_kw > followed.large_kw else 0,
            self.declared,
        )

    def declare(self) -> Conformance:
        """Return the standing once AEMO has declared it, which it may do while that is pending."""
        if self.status is not Status.PENDING:
            raise ValueError(f"a unit that is {self.status} is not declared non-conforming")
        return Conformance(self.small, self.large, declared=True)

    def revoke(self) -> Conformance:
        """Return the standing once AEMO has taken the declaration back: as if nothing had been."""
        return Conformance()
