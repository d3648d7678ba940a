"""How often a vendor's cloud may be asked: counted for each account and site, with a part kept for commands.

A call is counted in a slice of its window and forgotten only when that whole slice is past, so that no
window, wherever it begins, holds more than was allowed. The count is small and is carried over a restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

import msgspec

SLICES = 24
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class Urgency(Enum):
    """What a call is for; a less urgent one leaves untouched what is kept for the more urgent."""

    READ = "read"
    COMMAND = "command"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Allowance:
    """Calls that a vendor permits within any window of a length."""

    calls: int
    window: timedelta
    for_commands: int = 0
    """Of these calls, kept from reads."""
    for_releases: int = 0
    """Of these calls, kept from reads and commands."""

    def __post_init__(self) -> None:
        if self.window <= timedelta() or self.for_commands < 0 or self.for_releases < 0:
            raise ValueError("an allowance has a window, and keeps no negative number of calls")
        if self.for_commands + self.for_releases > self.calls:
            raise ValueError(f"of {self.calls} calls no more than these can be kept")

    def most(self, urgency: Urgency) -> int:
        """Return how many calls of a window this urgency may bring it to."""
        kept = 0 if urgency is Urgency.RELEASE else self.for_releases
        return self.calls - kept - (self.for_commands if urgency is Urgency.READ else 0)


class Budget:
    """One allowance, and what was spent of it."""

    def __init__(self, allowance: Allowance, spent: Mapping[int, int] | None = None) -> None:
        self.allowance = allowance
        self._slice = max(allowance.window // SLICES, _TICK)
        self._spent = dict(spent or {})

    @property
    def spent(self) -> Mapping[int, int]:
        """Calls by slice: what a restart must carry over."""
        return self._spent

    def ready_at(self, at: datetime, urgency: Urgency) -> datetime | None:
        """Return when one more call may be made, from ``at`` on; None where it never may."""
        most = self.allowance.most(urgency)
        if most < 1:
            return None
        self._forget(at)
        used = sum(self._spent.values())
        ready_at = at
        for slot in sorted(self._spent):
            if used < most:
                break
            used -= self._spent[slot]
            ready_at = self._forgotten_at(slot)
        return ready_at

    def spend(self, at: datetime) -> None:
        """Count one call."""
        slot = (at - _EPOCH) // self._slice
        self._spent[slot] = self._spent.get(slot, 0) + 1

    def _forget(self, at: datetime) -> None:
        for slot in [slot for slot in self._spent if self._forgotten_at(slot) <= at]:
            del self._spent[slot]

    def _forgotten_at(self, slot: int) -> datetime:
        return _EPOCH + (slot + 1) * self._slice + self.allowance.window


@dataclass(frozen=True, slots=True)
class Limits:
    """What a vendor permits: by purse, that is by kind of call, for an account and for each site of it."""

    account: Mapping[str, tuple[Allowance, ...]] = field(default_factory=dict)
    site: Mapping[str, tuple[Allowance, ...]] = field(default_factory=dict)


type Spent = dict[str, dict[int, int]]


class Purses:
    """Every budget of one account; a call is paid from the account's and from its site's."""

    def __init__(self, limits: Limits, state: bytes = b"{}") -> None:
        self._limits = limits
        self._carried = msgspec.json.decode(state, type=Spent)
        self._budgets: dict[str, Budget] = {}

    def ready_at(self, purse: str, site: str, at: datetime, urgency: Urgency) -> datetime | None:
        """Return when one more call may be made, from ``at`` on; None where it never may."""
        ready_at = at
        for budget in self._of(purse, site):
            free_at = budget.ready_at(at, urgency)
            if free_at is None:
                return None
            ready_at = max(ready_at, free_at)
        return ready_at

    def spend(self, purse: str, site: str, at: datetime) -> None:
        """Count one call in each budget that pays for it."""
        for budget in self._of(purse, site):
            budget.spend(at)

    def state(self) -> bytes:
        """Return what a restart must be given."""
        spent = {name: dict(budget.spent) for name, budget in self._budgets.items()}
        return msgspec.json.encode(self._carried | spent)

    def _of(self, purse: str, site: str) -> Iterator[Budget]:
        for owner, allowed in (("", self._limits.account), (site, self._limits.site)):
            for n, allowance in enumerate(allowed.get(purse, ())):
                name = f"{owner}/{purse}/{n}"
                if name not in self._budgets:
                    self._budgets[name] = Budget(allowance, self._carried.get(name))
                yield self._budgets[name]
