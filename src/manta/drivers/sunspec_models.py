"""SunSpec's information models as registers: found by walking the chain, scaled by the device's own factors.

A device lays its models one after the other behind the word "SunS", each with its number and its length, so
that addresses are found and not known. What a point is and where it lies in its model is told by SunSpec's
own definitions, as the package pysunspec2 brings them.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from manta.drivers.modbus import (
    ILLEGAL_ADDRESS,
    Kind,
    Readable,
    RefusedError,
    Register,
    Registers,
    Text,
    number,
)
from manta.drivers.port import DeviceError

BASES = (40_000, 50_000, 0)
"""Where the chain may begin, most usual first."""
MARK = 0x5375_6E53
"""The characters SunS."""
END = 0xFFFF
MOST_MODELS = 64
"""A chain that is longer is no chain."""

_KINDS = {
    "uint16": (Kind.U16, frozenset({0xFFFF})),
    "enum16": (Kind.U16, frozenset({0xFFFF})),
    "bitfield16": (Kind.U16, frozenset({0xFFFF})),
    "count": (Kind.U16, frozenset({0xFFFF})),
    "int16": (Kind.S16, frozenset({-0x8000})),
    "sunssf": (Kind.S16, frozenset({-0x8000})),
    "uint32": (Kind.U32, frozenset({0xFFFF_FFFF})),
    "bitfield32": (Kind.U32, frozenset({0xFFFF_FFFF})),
    "acc32": (Kind.U32, frozenset({0})),
    "int32": (Kind.S32, frozenset({-0x8000_0000})),
    "uint64": (Kind.U64, frozenset({0xFFFF_FFFF_FFFF_FFFF})),
    "acc64": (Kind.U64, frozenset({0})),
    "int64": (Kind.S64, frozenset({-(2**63)})),
    "float32": (Kind.F32, frozenset[int]()),
}
"""SunSpec's type → how it lies, and what it holds where a device does not implement the point."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One point of a model, as SunSpec defines it."""

    offset: int
    """In words from the model's number; inside a repeating group from the group's begin."""
    type: str
    words: int
    factor: str | None
    """The point that holds the power of ten it is scaled by."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A model's points, and those of its repeating group if it has one."""

    points: Mapping[str, Definition]
    words: int
    group: Mapping[str, Definition]
    group_words: int


@cache
def layout(model: int) -> Layout | None:
    """Return how a model is laid out; None where SunSpec defines no such number."""
    file = files("sunspec2").joinpath("models", "json", f"model_{model}.json")
    if not file.is_file():
        return None
    group = json.loads(file.read_text(encoding="utf-8"))["group"]
    points, words = _points(group["points"])
    repeating = [inner for inner in group.get("groups", ()) if inner.get("count", 1) != 1]
    inner, inner_words = _points(repeating[0]["points"]) if repeating else ({}, 0)
    return Layout(points, words, inner, inner_words)


def _points(described: Sequence[Mapping[str, object]]) -> tuple[dict[str, Definition], int]:
    found: dict[str, Definition] = {}
    at = 0
    for point in described:
        words = int(str(point["size"]))
        factor = point.get("sf")
        found[str(point["name"])] = Definition(
            at, str(point["type"]), words, factor if isinstance(factor, str) else None
        )
        at += words
    return found, at


@dataclass(frozen=True, slots=True)
class Model:
    """A model that a device has, and where."""

    number: int
    address: int
    """Of its number."""
    length: int
    """In words, without its number and its length."""

    @property
    def groups(self) -> int:
        """How often its repeating group is there."""
        laid = layout(self.number)
        return (
            0 if laid is None or not laid.group_words else (self.length + 2 - laid.words) // laid.group_words
        )


class Models:
    """The models of one device, with the scale factors it told."""

    def __init__(self, found: Sequence[Model], factors: Mapping[int, int]) -> None:
        self._found = found
        self._factors = factors

    def first(self, *numbers: int) -> int | None:
        """Return the first of these models that the device has."""
        return next((each for each in numbers if self._of(each) is not None), None)

    def groups(self, model: int) -> int:
        """Return how often the model's repeating group is there."""
        of = self._of(model)
        return 0 if of is None else of.groups

    def text(self, model: int, name: str, group: int | None = None) -> Text | None:
        """Return where a text is; None where the device has no such model."""
        found = self._definition(model, name, group)
        return None if found is None else Text(found[0], found[1].words)

    def point(
        self,
        model: int | None,
        name: str,
        scale: float = 1.0,
        *,
        group: int | None = None,
        writable: bool = False,
    ) -> Register | None:
        """Return the register of a point, its own factor and the scale given included.

        None where the device has no such model, or does not tell the factor without which it means nothing.
        """
        found = None if model is None else self._definition(model, name, group)
        if found is None or model is None:
            return None
        address, point = found
        factor = 0 if point.factor is None else self._factor(model, point.factor)
        if factor is None:
            return None
        kind, unknown = _KINDS[point.type]
        return Register(address, kind, scale * 10.0**factor, unknown=unknown, writable=writable)

    def _factor(self, model: int, name: str) -> int | None:
        found = self._definition(model, name, None)
        return None if found is None else self._factors.get(found[0])

    def _of(self, number: int) -> Model | None:
        return next((model for model in self._found if model.number == number), None)

    def _definition(self, model: int, name: str, group: int | None) -> tuple[int, Definition] | None:
        of, laid = self._of(model), layout(model)
        if of is None or laid is None:
            return None
        if group is None:
            point = laid.points.get(name)
            begin = of.address
        else:
            point = laid.group.get(name)
            begin = of.address + laid.words + group * laid.group_words
        if point is None or begin + point.offset + point.words > of.address + 2 + of.length:
            return None
        return begin + point.offset, point


async def scan(registers: Registers) -> Models:
    """Walk the chain of models and read their scale factors; DeviceError if there is no chain."""
    found = [model async for model in _chain(registers, await _base(registers))]
    asked = [Register(at, Kind.S16, unknown=_KINDS["sunssf"][1]) for at in _factor_addresses(found)]
    seen = await registers.read(asked)
    factors = {each.address: number(seen, each) for each in asked}
    return Models(found, {at: int(factor) for at, factor in factors.items() if factor is not None})


async def _base(registers: Registers) -> int:
    for base in BASES:
        mark = Register(base, Kind.U32)
        try:
            seen = await registers.number(mark)
        except RefusedError as error:
            if error.code != ILLEGAL_ADDRESS:
                raise
            continue
        if seen == MARK:
            return base
    raise DeviceError(f"it speaks no SunSpec: no mark at any of {', '.join(map(str, BASES))}")


async def _chain(registers: Registers, base: int) -> AsyncIterator[Model]:
    at = base + 2
    for _ in range(MOST_MODELS):
        model, length = Register(at), Register(at + 1)
        seen: Mapping[Readable, float | str | None] = await registers.read((model, length))
        of, words = number(seen, model), number(seen, length)
        if of is None or words is None:
            raise DeviceError(f"the chain of models breaks off at {at}")
        if of == END:
            return
        yield Model(int(of), at, int(words))
        at += 2 + int(words)
    raise DeviceError(f"the chain of models does not end within {MOST_MODELS}")


def _factor_addresses(found: Sequence[Model]) -> Iterator[int]:
    seen: set[int] = set()
    for model in found:
        laid = layout(model.number)
        if laid is None or model.number in seen:
            continue
        seen.add(model.number)
        for point in laid.points.values():
            if point.type == "sunssf" and point.offset < model.length + 2:
                yield model.address + point.offset
