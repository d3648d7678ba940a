"""NEMWEB's other directories: what stands in each, under which name, and how long after its run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from threading import Lock

from manta.domain.time import FIVE_MINUTES, HALF_HOUR, NEM_TIME, DispatchInterval
from manta.nemsim import reports
from manta.nemsim.dispatchis import packed
from manta.nemsim.market import SimulatedMarket

OFFERED = timedelta(hours=3)
"""How far back these files are listed; AEMO goes back days, and a listing states the size of each."""
_KEPT = 100
_ORIGIN = datetime(2000, 1, 1, tzinfo=NEM_TIME)

type Writer = Callable[[SimulatedMarket, datetime, datetime, int], bytes]
"""From market, time in the name, instant of publication and number to the report."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A directory of NEMWEB and the files that appear in it."""

    directory: str
    prefix: str
    every: timedelta
    after: tuple[timedelta, timedelta]
    """Published between these after the time in its name; before it, where a run is named for its end."""
    write: Writer
    stamp: str = "%Y%m%d%H%M"
    """How the time in its name is spelled."""


@dataclass(frozen=True, slots=True)
class ShelvedFile:
    """One file as it is listed."""

    name: str
    directory: str
    of: datetime
    at: datetime
    number: int

    @property
    def path(self) -> str:
        """Where it is, spelled as NEMWEB spells its listings."""
        return f"/REPORTS/CURRENT/{self.directory}/{self.name}"


def _after(begins: timedelta, earliest_s: float, latest_s: float) -> tuple[timedelta, timedelta]:
    return begins + timedelta(seconds=earliest_s), begins + timedelta(seconds=latest_s)


def _trading(market: SimulatedMarket, of: datetime, at: datetime, number: int) -> bytes:
    return reports.trading(market, DispatchInterval(of), at, number)


SHELVES = (
    Shelf("TradingIS_Reports", "TRADINGIS", FIVE_MINUTES, _after(FIVE_MINUTES, 5, 15), _trading),
    Shelf("P5_Reports", "P5MIN", FIVE_MINUTES, _after(-FIVE_MINUTES, 40, 50), reports.five_minutes),
    Shelf("PredispatchIS_Reports", "PREDISPATCHIS", HALF_HOUR, _after(-HALF_HOUR, 50, 136),
          reports.predispatch),
    Shelf("ROOFTOP_PV/ACTUAL", "ROOFTOP_PV_ACTUAL_MEASUREMENT", HALF_HOUR, _after(timedelta(), 1_125, 1_185),
          reports.rooftop, "%Y%m%d%H%M%S"),
)  # fmt: skip
"""Delays: the one genuine trading row at hand changed 5 min 7 s after its interval; 1,488 pre-dispatch runs
took 50 to 136 s; P5MIN and rooftop from one file each."""
NOTICES = "Market_Notice"


@dataclass(slots=True)
class Librarian:
    """What stands in one of those directories now: a function of the clock and the seed."""

    shelf: Shelf
    market: Callable[[], SimulatedMarket]
    now: Callable[[], datetime]
    seed: int
    _ready: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    _turn: Lock = field(default_factory=Lock)
    """Two who ask at once are served the same bytes."""

    @property
    def directory(self) -> str:
        """Where it is, below Reports/Current."""
        return self.shelf.directory

    def files(self) -> Sequence[ShelvedFile]:
        """Return what is on offer now, oldest first."""
        now = self.now()
        latest = now - self.shelf.after[0]
        newest = latest - (latest - _ORIGIN) % self.shelf.every
        count = OFFERED // self.shelf.every
        files = (self._file(newest - n * self.shelf.every) for n in reversed(range(count)))
        return [file for file in files if file.at <= now]

    def body(self, file: ShelvedFile) -> bytes:
        """Return the bytes of a file."""
        with self._turn:
            if file.name not in self._ready:
                csv = self.shelf.write(self.market(), file.of, file.at, file.number)
                self._ready[file.name] = packed(f"{file.name.removesuffix('.zip')}.CSV", csv, file.at)
                while len(self._ready) > _KEPT:
                    self._ready.popitem(last=False)
            return self._ready[file.name]

    def _file(self, of: datetime) -> ShelvedFile:
        shelf = self.shelf
        random = Random(f"{self.seed}/{shelf.prefix}/{of.timestamp():.0f}")  # noqa: S311 - a simulation
        earliest, latest = shelf.after
        at = of + earliest + random.random() * (latest - earliest)
        number = int(of.timestamp()) * 10
        name = f"PUBLIC_{shelf.prefix}_{of.astimezone(NEM_TIME):{shelf.stamp}}_{number:016d}.zip"
        return ShelvedFile(name, shelf.directory, of, at, number)


@dataclass(slots=True)
class NoticeBoard:
    """The market notices of the stories that were started, as text files."""

    market: Callable[[], SimulatedMarket]
    now: Callable[[], datetime]
    directory: str = NOTICES

    def files(self) -> Sequence[ShelvedFile]:
        """Return the notices published so far, oldest first."""
        stories = (story for story in self.market().stories if story.notice and story.begins <= self.now())
        return [_notice(story.begins) for story in sorted(stories, key=lambda story: story.begins)]

    def body(self, file: ShelvedFile) -> bytes:
        """Return the text of a notice."""
        stories = self.market().stories
        told = next(story for story in stories if story.notice and story.begins == file.of)
        return reports.notice(told, file.number)


def _notice(begins: datetime) -> ShelvedFile:
    number = int(begins.timestamp()) // 300 % 1_000_000
    name = f"NEMITWEB1_MKTNOTICE_{begins.astimezone(NEM_TIME):%Y%m%d}.R{number:06d}"
    return ShelvedFile(name, NOTICES, begins, begins, number)
