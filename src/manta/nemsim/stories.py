"""Stories told over the simulated market, and the schedule that survives the storyteller."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Literal

from manta.domain.market import Region
from manta.domain.reference import FLOOR_PER_MWH, administered_cap_per_mwh, cap_per_mwh
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval
from manta.wire.stories import OUTLINES, StoryName

SPIKE_PER_MWH = 12_500.0
MAINLAND = frozenset({Region.NSW, Region.VIC, Region.QLD, Region.SA})


class Standing(StrEnum):
    """Under what rules the market runs."""

    OPEN = "open"
    ADMINISTERED = "administered"
    """The cumulative price has crossed its threshold: prices are held between the administered bounds."""
    SUSPENDED = "suspended"
    """AEMO has suspended the market, as from 15 to 24 June 2022."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """How the files of a story's intervals go wrong: late, or not firm and that much later firm."""

    kind: Literal["late", "not_firm"]
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class Story:
    """Some regions at one price for a while, whatever the day would have brought."""

    name: StoryName
    first: DispatchInterval
    count: int
    per_mwh: float
    """$/MWh; $/MW/h where it is about services."""
    regions: frozenset[Region]
    """Whose price it sets; none where it is about files or notices alone."""
    services: frozenset[str] = frozenset()
    """The FCAS services whose price it sets, instead of that of energy."""
    standing: Standing = Standing.OPEN
    uncapped_per_mwh: float | None = None
    """What the price would have been without administration, which is what counts toward the threshold."""
    mishap: Mishap | None = None
    is_withdrawn: bool = False
    """AEMO rejects the price: it stands in the first, not firm file and in none after it."""
    notice: str = ""
    """The text of a market notice published when it begins."""

    def __hash__(self) -> int:
        """Hash what tells stories apart; the market asks a thousand times a minute."""
        return hash((self.name, self.first.end))

    @property
    def begins(self) -> datetime:
        """When its first interval starts."""
        return self.first.start

    @property
    def ends(self) -> datetime:
        """When its last interval is over."""
        return self.first.start + self.count * FIVE_MINUTES

    @property
    def intervals(self) -> Sequence[DispatchInterval]:
        """The intervals it is told over."""
        return [DispatchInterval(self.first.end + n * FIVE_MINUTES) for n in range(self.count)]

    @property
    def counts_per_mwh(self) -> float:
        """What counts toward the threshold of administered pricing."""
        return self.per_mwh if self.uncapped_per_mwh is None else self.uncapped_per_mwh

    def spans(self, interval: DispatchInterval) -> bool:
        """Tell whether it is told over an interval."""
        return self.first.end <= interval.end <= self.ends

    def tells(self, region: Region, interval: DispatchInterval) -> bool:
        """Tell whether this story sets the energy price of a region in an interval, and lets it stand."""
        about_energy = not self.services and not self.is_withdrawn
        return about_energy and region in self.regions and self.spans(interval)

    def tells_service(self, service: str, region: Region, interval: DispatchInterval) -> bool:
        """Tell whether this story sets the price of a service."""
        return service in self.services and region in self.regions and self.spans(interval)


class UnknownStoryError(ValueError):
    """Nobody knows a story of that name."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A story's name and times, waiting for what happens in it."""

    name: StoryName
    first: DispatchInterval

    def __call__(self, per_mwh: float, regions: frozenset[Region]) -> Story:
        """Return the story at a price in some regions, and nothing else."""
        return Story(self.name, self.first, OUTLINES[self.name].lasts // FIVE_MINUTES, per_mwh, regions)


def _spike(told: _Told) -> Story:
    return told(SPIKE_PER_MWH, MAINLAND)


def _negative(told: _Told) -> Story:
    """Tell of two hours in which the sun is more than anybody wants."""
    return told(-45.0, MAINLAND)


def _cap(told: _Told) -> Story:
    return told(cap_per_mwh(told.first), MAINLAND)


def _administered(told: _Told) -> Story:
    held = replace(told(administered_cap_per_mwh(told.first), MAINLAND), standing=Standing.ADMINISTERED)
    return replace(held, uncapped_per_mwh=SPIKE_PER_MWH)


def _administered_floor(told: _Told) -> Story:
    held = replace(told(-administered_cap_per_mwh(told.first), MAINLAND), standing=Standing.ADMINISTERED)
    return replace(held, uncapped_per_mwh=FLOOR_PER_MWH)


def _suspension(told: _Told) -> Story:
    """Tell of the whole market suspended, at the administered cap, as on 15 June 2022."""
    held = told(administered_cap_per_mwh(told.first), frozenset(Region))
    return replace(held, standing=Standing.SUSPENDED)


def _revised(told: _Told) -> Story:
    """Tell of a price that is wrong, published as not firm and replaced ten minutes later."""
    mishap = Mishap("not_firm", timedelta(minutes=10))
    return replace(told(15_000.0, MAINLAND), mishap=mishap, is_withdrawn=True)


def _late(told: _Told) -> Story:
    return replace(told(0.0, frozenset()), mishap=Mishap("late", timedelta(minutes=7)))


def _fcas(told: _Told) -> Story:
    return replace(told(9_999.0, MAINLAND), services=RAISED)


def _lor3(told: _Told) -> Story:
    local = told.first.start.astimezone(NEM_TIME)
    story = told(0.0, frozenset())
    begins, ends = (f"{at:%H%M} hrs" for at in (local, story.ends.astimezone(NEM_TIME)))
    notice = (
        f"Actual Lack Of Reserve Level 3 (LOR3) in the NSW Region - {local:%d/%m/%Y}\n\n"
        f"An Actual LOR3 condition has been declared in the NSW region from {begins}.\n\n"
        f"The Actual LOR3 condition is forecast to exist until {ends}."
    )
    return replace(story, notice=notice)


RAISED = frozenset({"RAISE1SEC", "RAISE6SEC", "RAISE60SEC", "RAISE5MIN", "RAISEREG"})
STORIES: Mapping[StoryName, Callable[[_Told], Story]] = {
    StoryName.SPIKE: _spike,
    StoryName.NEGATIVE: _negative,
    StoryName.CAP: _cap,
    StoryName.ADMINISTERED: _administered,
    StoryName.ADMINISTERED_FLOOR: _administered_floor,
    StoryName.SUSPENSION: _suspension,
    StoryName.REVISED: _revised,
    StoryName.LATE: _late,
    StoryName.FCAS: _fcas,
    StoryName.LOR3: _lor3,
}


def story(name: str, at: datetime) -> Story:
    """Return a story as it would be told from the first dispatch interval that starts at or after ``at``."""
    if name not in STORIES:
        known = ", ".join(repr(each.value) for each in STORIES)
        raise UnknownStoryError(f"there is no story {name!r}; there is {known}")
    current = DispatchInterval.containing(at)
    first = current if current.start == at else DispatchInterval(current.end + FIVE_MINUTES)
    return STORIES[StoryName(name)](_Told(StoryName(name), first))


class StoryBook:
    """The stories that were started, written down before anyone is told of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stories: list[Story] = []
        self._origin: datetime | None = None
        if path.exists():
            self._read()

    @property
    def stories(self) -> Sequence[Story]:
        """Every story of this market, running, past and to come."""
        return tuple(self._stories)

    def running(self, at: datetime) -> Story | None:
        """Return the story that runs or is about to, if any."""
        return next((s for s in self._stories if at < s.ends), None)

    def start(self, name: str, at: datetime) -> tuple[Story, str]:
        """Start a story with the next interval; one that has not ended yet is returned instead, and why."""
        if before := self.running(at):
            return before, f"{before.name} has not ended yet"
        begun = story(name, at)
        self._stories.append(begun)
        self._write()
        return begun, ""

    def begin_day(self, origin: datetime, at: datetime, now: datetime) -> Story | None:
        """Start story 1 by itself at an instant, once for each time that the world was started."""
        if self._origin == origin:
            return None
        self._origin = origin
        begun, because = self.start(StoryName.SPIKE, max(at, now))
        if because:
            self._write()
        return None if because else begun

    def _read(self) -> None:
        book = json.loads(self._path.read_text())
        self._origin = datetime.fromisoformat(book["origin"]) if book["origin"] else None
        self._stories = [
            story(told["name"], datetime.fromisoformat(told["begins"])) for told in book["stories"]
        ]

    def _write(self) -> None:
        """Replace the book at once, so that a kill leaves the old one or the new one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        book = {
            "origin": self._origin.isoformat() if self._origin else None,
            "stories": [{"name": s.name.value, "begins": s.begins.isoformat()} for s in self._stories],
        }
        beside = self._path.with_suffix(".new")
        with beside.open("w") as file:
            json.dump(book, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
