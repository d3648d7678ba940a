"""Whatever power is ordered: what then stands in the device means that power, as the vendor counts it."""

import asyncio
import struct
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dumps_of_devices import in_memory, modbus_dumps

from manta.domain.der import ComponentKind
from manta.domain.lease import Outcome
from manta.drivers.modbus import Kind, Register
from manta.drivers.port import Order

NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
DUMPS = {name: dump for name, dump in modbus_dumps().items() if dump["orders"]}


def number(words, kind, *, low_first=False):
    ordered = reversed(words) if low_first else words
    return struct.unpack(f">{kind}", b"".join(struct.pack(">H", word) for word in ordered))[0]


def s16(memory, address):
    return number(memory.words(address), "h")


def s32(memory, address):
    return number(memory.words(address, 2), "i")


def u32(memory, address):
    return number(memory.words(address, 2), "I")


def sungrow(memory, _):
    (command,) = memory.words(13050)
    assert memory.words(13049) == [2]
    return {0xBB: 1, 0xAA: -1, 0xCC: 0}[command] * memory.words(13051)[0]


def huawei(memory, _):
    (force,) = memory.words(47100)
    return u32(memory, 47249) if force == 2 else -u32(memory, 47247)


def sigenergy(memory, _):
    (mode,) = memory.words(40031)
    assert memory.words(40029) == [1]
    return {6: u32(memory, 40034), 3: -u32(memory, 40032), 1: 0}[mode]


def alphaess(memory, _):
    assert memory.words(0x0885) == [2]
    return u32(memory, 0x0881) - 32_000


def goodwe(memory, _):
    (mode,) = memory.words(47511)
    return {12: 1, 11: -1, 8: 0}[mode] * memory.words(47512)[0]


def solaredge(memory, _):
    (command,) = memory.words(0xE00D)
    at, sign = {4: (0xE010, 1), 3: (0xE00E, -1)}[command]
    return sign * number(memory.words(at, 2), "f", low_first=True)


def inverter_less_panels(read):
    return lambda memory, seen: read(memory) - 1_000 * seen[ComponentKind.PV_STRING].power_kw


def gen24(memory, _):
    at = 40_000 + 2 + 68 + 52 + 28 + 26
    assert memory.words(at) == [124]
    assert memory.words(at + 5) == [3]
    discharge, charge = s16(memory, at + 12), s16(memory, at + 13)
    assert discharge == -charge
    return discharge * 5_000 / 10_000


def sim_7xx(memory, seen):
    at = 40_000 + 2 + 68 + 155 + 52 + 19
    assert memory.words(at) == [704]
    assert memory.words(at + 22) == [1]
    return s32(memory, at + 24) - 1_000 * seen[ComponentKind.PV_STRING].power_kw


MEANT = {
    "sungrow": sungrow,
    "huawei": huawei,
    "sigenergy": sigenergy,
    "alphaess": alphaess,
    "goodwe": goodwe,
    "solaredge": solaredge,
    "foxess-h1": inverter_less_panels(lambda memory: s16(memory, 44002)),
    "foxess-kh": inverter_less_panels(lambda memory: s16(memory, 44002)),
    "foxess-h3-pro": inverter_less_panels(lambda memory: s32(memory, 46003)),
}
"""Watts that the battery is told to give, by what stands in the device's registers."""


@pytest.mark.parametrize("name", DUMPS)
@given(power_kw=st.floats(-4.5, 4.5), minutes=st.integers(1, 2_000))
@settings(max_examples=25, deadline=None)
def test_reading_back_what_an_order_wrote_gives_that_order(name, power_kw, minutes):
    dump = DUMPS[name]
    meant = {"Primo-GEN24-6.0-Plus": gen24, "SIM-5K-7xx": sim_7xx}.get(dump["model"]) or MEANT[dump["make"]]

    async def ordered():
        driver, memory = in_memory(dump)
        applied = await driver.apply(Order(power_kw, NOW + timedelta(minutes=minutes)), NOW)
        assert applied.outcome is Outcome.ACCEPTED, applied.because
        seen = (await driver.read(NOW)).measurements
        written = {address + n for address, words in memory.written for n in range(len(words))}
        assert written <= set(dump["writable"])
        return applied.power_kw, meant(memory, seen)

    held_kw, held_w = asyncio.run(ordered())
    assert held_kw == power_kw
    assert held_w == pytest.approx(1_000 * power_kw, abs=0.6)


@pytest.mark.parametrize("low_word_first", [False, True])
@pytest.mark.parametrize("kind", [Kind.U16, Kind.S16, Kind.U32, Kind.S32, Kind.U64, Kind.S64])
@given(data=st.data(), scale=st.sampled_from([1.0, 1e-3, -1e-3, 0.1, -0.01]))
def test_a_register_reads_what_was_put_into_it(kind, low_word_first, data, scale):
    words, letter = kind.value
    bits = 16 * words
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if letter.islower() else (0, 2**bits - 1)
    count = data.draw(st.integers(max(low, -(2**50)), min(high, 2**50)))
    register = Register(0, kind, scale, low_word_first=low_word_first)
    stood = register.words_of(count * scale)
    assert len(stood) == words
    assert register.value(stood) == pytest.approx(count * scale)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_value_that_a_register_cannot_hold_is_refused(value):
    register = Register(0, Kind.U16, 1e-3)
    if 0 <= value <= 65.535:
        assert register.value(register.words_of(value)) == pytest.approx(value, abs=5e-4)
    elif not -0.0005 <= value <= 65.5355:
        with pytest.raises(ValueError, match="cannot hold"):
            register.words_of(value)
