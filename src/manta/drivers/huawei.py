"""Huawei SUN2000 inverters with LUNA2000 batteries, over Modbus TCP: the SDongle or the inverter itself.

Numbers are big-endian at the address the documents give. Battery power counts up when charging, the grid
meter when exporting. A forcible charge or discharge ends by itself after its period, so that a lost
controller lets go; an export limit does not.
Source: the public register lists of "SUN2000 Modbus Interface Definitions" V3, two of which agree.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from math import ceil, inf

from manta.domain.der import (
    Availability,
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

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(minutes=10)
"""A period is whole minutes; the inverter would take a day, which a lost controller must not last."""
DESCRIPTOR = Descriptor(
    make="huawei",
    latency=Latency.EDGE,
    setpoints=Setpoints.POWER,
    expiry=LONGEST,
    refresh=timedelta(minutes=5),
    poll=timedelta(seconds=10),
    writes_wear=True,
)
PACE = Pace(timeout_s=10.0, gap_s=0.05, settle_s=1.0, near_words=4)
"""An SDongle takes up to ten seconds; it garbles what is asked in the first second."""


_NOTHING = {
    Kind.U16: frozenset({0xFFFF}),
    Kind.S16: frozenset({0x7FFF}),
    Kind.U32: frozenset({0xFFFFFFFF}),
    Kind.S32: frozenset({0x7FFFFFFF}),
}
"""What a register holds that this model does not have."""


def _watts(address: int, kind: Kind = Kind.S32, sign: int = 1) -> Register:
    return Register(address, kind, sign * 1e-3, unknown=_NOTHING[kind])


MODEL, SERIAL = Text(30000, 15), Text(30015, 10)
RATED = _watts(30073, Kind.U32)
PV_POWER = _watts(32064)
AC_POWER = _watts(32080)
FREQUENCY = Register(32085, Kind.U16, 0.01)
STATE = Register(32089)
MOST_CHARGE, MOST_DISCHARGE = _watts(37046, Kind.U32), _watts(37048, Kind.U32)
GRID_POWER = _watts(37113)
EXPORTED = Register(37119, Kind.S32, 0.01)
IMPORTED = Register(37121, Kind.S32, 0.01)
CAPACITY = _watts(37758, Kind.U32)
SOC = Register(37760, Kind.U16, 1e-3, unknown=_NOTHING[Kind.U16])
BATTERY_POWER = _watts(37765, sign=-1)
CHARGED = Register(37780, Kind.U32, 0.01)
DISCHARGED = Register(37782, Kind.U32, 0.01)
MODE = Register(47086)
RESERVE = Register(47102, Kind.U16, 1e-3)
EXPORT_CONTROL = Register(47415, writable=True)
EXPORT_LIMIT = Register(47416, Kind.S32, 1e-3, writable=True)
PERIOD = Register(47083, writable=True)
FORCE = Register(47100, writable=True)
FORCE_UNTIL = Register(47246, writable=True)
"""0: until the period is over."""
CHARGE_POWER = Register(47247, Kind.U32, 1e-3, writable=True)
DISCHARGE_POWER = Register(47249, Kind.U32, 1e-3, writable=True)

STOP, CHARGE, DISCHARGE = 0, 1, 2
UNLIMITED, LIMIT_IN_WATTS = 0, 6
_MODES = {0: "adaptive", 1: "fixed", 2: "self-consumption", 4: "fully fed to grid", 5: "time of use"}
_STATES = {
    0x201: Running.DERATED,
    0x202: Running.DERATED,
    0x203: Running.ISLANDED,
    0x300: Running.FAULT,
}
_FAMILIES = {
    0x00: Running.STANDBY,
    0x01: Running.STANDBY,
    0x02: Running.RUNNING,
    0x03: Running.STOPPED,
    0x04: Running.RUNNING,
    0xA0: Running.STANDBY,
}
"""What the state's upper byte says."""
_LOOK: tuple[Readable, ...] = (
    *(PV_POWER, AC_POWER, FREQUENCY, STATE, MOST_CHARGE, MOST_DISCHARGE, GRID_POWER, EXPORTED, IMPORTED),
    *(CAPACITY, SOC, BATTERY_POWER, CHARGED, DISCHARGED, MODE, RESERVE, EXPORT_CONTROL, EXPORT_LIMIT),
)


class Huawei:
    """One inverter with its battery and meter."""

    descriptor = DESCRIPTOR

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self._export_before: tuple[float, float] | None = None

    async def identify(self) -> tuple[Identity, Capability]:
        """Read the plate."""
        seen = await self._registers.read((MODEL, SERIAL, RATED, MOST_CHARGE, MOST_DISCHARGE, CAPACITY))
        rated_kw, capacity_kwh = number(seen, RATED), number(seen, CAPACITY)
        identity = Identity("Huawei", str(seen[MODEL]), str(seen[SERIAL]), "", rated_kw, capacity_kwh)
        charge_kw, discharge_kw = (number(seen, most) or 0.0 for most in (MOST_CHARGE, MOST_DISCHARGE))
        return identity, Capability(charge_kw, discharge_kw, export_limit=True, capacity_kwh=capacity_kwh)

    async def read(self, at: datetime) -> Sample:
        """Look at inverter, battery and meter; the household is what they leave over."""
        seen = await self._registers.read(_LOOK)
        grid_kw, ac_kw = number(seen, GRID_POWER), number(seen, AC_POWER)
        capacity_kwh, soc = number(seen, CAPACITY), number(seen, SOC)
        return Sample(
            at,
            {
                ComponentKind.GRID_METER: Measurement(
                    grid_kw,
                    import_kwh=number(seen, IMPORTED),
                    export_kwh=_magnitude(number(seen, EXPORTED)),
                    frequency_hz=number(seen, FREQUENCY),
                ),
                ComponentKind.INVERTER: Measurement(ac_kw),
                ComponentKind.PV_STRING: Measurement(number(seen, PV_POWER)),
                ComponentKind.BATTERY: Measurement(
                    number(seen, BATTERY_POWER),
                    soc=soc,
                    import_kwh=number(seen, CHARGED),
                    export_kwh=number(seen, DISCHARGED),
                ),
                ComponentKind.LOAD: Measurement(
                    None if grid_kw is None or ac_kw is None else grid_kw - ac_kw
                ),
            },
            Status(_running(number(seen, STATE))),
            Settings(
                reserve_soc=number(seen, RESERVE),
                export_limit_kw=_limit(number(seen, EXPORT_CONTROL), number(seen, EXPORT_LIMIT)),
                mode=_MODES.get(int(number(seen, MODE) or 0), "unknown"),
            ),
            Availability(
                number(seen, MOST_CHARGE) or 0.0,
                number(seen, MOST_DISCHARGE) or 0.0,
                None if capacity_kwh is None or soc is None else soc * capacity_kwh,
            ),
        )

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Force the battery for a while, clamped to what it offers now, or stop forcing it."""
        return await answered(self._carry_out(order, at))

    async def close(self) -> None:
        """Take back an export limit; what was forced ends with its period."""
        if self._export_before is not None:
            with suppress(DeviceError):
                await self._release()
        await self._registers.close()

    async def _carry_out(self, order: Order | None, at: datetime) -> float | None:
        if order is None or order.until <= at:
            await self._release()
            return None
        if order.export_limit_kw is not None:
            await self._limit(order.export_limit_kw)
        return await self._force(order, order.until - at)

    async def _force(self, order: Order, lasts: timedelta) -> float:
        charging = order.power_kw < 0
        most_kw = await self._registers.number(MOST_CHARGE if charging else MOST_DISCHARGE)
        power_kw = min(abs(order.power_kw), inf if most_kw is None else most_kw)
        minutes = ceil(min(max(lasts, SHORTEST), LONGEST) / timedelta(minutes=1))
        await self._registers.write(FORCE_UNTIL, 0)
        await self._registers.write(PERIOD, minutes)
        await self._registers.write(CHARGE_POWER if charging else DISCHARGE_POWER, power_kw)
        await self._registers.write(FORCE, CHARGE if charging else DISCHARGE)
        return -power_kw if charging else power_kw

    async def _limit(self, export_limit_kw: float) -> None:
        if self._export_before is None:
            before = await self._registers.read((EXPORT_CONTROL, EXPORT_LIMIT))
            self._export_before = (
                number(before, EXPORT_CONTROL) or UNLIMITED,
                number(before, EXPORT_LIMIT) or 0.0,
            )
        await self._registers.write(EXPORT_LIMIT, export_limit_kw)
        await self._registers.write(EXPORT_CONTROL, LIMIT_IN_WATTS)

    async def _release(self) -> None:
        await self._registers.write(FORCE, STOP)
        if self._export_before is not None:
            control, limit_kw = self._export_before
            await self._registers.write(EXPORT_CONTROL, control)
            await self._registers.write(EXPORT_LIMIT, limit_kw)
            self._export_before = None


def _magnitude(value: float | None) -> float | None:
    return None if value is None else abs(value)


def _limit(control: float | None, limit_kw: float | None) -> float | None:
    """Return the export limit in force; zero export is mode 5, a share of the rating is unknown to us."""
    if control is None:
        return None
    return {UNLIMITED: inf, 5: 0.0, LIMIT_IN_WATTS: limit_kw}.get(int(control))


def _running(state: float | None) -> Running:
    if state is None:
        return Running.UNKNOWN
    code = int(state)
    return _STATES.get(code) or _FAMILIES.get(code >> 8, Running.UNKNOWN)
