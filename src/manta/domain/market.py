"""The market as AEMO runs it: regions, services, prices with their standing, and what losses do to them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from manta.domain.time import DispatchInterval


class Region(StrEnum):
    """A price region of the NEM, spelled as AEMO spells it."""

    NSW = "NSW1"
    QLD = "QLD1"
    SA = "SA1"
    TAS = "TAS1"
    VIC = "VIC1"


REGIONS = tuple(Region)
"""The order in which region columns count: a column's region number is an index into this."""


class Service(StrEnum):
    """A frequency control ancillary service, spelled as AEMO spells it in offers and columns."""

    RAISE_VERY_FAST = "RAISE1SEC"
    RAISE_FAST = "RAISE6SEC"
    RAISE_SLOW = "RAISE60SEC"
    RAISE_DELAYED = "RAISE5MIN"
    RAISE_REGULATION = "RAISEREG"
    LOWER_VERY_FAST = "LOWER1SEC"
    LOWER_FAST = "LOWER6SEC"
    LOWER_SLOW = "LOWER60SEC"
    LOWER_DELAYED = "LOWER5MIN"
    LOWER_REGULATION = "LOWERREG"

    @property
    def raises(self) -> bool:
        """Tell whether it moves power toward the grid."""
        return self.value.startswith("RAISE")

    @property
    def regulates(self) -> bool:
        """Tell whether AGC steers it all the time, unlike a contingency service that waits for a fault."""
        return self.value.endswith("REG")


class Direction(StrEnum):
    """The side of a bidirectional unit that an offer is about."""

    GEN = "GEN"
    LOAD = "LOAD"


class PriceStatus(StrEnum):
    """How far a published price may be trusted."""

    FIRM = "firm"
    NOT_FIRM = "not_firm"
    SUSPENDED = "suspended"
    ADMINISTERED = "administered"
    SUSPECT = "suspect"
    """Outside the market's own bounds: recorded, shown, never traded on."""


@dataclass(frozen=True, slots=True)
class Price:
    """The energy price of a region over one dispatch interval."""

    region: Region
    interval: DispatchInterval
    per_mwh: float
    """Regional reference price, $/MWh; negative when generation must pay to run."""

    status: PriceStatus = PriceStatus.FIRM
    changed_at: datetime | None = None
    """AEMO's LASTCHANGED; of two rows for one interval the later wins."""
    heard_at: datetime | None = None
    """When we had it in hand."""


@dataclass(frozen=True, slots=True)
class LossFactors:
    """What a connection point's losses do to energy and price on the way to the regional reference node."""

    mlf_export: Decimal
    """Marginal (transmission) loss factor when the point exports."""
    mlf_import: Decimal
    """The same when it imports; equal to the other at a point that has one only."""
    dlf: Decimal
    """Distribution loss factor; 1 at a transmission connection."""

    def __post_init__(self) -> None:
        for factor in (self.mlf_export, self.mlf_import, self.dlf):
            if not (factor.is_finite() and factor > 0):
                raise ValueError(f"a loss factor is a positive number, was {factor}")

    def mlf(self, watt_hours: int) -> Decimal:
        """Return the marginal loss factor for energy in this direction, positive toward the grid."""
        return self.mlf_export if watt_hours >= 0 else self.mlf_import
