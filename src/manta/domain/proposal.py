"""What a rule asks for, and why."""

from dataclasses import dataclass

from manta.domain.envelope import Envelope
from manta.domain.identity import RuleId


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule's bounds on a VPP's power and, if it has one, its wish."""

    because: str
    within: Envelope = Envelope()
    want_kw: float | None = None
    rule: RuleId | None = None
    """Whose wish it is."""


@dataclass(frozen=True, slots=True)
class Target:
    """The power that a VPP's batteries are to hold together, and the reason that won."""

    power_kw: float | None
    """None lets every home go back to its default."""
    because: str
    rule: RuleId | None = None
    """The rule whose wish stands; its bounds hold for every home of the VPP."""
