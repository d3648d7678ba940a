"""Sigenergy SigenStor, asked as a plant over Modbus TCP: unit 247 of any of its inverters.

Measurements are input registers in thousandths of a kW; the battery counts up when charging, the grid when
importing. While the remote EMS is on, a mode says what the battery does and a limit how much of it. Limits
are written first, so that no mode ever acts with the limit of another. Nothing ends by itself: whoever
switches the remote EMS on must switch it off, and put the limits back.
Source: the register list of "Sigenergy Modbus Protocol" V2, as two public maps of it agree.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from math import inf

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
from manta.drivers.modbus import Kind, Pace, Readable, Register, Registers, Space, answered, number
from manta.drivers.port import Applied, DeviceError, Order

DESCRIPTOR = Descriptor(
    make="sigenergy",
    latency=Latency.EDGE,
    setpoints=Setpoints.POWER,
    expiry=None,
    refresh=timedelta(seconds=60),
    poll=timedelta(seconds=5),
)
PACE = Pace(timeout_s=3.0, gap_s=0.02, near_words=8)
PLANT_UNIT = 247


def _input(address: int, kind: Kind = Kind.S32, scale: float = 1e-3) -> Register:
    unknown = frozenset({0xFFFF_FFFF}) if kind is Kind.U32 else frozenset[int]()
    return Register(address, kind, scale, Space.INPUT, unknown=unknown)


def _limit(address: int) -> Register:
    return Register(address, Kind.U32, 1e-3, writable=True)


EMS_MODE = _input(30003, Kind.U16, 1)
GRID_POWER = _input(30005, scale=-1e-3)
ON_GRID = _input(30009, Kind.U16, 1)
RATED = _input(30010, Kind.U32)
SOC = _input(30014, Kind.U16, 1e-3)
AC_POWER = _input(30031)
PV_POWER = _input(30035)
BATTERY_POWER = _input(30037, scale=-1e-3)
CHARGE_NOW = _input(30047, Kind.U32)
DISCHARGE_NOW = _input(30049, Kind.U32)
STATE = _input(30051, Kind.U16, 1)
MOST_CHARGE = _input(30068, Kind.U32)
MOST_DISCHARGE = _input(30070, Kind.U32)
CAPACITY = _input(30083, Kind.U32, 0.01)
CHARGED = _input(30200, Kind.U64, 0.01)
DISCHARGED = _input(30204, Kind.U64, 0.01)
IMPORTED = _input(30216, Kind.U64, 0.01)
EXPORTED = _input(30220, Kind.U64, 0.01)

REMOTE = Register(40029, writable=True)
MODE = Register(40031, writable=True)
CHARGE_LIMIT = _limit(40032)
DISCHARGE_LIMIT = _limit(40034)
EXPORT_LIMIT = _limit(40038)
RESERVE = Register(40046, Kind.U16, 1e-3)

STANDBY, SELF_CONSUMPTION, CHARGE_FROM_GRID, DISCHARGE_BATTERY_FIRST = 1, 2, 3, 6
ON, OFF = 1, 0
UNLIMITED_KW = 0xFFFF_FFFE * 1e-3
_MODES = {
    0: "self-consumption",
    1: "AI",
    2: "time of use",
    5: "fully fed to grid",
    7: "remote EMS",
    9: "custom",
}
_RUNNING = {0: Running.STANDBY, 1: Running.RUNNING, 2: Running.FAULT, 3: Running.STOPPED, 7: Running.FAULT}
_LOOK: tuple[Readable, ...] = (
    *(EMS_MODE, GRID_POWER, ON_GRID, SOC, AC_POWER, PV_POWER, BATTERY_POWER, CHARGE_NOW, DISCHARGE_NOW),
    *(STATE, CAPACITY, CHARGED, DISCHARGED, IMPORTED, EXPORTED, EXPORT_LIMIT, RESERVE),
)


class Sigenergy:
    """One plant: its inverters and batteries as one."""

    descriptor = DESCRIPTOR

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self._before: dict[Register, float] = {}
        """Each limit that was touched, as it was."""

    async def identify(self) -> tuple[Identity, Capability]:
        """Read the plate; a plant has no serial number, its inverters have."""
        seen = await self._registers.read((RATED, MOST_CHARGE, MOST_DISCHARGE, CAPACITY))
        capacity_kwh = number(seen, CAPACITY)
        identity = Identity("Sigenergy", "SigenStor plant", "", "", number(seen, RATED), capacity_kwh)
        charge_kw, discharge_kw = (number(seen, most) or 0.0 for most in (MOST_CHARGE, MOST_DISCHARGE))
        return identity, Capability(charge_kw, discharge_kw, export_limit=True, capacity_kwh=capacity_kwh)

    async def read(self, at: datetime) -> Sample:
        """Look at the plant; the household is what grid and inverters leave over."""
        seen = await self._registers.read(_LOOK)
        grid_kw, ac_kw = number(seen, GRID_POWER), number(seen, AC_POWER)
        soc, capacity_kwh = number(seen, SOC), number(seen, CAPACITY)
        limit_kw = number(seen, EXPORT_LIMIT)
        charge_kw, discharge_kw = number(seen, CHARGE_NOW), number(seen, DISCHARGE_NOW)
        islanded = number(seen, ON_GRID) in {1.0, 2.0}
        return Sample(
            at,
            {
                ComponentKind.GRID_METER: Measurement(
                    grid_kw, import_kwh=number(seen, IMPORTED), export_kwh=number(seen, EXPORTED)
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
            Status(
                Running.ISLANDED if islanded else _RUNNING.get(int(number(seen, STATE) or 0), Running.UNKNOWN)
            ),
            Settings(
                reserve_soc=number(seen, RESERVE),
                export_limit_kw=inf if limit_kw is not None and limit_kw >= UNLIMITED_KW else limit_kw,
                mode=_MODES.get(int(number(seen, EMS_MODE) or 0), "unknown"),
            ),
            None
            if charge_kw is None or discharge_kw is None
            else Availability(
                charge_kw,
                discharge_kw,
                None if soc is None or capacity_kwh is None else soc * capacity_kwh,
            ),
        )

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Command the battery as the remote EMS, or hand it back."""
        return await answered(self._carry_out(order, at))

    async def close(self) -> None:
        """Hand the battery back, if it answers."""
        with suppress(DeviceError):
            await self._release()
        await self._registers.close()

    async def _carry_out(self, order: Order | None, at: datetime) -> float | None:
        if order is None or order.until <= at:
            await self._release()
            return None
        if order.export_limit_kw is not None:
            await self._limit(EXPORT_LIMIT, order.export_limit_kw)
        if order.power_kw:
            charging = order.power_kw < 0
            await self._limit(CHARGE_LIMIT if charging else DISCHARGE_LIMIT, abs(order.power_kw))
            await self._registers.write(MODE, CHARGE_FROM_GRID if charging else DISCHARGE_BATTERY_FIRST)
        else:
            await self._registers.write(MODE, STANDBY)
        await self._registers.write(REMOTE, ON)
        return order.power_kw

    async def _limit(self, limit: Register, limit_kw: float) -> None:
        if limit not in self._before:
            before_kw = await self._registers.number(limit)
            if before_kw is None:
                raise DeviceError(f"the limit at {limit.address} is not told, and could not be put back")
            self._before[limit] = before_kw
        await self._registers.write(limit, limit_kw)

    async def _release(self) -> None:
        await self._registers.write(MODE, SELF_CONSUMPTION)
        await self._registers.write(REMOTE, OFF)
        for limit, before_kw in list(self._before.items()):
            await self._registers.write(limit, before_kw)
            del self._before[limit]
