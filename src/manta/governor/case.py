"""What a guard looks at, and what it may say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manta.domain.time import epoch_ms
from manta.governor.enrolled import Enrolled
from manta.governor.limits import Limits
from manta.governor.state import GovernorState, SiteSight
from manta.wire.batches import IntentBatch

type Column = NDArray[Any]

NOBODY = 255
"""In ``refused_by``: no guard has refused the row."""
NOTICEABLE_KW = 0.01
"""Less than this is no power worth a lease."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Leases in the making, one row an intent: what was asked for, then what each guard left of it."""

    power_kw: Column
    export_limit_kw: Column
    until_ms: Column
    ramp_kw_per_min: Column
    refused_by: Column

    @property
    def open(self) -> Column:
        """Tell which rows nobody has refused so far."""
        return np.asarray(self.refused_by == NOBODY)

    @property
    def release(self) -> Column:
        """Tell which rows send their home back to its default: these never wait."""
        return np.isnan(self.power_kw)

    def sum_kw(self) -> float:
        """Add up the magnitudes of the rows still open."""
        return float(np.nansum(np.abs(self.power_kw[self.open])))

    def under(self, ruling: Ruling, place: int) -> Rows:
        """Return the rows as a guard's ruling leaves them; who refused first stays the reason."""
        refused_by = np.where(self.open & ruling.refuse, np.uint8(place), self.refused_by)
        changed = {name: column for name in _COLUMNS if (column := getattr(ruling, name)) is not None}
        power_kw = np.where(refused_by == NOBODY, changed.pop("power_kw", self.power_kw), 0.0)
        return replace(self, refused_by=refused_by, power_kw=power_kw, **changed)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one guard says of a batch: rows it refuses, and columns it replaces by tighter ones."""

    refuse: Column | bool = False
    power_kw: Column | None = None
    export_limit_kw: Column | None = None
    until_ms: Column | None = None
    ramp_kw_per_min: Column | None = None


_COLUMNS = ("power_kw", "export_limit_kw", "until_ms", "ramp_kw_per_min")


@dataclass(frozen=True, slots=True)
class Case:
    """An intent batch beside what the governor knows for itself, gathered to the batch's rows."""

    batch: IntentBatch
    state: GovernorState
    limits: Limits
    now_ms: int
    epoch: int
    sequence: int

    device: Column
    """The row of each intent's device in the enrolment; nobody's where there is no such device."""
    site: Column
    held: Column
    """Whether the device is under a live lease with a power."""
    held_kw: Column
    """That power; 0 where there is none."""
    heard: Column
    """Whether the governor itself has heard of the device lately."""
    soc: Column
    other_kw: Column
    """PV and load beside the battery, toward the grid; NaN unless both were heard lately."""

    @classmethod
    def of(
        cls,
        state: GovernorState,
        batch: IntentBatch,
        seen: SiteSight,
        limits: Limits,
        turn: tuple[int, int, int],
    ) -> Case:
        """Gather; ``turn`` is now_ms, epoch and sequence."""
        now_ms, epoch, sequence = turn
        nobody = len(state.enrolled.kw) - 1
        asked = batch.rows["device_no"]
        device = np.where((asked >= 0) & (asked < nobody), asked, nobody)
        site = state.enrolled.site_no[device]
        held = (state.until_ms[device] > now_ms) & ~np.isnan(state.power_kw[device])
        heard = np.abs(now_ms - _of(seen.heard_ms, device)) <= 2 * limits.expected_age_ms
        return cls(
            batch, state, limits, now_ms, epoch, sequence, device, site,
            held, np.where(held, state.power_kw[device], 0.0), heard,
            _of(seen.soc, device),
            _of(seen.other_kw, site),
        )  # fmt: skip

    @property
    def enrolled(self) -> Enrolled:
        """Return who takes part."""
        return self.state.enrolled

    def first_rows(self) -> Rows:
        """Return what the batch asks for, as if there were no limits."""
        wanted = self.batch.rows
        release = np.isnan(wanted["power_kw"])
        return Rows(
            wanted["power_kw"].copy(),
            np.where(release, np.nan, wanted["export_limit_kw"]),
            np.full(len(wanted), epoch_ms(self.batch.interval.end) + self.limits.tail_ms),
            np.full(len(wanted), np.inf),
            np.full(len(wanted), NOBODY, np.uint8),
        )

    def elsewhere_kw(self, rows: Rows, among: Column) -> float:
        """Add up what live leases hold among some devices, save for those that these rows will replace."""
        state = self.state
        live = among & (state.until_ms > self.now_ms) & ~np.isnan(state.power_kw)
        return float(np.abs(state.power_kw[live]).sum() - np.abs(self.held_kw[rows.open]).sum())

    def send_home(self, power_kw: Column, those: Column) -> Ruling:
        """Give some rows nothing: who is under a lease is released, who is not stays as he is.

        A plain refusal would leave the lease running that can no longer be stood for.
        """
        return Ruling(refuse=those & ~self.held, power_kw=np.where(those & self.held, np.nan, power_kw))

    def within(self, rows: Rows, low_kw: Column, high_kw: Column) -> Ruling:
        """Bring each power between two bounds, toward zero only; who is left with nothing is sent home."""
        power_kw = np.clip(rows.power_kw, np.minimum(low_kw, 0.0), np.maximum(high_kw, 0.0))
        nothing = (np.abs(power_kw) < NOTICEABLE_KW) & (np.abs(rows.power_kw) >= NOTICEABLE_KW)
        return self.send_home(power_kw, nothing)

    def scaled(self, rows: Rows, room_kw: float) -> Ruling:
        """Bring the sum of the rows under what room there is, each by the same part."""
        asked_kw = rows.sum_kw()
        part = min(1.0, max(room_kw, 0.0) / asked_kw) if asked_kw > 0 else 1.0
        reach_kw = np.abs(rows.power_kw) * part
        return self.within(rows, -reach_kw, reach_kw)


def _of(column: Column, places: Column) -> Column:
    """Gather; what lies beyond the column's end is not known."""
    if not len(column):
        return np.full(len(places), np.nan)
    return np.where(places < len(column), column[np.minimum(places, len(column) - 1)], np.nan)
