"""Leases as the governor sends them."""

from datetime import UTC, datetime, timedelta

import msgspec

from manta.domain.time import epoch_ms
from manta.wire.device import Lease, SealedLease
from manta.wire.seal import device_key, seal

NOON = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
NOON_MS = epoch_ms(NOON)
BATTERY = "h-box-battery1"
KEY = device_key(b"m" * 32, BATTERY)


def lease(sequence=1, **changed) -> Lease:
    """A lease of five minutes from noon on."""
    base = Lease(
        lease=f"lease-{sequence}",
        device=BATTERY,
        epoch=1,
        sequence=sequence,
        power_kw=3.0,
        export_limit_kw=None,
        not_before_ms=NOON_MS,
        until_ms=NOON_MS + 300_000,
        ramp_kw_per_min=6.0,
        default="self_consumption",
        trace="t",
    )
    return msgspec.structs.replace(base, **changed)


def packed(given: Lease, key: bytes = KEY) -> bytes:
    """As it travels."""
    body = msgspec.msgpack.encode(given)
    return msgspec.msgpack.encode(SealedLease(body, seal(key, body)))


class Hands:
    """A wall and a steady clock that a test turns, and may set against each other."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at
        self.s = 1_000.0

    def wall(self) -> datetime:
        return self.at

    def steady_s(self) -> float:
        return self.s

    def go(self, seconds: float) -> None:
        self.s += seconds
        self.at += timedelta(seconds=seconds)
