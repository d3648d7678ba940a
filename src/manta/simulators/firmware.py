"""What a home's own controller does: which leases it takes, and the power it asks of its battery.

A device believes a lease only with its seal, for itself, of an epoch and sequence above all it has applied
and not yet over. It moves by the lease's ramp, there and home again, and keeps its own limits meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, nan

import msgspec
import numpy as np
from numpy.typing import NDArray

from manta.simulators.state import Column, State
from manta.wire.device import Lease, LeaseAck, SealedLease
from manta.wire.seal import is_sealed

LONGEST_LEASE_MS = 16 * 60_000
"""The governor's fifteen minutes and one for the clocks; a longer hold is refused here too."""
_SEALED = msgspec.msgpack.Decoder(SealedLease)
_LEASE = msgspec.msgpack.Decoder(Lease)


class Firmware:
    """The lease rules of every home, over one shared state."""

    def __init__(
        self,
        state: State,
        batteries: Sequence[str],
        keys: Sequence[bytes],
        charge_kw: Column,
        discharge_kw: Column,
    ) -> None:
        self.repeats = 0
        """Leases heard once more and answered once more, but not taken up again."""
        self.unreadable = 0
        self._state = state
        self._batteries = batteries
        self._keys = keys
        self._charge_kw = charge_kw
        self._discharge_kw = discharge_kw

    @property
    def applied(self) -> int:
        """Leases taken up in all the life of these homes, each counted once however often it was heard."""
        return int(self._state.leases_applied.sum())

    def hear(self, home: int, payload: bytes, now_ms: int) -> LeaseAck | None:
        """Judge a sealed lease and take it up or refuse it; None if it cannot even be read."""
        try:
            sealed = _SEALED.decode(payload)
            lease = _LEASE.decode(sealed.lease)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unreadable += 1
            return None
        because = self._refuses(home, sealed, lease, now_ms)
        if not because:
            self._take_once(home, lease, now_ms)
        return LeaseAck(
            lease=lease.lease,
            device=self._batteries[home],
            outcome="refused" if because else "accepted",
            at_ms=now_ms,
            because=because,
        )

    def begin(self, now_ms: float) -> None:
        """Let leases whose time has come take over, and those that are over begin their way home."""
        state = self._state
        held = state.held == 1.0
        self._turn(held & (state.until_ms <= now_ms), 0.0)
        due = state.next_from_ms <= now_ms
        if not due.any():
            return
        released = due & np.isnan(state.next_kw)
        self._turn(released & held, 0.0)
        taken = due & ~released & (state.next_until_ms > now_ms)
        same = (state.lease_kw == state.next_kw) & (state.lease_export_kw == state.next_export_kw)
        self._turn(taken & ~(same & (state.held == 1.0)), 1.0)
        for now, after in (
            (state.lease_kw, state.next_kw),
            (state.lease_export_kw, state.next_export_kw),
            (state.until_ms, state.next_until_ms),
        ):
            now[taken] = after[taken]
        state.ramp[due] = state.next_ramp[due]
        state.next_from_ms[due] = inf

    def ask(self, dt_s: float) -> None:
        """Set what each battery is asked for: its lease's power or its default, or a ramp between them.

        What is ramped is the power beyond self-consumption, so that the home's exchange with the grid rises
        and falls evenly while its own load comes and goes.
        """
        state, default_kw = self._state, self._default_kw()
        goal = np.where(state.held == 1.0, state.lease_kw, default_kw)
        away = goal - default_kw - state.beyond_kw
        step = state.ramp * (dt_s / 60.0)
        state.ramping[np.abs(away) <= step] = 0.0
        state.beyond_kw += np.clip(away, -step, step)
        state.asked_kw[:] = np.where(state.ramping == 1.0, default_kw + state.beyond_kw, goal)

    def _turn(self, homes: NDArray[np.bool_], held: float) -> None:
        """Begin a ramp from the power that flows now, under a lease or home."""
        state = self._state
        state.held[homes] = held
        state.ramping[homes] = 1.0
        state.beyond_kw[homes] = (state.battery_kw - self._default_kw())[homes]

    def _default_kw(self) -> Column:
        """Return what keeps the meter at nothing, within the rating: self-consumption."""
        state = self._state
        wanted: Column = np.clip(-(state.pv_kw + state.load_kw), -self._charge_kw, self._discharge_kw)
        return wanted

    def _refuses(self, home: int, sealed: SealedLease, lease: Lease, now_ms: int) -> str:
        """Say why a lease is refused, empty if it is not."""
        if not is_sealed(self._keys[home], sealed.lease, sealed.seal):
            return "seal"
        if lease.device != self._batteries[home]:
            return "device"
        if lease.epoch < self._state.epoch[home]:
            return "epoch"
        if lease.epoch == self._state.epoch[home] and lease.sequence < self._state.lease_sequence[home]:
            return "sequence"
        if lease.until_ms <= max(now_ms, lease.not_before_ms):
            return "expired"
        if lease.until_ms > now_ms + LONGEST_LEASE_MS:
            return "too long"
        return "" if _is_sound(lease) else "power"

    def _is_repeat(self, home: int, lease: Lease) -> bool:
        """Tell whether this is the last lease again, sent once more for want of our answer.

        It gets the same answer and is not applied a second time. Epoch and sequence name one lease of a
        device, so nothing else need be remembered, not even across a restart.
        """
        state = self._state
        return bool(lease.epoch == state.epoch[home] and lease.sequence == state.lease_sequence[home])

    def _take_once(self, home: int, lease: Lease, now_ms: int) -> None:
        if self._is_repeat(home, lease):
            self.repeats += 1
        else:
            self._take(home, lease, now_ms)

    def _take(self, home: int, lease: Lease, now_ms: int) -> None:
        state = self._state
        if state.next_from_ms[home] <= now_ms:
            self.begin(now_ms)  # the one before has its turn even if no step came between
        state.epoch[home] = lease.epoch
        state.lease_sequence[home] = lease.sequence
        state.next_kw[home] = nan if lease.power_kw is None else lease.power_kw
        state.next_export_kw[home] = inf if lease.export_limit_kw is None else lease.export_limit_kw
        state.next_from_ms[home] = lease.not_before_ms
        state.next_until_ms[home] = lease.until_ms
        state.next_ramp[home] = lease.ramp_kw_per_min
        state.leases_applied[home] += 1


def _is_sound(lease: Lease) -> bool:
    power_kw = 0.0 if lease.power_kw is None else lease.power_kw
    export_kw = 0.0 if lease.export_limit_kw is None else lease.export_limit_kw
    ramp = lease.ramp_kw_per_min
    return isfinite(power_kw) and isfinite(ramp) and ramp > 0.0 and 0.0 <= export_kw < inf
