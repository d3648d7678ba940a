"""What is found to be wrong with a site: how it shows, what it costs, what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

type Evidence = Mapping[str, float]
"""Numbers by their names, which say the units."""


class FindingKind(StrEnum):
    """What is wrong."""

    UNBALANCED = "unbalanced"
    SIGN_INVERTED = "sign_inverted"
    METER_STUCK = "meter_stuck"
    INVERTER_INEFFICIENT = "inverter_inefficient"
    BATTERY_INEFFICIENT = "battery_inefficient"
    CLIPPING = "clipping"
    CURTAILED = "curtailed"
    SOC_DRIFT = "soc_drift"
    BATTERY_WORN = "battery_worn"
    SILENT = "silent"
    STRING_WEAK = "string_weak"


class CurtailmentCause(StrEnum):
    """Why a site made less than the sun allowed; the first that explains it."""

    EXPORT_LIMIT = "export_limit"
    VOLTAGE = "voltage"
    FREQUENCY = "frequency"
    PRICE = "price"
    """We asked it to hold back."""
    INVERTER = "inverter"
    """It runs below its rating and nothing outside explains it: hot, derated, or held back by itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with one part of one site."""

    kind: FindingKind
    site_no: int
    part: str
    """Which part, or which cause: what tells two findings of a kind at one site apart. Empty: the site."""
    first_seen_at: datetime
    evidence: Evidence
    """What it rests on."""
    daily_aud: Decimal
    """What it costs a day as long as it lasts: an estimate, 0 where it costs nothing yet."""
    remedy: str
    """Key of what to do; its texts take the evidence and the part."""
