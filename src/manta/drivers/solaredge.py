"""SolarEdge StorEdge inverters over Modbus TCP: by SunSpec, and SolarEdge's own registers for the battery.

SolarEdge's own registers have the low word of a number first. Its battery counts up when charging. Under
remote control a command mode says what the battery does, a limit in watts how much of it, and a timeout in
seconds when it falls back to the default mode. Limits and timeout are written before the mode. Remote
control must be allowed on the inverter; what was chosen there before is put back.
Source: SolarEdge's power control registers, as two public maps agree; modes 3, 4 and 7 alone are used.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
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
    Sample,
    Setpoints,
    Settings,
)
from manta.drivers.modbus import Kind, Pace, Readable, Register, Registers, answered, number
from manta.drivers.port import Applied, DeviceError, ForbiddenError, Order
from manta.drivers.sunspec import SunSpec

DESCRIPTOR = Descriptor(
    make="solaredge",
    latency=Latency.EDGE,
    setpoints=Setpoints.POWER,
    expiry=timedelta(minutes=10),
    refresh=timedelta(minutes=4),
    poll=timedelta(seconds=5),
    writes_wear=True,
)
PACE = Pace(timeout_s=5.0, gap_s=0.02, near_words=60)


def _low_first(address: int, kind: Kind, scale: float = 1.0, *, writable: bool = False) -> Register:
    return Register(address, kind, scale, low_word_first=True, writable=writable)


CAPACITY = _low_first(0xE142, Kind.F32, 1e-3)
MOST_CHARGE = _low_first(0xE144, Kind.F32, 1e-3)
MOST_DISCHARGE = _low_first(0xE146, Kind.F32, 1e-3)
TEMPERATURE = _low_first(0xE16C, Kind.F32)
BATTERY_POWER = _low_first(0xE174, Kind.F32, -1e-3)
DISCHARGED = _low_first(0xE176, Kind.U64, 1e-3)
CHARGED = _low_first(0xE17A, Kind.U64, 1e-3)
SOC = _low_first(0xE184, Kind.F32, 0.01)

CONTROL = Register(0xE004, writable=True)
RESERVE = _low_first(0xE008, Kind.F32, 0.01)
TIMEOUT = _low_first(0xE00B, Kind.U32, writable=True)
COMMAND = Register(0xE00D, writable=True)
CHARGE_LIMIT = _low_first(0xE00E, Kind.F32, 1e-3, writable=True)
DISCHARGE_LIMIT = _low_first(0xE010, Kind.F32, 1e-3, writable=True)

REMOTE_CONTROL = 4
CHARGE_FROM_ALL, DISCHARGE, SELF_CONSUMPTION = 3, 4, 7
_CONTROLS = {0: "disabled", 1: "self-consumption", 2: "time of use", 3: "backup only", 4: "remote control"}
_LOOK: tuple[Readable, ...] = (
    *(CAPACITY, MOST_CHARGE, MOST_DISCHARGE, TEMPERATURE, BATTERY_POWER, DISCHARGED, CHARGED, SOC),
    *(CONTROL, RESERVE),
)


class SolarEdge:
    """One inverter with its battery and meter."""

    descriptor = DESCRIPTOR

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self._inverter = SunSpec(registers)
        self._control_before: float | None = None

    async def identify(self) -> tuple[Identity, Capability]:
        """Read the inverter's plate by SunSpec, the battery's by SolarEdge's registers."""
        identity, _ = await self._inverter.identify()
        seen = await self._registers.read((CAPACITY, MOST_CHARGE, MOST_DISCHARGE))
        capacity_kwh = number(seen, CAPACITY)
        charge_kw, discharge_kw = (number(seen, most) or 0.0 for most in (MOST_CHARGE, MOST_DISCHARGE))
        return (
            replace(identity, capacity_kwh=capacity_kwh),
            Capability(charge_kw, discharge_kw, capacity_kwh=capacity_kwh),
        )

    async def read(self, at: datetime) -> Sample:
        """Look at inverter, battery and meter; the panels are what the DC side gives beside the battery."""
        inverter = await self._inverter.read(at)
        dc = await self._inverter.dc_register()
        seen = await self._registers.read((*_LOOK, dc) if dc else _LOOK)
        battery_kw, dc_kw = number(seen, BATTERY_POWER), number(seen, dc)
        soc, capacity_kwh = number(seen, SOC), number(seen, CAPACITY)
        return replace(
            inverter,
            measurements={
                **inverter.measurements,
                ComponentKind.PV_STRING: Measurement(
                    None if dc_kw is None or battery_kw is None else dc_kw - battery_kw
                ),
                ComponentKind.BATTERY: Measurement(
                    battery_kw,
                    soc=soc,
                    import_kwh=number(seen, CHARGED),
                    export_kwh=number(seen, DISCHARGED),
                    temperature_degc=number(seen, TEMPERATURE),
                ),
            },
            settings=Settings(
                reserve_soc=number(seen, RESERVE),
                mode=_CONTROLS.get(int(number(seen, CONTROL) or 0), "unknown"),
            ),
            availability=Availability(
                number(seen, MOST_CHARGE) or 0.0,
                number(seen, MOST_DISCHARGE) or 0.0,
                None if soc is None or capacity_kwh is None else soc * capacity_kwh,
            ),
        )

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Command the battery for a while, or hand it back."""
        return await answered(self._carry_out(order, at))

    async def close(self) -> None:
        """Put back who controls the battery; a command ends with its timeout."""
        if self._control_before is not None:
            with suppress(DeviceError):
                await self._release()
        await self._registers.close()

    async def _carry_out(self, order: Order | None, at: datetime) -> float | None:
        if order is None or order.until <= at:
            await self._release()
            return None
        if order.export_limit_kw is not None:
            raise ForbiddenError("its site limit has no timeout, and is not written")
        if self._control_before is None:
            self._control_before = await self._registers.number(CONTROL)
        charging = order.power_kw < 0
        lasts = min(order.until - at, DESCRIPTOR.expiry or timedelta())
        if self._control_before != REMOTE_CONTROL:
            await self._registers.write(CONTROL, REMOTE_CONTROL)
        await self._registers.write(TIMEOUT, ceil(lasts.total_seconds()))
        await self._registers.write(CHARGE_LIMIT if charging else DISCHARGE_LIMIT, abs(order.power_kw))
        await self._registers.write(COMMAND, CHARGE_FROM_ALL if charging else DISCHARGE)
        return order.power_kw

    async def _release(self) -> None:
        await self._registers.write(COMMAND, SELF_CONSUMPTION)
        if self._control_before is not None:
            await self._registers.write(CONTROL, self._control_before)
            self._control_before = None
