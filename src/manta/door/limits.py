"""How fast somebody may ask: token buckets, one for each address, user or sign-in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

MOST_KEYS = 10_000


class Buckets:
    """A bucket of tokens for each key, refilled as time goes by; the longest unused are forgotten first."""

    def __init__(self, *, burst: int, per_s: float) -> None:
        self._burst = float(burst)
        self._per_s = per_s
        self._level: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def take(self, key: str, at: datetime) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        level, before = self._level.pop(key, (self._burst, at))
        level = min(self._burst, level + max(0.0, (at - before).total_seconds()) * self._per_s)
        wait_s = 0.0 if level >= 1 else (1 - level) / self._per_s
        self._level[key] = (level - 1 if level >= 1 else level, at)
        if len(self._level) > MOST_KEYS:
            self._level.popitem(last=False)
        return wait_s


@dataclass(frozen=True, slots=True)
class Limits:
    """The buckets of one process."""

    addresses: Buckets = field(default_factory=lambda: Buckets(burst=300, per_s=100))
    users: Buckets = field(default_factory=lambda: Buckets(burst=150, per_s=50))
    sign_in_addresses: Buckets = field(default_factory=lambda: Buckets(burst=30, per_s=0.5))
    sign_in_accounts: Buckets = field(default_factory=lambda: Buckets(burst=10, per_s=1 / 6))
    """Each address and e-mail together, so that nobody can lock another one out from afar."""
