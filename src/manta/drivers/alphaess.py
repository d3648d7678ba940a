"""AlphaESS SMILE and Storion hybrids over Modbus TCP, unit 85.

Everything is a holding register, and a single one, too, is written with the function for several. The
battery counts up when discharging, the grid when importing. The dispatch block takes its power with 32 kW
added, so that nothing is negative, ends by itself after its seconds, and begins to act when its mode is
written, which is therefore written last.
Source: AlphaESS' household register list, as three public maps of it agree; two later ones name another
dispatch block at 0x0722, which is not used here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

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
from manta.drivers.modbus import Kind, Pace, Readable, Register, Registers, answered, number
from manta.drivers.port import Applied, ForbiddenError, Order

DESCRIPTOR = Descriptor(
    make="alphaess",
    latency=Latency.EDGE,
    setpoints=Setpoints.POWER,
    expiry=timedelta(minutes=10),
    refresh=timedelta(minutes=4),
    poll=timedelta(seconds=10),
)
PACE = Pace(timeout_s=5.0, gap_s=0.05, near_words=4, writes_blocks=True)
UNIT = 85

EXPORTED = Register(0x0010, Kind.U32, 0.01)
IMPORTED = Register(0x0012, Kind.U32, 0.01)
GRID_POWER = Register(0x0021, Kind.S32, -1e-3)
SOC = Register(0x0102, Kind.U16, 1e-3)
CAPACITY = Register(0x0119, Kind.U16, 0.1)
CHARGED = Register(0x0120, Kind.U32, 0.1)
DISCHARGED = Register(0x0122, Kind.U32, 0.1)
BATTERY_POWER = Register(0x0126, Kind.S16, 1e-3)
MOST_CHARGE = Register(0x012C, Kind.U16, 1e-3)
MOST_DISCHARGE = Register(0x012D, Kind.U16, 1e-3)
STRINGS = tuple(Register(0x041F + 4 * n, Kind.U32, 1e-3) for n in range(6))

START = Register(0x0880, writable=True)
POWER = Register(0x0881, Kind.U32, 1e-3, writable=True)
MODE = Register(0x0885, writable=True)
TARGET_SOC = Register(0x0886, Kind.U16, 0.004, writable=True)
SECONDS = Register(0x0887, Kind.U32, writable=True)

ZERO_KW = 32.0
"""What is added to a power in the dispatch block."""
SOC_CONTROL = 2
ON, OFF = 1, 0
FULL, EMPTY = 1.0, 0.04
"""Where a dispatch stops: the battery's own reserve is kept by the battery."""
_LOOK: tuple[Readable, ...] = (
    *(EXPORTED, IMPORTED, GRID_POWER, SOC, CAPACITY, CHARGED, DISCHARGED, BATTERY_POWER, MOST_CHARGE),
    *(MOST_DISCHARGE, START, *STRINGS),
)


class AlphaEss:
    """One inverter with its battery and meter."""

    descriptor = DESCRIPTOR

    def __init__(self, registers: Registers) -> None:
        self._registers = registers

    async def identify(self) -> tuple[Identity, Capability]:
        """Read the battery's ratings; model and serial number are in no public part of the map."""
        seen = await self._registers.read((CAPACITY, MOST_CHARGE, MOST_DISCHARGE))
        capacity_kwh = number(seen, CAPACITY)
        charge_kw, discharge_kw = number(seen, MOST_CHARGE) or 0.0, number(seen, MOST_DISCHARGE) or 0.0
        identity = Identity("AlphaESS", "", "", capacity_kwh=capacity_kwh)
        return identity, Capability(charge_kw, discharge_kw, capacity_kwh=capacity_kwh)

    async def read(self, at: datetime) -> Sample:
        """Look at panels, battery and grid; the household is what they leave over."""
        seen = await self._registers.read(_LOOK)
        grid_kw, battery_kw = number(seen, GRID_POWER), number(seen, BATTERY_POWER)
        strings_kw = tuple(number(seen, string) for string in STRINGS)
        told = [each for each in strings_kw if each is not None]
        pv_kw = sum(told) if told else None
        soc, capacity_kwh = number(seen, SOC), number(seen, CAPACITY)
        known = None not in (grid_kw, battery_kw, pv_kw)
        return Sample(
            at,
            {
                ComponentKind.GRID_METER: Measurement(
                    grid_kw, import_kwh=number(seen, IMPORTED), export_kwh=number(seen, EXPORTED)
                ),
                ComponentKind.PV_STRING: Measurement(pv_kw),
                ComponentKind.BATTERY: Measurement(
                    battery_kw,
                    soc=soc,
                    import_kwh=number(seen, CHARGED),
                    export_kwh=number(seen, DISCHARGED),
                ),
                ComponentKind.LOAD: Measurement(
                    (grid_kw or 0.0) - (battery_kw or 0.0) - (pv_kw or 0.0) if known else None
                ),
            },
            Status(Running.UNKNOWN),
            Settings(mode="dispatched" if number(seen, START) == ON else "own"),
            Availability(
                number(seen, MOST_CHARGE) or 0.0,
                number(seen, MOST_DISCHARGE) or 0.0,
                None if soc is None or capacity_kwh is None else soc * capacity_kwh,
            ),
            strings_kw,
        )

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Dispatch the battery for a while, or stop dispatching it."""
        return await answered(self._carry_out(order, at))

    async def close(self) -> None:
        """Hang up; nothing is left behind: a dispatch ends with its seconds."""
        await self._registers.close()

    async def _carry_out(self, order: Order | None, at: datetime) -> float | None:
        if order is None or order.until <= at:
            await self._registers.write(START, OFF)
            return None
        if order.export_limit_kw is not None:
            raise ForbiddenError("its export limit is a share of the panels' rating, which it does not tell")
        most = await self._registers.read((MOST_CHARGE, MOST_DISCHARGE))
        charge_kw, discharge_kw = number(most, MOST_CHARGE), number(most, MOST_DISCHARGE)
        power_kw = min(order.power_kw, ZERO_KW if discharge_kw is None else discharge_kw)
        power_kw = max(power_kw, -ZERO_KW if charge_kw is None else -charge_kw)
        lasts = min(order.until - at, DESCRIPTOR.expiry or timedelta())
        await self._registers.write(START, ON)
        await self._registers.write(POWER, ZERO_KW + power_kw)
        await self._registers.write(TARGET_SOC, FULL if power_kw < 0 else EMPTY)
        await self._registers.write(SECONDS, ceil(lasts.total_seconds()))
        await self._registers.write(MODE, SOC_CONTROL)
        return power_kw
