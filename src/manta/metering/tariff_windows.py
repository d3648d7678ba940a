"""What aemo-to-tariff adds to spot, asked for half hour by half hour and put together into windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from manta.domain.tariff import ALL_WEEKDAYS, GST_SHARE, Hours, Window

PER_MWH_OF_CENTS = 10.0
"""A cent a kWh is ten dollars a MWh."""
_HALVES = range(48)
_FIRST_SAMPLE = 15
"""Of a month: the week that begins then holds each weekday once, and clocks never change in it."""
_FIVE_MINUTES = timedelta(minutes=5)
_SPOT = 1_000.0
_JULY = 7


@dataclass(frozen=True, slots=True)
class Period:
    """A row of the library's own table; it tells what a window is called, and where none is meant to be."""

    name: str
    first: int | None
    """Half hour of the day; None where the row holds whenever no other does."""
    last: int | None
    cents: float

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """Read a row: name, begin, end, perhaps months, and price in cents a kWh."""
        return cls(str(row[0]), _half(row[1]), _half(row[2]), float(row[-1]))

    def holds(self, half: int) -> bool:
        """Say whether a half hour of the day falls within."""
        if self.first is None or self.last is None:
            return True
        if self.first < self.last:
            return self.first <= half < self.last
        return half >= self.first or half < self.last


def _half(mark: time | None) -> int | None:
    """Return a mark of the table as a half hour; 23:59 stands for the end of the day, 14:59 for 15:00."""
    if mark is None:
        return None
    minutes = -(-(mark.hour * 60 + mark.minute) // 5) * 5
    if minutes % 30:
        raise ValueError(
            f"a period of it begins or ends at {mark:%H:%M}, which leaves minutes without a price"
        )
    return minutes // 30


@dataclass(frozen=True, slots=True)
class Question:
    """What the library is asked: one tariff, one direction, one financial year."""

    ask: Callable[[datetime, str, float], float]
    """Interval end, code and spot in $/MWh; answers in cents a kWh."""
    code: str
    zone: str
    year: int
    """In which the financial year begins."""
    gst: bool
    """Whether GST is in the answer, and has to be taken out of it."""

    def adder(self, month: int, weekday: int, half: int) -> float:
        """Return what is added to spot, in cents a kWh before GST, in a half hour of such days."""
        begins = self._day(month, weekday) + timedelta(minutes=30 * half)
        added = self.ask(begins + _FIVE_MINUTES, self.code, 0.0)
        passed = self.ask(begins + _FIVE_MINUTES, self.code, _SPOT) - added
        if abs(passed * PER_MWH_OF_CENTS - _SPOT) > 1e-6:
            raise ValueError(f"no price at {begins:%H:%M} in month {month}, but an approximation")
        return round(added / (1 + GST_SHARE) if self.gst else added, 6)

    def _day(self, month: int, weekday: int) -> datetime:
        first = date(self.year if month >= _JULY else self.year + 1, month, _FIRST_SAMPLE)
        day = first + timedelta(days=(weekday - first.weekday()) % 7)
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone))


_Run = tuple[int, int, float]
"""First half hour, last, and what is added."""


def read_windows(question: Question, periods: Sequence[Period] | None) -> tuple[Window, ...]:
    """Return the windows of a tariff; with a table, each half hour of it has to be in one of its rows."""
    if periods is not None:
        for half in _HALVES:
            if not any(period.holds(half) for period in periods):
                raise ValueError(f"no period of it holds at {_clock(half):%H:%M}")
    alike: defaultdict[tuple[frozenset[int], tuple[_Run, ...]], set[int]] = defaultdict(set)
    for month in range(1, 13):
        for weekdays, runs in _days(question, month):
            alike[weekdays, runs].add(month)
    return tuple(
        Window(
            _name(periods, first, cents),
            Hours(_clock(first), _clock(last), frozenset(months), weekdays),
            round(cents * PER_MWH_OF_CENTS, 6),
        )
        for (weekdays, runs), months in alike.items()
        for first, last, cents in runs
    )


def _days(question: Question, month: int) -> list[tuple[frozenset[int], tuple[_Run, ...]]]:
    """Return the kinds of day that a month has."""
    kinds: defaultdict[tuple[_Run, ...], set[int]] = defaultdict(set)
    for weekday in sorted(ALL_WEEKDAYS):
        cents = [question.adder(month, weekday, half) for half in _HALVES]
        edges = [0, *(half for half in _HALVES[1:] if cents[half] != cents[half - 1]), len(_HALVES)]
        runs = tuple((first, last, cents[first]) for first, last in zip(edges[:-1], edges[1:], strict=True))
        kinds[runs].add(weekday)
    return [(frozenset(weekdays), runs) for runs, weekdays in kinds.items()]


def _name(periods: Sequence[Period] | None, first: int, cents: float) -> str:
    """Call a window as the table does; one for energy sent by what it does."""
    if periods is None:
        return "credit" if cents > 0 else "charge" if cents < 0 else "spot"
    fitting = [period for period in periods if abs(period.cents - cents) < 1e-5]
    here = [period for period in fitting if period.holds(first)]
    return (here or fitting)[0].name if fitting else "other"


def _clock(half: int) -> time:
    return time(half // 2 % 24, half % 2 * 30)
