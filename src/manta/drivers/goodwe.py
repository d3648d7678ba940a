"""GoodWe ET, EH, BT and BH hybrids over Modbus TCP, unit 247.

Everything is a holding register. The battery counts up when discharging, the meter when exporting. The EMS
mode says what the battery does and its power register how much of it; the power is written first, so that
no mode ever acts with the power of another. Nothing ends by itself: who left "auto" must return to it.
Source: the register map of a public client of this make; what the EMS modes do, as two controllers agree.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from math import inf

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
    Settings,
    Status,
)
from manta.drivers.modbus import Kind, Pace, Readable, Register, Registers, Text, answered, number
from manta.drivers.port import Applied, DeviceError, Order

DESCRIPTOR = Descriptor(
    make="goodwe",
    latency=Latency.EDGE,
    setpoints=Setpoints.POWER,
    expiry=None,
    refresh=timedelta(seconds=60),
    poll=timedelta(seconds=10),
    writes_wear=True,
)
PACE = Pace(timeout_s=3.0, gap_s=0.05, near_words=16)
UNIT = 247

_NOTHING = frozenset({0xFFFF_FFFF})

RATED = Register(35001, Kind.U16, 1e-3)
SERIAL, MODEL, FIRMWARE = Text(35003, 8), Text(35011, 5), Text(35021, 6)
STRINGS = tuple(Register(35105 + 4 * n, Kind.U32, 1e-3, unknown=_NOTHING) for n in range(4))
FREQUENCY = Register(35123, Kind.U16, 0.01)
AC_POWER = Register(35138, Kind.S16, 1e-3)
BATTERY_POWER = Register(35182, Kind.S32, 1e-3)
STATE = Register(35187)
CHARGED = Register(35206, Kind.U32, 0.1)
DISCHARGED = Register(35209, Kind.U32, 0.1)
EXPORTED = Register(36015, Kind.F32, 1e-3)
IMPORTED = Register(36017, Kind.F32, 1e-3)
GRID_POWER = Register(36025, Kind.S32, 1e-3)
TEMPERATURE = Register(37003, Kind.S16, 0.1)
SOC = Register(37007, Kind.U16, 0.01, unknown=frozenset({0xFFFF}))
EXPORT_LIMIT_ON = Register(47509, writable=True)
EXPORT_LIMIT = Register(47510, Kind.U16, 1e-3, writable=True)
MODE = Register(47511, writable=True)
POWER = Register(47512, Kind.U16, 1e-3, writable=True)

AUTO, STANDBY, CHARGE, DISCHARGE = 1, 8, 11, 12
ON = 1
_MODES = {1: "auto", 2: "charge from PV", 4: "import", 5: "export", 8: "standby", 9: "buy", 10: "sell"} | {
    11: "charge",
    12: "discharge",
}
_RUNNING = {0: Running.STANDBY, 1: Running.RUNNING, 2: Running.ISLANDED, 3: Running.FAULT}
_LOOK: tuple[Readable, ...] = (
    *(FREQUENCY, AC_POWER, BATTERY_POWER, STATE, CHARGED, DISCHARGED, EXPORTED, IMPORTED, GRID_POWER),
    *(TEMPERATURE, SOC, EXPORT_LIMIT_ON, EXPORT_LIMIT, MODE, *STRINGS),
)


class GoodWe:
    """One hybrid inverter with its battery and meter."""

    descriptor = DESCRIPTOR

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self._limit_before: tuple[float, float] | None = None

    async def identify(self) -> tuple[Identity, Capability]:
        """Read the plate; the battery's own limits are in amperes, so the inverter's rating bounds both."""
        seen = await self._registers.read((RATED, SERIAL, MODEL, FIRMWARE))
        rated_kw = number(seen, RATED)
        identity = Identity("GoodWe", str(seen[MODEL]), str(seen[SERIAL]), str(seen[FIRMWARE]), rated_kw)
        return identity, Capability(rated_kw or 0.0, rated_kw or 0.0, export_limit=True)

    async def read(self, at: datetime) -> Sample:
        """Look at inverter, battery and meter; the household is what they leave over."""
        seen = await self._registers.read(_LOOK)
        grid_kw, ac_kw = number(seen, GRID_POWER), number(seen, AC_POWER)
        strings_kw = tuple(number(seen, string) for string in STRINGS)
        told = [each for each in strings_kw if each is not None]
        limited = number(seen, EXPORT_LIMIT_ON) == ON
        return Sample(
            at,
            {
                ComponentKind.GRID_METER: Measurement(
                    grid_kw,
                    import_kwh=number(seen, IMPORTED),
                    export_kwh=number(seen, EXPORTED),
                    frequency_hz=number(seen, FREQUENCY),
                ),
                ComponentKind.INVERTER: Measurement(ac_kw),
                ComponentKind.PV_STRING: Measurement(sum(told) if told else None),
                ComponentKind.BATTERY: Measurement(
                    number(seen, BATTERY_POWER),
                    soc=number(seen, SOC),
                    import_kwh=number(seen, CHARGED),
                    export_kwh=number(seen, DISCHARGED),
                    temperature_degc=number(seen, TEMPERATURE),
                ),
                ComponentKind.LOAD: Measurement(
                    None if grid_kw is None or ac_kw is None else grid_kw - ac_kw
                ),
            },
            Status(_RUNNING.get(int(number(seen, STATE) or 0), Running.UNKNOWN)),
            Settings(
                export_limit_kw=number(seen, EXPORT_LIMIT) if limited else inf,
                mode=_MODES.get(int(number(seen, MODE) or 0), "unknown"),
            ),
            strings_kw=strings_kw,
        )

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Command the battery, or return to auto."""
        return await answered(self._carry_out(order, at))

    async def close(self) -> None:
        """Return to auto, if it answers."""
        with suppress(DeviceError):
            await self._release()
        await self._registers.close()

    async def _carry_out(self, order: Order | None, at: datetime) -> float | None:
        if order is None or order.until <= at:
            await self._release()
            return None
        if order.export_limit_kw is not None:
            await self._limit(order.export_limit_kw)
        await self._registers.write(POWER, abs(order.power_kw))
        await self._registers.write(
            MODE, DISCHARGE if order.power_kw > 0 else CHARGE if order.power_kw < 0 else STANDBY
        )
        return order.power_kw

    async def _limit(self, export_limit_kw: float) -> None:
        if self._limit_before is None:
            before = await self._registers.read((EXPORT_LIMIT_ON, EXPORT_LIMIT))
            self._limit_before = (
                number(before, EXPORT_LIMIT_ON) or 0.0,
                number(before, EXPORT_LIMIT) or 0.0,
            )
        await self._registers.write(EXPORT_LIMIT, export_limit_kw)
        await self._registers.write(EXPORT_LIMIT_ON, ON)

    async def _release(self) -> None:
        await self._registers.write(MODE, AUTO)
        await self._registers.write(POWER, 0.0)
        if self._limit_before is not None:
            switch, limit_kw = self._limit_before
            await self._registers.write(EXPORT_LIMIT_ON, switch)
            await self._registers.write(EXPORT_LIMIT, limit_kw)
            self._limit_before = None
