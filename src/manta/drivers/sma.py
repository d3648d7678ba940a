"""SMA Smart Energy hybrids over Modbus TCP, unit 3: read, not commanded.

SMA counts what goes in and what goes out in two registers of their own, neither negative. How a discharge
is forced is not told by two sources that agree (charging is), so that nothing is written.
Source: one public map of SMA's Modbus profile; serial number, state and AC power are from memory.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from manta.domain.der import (
    Capability,
    ComponentKind,
    Descriptor,
    Identity,
    Latency,
    Measurement,
    Running,
    Sample,
    Setpoints,
    Status,
)
from manta.drivers.modbus import Kind, Pace, Readable, Register, Registers, answered, number
from manta.drivers.port import Applied, ForbiddenError, Order

DESCRIPTOR = Descriptor(
    make="sma",
    latency=Latency.EDGE,
    setpoints=Setpoints.NONE,
    expiry=None,
    refresh=timedelta(minutes=1),
    poll=timedelta(seconds=10),
)
PACE = Pace(timeout_s=3.0, gap_s=0.02, near_words=2)
UNIT = 3

_NO_S32, _NO_U32 = frozenset({-0x8000_0000}), frozenset({0xFFFF_FFFF})
_NO_U64 = frozenset({0xFFFF_FFFF_FFFF_FFFF})

SERIAL = Register(30057, Kind.U32, unknown=_NO_U32)
STATE = Register(30201, Kind.U32, unknown=frozenset({0xFFFF_FFFF, 0x00FF_FFFD}))
IMPORTED = Register(30581, Kind.U32, 1e-3, unknown=_NO_U32)
STRING_1 = Register(30773, Kind.S32, 1e-3, unknown=_NO_S32)
AC_POWER = Register(30775, Kind.S32, 1e-3, unknown=_NO_S32)
SOC = Register(30845, Kind.U32, 0.01, unknown=_NO_U32)
IMPORT_POWER = Register(30865, Kind.S32, 1e-3, unknown=_NO_S32)
EXPORT_POWER = Register(30867, Kind.S32, 1e-3, unknown=_NO_S32)
STRING_2 = Register(30961, Kind.S32, 1e-3, unknown=_NO_S32)
CHARGE_POWER = Register(31393, Kind.U32, 1e-3, unknown=_NO_U32)
DISCHARGE_POWER = Register(31395, Kind.U32, 1e-3, unknown=_NO_U32)
DISCHARGED = Register(31401, Kind.U64, 1e-3, unknown=_NO_U64)

_RUNNING = {35: Running.FAULT, 303: Running.STOPPED, 307: Running.RUNNING, 455: Running.DERATED}
_LOOK: tuple[Readable, ...] = (
    *(STATE, IMPORTED, STRING_1, AC_POWER, SOC, IMPORT_POWER, EXPORT_POWER, STRING_2, CHARGE_POWER),
    *(DISCHARGE_POWER, DISCHARGED),
)


class Sma:
    """One hybrid inverter with its battery and meter."""

    descriptor = DESCRIPTOR

    def __init__(self, registers: Registers) -> None:
        self._registers = registers

    async def identify(self) -> tuple[Identity, Capability]:
        """Read the serial number; it offers no power, for it is not commanded."""
        serial = await self._registers.number(SERIAL)
        return Identity("SMA", "", "" if serial is None else str(int(serial))), Capability(0.0, 0.0)

    async def read(self, at: datetime) -> Sample:
        """Look at panels, battery and grid; the household is what grid and inverter leave over."""
        seen = await self._registers.read(_LOOK)
        grid_kw = _net(number(seen, EXPORT_POWER), number(seen, IMPORT_POWER))
        battery_kw = _net(number(seen, DISCHARGE_POWER), number(seen, CHARGE_POWER))
        strings_kw = (number(seen, STRING_1), number(seen, STRING_2))
        told = [each for each in strings_kw if each is not None]
        ac_kw = number(seen, AC_POWER)
        return Sample(
            at,
            {
                ComponentKind.GRID_METER: Measurement(grid_kw, import_kwh=number(seen, IMPORTED)),
                ComponentKind.INVERTER: Measurement(ac_kw),
                ComponentKind.PV_STRING: Measurement(sum(told) if told else None),
                ComponentKind.BATTERY: Measurement(
                    battery_kw, soc=number(seen, SOC), export_kwh=number(seen, DISCHARGED)
                ),
                ComponentKind.LOAD: Measurement(
                    None if grid_kw is None or ac_kw is None else grid_kw - ac_kw
                ),
            },
            Status(_RUNNING.get(int(number(seen, STATE) or 0), Running.UNKNOWN), is_remote_allowed=False),
            strings_kw=strings_kw,
        )

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Refuse a power; a release asks for nothing and has nothing to do."""
        return await answered(_refuse(order, at))

    async def close(self) -> None:
        """Hang up."""
        await self._registers.close()


async def _refuse(order: Order | None, at: datetime) -> float | None:
    if order is not None and order.until > at:
        raise ForbiddenError("SMA's hybrids are read alone: how a discharge is forced is not certain")
    return None


def _net(out_kw: float | None, in_kw: float | None) -> float | None:
    return None if out_kw is None or in_kw is None else out_kw - in_kw
