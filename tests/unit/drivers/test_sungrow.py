from datetime import UTC, datetime, timedelta

import pytest
from pymodbus.constants import ExcCodes
from tests.dumps_of_devices import device_of, modbus_dumps

from manta.domain.der import ComponentKind
from manta.domain.lease import Outcome
from manta.drivers.modbus import Line, Register, Registers, Space
from manta.drivers.port import ForbiddenError, Order
from manta.drivers.sungrow import EXPORT_LIMIT, Sungrow

DUMP = modbus_dumps()["sungrow/SH10RT"]
NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
LIMIT = EXPORT_LIMIT.address
MOST_W = 10_000


def counts_watts(address, words):
    """Firmware .95.03: the limit is written in watts."""
    return ExcCodes.DEVICE_FAILURE if address == LIMIT and words[0] > MOST_W else None


def counts_tens(address, words):
    """Firmware .95.12 to .95.14: the limit is written in tens of watts."""
    return ExcCodes.DEVICE_FAILURE if address == LIMIT and words[0] * 10 > MOST_W else None


@pytest.mark.parametrize(("firmware", "scale"), [(counts_watts, 1.0), (counts_tens, 10.0)])
async def test_the_scale_of_the_export_limit_is_found_without_changing_the_limit(firmware, scale):
    device = device_of(DUMP, answer=firmware)
    async with device.serving() as port, Line("127.0.0.1", port) as line:
        sungrow = Sungrow(Registers(line))
        assert await sungrow.probe_export_scale() == scale
        assert {words[0] for address, words in device.written if address == LIMIT} <= {5_000}


async def test_a_firmware_that_takes_the_probe_tenfold_is_found_out_and_put_right():
    device = device_of(DUMP | {"holding": DUMP["holding"] | {str(LIMIT): [800]}})

    def tens(address, words):
        if address == LIMIT:
            words[0] *= 10
            return ExcCodes.DEVICE_FAILURE if words[0] > MOST_W else None
        return None

    device.answer = tens
    async with device.serving() as port, Line("127.0.0.1", port) as line:
        sungrow = Sungrow(Registers(line))
        assert await sungrow.probe_export_scale() == 10.0
        assert device.holding[LIMIT] == 800


async def test_no_export_limit_is_written_while_its_scale_is_unknown():
    device = device_of(DUMP)
    async with device.serving() as port, Line("127.0.0.1", port) as line:
        applied = await Sungrow(Registers(line)).apply(Order(2.0, SOON, export_limit_kw=1.5), NOW)
    assert applied.outcome is Outcome.REFUSED
    assert "probed in commissioning" in applied.because
    assert device.written == []


async def test_an_export_limit_is_undone_by_the_release():
    device = device_of(DUMP, answer=counts_tens)
    async with device.serving() as port, Line("127.0.0.1", port) as line:
        sungrow = Sungrow(Registers(line), export_scale=10.0)
        await sungrow.apply(Order(2.0, SOON, export_limit_kw=1.5), NOW)
        assert (LIMIT, [150]) in device.written
        await sungrow.apply(None, NOW)
    assert device.written[-2:] == [(LIMIT, [500]), (13086, [0x55])]


async def test_a_meter_that_is_not_there_is_unknown_and_not_zero():
    device = device_of(DUMP)
    device.inputs |= {5600: 0xFFFF, 5601: 0x7FFF}
    async with device.serving() as port, Line("127.0.0.1", port) as line:
        sample = await Sungrow(Registers(line)).read(NOW)
    assert sample.measurements[ComponentKind.GRID_METER].power_kw is None


async def test_no_register_but_the_listed_ones_can_be_written():
    device = device_of(DUMP)
    async with device.serving() as port, Line("127.0.0.1", port) as line:
        registers = Registers(line)
        forbidden = [Register(address) for address in device.holding]
        forbidden += [Register(address, space=Space.INPUT, writable=True) for address in device.inputs]
        for register in forbidden:
            with pytest.raises(ForbiddenError):
                await registers.write(register, 1.0)
    assert device.written == []
