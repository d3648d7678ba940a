"""Money and energy, one line at a time; a ledger is only ever added to."""

from dataclasses import dataclass
from decimal import Decimal

from manta.domain.identity import SiteId
from manta.domain.time import DispatchInterval


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What one site earned (positive) or cost in one interval, at its connection point."""

    site: SiteId
    interval: DispatchInterval
    energy_kwh: float
    """Net energy toward the grid; negative when the home imported."""
    amount_aud: Decimal
    revision: int
