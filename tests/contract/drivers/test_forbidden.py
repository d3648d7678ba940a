"""What no driver may write: protection, firmware, accounts, and whatever else is not on its list."""

import sys
from dataclasses import fields, is_dataclass

import pytest
from tests.dumps_of_devices import driven, modbus_dumps, space

from manta.drivers import sunspec
from manta.drivers.modbus import Register, Space
from manta.drivers.port import ForbiddenError

DUMPS = modbus_dumps()


def found_in(values):
    """Every register among values, and among the fields of tables of them."""
    for value in values:
        if isinstance(value, Register):
            yield value
        elif is_dataclass(value) and not isinstance(value, type):
            yield from found_in(getattr(value, field.name) for field in fields(value))


async def listed(driver):
    """Every address that a driver lists as writable."""
    registers = list(found_in(vars(sys.modules[type(driver).__module__]).values()))
    registers += [value for value in vars(driver).values() if isinstance(value, Register)]
    of = getattr(driver, "_of", None)
    registers = list(found_in([of])) if of else registers
    if isinstance(driver, sunspec.SunSpec):
        models = await driver._found()
        points = [models.point(model, name, writable=True) for model, name in sunspec.WRITABLE]
        registers += [point for point in points if point]
    return {each.address + n for each in registers if each.writable for n in range(each.words)}


@pytest.mark.parametrize("dump", DUMPS.values(), ids=DUMPS.keys())
async def test_every_register_but_the_listed_ones_is_refused(dump, record_property):
    allowed = set(dump["writable"])
    forbidden = [Register(address) for address in space(dump["holding"]) if address not in allowed]
    forbidden += [
        Register(address, space=Space.INPUT, writable=writable)
        for address in space(dump["input"])
        for writable in (False, True)
    ]
    refused = 0
    async with driven(dump) as (driver, device):
        assert await listed(driver) <= allowed
        for register in forbidden:
            with pytest.raises(ForbiddenError):
                await driver._registers.write(register, 1.0)
            refused += 1
        assert device.written == []
    assert refused == len(forbidden) > 0
    record_property("refused", f"{refused} of {len(forbidden)}")
    print(f"{dump['make']}: {refused} of {len(forbidden)} refused, {len(allowed)} listed")


async def test_the_settings_that_protect_the_grid_are_on_no_list():
    protected = {
        "sungrow": [12999],  # start and stop
        "huawei": [40200, 40201, 42000, 47675],  # start, stop, grid code, the fallback on lost communication
        "sigenergy": [40000, 40001, 40047, 40048],
        "goodwe": [45246, 45248, 47000, 47010],
        "solaredge": [0xF001, 0xF142],
        "alphaess": [0x0800, 0x084F],
    }
    for dump in DUMPS.values():
        assert not set(dump["writable"]) & set(protected.get(dump["make"], ()))
