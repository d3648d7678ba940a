"""The fault language: one line a fault, the same in tests, demonstrations and documents.

    at 18:05 lose comms 30% region=NSW1 for 12m
    freeze 5%
    duplicate 10% vpp=harbour-qld
    skew 3% by -7m
    at 18:10:30 delay acks 20% by 30s for 5m

``at`` is market time of day; without it a fault is there from the start, without ``for`` it stays. Which
sites a fault falls on depends on the seed and the fault's own words alone, so a run can be had again.
Lines end with a newline or ``;``, and ``#`` begins a remark.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import REGIONS

DAY_MS = 86_400_000
_NEM_MS = 10 * 3_600_000
_MOMENT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_SPAN = re.compile(r"([+-]?)(\d+(?:\.\d+)?)(ms|s|m|h)")
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


class FaultError(ValueError):
    """A line that is not a fault, and what it should have said."""


class Kind(StrEnum):
    """What goes wrong."""

    LOSE_COMMS = "lose comms"
    FREEZE = "freeze"
    DUPLICATE = "duplicate"
    SKEW = "skew"
    DELAY_ACKS = "delay acks"


_NEEDS_BY = {Kind.SKEW, Kind.DELAY_ACKS}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong at some of the sites for some of the time."""

    kind: Kind
    share: float
    """Of the sites that the filters leave, 0 to 1."""
    words: str
    """The fault as written, without its times."""
    begins_ms: int | None = None
    """Since midnight, market time; None from the start."""
    lasts_ms: int | None = None
    by_ms: int = 0
    region: str | None = None
    vpp: str | None = None

    def is_on(self, now_ms: int, started_ms: int) -> bool:
        """Tell whether it is on, in a world that began at some instant."""
        begin_ms = started_ms
        if self.begins_ms is not None:
            midnight_ms = (started_ms + _NEM_MS) // DAY_MS * DAY_MS - _NEM_MS
            begin_ms = midnight_ms + self.begins_ms
            while begin_ms + (self.lasts_ms or DAY_MS) <= started_ms:
                begin_ms += DAY_MS
        return begin_ms <= now_ms and (self.lasts_ms is None or now_ms < begin_ms + self.lasts_ms)


def parse(text: str) -> tuple[Fault, ...]:
    """Read faults; FaultError names the line and what is wrong with it."""
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        for part in line.split("#")[0].split(";"):
            if words := part.split():
                try:
                    faults.append(_fault(words))
                except FaultError as error:
                    raise FaultError(f"line {number}, {part.strip()!r}: {error}") from None
    return tuple(faults)


def _fault(words: list[str]) -> Fault:
    begins_ms = None
    if words[0] == "at":
        begins_ms, words = _moment(_next(words, 1, "a time such as 18:05")), words[2:]
    kind, words = _kind(words)
    share, words = _share(_next(words, 0, "a share such as 30%")), words[1:]
    named: dict[str, str] = {}
    while words:
        if "=" in words[0]:
            name, _, value = words[0].partition("=")
            taken = 1
        else:
            name, value = words[0], _next(words, 1, f"a time such as 30s after '{words[0]}'")
            taken = 2
        if name not in ("by", "for", "region", "vpp") or (taken == 1) != (name in ("region", "vpp")):
            raise FaultError(f"'{words[0]}' is none of 'by 30s', 'for 12m', region=NSW1, vpp=name")
        if not value or name in named:
            raise FaultError(f"'{name}' is said twice" if value else f"'{name}=' names nothing")
        named[name], words = value, words[taken:]
    return _complete(kind, share, begins_ms, named)


def _complete(kind: Kind, share: float, begins_ms: int | None, named: dict[str, str]) -> Fault:
    if (kind in _NEEDS_BY) != ("by" in named):
        how = "needs" if kind in _NEEDS_BY else "takes no"
        raise FaultError(f"'{kind}' {how} 'by' and a time")
    by_ms = _span(named.get("by", "0s"))
    lasts_ms = _span(named["for"]) if "for" in named else None
    if (kind is Kind.DELAY_ACKS and by_ms <= 0) or (lasts_ms is not None and lasts_ms <= 0):
        raise FaultError("a delay or a length of time is more than nothing")
    region = named.get("region")
    if region is not None and region not in tuple(REGIONS):
        raise FaultError(f"region={region} is none of {', '.join(REGIONS)}")
    words = f"{kind} {share} {named.get('by')} {region} {named.get('vpp')}"
    return Fault(kind, share, words, begins_ms, lasts_ms, by_ms, region, named.get("vpp"))


def _next(words: list[str], place: int, expected: str) -> str:
    if place >= len(words):
        raise FaultError(f"{expected} is missing")
    return words[place]


def _kind(words: list[str]) -> tuple[Kind, list[str]]:
    for kind in Kind:
        name = kind.split()
        if words[: len(name)] == name:
            return kind, words[len(name) :]
    raise FaultError(f"expected one of {', '.join(Kind)}")


def _moment(word: str) -> int:
    if not (found := _MOMENT.fullmatch(word)):
        raise FaultError(f"'{word}' is not a time such as 18:05")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000


def _share(word: str) -> float:
    if not (found := _SHARE.fullmatch(word)) or float(found[1]) > 100:
        raise FaultError(f"'{word}' is not a share such as 30%, at most 100%")
    return float(found[1]) / 100


def _span(word: str) -> int:
    if not (found := _SPAN.fullmatch(word)):
        raise FaultError(f"'{word}' is not a time such as 30s, 12m or -7m")
    return round(float(found[1] + found[2]) * _MS[found[3]])


@dataclass(frozen=True, slots=True)
class Troubles:
    """What is wrong with each site now, as columns."""

    cut: NDArray[np.bool_]
    frozen: NDArray[np.bool_]
    doubled: NDArray[np.bool_]
    skew_ms: NDArray[np.int64]
    ack_delay_ms: NDArray[np.int64]


class Faults:
    """Faults over the sites of one world; ``at`` says what is wrong when."""

    def __init__(
        self,
        faults: Sequence[Fault],
        sites: Sequence[str],
        regions: Sequence[str],
        vpps: Sequence[str],
        seed: int,
        started_ms: int,
    ) -> None:
        self._faults = tuple(faults)
        self._started_ms = started_ms
        self._count = len(sites)
        self._struck = [
            np.array(
                [
                    fault.region in (None, region)
                    and fault.vpp in (None, vpp)
                    and _draw(seed, fault.words, site) < fault.share
                    for site, region, vpp in zip(sites, regions, vpps, strict=True)
                ],
                dtype=np.bool_,
            )
            for fault in self._faults
        ]
        self._on: tuple[bool, ...] | None = None
        self._troubles = self._fold(())

    def at(self, now_ms: int) -> Troubles:
        """Return every site's troubles; the same object for as long as nothing changes."""
        on = tuple(fault.is_on(now_ms, self._started_ms) for fault in self._faults)
        if on != self._on:
            self._on, self._troubles = on, self._fold(on)
        return self._troubles

    def _fold(self, on: tuple[bool, ...]) -> Troubles:
        none = np.zeros(self._count, dtype=np.bool_)
        now = Troubles(none, none.copy(), none.copy(), none.astype(np.int64), none.astype(np.int64))
        for fault, struck, is_on in zip(self._faults, self._struck, on, strict=False):
            if not is_on:
                continue
            match fault.kind:
                case Kind.LOSE_COMMS:
                    now.cut[struck] = True
                case Kind.FREEZE:
                    now.frozen[struck] = True
                case Kind.DUPLICATE:
                    now.doubled[struck] = True
                case Kind.SKEW:
                    now.skew_ms[struck] += fault.by_ms
                case Kind.DELAY_ACKS:
                    now.ack_delay_ms[struck] += fault.by_ms
        return now


def _draw(seed: int, words: str, site: str) -> float:
    """Return a number from 0 to 1 that only these three decide."""
    drawn = hashlib.blake2b(f"{seed}/{words}/{site}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn) / 2.0**64
