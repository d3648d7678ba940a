"""What is wrong, where, since when, and what it costs: the twin's numbers held against what is usual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from manta.domain.finding import CurtailmentCause, Finding, FindingKind
from manta.domain.units import KW_PER_MW
from manta.twin.balance import PARTS, balance, residual, stuck_meter
from manta.twin.columns import Flags, FleetDay, Floats, StringsDay, Whole, first_slot, longest_run, total
from manta.twin.solar import CAUSES, inverter_efficiency, losses, string_share
from manta.twin.storage import USUAL_EFFICIENCY, round_trip, soc_drift, wear

LEAST_INVERTER_EFFICIENCY = 0.92
USUAL_INVERTER_EFFICIENCY = 0.965
LEAST_ROUND_TRIP_EFFICIENCY = 0.80
LEAST_CLIPPED_SHARE = 0.02
LEAST_LOST_KWH = 0.5
MOST_DRIFT_SOC = 0.08
MOST_PACE = 1.2
LEAST_AGE_HOURS = 2_000.0
"""A younger battery's pace says nothing yet."""
LEAST_HEALTH_SOH = 0.70
MOST_YEARLY_SHARE = 0.05
TREND_DAYS = 60
LEAST_HEARD_SHARE = 0.90
LONGEST_SILENCE_HOURS = 1.0
LEAST_STRING_SHARE = 0.80
_CENT = Decimal("0.01")


def findings(day: FleetDay) -> list[Finding]:
    """Return everything found in a fleet's day, site by site within each kind and block."""
    return [finding for block in day.blocks() for finding in _in_block(block)]


def string_findings(strings: StringsDay, day: FleetDay) -> list[Finding]:
    """Return the strings that make less than their neighbors; each stands at a site of the day."""
    share, missed_kwh = string_share(strings, day.hours)
    weak = np.flatnonzero((share < LEAST_STRING_SHARE) & (missed_kwh >= LEAST_LOST_KWH))
    row_of = {int(site): row for row, site in enumerate(day.site_no)}
    found = []
    for at in weak:
        row = row_of[int(strings.site_no[at])]
        per_mwh = float(np.maximum(day.per_mwh[row], 0.0).mean())
        found.append(
            Finding(
                FindingKind.STRING_WEAK,
                int(strings.site_no[at]),
                f"string{int(strings.place[at])}",
                _instant(day, len(day.ends_ms) - 1),
                {"share": float(share[at]), "missed_kwh": float(missed_kwh[at])},
                _money(float(missed_kwh[at]) * per_mwh / KW_PER_MW),
                "clean_or_test_string",
            )
        )
    return found


def _in_block(day: FleetDay) -> Iterator[Finding]:
    yield from _balance(day)
    yield from _efficiency(day)
    yield from _sun(day)
    spread_per_mwh = _spread_per_mwh(day)
    yield from _battery(day, spread_per_mwh)
    yield from _silence(day, spread_per_mwh)


def _balance(day: FleetDay) -> Iterator[Finding]:
    seen = balance(day)
    stuck, stuck_first, stuck_hours = stuck_meter(day)
    stuck &= seen.inverted < 0  # turning a sign mends no meter that stands still
    left_kw = residual(day.pv_kw, day.battery_kw, day.load_kw, day.grid_kw)
    doubtful_aud = _worth_aud(day, np.abs(left_kw) * day.hours)
    evidence = {"residual_kw": seen.residual_kw, "tolerance_kw": seen.tolerance_kw}
    yield from _each(
        day,
        FindingKind.METER_STUCK,
        stuck,
        stuck_first,
        {"stuck_hours": stuck_hours, "power_kw": day.grid_kw[np.arange(len(stuck)), stuck_first]},
        doubtful_aud,
        "replace_meter_link",
    )
    left = seen.broken & ~stuck
    for place, part in enumerate(PARTS):
        wrong = left & (seen.inverted == place)
        remedy = "turn_meter_clamp" if part == "grid" else "invert_sign"
        yield from _each(
            day, FindingKind.SIGN_INVERTED, wrong, seen.first, evidence, doubtful_aud, remedy, part
        )
    unexplained = left & (seen.inverted < 0)
    yield from _each(
        day, FindingKind.UNBALANCED, unexplained, seen.first, evidence, doubtful_aud, "check_wiring"
    )


def _efficiency(day: FleetDay) -> Iterator[Finding]:
    end = np.full(len(day.site_no), len(day.ends_ms) - 1)
    usual_per_mwh = np.maximum(day.per_mwh, 0.0).mean(axis=1)
    efficiency, dc_kwh = inverter_efficiency(day)
    lost_kwh = np.nan_to_num((USUAL_INVERTER_EFFICIENCY - efficiency) * dc_kwh)
    yield from _each(
        day,
        FindingKind.INVERTER_INEFFICIENT,
        efficiency < LEAST_INVERTER_EFFICIENCY,
        end,
        {"efficiency": efficiency, "lost_kwh": lost_kwh},
        lost_kwh * usual_per_mwh / KW_PER_MW,
        "service_inverter",
    )
    returned = round_trip(day)
    charged_kwh = np.diff(day.charged_kwh)[:, 0]
    wasted_kwh = np.nan_to_num((USUAL_EFFICIENCY - returned) * charged_kwh)
    yield from _each(
        day,
        FindingKind.BATTERY_INEFFICIENT,
        returned < LEAST_ROUND_TRIP_EFFICIENCY,
        end,
        {"efficiency": returned, "lost_kwh": wasted_kwh},
        wasted_kwh * usual_per_mwh / KW_PER_MW,
        "service_battery",
    )


def _sun(day: FleetDay) -> Iterator[Finding]:
    lost = losses(day)
    made_kwh = total(day.pv_kw) * day.hours
    clipped_kwh = lost.clipped_kwh.sum(axis=1)
    yield from _each(
        day,
        FindingKind.CLIPPING,
        (clipped_kwh >= LEAST_LOST_KWH) & (clipped_kwh >= LEAST_CLIPPED_SHARE * made_kwh),
        first_slot(lost.clipped_kwh > 0.0),
        {"lost_kwh": clipped_kwh, "inverter_kw": day.plates.inverter_kw},
        _worth_aud(day, lost.clipped_kwh),
        "accept_or_enlarge_inverter",
    )
    for cause, lost_kwh in zip(CAUSES, lost.curtailed_kwh, strict=True):
        held_kwh = lost_kwh.sum(axis=1)
        if held_kwh.any():
            yield from _each(
                day,
                FindingKind.CURTAILED,
                held_kwh >= LEAST_LOST_KWH,
                first_slot(lost_kwh > 0.0),
                {
                    "lost_kwh": held_kwh,
                    "held_hours": (lost_kwh > 0.0).sum(axis=1).astype(np.float64) * day.hours,
                },
                _worth_aud(day, lost_kwh),
                _CURTAILMENT_REMEDY[cause],
                cause.value,
            )


_CURTAILMENT_REMEDY = {
    CurtailmentCause.EXPORT_LIMIT: "charge_before_noon",
    CurtailmentCause.VOLTAGE: "report_voltage",
    CurtailmentCause.FREQUENCY: "leave_alone",
    CurtailmentCause.PRICE: "leave_alone",
    CurtailmentCause.INVERTER: "service_inverter",
}


def _battery(day: FleetDay, spread_per_mwh: Floats) -> Iterator[Finding]:
    drift, farthest = soc_drift(day, round_trip(day))
    spare_kwh = np.nan_to_num(drift * day.plates.capacity_kwh)
    yield from _each(
        day,
        FindingKind.SOC_DRIFT,
        drift > MOST_DRIFT_SOC,
        farthest,
        {"drift_soc": drift, "doubtful_kwh": spare_kwh},
        spare_kwh * spread_per_mwh / KW_PER_MW,
        "calibrate_soc",
    )
    worn = wear(day)
    trended = (~np.isnan(day.health_soh)).sum(axis=1) >= TREND_DAYS
    fast = (worn.pace > MOST_PACE) & (day.plates.age_hours >= LEAST_AGE_HOURS)
    fading = trended & (worn.yearly_share > MOST_YEARLY_SHARE)
    yield from _each(
        day,
        FindingKind.BATTERY_WORN,
        fast | fading | (worn.health_share < LEAST_HEALTH_SOH),
        np.full(len(drift), len(day.ends_ms) - 1),
        {
            "cycles_share": worn.cycles,
            "warranty_share": worn.used_share,
            "pace_share": worn.pace,
            "health_share": worn.health_share,
            "yearly_share": worn.yearly_share,
        },
        np.zeros(len(drift)),
        "spare_battery",
    )


def _silence(day: FleetDay, spread_per_mwh: Floats) -> Iterator[Finding]:
    """Tell who falls silent, and what that costs.

    A silent site has no headroom: what its battery could have sold above the day's usual price is lost.
    """
    heard = np.nan_to_num(day.heard).mean(axis=1)
    silent = ~(day.heard > 0.0)
    silent_hours = longest_run(silent).astype(np.float64) * day.hours
    power_kw, room_kwh = np.nan_to_num(day.plates.discharge_kw), np.nan_to_num(day.plates.capacity_kwh)
    away_kwh = np.minimum(silent.sum(axis=1) * day.hours * power_kw, room_kwh)
    yield from _each(
        day,
        FindingKind.SILENT,
        (heard < LEAST_HEARD_SHARE) | (silent_hours >= LONGEST_SILENCE_HOURS),
        first_slot(day.heard < 1.0),
        {"heard_share": heard, "silent_hours": silent_hours},
        away_kwh * spread_per_mwh / KW_PER_MW,
        "mend_link",
    )


def _each(  # noqa: PLR0913 - one finding, told once
    day: FleetDay,
    kind: FindingKind,
    wrong: Flags,
    first: Whole,
    evidence: Mapping[str, Floats],
    daily_aud: Floats,
    remedy: str,
    part: str = "",
) -> Iterator[Finding]:
    """Tell each row that is wrong; what is unknown among the evidence is left out of it."""
    for row in np.flatnonzero(wrong):
        known = {name: float(column[row]) for name, column in evidence.items() if not np.isnan(column[row])}
        yield Finding(
            kind,
            int(day.site_no[row]),
            part,
            _instant(day, int(first[row])),
            known,
            _money(float(daily_aud[row])),
            remedy,
        )


def _worth_aud(day: FleetDay, energy_kwh: Floats) -> Floats:
    """Value energy slot by slot; where the price is below zero, nothing is lost."""
    return total(energy_kwh * np.maximum(day.per_mwh, 0.0)) / KW_PER_MW


def _spread_per_mwh(day: FleetDay) -> Floats:
    """Return how far each site's dearest slot lies above its middling one."""
    return np.maximum(day.per_mwh.max(axis=1) - np.median(day.per_mwh, axis=1), 0.0)


def _instant(day: FleetDay, slot: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(day.ends_ms[slot]))


def _money(estimate_aud: float) -> Decimal:
    return Decimal(estimate_aud if np.isfinite(estimate_aud) else 0.0).quantize(_CENT)
