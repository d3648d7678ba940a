"""The words of meter data: units, flows, qualities, in AEMO's Meter Data File Format v2.6.

The lists are those of aemo-mdff-reader; how they rank and which way energy flows is said here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from aemo_mdff_reader import nmi_checksum
from aemo_mdff_reader.spec import ALLOWED_INTERVAL_LENGTHS, UOM_VALUES

from manta.domain.identity import Nmi
from manta.metering.rows import Row

_UNITS = {unit.lower(): unit for unit in UOM_VALUES}
_SCALES = {"wh": -3, "kwh": 0, "mwh": 3, "varh": -3, "kvarh": 0, "mvarh": 3}
"""Powers of ten from a unit to kWh or kVArh."""
_NMI = re.compile(r"[0-9A-Za-z]{1,11}", re.ASCII)
_SUFFIX = re.compile(r"[0-9A-Z]{2}", re.ASCII)
_QUALITY = re.compile(r"[AEFNSV](?:\d{2})?", re.ASCII)
_REASONED = ("F", "S")
_DAY = 24 * 60


class Quality(IntEnum):
    """How a value came to be; of two versions made at the same moment the greater is believed."""

    NULL = 0
    """N: there is no value, whatever digits stand in its place."""
    ESTIMATED = 1
    """E: a forward estimate."""
    SUBSTITUTED = 2
    """S: put in place of what the meter did not say."""
    FINAL = 3
    """F: a substitute that stands."""
    ACTUAL = 4
    """A: what the meter said."""

    @property
    def letter(self) -> str:
        """The flag as files have it."""
        return "NESFA"[self]


VARIABLE = "V"
"""Not a quality: it says that the quality differs from interval to interval."""
NO_REASON = -1
NO_METHOD = 0


class Flow(IntEnum):
    """Which way the energy of a register went, as the sign that it has toward the grid."""

    IMPORT = -1
    NONE = 0
    """Reactive energy, voltage and other quantities that are no energy to settle."""
    EXPORT = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """Quality, method and reason, as they stand side by side in a 300 or 400 record."""

    quality: Quality | None
    """None for V."""
    method: int = NO_METHOD
    """Two digits, or 0 where the file does not say; some files leave it out."""
    reason: int = NO_REASON
    note: str = ""


def read_mark(row: Row, place: int) -> Mark:
    """Read quality and method, reason code and reason description, which always stand together."""
    text = row.needed(place, "quality", most=40)
    if not _QUALITY.fullmatch(text):
        raise row.error(f"no quality is called {text[:20]!r} (field {place + 1})")
    letter, method = text[0], int(text[1:] or NO_METHOD)
    if letter in "ANV" and method:
        raise row.error(f"quality {letter} has no method, this one has {text[1:]}")
    reason = row.whole(place + 1, "reason code") if row.text(place + 1, "reason code") else NO_REASON
    if reason > 999:
        raise row.error(f"a reason code has three digits at most, was {reason}")
    if letter in _REASONED and reason == NO_REASON:
        raise row.error(f"quality {letter} needs a reason code")
    quality = None if letter == VARIABLE else Quality("NESFA".index(letter))
    return Mark(quality, method, reason, row.text(place + 2, "reason description"))


def read_nmi(row: Row, place: int) -> Nmi:
    """Read a National Metering Identifier; an eleventh character is its checksum, checked and dropped."""
    text = row.needed(place, "NMI", most=11)
    if not _NMI.fullmatch(text):
        raise row.error(f"an NMI has letters and digits, was {text!r}")
    if len(text) == 11 and str(nmi_checksum(text[:10])) != text[10]:
        raise row.error(f"NMI {text[:10]} does not have the checksum {text[10]}")
    return Nmi(text[:10])


def read_suffix(row: Row, place: int) -> str:
    """Read an NMI suffix: what is measured, and by which register."""
    text = row.needed(place, "NMI suffix", most=10)
    if not _SUFFIX.fullmatch(text):
        raise row.error(f"an NMI suffix has two characters, was {text!r}")
    return text


def flow_of(suffix: str) -> Flow:
    """Return which way an interval register counts: E from the grid, B toward it."""
    return {"E": Flow.IMPORT, "B": Flow.EXPORT}.get(suffix[0], Flow.NONE)


def read_unit(row: Row, place: int) -> str:
    """Read a unit, in any case, as the specification spells it; empty where the file does not say."""
    text = row.text(place, "unit", most=10)
    if text and text.lower() not in _UNITS:
        raise row.error(f"no unit is called {text!r}")
    return _UNITS.get(text.lower(), "")


def is_energy(unit: str) -> bool:
    """Say whether a unit counts active energy."""
    return unit.lower() in ("wh", "kwh", "mwh")


def scale_of(unit: str) -> int:
    """Return the power of ten that makes kWh of Wh or MWh, kVArh of VArh or MVArh; 0 for others."""
    return _SCALES.get(unit.lower(), 0)


def read_interval(row: Row, place: int, unit: str) -> int:
    """Read an interval's length in whole minutes: 5, 15 or 30 for energy, any part of a day for the rest."""
    length = row.whole(place, "interval length")
    if is_energy(unit) and length not in ALLOWED_INTERVAL_LENGTHS:
        raise row.error(f"energy has intervals of 5, 15 or 30 minutes, not {length}")
    if not 1 <= length <= _DAY or _DAY % length:
        raise row.error(f"intervals of {length} minutes do not make up a day")
    return length
