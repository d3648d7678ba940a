"""Which leases a device of this site believes, and which of them is in force.

A lease is believed with its seal, for this device, of an epoch and sequence above all that were ever taken,
and not yet over. What was taken is on the disk before it is answered. The leases that are to come are held
here as a short schedule, so that a box that is cut off still does what was signed for it, and no more.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import inf, isfinite

import msgspec

from manta.edge.memory import Memory
from manta.wire.device import Lease, LeaseAck, SealedLease
from manta.wire.seal import is_sealed

LONGEST_LEASE_MS = 16 * 60_000
"""The governor's fifteen minutes and one for the clocks: none may end later than so far from now."""
MOST_HELD = 8
"""Leases to come; a ninth is refused rather than an earlier one forgotten."""
EARLIEST_HOME_MS = 30_000
"""The way home begins up to so much before a lease's end, or a quarter of it, each at its own moment."""
_SEALED = msgspec.msgpack.Decoder(SealedLease)
_LEASE = msgspec.msgpack.Decoder(Lease)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that was taken."""

    lease: Lease
    home_ms: int
    """When the way home begins: at its end or a little before, never after."""
    home_s: float
    """The same on the steady clock, from when it was taken: a wall that is set back adds nothing."""

    def is_over(self, now_ms: int, steady_s: float) -> bool:
        """Tell whether either clock says so."""
        return now_ms >= self.home_ms or steady_s >= self.home_s


class Keeper:
    """The leases of one device."""

    def __init__(self, device: str, key: bytes, memory: Memory, deaf_until_s: float = -inf) -> None:
        self.device = device
        self.taken = 0
        self.refused = 0
        self._key = key
        self._memory = memory
        self._deaf_until_s = deaf_until_s
        """Until then nothing is taken, on the steady clock: what was heard before is not known."""
        self._held: list[Held] = []

    def hear(self, sealed: SealedLease, lease: Lease, now_ms: int, steady_s: float) -> LeaseAck:
        """Judge a lease, take it or refuse it, and answer."""
        because = self._refuses(sealed, lease, now_ms, steady_s)
        if because:
            self.refused += 1
        elif not self._is_repeat(lease):
            self._take(lease, now_ms, steady_s)
        return LeaseAck(
            lease=lease.lease,
            device=self.device,
            outcome="refused" if because else "accepted",
            at_ms=now_ms,
            because=because,
        )

    def current(self, now_ms: int, steady_s: float) -> Lease | None:
        """Return the lease in force, None for the device's default; those that are over are forgotten."""
        begun = [held for held in self._held if held.lease.not_before_ms <= now_ms]
        in_force = begun[-1] if begun else None
        self._held = [held for held in self._held if held is in_force or held.lease.not_before_ms > now_ms]
        if in_force is None:
            return None
        if in_force.is_over(now_ms, steady_s) or in_force.lease.power_kw is None:
            self._held.remove(in_force)
            return None
        return in_force.lease

    def forget(self, lease: str) -> None:
        """Drop a lease that was taken and cannot be followed; it stays taken, so that it never comes back."""
        self._held = [held for held in self._held if held.lease.lease != lease]

    @property
    def schedule(self) -> tuple[Lease, ...]:
        """Return the leases held, in the order in which they begin."""
        return tuple(held.lease for held in self._held)

    def _refuses(self, sealed: SealedLease, lease: Lease, now_ms: int, steady_s: float) -> str:  # noqa: PLR0911 - a reason each
        """Say why a lease is refused, empty if it is not."""
        known = self._memory.of(self.device)
        if not is_sealed(self._key, sealed.lease, sealed.seal):
            return "seal"
        if lease.device != self.device:
            return "device"
        if lease.epoch < known.epoch:
            return "epoch"
        if lease.epoch == known.epoch and lease.sequence <= known.sequence and not self._is_repeat(lease):
            return "sequence"
        if lease.until_ms <= max(now_ms, lease.not_before_ms):
            return "expired"
        if lease.until_ms > now_ms + LONGEST_LEASE_MS:
            return "too long"
        if not _is_sound(lease):
            return "power"
        if steady_s < self._deaf_until_s:
            return "memory lost"
        return "full" if len(self._held) >= MOST_HELD and not self._is_repeat(lease) else ""

    def _is_repeat(self, lease: Lease) -> bool:
        """Tell whether this is a lease that we hold, sent once more for want of our answer."""
        return any(held.lease == lease for held in self._held)

    def _take(self, lease: Lease, now_ms: int, steady_s: float) -> None:
        """Put a lease in the schedule; it replaces what was to begin with it or after."""
        self._memory.take(self.device, lease.epoch, lease.sequence)
        begins_ms = max(lease.not_before_ms, now_ms)
        home_ms = lease.until_ms - _early_ms(lease, begins_ms)
        held = Held(lease, home_ms, steady_s + (home_ms - now_ms) / 1e3)
        earlier = [other for other in self._held if other.lease.not_before_ms < lease.not_before_ms]
        self._held = [*earlier, held]
        self.taken += 1


def read_lease(payload: bytes) -> tuple[SealedLease, Lease] | None:
    """Decode what came down, believing nothing of it yet; None where it is no lease."""
    try:
        sealed = _SEALED.decode(payload)
        return sealed, _LEASE.decode(sealed.lease)
    except _UNREADABLE:
        return None


def _early_ms(lease: Lease, begins_ms: int) -> int:
    """Return how much before its end this device begins its way home.

    It follows from lease and device, so that a fleet whose leases end at one second does not turn at one
    second, and the same lease always gives the same moment.
    """
    drawn = int.from_bytes(hashlib.sha256(f"{lease.lease} {lease.device}".encode()).digest()[:8])
    span_ms = min(EARLIEST_HOME_MS, (lease.until_ms - begins_ms) // 4)
    return drawn * span_ms >> 64


def _is_sound(lease: Lease) -> bool:
    power_kw = 0.0 if lease.power_kw is None else lease.power_kw
    export_kw = 0.0 if lease.export_limit_kw is None else lease.export_limit_kw
    ramp = lease.ramp_kw_per_min
    return isfinite(power_kw) and isfinite(ramp) and ramp > 0.0 and 0.0 <= export_kw < inf
