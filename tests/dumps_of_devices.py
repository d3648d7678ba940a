"""Dumps of devices, and the device that a dump becomes."""

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from manta.drivers.catalogue import CATALOGUE, Endpoint
from manta.drivers.modbus import Registers
from manta.simulators.modbus import ModbusDevice

DUMPS = Path(__file__).parent / "dumps"


def modbus_dumps():
    """Every dump of registers, by make and model."""
    paths = sorted(DUMPS.glob("*/*.json"))
    read = {f"{path.parent.name}/{path.stem}": json.loads(path.read_text()) for path in paths}
    return {name: dump for name, dump in read.items() if "holding" in dump}


def space(written):
    """Runs of words, by the address of the first, as one register an address."""
    return {int(begin) + n: word for begin, words in written.items() for n, word in enumerate(words)}


def device_of(dump, **options):
    """The device that a dump was taken from, answering again."""
    return ModbusDevice(space(dump["holding"]), space(dump["input"]), unit=dump["unit"], **options)


@asynccontextmanager
async def driven(dump, **options):
    """Its make's driver and the device, which needs no pauses."""
    make = CATALOGUE[dump["make"]]
    device = device_of(dump, **options)
    async with device.serving() as port:
        pace = replace(make.connect.pace, settle_s=0.0, gap_s=0.0)
        driver = make.connect(Endpoint("127.0.0.1", port, dump["unit"], pace))
        try:
            yield driver, device
        finally:
            await driver.close()


class Memory:
    """A line to a device that is in this process: what is written to it, can be read from it."""

    def __init__(self, dump):
        self.pace = CATALOGUE[dump["make"]].connect.pace
        self.spaces = {"holding": space(dump["holding"]), "input": space(dump["input"])}
        self.written = []

    async def read(self, unit, of, address, words):
        """What stands there; 0 where nothing does."""
        return [self.spaces[of.value].get(address + n, 0) for n in range(words)]

    async def write(self, unit, address, words):
        """Keep it."""
        self.written.append((address, list(words)))
        self.spaces["holding"] |= {address + n: word for n, word in enumerate(words)}

    def words(self, address, count=1):
        """What stands in holding registers."""
        return [self.spaces["holding"][address + n] for n in range(count)]


def in_memory(dump):
    """Its make's driver over a memory, and the memory."""
    memory = Memory(dump)
    return CATALOGUE[dump["make"]].connect.drive(Registers(memory, dump["unit"])), memory
