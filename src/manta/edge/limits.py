"""What a battery may do here and now: its plate, the householder's reserve, the connection, the lease."""

from dataclasses import dataclass
from math import inf

from manta.domain.envelope import Envelope


@dataclass(frozen=True, slots=True)
class SiteLimits:
    """What flows through the connection point at most, as magnitudes."""

    import_kw: float
    export_kw: float


@dataclass(frozen=True, slots=True)
class BatteryLimits:
    """What a battery does at most, as magnitudes, and what its householder keeps."""

    charge_kw: float
    discharge_kw: float
    reserve_soc: float


def of_battery(limits: BatteryLimits, soc: float | None) -> Envelope:
    """Return what the battery permits, kW toward the grid; with its charge unknown it gives nothing."""
    discharge_kw = limits.discharge_kw if soc is not None and soc > limits.reserve_soc else 0.0
    charge_kw = limits.charge_kw if soc is None or soc < 1.0 else 0.0
    return Envelope.from_limits(import_kw=charge_kw, export_kw=discharge_kw)


def permitted(battery: Envelope, site: SiteLimits, rest_kw: float, export_limit_kw: float | None) -> Envelope:
    """Return what a battery may do while the rest of its site flows at ``rest_kw``, toward the grid positive.

    The connection and the lease's export limit bound the site as a whole; where they cannot be met within
    what the battery can do, it does all it can.
    """
    most_kw = min(site.export_kw, inf if export_limit_kw is None else export_limit_kw)
    return battery.tighten(Envelope(-site.import_kw, most_kw).less(rest_kw))


def self_consumption(battery: Envelope, rest_kw: float) -> float:
    """Return the power with which the meter stands at nothing: what the device does of itself."""
    return battery.clamp(-rest_kw)
