"""What commissioning concludes from what it saw: plain judgements, each a fault or none, with the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import isclose

import numpy as np

from manta.domain.commissioning import Evidence, Fault
from manta.domain.der import (
    Capability,
    ComponentKind,
    Descriptor,
    Identity,
    Latency,
    Sample,
    Setpoints,
    Status,
)
from manta.domain.units import KW_PER_MW
from manta.twin.balance import LEAST_FLOW_KW, PARTS, residual, tolerance

MOST_SKEW = timedelta(seconds=5)
MOST_WAIT = {
    Latency.EDGE: timedelta(seconds=5),
    Latency.CLOUD: timedelta(seconds=60),
    Latency.SCHEDULER: timedelta(minutes=5),
}
"""How long a reading may take."""
SETTLE = {
    Latency.EDGE: timedelta(seconds=20),
    Latency.CLOUD: timedelta(minutes=3),
    Latency.SCHEDULER: timedelta(minutes=45),
}
"""How long a command may take until the meter shows it."""
RATING_SHARE = 0.2
"""So far may what was entered stray from what the device says."""
MOVED_SHARE = 0.3
"""Less than so much of what was asked is nothing."""
REST_KW = 0.3
"""What a battery at rest may still take for itself."""
MOST_SHARE = 1.3
"""More than so much of what was asked was heard on another scale."""
FOLLOWED_SHARE = 0.75
LEAST_TEST_KW = 0.6
LIMIT_TOLERANCE_KW = 0.2
LIMIT_TOLERANCE_SHARE = 0.1
SMALLER_SHARE = 0.25
"""Of a limit: an export below it was held to a limit of another scale."""
SCALES = (0.001, 0.01, 0.1, 10.0, 100.0, KW_PER_MW)
"""By what factors a limit is mistaken: tens of watts, percent, watts, megawatts."""

type Verdict = tuple[Fault | None, Evidence]


@dataclass(frozen=True, slots=True)
class Entered:
    """What the register says of a device, which the device must bear out; None where nobody entered it."""

    serial: str | None = None
    charge_kw: float | None = None
    discharge_kw: float | None = None
    capacity_kwh: float | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """The powers of a site at one look, kW toward the grid; None is unknown."""

    pv_kw: float | None
    battery_kw: float | None
    load_kw: float | None
    grid_kw: float | None

    @classmethod
    def of(cls, sample: Sample) -> Flow:
        """Take the powers out of a sample; a PV or a load that is not told stays unknown."""
        seen = {kind: each.power_kw for kind, each in sample.measurements.items()}
        return cls(
            seen.get(ComponentKind.PV_STRING),
            seen.get(ComponentKind.BATTERY),
            seen.get(ComponentKind.LOAD),
            seen.get(ComponentKind.GRID_METER),
        )

    @property
    def evidence(self) -> Evidence:
        """Return what is known of it."""
        named = {f"{part}_kw": getattr(self, f"{part}_kw") for part in PARTS}
        return {name: value for name, value in named.items() if value is not None}


def check_identity(told: Identity, entered: Entered) -> Verdict:
    """Hold the device's own serial number against the one that was entered; one that tells none passes."""
    evidence = {"make": told.make, "model": told.model, "serial": told.serial, "firmware": told.firmware}
    other = bool(entered.serial and told.serial) and entered.serial != told.serial
    return (Fault.OTHER_DEVICE if other else None), evidence | {"entered_serial": entered.serial or ""}


def check_capability(descriptor: Descriptor, told: Capability, status: Status, entered: Entered) -> Verdict:
    """Ask whether it can be commanded at all, lets us, and is as large as was entered."""
    pairs = {
        "charge_kw": (told.charge_kw, entered.charge_kw),
        "discharge_kw": (told.discharge_kw, entered.discharge_kw),
        "capacity_kwh": (told.capacity_kwh, entered.capacity_kwh),
    }
    evidence: dict[str, float | str] = {"setpoints": descriptor.setpoints.value}
    differs = False
    for name, (says, was_entered) in pairs.items():
        if says is not None:
            evidence[name] = says
        if says and was_entered is not None:
            evidence[f"entered_{name}"] = was_entered
            differs |= not isclose(says, was_entered, rel_tol=RATING_SHARE)
    if descriptor.setpoints is Setpoints.NONE or not told.discharge_kw and not told.charge_kw:
        return Fault.READ_ALONE, evidence
    if status.is_remote_allowed is False:
        return Fault.REMOTE_BARRED, evidence
    return (Fault.RATING_DIFFERS if differs else None), evidence


def check_time(descriptor: Descriptor, skew: timedelta | None, waits: list[timedelta]) -> Verdict:
    """Judge the device's clock (None: it tells no time) and the slowest of its answers."""
    most = max(waits)
    evidence: dict[str, float | str] = {"wait_s": most.total_seconds(), "latency": descriptor.latency.value}
    if skew is not None:
        evidence["skew_s"] = skew.total_seconds()
        if abs(skew) > MOST_SKEW:
            return Fault.CLOCK_WRONG, evidence
    return (Fault.TOO_SLOW if most > MOST_WAIT[descriptor.latency] else None), evidence


def check_balance(flows: list[Flow]) -> Verdict:
    """Ask whether the site adds up, and if not, whether one sign turned would make it."""
    columns = [
        np.array([[np.nan if (kw := getattr(flow, f"{part}_kw")) is None else kw for flow in flows]])
        for part in PARTS
    ]
    pv_kw, battery_kw, load_kw, grid_kw = columns
    if np.isnan(grid_kw).all() or np.isnan(battery_kw).all():
        return Fault.NOTHING_MEASURED, flows[-1].evidence
    pv_kw = np.nan_to_num(pv_kw)  # a site may have none
    if np.isnan(load_kw).all():
        return None, {**flows[-1].evidence, "untold": "load"}  # the test dispatch is what shows the signs
    left_kw = residual(pv_kw, battery_kw, load_kw, grid_kw)
    allowed_kw = float(np.nanmean(tolerance(pv_kw, battery_kw, load_kw, grid_kw)))
    mean_kw = float(np.nanmean(np.abs(left_kw)))
    evidence = {**flows[-1].evidence, "residual_kw": mean_kw, "tolerance_kw": allowed_kw}
    if mean_kw <= allowed_kw:
        return None, evidence
    turned = [
        part
        for part, part_kw in zip(PARTS, (pv_kw, battery_kw, load_kw, grid_kw), strict=True)
        if np.nanmean(np.abs(part_kw)) >= LEAST_FLOW_KW
        and np.nanmean(np.abs(left_kw - (-2.0 if part == "grid" else 2.0) * part_kw)) <= allowed_kw
    ]
    if len(turned) == 1:
        return Fault.SIGN_INVERTED, {**evidence, "part": turned[0]}
    return Fault.UNBALANCED, evidence


def check_response(asked_kw: float, before: Flow, after: Flow) -> Verdict:
    """Judge a test dispatch by what battery and meter each did of the power asked for.

    The battery is to come to the power; the meter is to move as the battery and the PV did. A load of which
    nobody knows whether it was computed from the meter says nothing, and is left out.
    """
    battery_kw, grid_kw = after.battery_kw, after.grid_kw
    if battery_kw is None or grid_kw is None or before.battery_kw is None or before.grid_kw is None:
        return Fault.NOTHING_MEASURED, after.evidence
    due_kw = asked_kw - before.battery_kw
    battery_share = (battery_kw - before.battery_kw) / due_kw
    pv_kw = (after.pv_kw or 0.0) - (before.pv_kw or 0.0)
    meter_share = (grid_kw - before.grid_kw - pv_kw) / due_kw
    evidence = {
        **after.evidence,
        "asked_kw": asked_kw,
        "battery_share": round(battery_share, 3),
        "meter_share": round(meter_share, 3),
    }
    return _response(battery_share, meter_share), evidence


def check_rest(before: Flow) -> Verdict:
    """Judge a battery that was told to hold 0 kW: one that goes on as it pleases does nothing."""
    if before.battery_kw is None or before.grid_kw is None:
        return Fault.NOTHING_MEASURED, before.evidence
    rests = abs(before.battery_kw) <= REST_KW
    return (None if rests else Fault.DOES_NOTHING), {**before.evidence, "asked_kw": 0.0}


def _response(battery: float, meter: float) -> Fault | None:
    if abs(battery) < MOVED_SHARE:
        return Fault.DOES_NOTHING if abs(meter) < MOVED_SHARE else Fault.BATTERY_UNSEEN
    if abs(meter) < MOVED_SHARE:
        return Fault.METER_ELSEWHERE
    if battery < 0.0 and meter < 0.0:
        return Fault.COMMAND_INVERTED
    if meter < 0.0:
        return Fault.METER_INVERTED
    if battery < 0.0:
        return Fault.SIGN_INVERTED
    if battery < FOLLOWED_SHARE:
        return Fault.FALLS_SHORT
    if battery > MOST_SHARE:
        return Fault.POWER_SCALE
    return None if FOLLOWED_SHARE < meter / battery < MOST_SHARE else Fault.METER_ELSEWHERE


def check_limit(limit_kw: float, free_kw: float, flow: Flow) -> Verdict:
    """Judge an export limit by the export seen under it, given the export that there would be without.

    The export is to come to the limit and not beyond. Far below it, at a tenth or at nothing, the limit was
    taken for a smaller one; above it, it was ignored or taken for a larger one: what the device tells shows.
    """
    seen_kw = flow.grid_kw
    if seen_kw is None:
        return Fault.NOTHING_MEASURED, flow.evidence
    evidence = {**flow.evidence, "limit_kw": limit_kw, "free_kw": free_kw}
    tolerance_kw = max(LIMIT_TOLERANCE_KW, LIMIT_TOLERANCE_SHARE * limit_kw)
    if seen_kw > limit_kw + tolerance_kw:
        return Fault.LIMIT_IGNORED, evidence
    if seen_kw < SMALLER_SHARE * limit_kw:
        return Fault.LIMIT_SCALE, evidence
    return (Fault.FALLS_SHORT if seen_kw < limit_kw - tolerance_kw else None), evidence


def mistaken_scale(limit_kw: float, told_kw: float | None) -> float | None:
    """Return by which power of ten the limit that a device tells is off; None where it is right or untold."""
    if not told_kw:
        return None
    return next((scale for scale in SCALES if isclose(told_kw, scale * limit_kw, rel_tol=0.05)), None)
