"""The stories that the simulated market can tell: their names, how long they last, what happens in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class StoryName(StrEnum):
    """What the simulated market can be asked for."""

    SPIKE = "spike"
    NEGATIVE = "negative"
    CAP = "cap"
    ADMINISTERED = "administered"
    ADMINISTERED_FLOOR = "administered-floor"
    SUSPENSION = "suspension"
    REVISED = "revised"
    LATE = "late"
    FCAS = "fcas"
    LOR3 = "lor3"


@dataclass(frozen=True, slots=True)
class Outline:
    """A story before it is told."""

    lasts: timedelta
    """Whole dispatch intervals."""
    about: str
    """One line, for a person who wonders whether to start it."""


def _minutes(count: int, about: str) -> Outline:
    return Outline(timedelta(minutes=count), about)


OUTLINES: Mapping[StoryName, Outline] = {
    StoryName.SPIKE: _minutes(30, "$12,500/MWh on the mainland: the fleet sells"),
    StoryName.NEGATIVE: _minutes(120, "-$45/MWh on the mainland: the fleet charges"),
    StoryName.CAP: _minutes(15, "the price cap on the mainland: the fleet sells"),
    StoryName.ADMINISTERED: _minutes(60, "prices held at the administered cap: no trades"),
    StoryName.ADMINISTERED_FLOOR: _minutes(60, "prices held at the administered floor: no trades"),
    StoryName.SUSPENSION: _minutes(120, "the whole market suspended: no trades"),
    StoryName.REVISED: _minutes(10, "$15,000/MWh, not firm, withdrawn: a fifth moves"),
    StoryName.LATE: _minutes(10, "two price files seven minutes late: no trades"),
    StoryName.FCAS: _minutes(30, "raise services at $9,999/MW/h: no energy trades"),
    StoryName.LOR3: _minutes(60, "a lack of reserve notice (LOR3): prices as ever"),
}
"""The mainland is NSW, VIC, QLD and SA."""
