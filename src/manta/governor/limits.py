"""What the fleet may do, in numbers; agree the real ones with AEMO and the networks before live use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, nan

from manta.domain.reference import FLOOR_PER_MWH, MARKET_PRICE_CAPS, Setting, in_force
from manta.domain.time import DispatchInterval


@dataclass(frozen=True, slots=True)
class Limits:
    """Every number that a guard compares with."""

    price_floor_per_mwh: float = FLOOR_PER_MWH
    price_caps: Sequence[Setting] = MARKET_PRICE_CAPS
    unfirm_share: float = 0.20
    """Of a VPP's enrolled kW, what may move on a price that is not firm."""

    early_ms: int = 60_000
    """How long before its beginning an interval may be leased."""
    expected_age_ms: int = 5_000
    """How often a site reports; twice that is the age at which it counts as unheard."""
    tail_ms: int = 90_000
    """How long a lease outlasts its interval, so that one late decision changes nothing."""
    jitter_ms: int = 60_000
    """How far, either way, the ends are spread, so that no two homes let go because of the clock alone."""
    longest_ms: int = 15 * 60_000

    discharge_efficiency: float = 0.94
    """Of the energy drawn from a battery, what reaches its terminals."""
    region_ramp_per_min: float = 0.20
    """Of a region's enrolled kW."""
    total_ramp_kw_per_min: float = 10_000.0
    feeder_ramp_kw_per_min: float = inf
    """For each feeder; infinite until its network names a figure."""
    tenant_cap_kw: Mapping[str, float] = field(default_factory=dict)
    """The most that a tenant's leases may add up to; a tenant without a figure moves nothing."""

    dwell_ms: int = 60_000
    reversals: int = 6
    """How often a site may turn between charging and discharging in an hour."""

    def price_cap_per_mwh(self, interval: DispatchInterval) -> float:
        """Return the cap in force, NaN before the first one known."""
        cap = in_force(self.price_caps, interval)
        return cap.per_mwh if cap else nan
