"""Dumps of devices, and the device that a dump becomes."""

import json
from pathlib import Path

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
