"""The FCAS trapezium: its slopes, and how AGC and the weather narrow it before dispatch.

After AEMO, "FCAS Model in NEMDE", sections on scaling. Power is positive toward the grid on both sides of a
unit, so that one set of formulas serves generation and load.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from manta.domain.envelope import Envelope
from manta.domain.offer import Trapezium
from manta.domain.time import FIVE_MINUTES

MINUTES = FIVE_MINUTES.seconds / 60


@dataclass(frozen=True, slots=True)
class Agc:
    """What a unit's control system has telemetered; None or 0 is "not given" and narrows nothing."""

    is_on: bool = True
    lower_kw: float | None = None
    """The lower limit of what AGC may steer it to."""
    upper_kw: float | None = None
    up_kw_per_min: float | None = None
    down_kw_per_min: float | None = None


def upper_slope(trapezium: Trapezium) -> float:
    """Return how much energy room a kW takes above the high breakpoint; 0 where the edge is vertical."""
    return _slope(trapezium, trapezium.enablement_max_kw - trapezium.high_breakpoint_kw)


def lower_slope(trapezium: Trapezium) -> float:
    """Return how much energy room a kW takes below the low breakpoint; 0 where the edge is vertical."""
    return _slope(trapezium, trapezium.low_breakpoint_kw - trapezium.enablement_min_kw)


def _slope(trapezium: Trapezium, run_kw: float) -> float:
    return run_kw / trapezium.max_avail_kw if trapezium.max_avail_kw > 0 else 0.0


def within(trapezium: Trapezium, *, lower_kw: float = -inf, upper_kw: float = inf) -> Trapezium:
    """Return a trapezium whose outer edges are pulled in, its slopes kept."""
    floor_kw = max(trapezium.enablement_min_kw, lower_kw)
    ceiling_kw = min(trapezium.enablement_max_kw, upper_kw)
    return replace(
        trapezium,
        enablement_min_kw=floor_kw,
        low_breakpoint_kw=trapezium.low_breakpoint_kw + (floor_kw - trapezium.enablement_min_kw),
        high_breakpoint_kw=trapezium.high_breakpoint_kw - (trapezium.enablement_max_kw - ceiling_kw),
        enablement_max_kw=ceiling_kw,
    )


def at_most(trapezium: Trapezium, max_avail_kw: float) -> Trapezium:
    """Return a trapezium cut off at a height, its slopes and outer edges kept."""
    if max_avail_kw >= trapezium.max_avail_kw:
        return trapezium
    height_kw = max(max_avail_kw, 0.0)
    return replace(
        trapezium,
        max_avail_kw=height_kw,
        low_breakpoint_kw=trapezium.enablement_min_kw + lower_slope(trapezium) * height_kw,
        high_breakpoint_kw=trapezium.enablement_max_kw - upper_slope(trapezium) * height_kw,
    )


def scaled_by_limits(trapezium: Trapezium, agc: Agc) -> Trapezium:
    """Return a regulation trapezium within the limits that AGC has; applied in every run."""
    return within(
        trapezium,
        lower_kw=agc.lower_kw if agc.lower_kw else -inf,
        upper_kw=agc.upper_kw if agc.upper_kw else inf,
    )


def scaled_by_ramp(trapezium: Trapezium, kw_per_min: float | None) -> Trapezium:
    """Return a regulation trapezium no higher than AGC ramps in an interval.

    Applied in dispatch and in the first interval of five-minute pre-dispatch, never in pre-dispatch.
    """
    return at_most(trapezium, kw_per_min * MINUTES) if kw_per_min else trapezium


def scaled_by_forecast(trapezium: Trapezium, forecast_kw: float) -> Trapezium:
    """Return the trapezium of a semi-scheduled unit that has no more wind or sun than this."""
    return within(trapezium, upper_kw=forecast_kw)


def effective(trapezium: Trapezium, agc: Agc, kw_per_min: float | None) -> Trapezium:
    """Return the regulation trapezium that a dispatch run uses; the ramp rate is that of its direction."""
    return scaled_by_ramp(scaled_by_limits(trapezium, agc), kw_per_min)


def energy_while_enabled(trapezium: Trapezium) -> Envelope | None:
    """Return where the energy target is held once a service is enabled: that is what "trapped" means.

    None where AGC's limits and the offer have nothing in common, so that no target could be held.
    """
    if trapezium.enablement_min_kw > trapezium.enablement_max_kw:
        return None
    return Envelope(trapezium.enablement_min_kw, trapezium.enablement_max_kw)
