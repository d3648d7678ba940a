"""The governor's one step: an intent batch in; leases, refusals and the new memory out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manta.domain.time import epoch_ms
from manta.governor.case import NOBODY, Case, Rows
from manta.governor.guards import GUARD_NAMES, GUARDS, Guard
from manta.governor.limits import Limits
from manta.governor.state import GovernorState, SiteSight
from manta.wire.batches import IntentBatch
from manta.wire.columns import LEASE, REFUSAL


@dataclass(frozen=True, slots=True)
class Governed:
    """What came of a batch; every intent is in exactly one of the two tables."""

    leases: NDArray[Any]
    """LEASE columns."""
    refusals: NDArray[Any]
    """REFUSAL columns."""
    lowered: Mapping[str, int]
    """How many leases carry less power than was asked for, by the guard that lowered them last."""
    state: GovernorState
    """What is remembered if these leases are signed."""


def govern(  # noqa: PLR0913 - one step, all that it depends on
    state: GovernorState,
    batch: IntentBatch,
    seen: SiteSight,
    limits: Limits,
    now_ms: int,
    epoch: int,
    sequence: int,
    *,
    guards: Sequence[tuple[str, Guard]] = GUARDS,
) -> Governed:
    """Ask every guard in turn and lease what is left.

    The same arguments give the same bytes. ``guards`` is for the tests, which take one out to see it missed.
    """
    case = Case.of(state, batch, seen, limits, (now_ms, epoch, sequence))
    rows, lowered_by = case.first_rows(), np.full(len(batch.rows), NOBODY, np.uint8)
    for name, guard in guards:
        before, place = rows, GUARD_NAMES.index(name)
        rows = before.under(guard(case, before), place)
        lowered_by[~_same(before.power_kw, rows.power_kw)] = place
    leases = _leases(case, rows)
    return Governed(
        leases,
        _refusals(case, rows),
        by_guard(lowered_by[rows.open & (lowered_by != NOBODY)]),
        state.remember(leases, now_ms, batch.region, epoch, sequence),
    )


def by_guard(places: NDArray[Any]) -> dict[str, int]:
    """Count guard numbers by name, as in the ``guard`` column of refusals."""
    count = np.bincount(places, minlength=len(GUARD_NAMES))
    return {name: int(n) for name, n in zip(GUARD_NAMES, count, strict=True) if n}


def _leases(case: Case, rows: Rows) -> NDArray[Any]:
    leased = rows.open
    leases = np.zeros(int(leased.sum()), LEASE)
    begins_ms = epoch_ms(case.batch.interval.start)
    leases["device_no"] = case.batch.rows["device_no"][leased]
    leases["power_kw"] = rows.power_kw[leased]
    leases["export_limit_kw"] = rows.export_limit_kw[leased]
    leases["not_before_ms"] = np.where(rows.release[leased], case.now_ms, max(case.now_ms, begins_ms))
    leases["until_ms"] = rows.until_ms[leased]
    leases["ramp_kw_per_min"] = rows.ramp_kw_per_min[leased]
    return leases


def _refusals(case: Case, rows: Rows) -> NDArray[Any]:
    refused = ~rows.open
    refusals = np.zeros(int(refused.sum()), REFUSAL)
    refusals["device_no"] = case.batch.rows["device_no"][refused]
    refusals["guard"] = rows.refused_by[refused]
    return refusals


def _same(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    return np.asarray((one == other) | (np.isnan(one) & np.isnan(other)))
