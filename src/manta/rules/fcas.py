"""What of its ancillary services a unit can be enabled for, beside its energy and beside each other.

After AEMO, "FCAS Model in NEMDE": preconditions, joint ramping, joint capacity, and the availability that is
published with a solution. A unit that is not scheduled in energy, as a VPP, is dispatched on its offer alone.

``enabled_kw`` names the services that are enabled, if only for 0 kW; one that is missing binds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from manta.domain.envelope import Envelope
from manta.domain.market import Service
from manta.domain.offer import Trapezium
from manta.rules.trapezium import MINUTES, Agc, effective, energy_while_enabled, lower_slope, upper_slope

TOLERANCE_KW = 1e-6
_HALF_HOUR = 0.5


class Blocked(StrEnum):
    """Why a service cannot be enabled at all."""

    NO_AVAILABILITY = "the maximum availability is zero"
    NO_BAND = "no band holds anything"
    ENERGY_OUT_OF_REACH = "the energy that is available never reaches the trapezium"
    STRANDED = "stranded: the unit is outside the trapezium now"
    AGC_OFF = "regulation needs AGC and it is off"
    OUT_OF_ENERGY = "the energy left for the day does not reach the trapezium"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as a dispatch run finds it."""

    services: Mapping[Service, Trapezium]
    """What it has offered."""
    initial_kw: float = 0.0
    """Its power at the start of the interval."""
    agc: Agc = Agc()
    is_energy_offered: bool = True

    def effective(self, service: Service) -> Trapezium:
        """Return the trapezium that the run uses: offered, or narrowed by AGC for regulation."""
        offered = self.services[service]
        if not service.regulates:
            return offered
        ramp = self.agc.up_kw_per_min if service.raises else self.agc.down_kw_per_min
        return effective(offered, self.agc, ramp)


def blocked(
    unit: Unit,
    service: Service,
    bands_kw: Sequence[float],
    energy: Envelope,
    remaining_kwh: float | None = None,
) -> Blocked | None:
    """Return why a service cannot be enabled, None where it can.

    ``energy`` is what the energy offers make available, from all of the load to all of the generation;
    ``remaining_kwh`` is what a pre-dispatch run has left of a daily limit.
    """
    trapezium = unit.effective(service)
    if not trapezium.max_avail_kw > 0:
        return Blocked.NO_AVAILABILITY
    if not any(band_kw > 0 for band_kw in bands_kw):
        return Blocked.NO_BAND
    if service.regulates and not unit.agc.is_on:
        return Blocked.AGC_OFF
    if not unit.is_energy_offered:
        return None
    floor_kw, ceiling_kw = trapezium.enablement_min_kw, trapezium.enablement_max_kw
    if energy.ceiling_kw < floor_kw or energy.floor_kw > ceiling_kw:
        return Blocked.ENERGY_OUT_OF_REACH
    if not floor_kw <= unit.initial_kw <= ceiling_kw:
        return Blocked.STRANDED
    if remaining_kwh is not None and not remaining_kwh / _HALF_HOUR > floor_kw:
        return Blocked.OUT_OF_ENERGY
    return None


def is_trapped(unit: Unit, enabled_kw: Mapping[Service, float], energy_kw: float) -> bool:
    """Tell whether an enabled service holds the energy target at the edge of its trapezium. Confidence M."""
    return any(
        min(abs(energy_kw - edge_kw) for edge_kw in (held.enablement_min_kw, held.enablement_max_kw))
        <= TOLERANCE_KW
        for held in map(unit.effective, enabled_kw)
    )


def joint_ramp(unit: Unit) -> Envelope:
    """Return how far energy and regulation may go together in one interval; rates of 0 bound nothing."""
    up, down = unit.agc.up_kw_per_min, unit.agc.down_kw_per_min
    return Envelope(
        unit.initial_kw - down * MINUTES if down else -inf,
        unit.initial_kw + up * MINUTES if up else inf,
    )


def violations(unit: Unit, enabled_kw: Mapping[Service, float], energy_kw: float) -> Sequence[str]:
    """Return each joint constraint that a dispatch breaks; none for a solution of NEMDE."""
    return [name for name, excess_kw in _constraints(unit, enabled_kw, energy_kw) if excess_kw > TOLERANCE_KW]


def _constraints(
    unit: Unit, enabled_kw: Mapping[Service, float], energy_kw: float
) -> Iterator[tuple[str, float]]:
    """Yield each constraint with how far it is exceeded."""
    raised_kw = enabled_kw.get(Service.RAISE_REGULATION, 0.0)
    lowered_kw = enabled_kw.get(Service.LOWER_REGULATION, 0.0)
    ramp = joint_ramp(unit)
    for service, kw in enabled_kw.items():
        trapezium = unit.effective(service)
        yield f"{service} above its maximum availability", kw - trapezium.max_avail_kw
        if not unit.is_energy_offered:
            continue
        up_kw = energy_kw + upper_slope(trapezium) * kw
        down_kw = energy_kw - lower_slope(trapezium) * kw
        if service is Service.RAISE_REGULATION:
            yield "joint ramping, raise", energy_kw + kw - ramp.ceiling_kw
        elif service is Service.LOWER_REGULATION:
            yield "joint ramping, lower", ramp.floor_kw - (energy_kw - kw)
        if service.regulates:
            yield f"energy and {service}, upper", up_kw - trapezium.enablement_max_kw
            yield f"energy and {service}, lower", trapezium.enablement_min_kw - down_kw
        else:
            yield f"joint capacity {service}, upper", up_kw + raised_kw - trapezium.enablement_max_kw
            yield f"joint capacity {service}, lower", trapezium.enablement_min_kw - (down_kw - lowered_kw)


def availability_kw(
    unit: Unit, service: Service, enabled_kw: Mapping[Service, float], energy_kw: float
) -> float:
    """Return how much of a service there is beside everything else in a dispatch; never negative."""
    trapezium = unit.effective(service)
    if not unit.is_energy_offered:
        return max(trapezium.max_avail_kw, 0.0)
    if energy_while_enabled(trapezium) is None:
        return 0.0
    if service.regulates:
        rooms = _rooms_of_regulation(unit, service, enabled_kw, energy_kw)
    else:
        rooms = _rooms_of_contingency(unit, service, enabled_kw, energy_kw)
    return max(min(trapezium.max_avail_kw, _room_above(trapezium, energy_kw), *rooms), 0.0)


def _room_above(trapezium: Trapezium, energy_kw: float) -> float:
    """Return what the trapezium alone leaves at an energy target."""
    above_kw = _per(trapezium.enablement_max_kw - energy_kw, upper_slope(trapezium))
    return min(above_kw, _per(energy_kw - trapezium.enablement_min_kw, lower_slope(trapezium)))


def _rooms_of_regulation(
    unit: Unit, service: Service, enabled_kw: Mapping[Service, float], energy_kw: float
) -> Iterator[float]:
    """Yield what ramping and each contingency service of the same direction leave."""
    ramp = joint_ramp(unit)
    yield ramp.ceiling_kw - energy_kw if service.raises else energy_kw - ramp.floor_kw
    for other, kw in enabled_kw.items():
        trapezium = unit.services[other]
        if other.regulates or other.raises is not service.raises:
            continue
        if service.raises:
            yield trapezium.enablement_max_kw - energy_kw - upper_slope(trapezium) * kw
        else:
            yield energy_kw - lower_slope(trapezium) * kw - trapezium.enablement_min_kw


def _rooms_of_contingency(
    unit: Unit, service: Service, enabled_kw: Mapping[Service, float], energy_kw: float
) -> Iterator[float]:
    """Yield what regulation of the same direction leaves."""
    trapezium = unit.services[service]
    if service.raises:
        regulation_kw = enabled_kw.get(Service.RAISE_REGULATION, 0.0)
        yield _per(trapezium.enablement_max_kw - energy_kw - regulation_kw, upper_slope(trapezium))
    else:
        regulation_kw = enabled_kw.get(Service.LOWER_REGULATION, 0.0)
        yield _per(energy_kw - trapezium.enablement_min_kw - regulation_kw, lower_slope(trapezium))


def _per(room_kw: float, taken_share: float) -> float:
    """Return how many kW of service fit in a room of which each takes a share; a share of 0 fills nothing."""
    return room_kw / taken_share if taken_share > 0 else inf
