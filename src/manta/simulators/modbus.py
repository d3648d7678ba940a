"""A device on Modbus TCP, given as its registers: what a dump of a real one looks like, answering again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

type Answer = Callable[[int, list[int]], ExcCodes | None]
"""From address and words to the exception with which the device refuses them; None where it takes them."""
_WRITES = frozenset({6, 16})
_READS_INPUT = 4
_BITS = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]


def _takes_all(_: int, __: list[int]) -> ExcCodes | None:
    return None


class ModbusDevice:
    """One device: two spaces of registers, what was written to it, and what it answers to that."""

    def __init__(
        self,
        holding: Mapping[int, int],
        inputs: Mapping[int, int],
        *,
        unit: int = 1,
        answer: Answer = _takes_all,
    ) -> None:
        self.holding = dict(holding)
        self.inputs = dict(inputs)
        self.unit = unit
        self.answer = answer
        self.written: list[tuple[int, list[int]]] = []
        """Address and words of each write that was taken, oldest first."""
        self.reads = 0

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[int]:
        """Answer on a loopback port, which is given back, until the block is left."""
        device = SimDevice(
            id=self.unit,
            simdata=(_BITS, _BITS, _runs(self.holding), _runs(self.inputs)),
            action=self._act,
        )
        server = ModbusTcpServer(device, address=("127.0.0.1", port))
        listening = await server.listen()
        if not listening or server.transport is None:
            raise ConnectionError(f"port {port} cannot be listened on")
        try:
            yield server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        finally:
            with suppress(asyncio.CancelledError):
                await server.shutdown()  # type: ignore[no-untyped-call]

    async def _act(  # noqa: PLR0913 - as the library calls it
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: Sequence[int] | Sequence[bool] | None,
    ) -> ExcCodes | None:
        space = self.inputs if function == _READS_INPUT else self.holding
        if function in _WRITES and values is not None:
            words = [int(value) for value in values]
            refused = self.answer(address, words)
            if refused is None:
                self.written.append((address, words))
                self.holding |= {address + n: word for n, word in enumerate(words)}
            return refused
        self.reads += 1
        for n in range(count):
            if address + n in space:
                registers[address + n - start] = space[address + n]
        return None


def _runs(space: Mapping[int, int]) -> list[SimData]:
    """Return registers as the runs that the library wants; addresses between them do not exist."""
    runs: list[tuple[int, list[int]]] = []
    for address in sorted(space):
        if runs and address == runs[-1][0] + len(runs[-1][1]):
            runs[-1][1].append(space[address])
        else:
            runs.append((address, [space[address]]))
    return [SimData(begin, values=values, datatype=DataType.REGISTERS) for begin, values in runs]
