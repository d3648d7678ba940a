"""Damaged inputs thrown at parsers: nothing but a result or the declared refusal may come out, and soon.

An input is made of a seed number and its own number alone, so that any one of them can be made again. What
raises anything else, takes longer than ``SECONDS_EACH`` of processor time, or makes the process grow by more
than ``MOST_GROWTH_MB`` is printed, made smaller where that is simple, and fails the run.
"""

import random
import re
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from scripts.fuzz_changes import Change, pack, recount

SECONDS_EACH = 2.0
MOST_GROWTH_MB = 256.0
"""Beyond what the process had after its first inputs."""
WARM = 500
SHOWN_EACH_S = 10.0
_SHRINKS = 400
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|[-+]?[\d,]*\.?\d+")


class TooLong(BaseException):
    """An input's time is over; no parser may catch it."""


@dataclass(frozen=True, slots=True)
class Parser:
    """What is thrown at: seeds, how they are damaged, who reads them, and how it may refuse."""

    name: str
    read: Callable[[bytes], object]
    refuses: type[Exception]
    seeds: Sequence[bytes]
    changes: Sequence[Change]
    packs: float = 0.0
    """How many of a hundred inputs are put into a zip, as a fraction."""


@dataclass(slots=True)
class Figures:
    """What came of a run."""

    inputs: int = 0
    accepted: int = 0
    failed: int = 0
    worst_ms: float = 0.0
    seconds: float = 0.0
    grown_mb: float = 0.0
    causes: Counter[str] = field(default_factory=Counter)


def made(parser: Parser, seed: int, number: int) -> bytes:
    """Return one damaged input."""
    luck = random.Random(seed * 1_000_000_007 + number)
    body = luck.choice(parser.seeds)
    for _ in range(luck.choice((0, 1, 1, 1, 2, 2, 3, 5))):
        body = luck.choice(parser.changes)(body, luck)
    if recount in parser.changes and luck.random() < 0.5:
        body = recount(body, luck)
    return pack(body, luck) if luck.random() < parser.packs else body


def run(parser: Parser, seed: int, numbers: range, told: Callable[[str], None]) -> Figures:
    """Throw a range of inputs at a parser; what fails is told, and so is the progress."""
    figures = Figures()
    began = shown = time.perf_counter()
    base_mb = most_mb = peak_mb()
    with _interrupted_when_too_long():
        for number in numbers:
            body = made(parser, seed, number)
            fault = tried(parser, body, figures)
            grown_mb = peak_mb() - base_mb
            if figures.inputs <= WARM:
                base_mb, most_mb = peak_mb(), MOST_GROWTH_MB
            elif grown_mb > most_mb:
                fault, most_mb = fault or f"it grew by {grown_mb:.0f} MB", grown_mb + MOST_GROWTH_MB
            if fault:
                figures.failed += 1
                smaller = shrunk(parser, body, fault)
                told(f"{parser.name}: input {number} of seed {seed}: {fault}\n  {smaller!r}"[:6_000])
            if time.perf_counter() - shown > SHOWN_EACH_S:
                shown = time.perf_counter()
                rate = figures.inputs / (shown - began)
                told(f"{parser.name} {figures.inputs:,} of {len(numbers):,}, {rate:,.0f} a second")
    figures.seconds = time.perf_counter() - began
    figures.grown_mb = peak_mb() - base_mb
    return figures


def tried(parser: Parser, body: bytes, figures: Figures) -> str:
    """Read one input and count how that went; return what it did that it must not, if anything."""
    fault, began = "", time.process_time()
    signal.setitimer(signal.ITIMER_PROF, SECONDS_EACH)
    try:
        parser.read(body)
        figures.accepted += 1
    except parser.refuses as error:
        figures.causes[_VARYING.sub("#", str(getattr(error, "cause", error)))[:60]] += 1
    except (Exception, TooLong) as error:  # noqa: BLE001  # this is what is looked for
        fault = f"{type(error).__name__}: {error}"[:500]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    seconds = time.process_time() - began
    figures.inputs += 1
    figures.worst_ms = max(figures.worst_ms, seconds * 1e3)
    return fault or (f"it took {seconds:.1f} s" if seconds > SECONDS_EACH else "")


def shrunk(parser: Parser, body: bytes, fault: str) -> bytes:
    """Return less of an input that fails in the same way, found by leaving pieces out."""
    kind, tries, size = fault.split(":")[0], _SHRINKS, len(body) // 2
    while size and tries > 0 and not fault.startswith("it "):
        for at in range(0, len(body), size):
            tries -= 1
            less = body[:at] + body[at + size :]
            if tried(parser, less, Figures()).split(":")[0] == kind:
                body = less
                break
        else:
            size //= 2
    return body


@contextmanager
def _interrupted_when_too_long() -> Iterator[None]:
    def interrupt(_signal: int, _frame: object) -> None:
        raise TooLong(f"more than {SECONDS_EACH} s of processor time")

    before = signal.signal(signal.SIGPROF, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, before)


def peak_mb() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
