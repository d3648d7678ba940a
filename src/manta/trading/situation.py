"""All that a rule may look at, taken at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from manta.domain.envelope import Envelope
from manta.domain.market import Price


@dataclass(frozen=True, slots=True)
class Situation:
    """A VPP and its market at the moment of decision."""

    price: Price
    headroom: Envelope
    """What the VPP's batteries can do together, every hard limit already in it; silent homes are not."""
