"""Clocks: the wall's, and one that shows a summer evening at any speed. The only file that reads the wall."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from manta.domain.time import NEM_TIME

LONGEST_NAP_S = 5.0
"""A clock may be set while we sleep, so we look again this often."""
EVENING = timedelta(hours=17, minutes=52)
FIRST_EVENING = datetime(2027, 1, 14, tzinfo=NEM_TIME) + EVENING
SUMMER = (12, 1, 2)


def wall() -> datetime:
    """Return the present instant as this machine has it."""
    return datetime.now(UTC)  # noqa: TID251 - the one place


class WallClock:
    """The machine's own time, for the live world."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        return wall()

    async def sleep_until(self, at: datetime) -> None:
        """Return once it is that late."""
        while (left_s := (at - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - time is no event
            await asyncio.sleep(min(left_s, LONGEST_NAP_S))


@dataclass(frozen=True, slots=True)
class ClockSetting:
    """How simulated time runs: ``origin`` when the wall said ``wall_origin``, and from there at ``speed``."""

    origin: datetime
    wall_origin: datetime
    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.origin.tzinfo is None or self.wall_origin.tzinfo is None:
            raise ValueError("a clock is set with aware instants")
        if not 0 < self.speed <= 10_000:
            raise ValueError(f"simulated time runs forward, at most 10,000 times as fast, was {self.speed}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``<origin>|<wall origin>|<speed>``, instants as ISO 8601 with their offset."""
        parts = text.split("|")
        if len(parts) != 3:
            raise ValueError(f"a clock is <origin>|<wall origin>|<speed>, was {text!r}")
        return cls(datetime.fromisoformat(parts[0]), datetime.fromisoformat(parts[1]), float(parts[2]))

    def __str__(self) -> str:
        return f"{self.origin.isoformat()}|{self.wall_origin.isoformat()}|{self.speed!r}"


class SimulatedClock:
    """Time that began where we set it; within a process it never runs back, whatever is done to the wall."""

    def __init__(
        self,
        setting: ClockSetting,
        wall: Callable[[], datetime] = wall,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speed = setting.speed
        self._origin = setting.origin.astimezone(UTC) + (wall() - setting.wall_origin) * setting.speed
        self._monotonic_s = monotonic_s
        self._began_s = monotonic_s()

    def now(self) -> datetime:
        """Return the simulated instant, UTC."""
        return self._origin + timedelta(seconds=(self._monotonic_s() - self._began_s) * self._speed)

    async def sleep_until(self, at: datetime) -> None:
        """Return once it is that late in simulated time."""
        while (left := at - self.now()) > timedelta(0):  # noqa: ASYNC110 - time is no event
            await asyncio.sleep(max(left.total_seconds() / self._speed, 1e-6))


def next_evening(after: datetime | None) -> datetime:
    """Return the summer evening (17:52 NEM time) strictly after an instant, or the first if none was."""
    if after is None:
        return FIRST_EVENING.astimezone(UTC)
    local = after.astimezone(NEM_TIME)
    evening = local.replace(hour=0, minute=0, second=0, microsecond=0) + EVENING
    if evening <= local:
        evening += timedelta(days=1)
    if evening.month not in SUMMER:
        evening = evening.replace(month=12, day=1)
    return evening.astimezone(UTC)
