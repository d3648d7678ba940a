"""Modbus TCP as drivers see it: registers that already speak our unit and our sign.

An inverter accepts few connections, often one, and garbles what is asked too fast. So there is one line a
device, one question at a time, with a pause between two; neighboring registers are read as one block. What is
not listed as writable cannot be written: that a protection setting is never touched does not hang on care.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import isfinite
from typing import Self

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from manta.domain.lease import Outcome
from manta.drivers.port import Applied, DeviceError, ForbiddenError

ILLEGAL_ADDRESS = 2
MOST_WORDS = 120
"""Of one question; the protocol allows 125, some inverters a little less."""
NEAR_WORDS = 12
"""Registers so far apart are still cheaper read together."""


class Kind(Enum):
    """How a number lies in its registers: words, and struct's letter."""

    U16 = (1, "H")
    S16 = (1, "h")
    U32 = (2, "I")
    S32 = (2, "i")
    F32 = (2, "f")
    U64 = (4, "Q")
    S64 = (4, "q")


class Space(Enum):
    """The two spaces of registers, which share their numbers."""

    HOLDING = "holding"
    INPUT = "input"


@dataclass(frozen=True, slots=True)
class Register:
    """Where a number lives, and what one count of it is worth in our unit and our sign."""

    address: int
    """As it goes over the wire."""
    kind: Kind = Kind.U16
    scale: float = 1.0
    """Negative where the vendor's sign is the other one."""
    space: Space = Space.HOLDING
    low_word_first: bool = False
    unknown: frozenset[int] = frozenset()
    """Counts that mean: not there."""
    writable: bool = False

    @property
    def words(self) -> int:
        """How many registers it fills."""
        return self.kind.value[0]

    def value(self, words: Sequence[int]) -> float | None:
        """Return the value of its words; None where the device does not know it."""
        count = struct.unpack(f">{self.kind.value[1]}", self._bytes(words))[0]
        if count in self.unknown or not isfinite(count):
            return None
        return float(count * self.scale)

    def words_of(self, value: float) -> list[int]:
        """Return the words of a value, to the nearest count; ValueError if they cannot hold it."""
        count = value / self.scale
        letter = self.kind.value[1]
        try:
            raw = struct.pack(f">{letter}", count if letter == "f" else round(count))
        except (struct.error, OverflowError, ValueError) as error:
            raise ValueError(f"register {self.address} cannot hold {value:g}") from error
        words = [word for (word,) in struct.iter_unpack(">H", raw)]
        return words[::-1] if self.low_word_first else words

    def _bytes(self, words: Sequence[int]) -> bytes:
        ordered = reversed(words) if self.low_word_first else words
        return b"".join(struct.pack(">H", word) for word in ordered)


@dataclass(frozen=True, slots=True)
class Text:
    """A text in registers, two characters each."""

    address: int
    words: int
    space: Space = Space.HOLDING

    def value(self, words: Sequence[int]) -> str:
        """Return the text without its padding; what is no text is left out."""
        raw = b"".join(struct.pack(">H", word) for word in words)
        return raw.split(b"\0")[0].decode("ascii", "ignore").strip()


type Readable = Register | Text
type Ask = Callable[[], Awaitable[ModbusPDU]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How a device wants to be asked."""

    timeout_s: float = 3.0
    gap_s: float = 0.005
    """Between an answer and the next question."""
    settle_s: float = 0.0
    """Between connecting and the first question."""
    near_words: int = NEAR_WORDS
    writes_blocks: bool = False
    """A single register, too, is written with the function for several."""


class RefusedError(DeviceError):
    """The device answered, and said no."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what} refused with Modbus exception {code}")
        self.code = code


class Line:
    """The one connection to a device: opened when first used, one question at a time."""

    def __init__(self, host: str, port: int = 502, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self._client = AsyncModbusTcpClient(
            host, port=port, timeout=self.pace.timeout_s, retries=0, reconnect_delay=0
        )
        self._where = f"{host}:{port}"
        self._turn = asyncio.Lock()
        self._free_at = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        self._client.close()

    async def read(self, unit: int, space: Space, address: int, words: int) -> list[int]:
        """Read a block; DeviceError if nobody answers, RefusedError if the device says no."""
        ask = (
            self._client.read_holding_registers
            if space is Space.HOLDING
            else self._client.read_input_registers
        )
        async with self._turn:
            answer = await self._asked(
                f"reading {space.value} {address}", lambda: ask(address, count=words, device_id=unit)
            )
        if len(answer.registers) < words:
            raise DeviceError(
                f"{self._where}: {len(answer.registers)} of {words} registers came from {address}"
            )
        return list(answer.registers[:words])

    async def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        """Write a block: one register by itself, several together."""
        async with self._turn:
            if len(words) == 1 and not self.pace.writes_blocks:
                await self._asked(
                    f"writing {address}",
                    lambda: self._client.write_register(address, words[0], device_id=unit),
                )
            else:
                await self._asked(
                    f"writing {address}",
                    lambda: self._client.write_registers(address, list(words), device_id=unit),
                )

    async def _asked(self, what: str, ask: Ask) -> ModbusPDU:
        loop = asyncio.get_running_loop()
        try:
            await self._connected()
            await asyncio.sleep(max(0.0, self._free_at - loop.time()))
            answer = await ask()
        except (ModbusException, OSError, TimeoutError) as error:
            self._client.close()
            raise DeviceError(f"{self._where}: no answer to {what}: {error}") from error
        finally:
            self._free_at = loop.time() + self.pace.gap_s
        if isinstance(answer, ExceptionResponse):
            raise RefusedError(f"{self._where}: {what}", answer.exception_code)
        return answer

    async def _connected(self) -> None:
        if self._client.connected:
            return
        if not await self._client.connect():
            raise DeviceError(f"{self._where}: it does not take our connection")
        await asyncio.sleep(self.pace.settle_s)


class Registers:
    """A device on a line, scaled, and bounded to what its driver lists."""

    def __init__(self, line: Line, unit: int = 1) -> None:
        self._line = line
        self._unit = unit
        self._alone: set[Readable] = set()
        """Registers that this device wants asked for by themselves."""

    async def close(self) -> None:
        """Let go of the line."""
        await self._line.close()

    async def read(self, registers: Iterable[Readable]) -> Mapping[Readable, float | str | None]:
        """Read registers in as few blocks as their places allow; DeviceError if any block does not come.

        A device that has a hole where we read across is asked register by register from then on; what it does
        not have at all is unknown.
        """
        found: dict[Readable, float | str | None] = {}
        wanted = set(registers)
        together = blocks(wanted - self._alone, self._line.pace.near_words)
        for block in (*together, *([each] for each in wanted & self._alone)):
            try:
                found |= await self._read(block)
            except RefusedError as error:
                if error.code != ILLEGAL_ADDRESS:
                    raise
                found |= await self._read_apart(block)
        return found

    async def _read(self, block: Sequence[Readable]) -> Mapping[Readable, float | str | None]:
        begin = block[0].address
        words = max(each.address + each.words for each in block) - begin
        counts = await self._line.read(self._unit, block[0].space, begin, words)
        return {
            each: each.value(counts[each.address - begin : each.address - begin + each.words])
            for each in block
        }

    async def _read_apart(self, block: Sequence[Readable]) -> Mapping[Readable, float | str | None]:
        """Read each register of a block by itself, and so from now on."""
        found: dict[Readable, float | str | None] = {}
        self._alone |= set(block)
        for each in block:
            try:
                found |= await self._read([each])
            except RefusedError as error:
                if error.code != ILLEGAL_ADDRESS:
                    raise
                found[each] = None
        return found

    async def number(self, register: Register) -> float | None:
        """Read one number."""
        value = (await self.read([register]))[register]
        return value if isinstance(value, float) else None

    async def write(self, register: Register, value: float) -> None:
        """Write a number in our unit and sign; ForbiddenError unless it is listed as writable."""
        if not register.writable or register.space is not Space.HOLDING:
            raise ForbiddenError(f"register {register.address} is not one that this driver may write")
        await self._line.write(self._unit, register.address, register.words_of(value))


def blocks(registers: Iterable[Readable], near: int = NEAR_WORDS) -> list[list[Readable]]:
    """Return registers as the blocks to read them in: of one space, near each other, not too long."""
    ordered = sorted(set(registers), key=lambda each: (each.space.value, each.address, each.words))
    grouped: list[list[Readable]] = [ordered[:1]] if ordered else []
    for before, each in pairwise(ordered):
        block = grouped[-1]
        ends = max(other.address + other.words for other in block)
        joins = (
            before.space is each.space
            and each.address - ends <= near
            and max(ends, each.address + each.words) - block[0].address <= MOST_WORDS
        )
        if joins:
            block.append(each)
        else:
            grouped.append([each])
    return grouped


def number(seen: Mapping[Readable, float | str | None], register: Register | None) -> float | None:
    """Return a number out of what was read; None where it is unknown or the device has no such register."""
    value = None if register is None else seen.get(register)
    return value if isinstance(value, float) else None


async def answered(carried_out: Awaitable[float | None]) -> Applied:
    """Await an order being carried out, and return how the device answered: its power, or why not.

    The power is in kW toward the grid; None once the device is released.
    """
    try:
        return Applied(Outcome.ACCEPTED, await carried_out)
    except (RefusedError, ForbiddenError, ValueError) as error:
        return Applied(Outcome.REFUSED, None, str(error))
    except DeviceError as error:
        return Applied(Outcome.SILENT, None, str(error))
