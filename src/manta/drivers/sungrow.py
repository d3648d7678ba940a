"""Sungrow SH hybrid inverters (RS, RT, T) over Modbus TCP, on the inverter's own LAN port or a WiNet-S.

Sungrow's documents number registers from 1, the wire from 0; 32-bit numbers have their low word first; both
end here, with Sungrow's watts. Battery power is positive when discharging (5214, the one register whose sign
does not hang on the firmware), the meter positive when importing. Forced mode has no timeout of its own: who
began it must end it. Source: Sungrow's "Communication Protocol of Residential Hybrid Inverter" V1.1.11, as
three public maps of it agree.
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
    Trust,
)
from manta.drivers.modbus import (
    Kind,
    Pace,
    Readable,
    RefusedError,
    Register,
    Registers,
    Space,
    Text,
    answered,
    number,
)
from manta.drivers.port import Applied, DeviceError, ForbiddenError, Order

DESCRIPTOR = Descriptor(
    make="sungrow",
    latency=Latency.EDGE,
    setpoints=Setpoints.POWER,
    expiry=None,
    refresh=timedelta(seconds=60),
    poll=timedelta(seconds=5),
    writes_wear=True,
    read_back=Trust.STALE,
)
PACE = Pace(timeout_s=3.0, gap_s=0.02, near_words=12)
"""20 ms suits a WiNet-S as well; the inverter's own port would do with 5."""

_NO_METER = frozenset({0x7FFFFFFF})


def _input(number: int, kind: Kind, scale: float, unknown: frozenset[int] = frozenset()) -> Register:
    return Register(number - 1, kind, scale, Space.INPUT, low_word_first=True, unknown=unknown)


def _holding(number: int, scale: float = 1.0) -> Register:
    return Register(number - 1, Kind.U16, scale, writable=True)


SERIAL = Text(4989, 10, Space.INPUT)
FIRMWARE = Text(4953, 15, Space.INPUT)
TYPE_CODE = _input(5000, Kind.U16, 1)
RATED = _input(5001, Kind.U16, 0.1)
BATTERY_RATED = _input(5628, Kind.U16, 0.1)
CAPACITY = _input(5639, Kind.U16, 0.01)
PV_POWER = _input(5017, Kind.U32, 1e-3)
BATTERY_POWER = _input(5214, Kind.S32, 1e-3)
FREQUENCY = _input(5242, Kind.U16, 0.01)
GRID_POWER = _input(5601, Kind.S32, -1e-3, _NO_METER)
EXPORT_LIMIT_MOST = _input(5623, Kind.U16, 0.01)
STATE = _input(13000, Kind.U16, 1)
LOAD_POWER = _input(13008, Kind.S32, -1e-3)
SOC = _input(13023, Kind.U16, 1e-3)
TEMPERATURE = _input(13025, Kind.S16, 0.1)
DISCHARGED = _input(13027, Kind.U32, 0.1)
IMPORTED = _input(13037, Kind.U32, 0.1)
CHARGED = _input(13041, Kind.U32, 0.1)
EXPORTED = _input(13046, Kind.U32, 0.1)

MODE = _holding(13050)
COMMAND = _holding(13051)
FORCED_POWER = _holding(13052, 1e-3)
EXPORT_LIMIT = _holding(13074, 1e-3)
EXPORT_LIMIT_ON = _holding(13087)
RESERVE = Register(13099, Kind.U16, 0.01)

SELF_CONSUMPTION, FORCED = 0, 2
CHARGE, DISCHARGE, STOP = 0xAA, 0xBB, 0xCC
ON, OFF = 0xAA, 0x55
_OUT_OF_RANGE = frozenset({3, 4})
"""The Modbus exceptions with which it refuses a value."""

MODELS = {
    0x0D0F: "SH5.0RS",
    0x0D1B: "SH10RS",
    0x0E03: "SH10RT",
    0x0E13: "SH10RT-20",
    0x0E0F: "SH10RT-V112",
    0x0E0B: "SH10RT-V122",
    **{0x0E20 + n: f"SH{size}T" for n, size in enumerate((5, 6, 8, 10, 12, 15, 20, 25))},
}
_MODES = {0: "self-consumption", 2: "forced", 3: "external EMS", 4: "VPP", 8: "microgrid"}
_RUNNING = {
    0x0040: Running.RUNNING,
    0x0800: Running.RUNNING,
    0x4000: Running.RUNNING,
    0x8200: Running.RUNNING,
    0x0008: Running.STANDBY,
    0x8000: Running.STOPPED,
    0x8100: Running.DERATED,
    0x0100: Running.FAULT,
    0x5500: Running.FAULT,
    0x1000: Running.ISLANDED,
}
_LOOK: tuple[Readable, ...] = (
    *(PV_POWER, BATTERY_POWER, FREQUENCY, GRID_POWER, STATE, LOAD_POWER, SOC, TEMPERATURE),
    *(DISCHARGED, IMPORTED, CHARGED, EXPORTED, MODE, EXPORT_LIMIT, EXPORT_LIMIT_ON, RESERVE),
)


class Sungrow:
    """One hybrid inverter with its battery and meter."""

    descriptor = DESCRIPTOR

    def __init__(self, registers: Registers, export_scale: float | None = None) -> None:
        self._registers = registers
        self.export_scale = export_scale
        """Watts that one count written to the export limit is worth on this firmware, 1 or 10; None: not
        probed yet, and no limit is written."""
        self._limit_before: tuple[float, float] | None = None

    async def identify(self) -> tuple[Identity, Capability]:
        """Read the plate."""
        seen = await self._registers.read(
            (SERIAL, FIRMWARE, TYPE_CODE, RATED, BATTERY_RATED, CAPACITY, EXPORT_LIMIT_MOST)
        )
        code = int(number(seen, TYPE_CODE) or 0)
        battery_kw, rated_kw = number(seen, BATTERY_RATED), number(seen, RATED)
        capacity_kwh = number(seen, CAPACITY)
        power_kw = min(filter(None, (battery_kw, rated_kw)), default=0.0)
        identity = Identity(
            make="Sungrow",
            model=MODELS.get(code, f"type {code:#06x}"),
            serial=str(seen[SERIAL]),
            firmware=str(seen[FIRMWARE]),
            rated_kw=rated_kw,
            capacity_kwh=capacity_kwh,
        )
        return identity, Capability(power_kw, power_kw, export_limit=True, capacity_kwh=capacity_kwh)

    async def read(self, at: datetime) -> Sample:
        """Look at inverter, battery and meter."""
        seen = await self._registers.read(_LOOK)
        limited = number(seen, EXPORT_LIMIT_ON) == ON
        frequency_hz = number(seen, FREQUENCY)
        return Sample(
            at,
            {
                ComponentKind.GRID_METER: Measurement(
                    number(seen, GRID_POWER),
                    import_kwh=number(seen, IMPORTED),
                    export_kwh=number(seen, EXPORTED),
                    frequency_hz=frequency_hz,
                ),
                ComponentKind.PV_STRING: Measurement(number(seen, PV_POWER)),
                ComponentKind.BATTERY: Measurement(
                    number(seen, BATTERY_POWER),
                    soc=number(seen, SOC),
                    import_kwh=number(seen, CHARGED),
                    export_kwh=number(seen, DISCHARGED),
                    temperature_degc=number(seen, TEMPERATURE),
                ),
                ComponentKind.LOAD: Measurement(number(seen, LOAD_POWER)),
            },
            Status(_RUNNING.get(int(number(seen, STATE) or 0), Running.UNKNOWN)),
            Settings(
                reserve_soc=number(seen, RESERVE),
                export_limit_kw=number(seen, EXPORT_LIMIT) if limited else inf,
                mode=_MODES.get(int(number(seen, MODE) or 0), "unknown"),
            ),
        )

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Force the battery, or hand it back to self-consumption."""
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
            await self._limit(order.export_limit_kw)
        await self._registers.write(FORCED_POWER, abs(order.power_kw))
        await self._registers.write(
            COMMAND, DISCHARGE if order.power_kw > 0 else CHARGE if order.power_kw < 0 else STOP
        )
        await self._registers.write(MODE, FORCED)
        return order.power_kw

    async def probe_export_scale(self) -> float:
        """Find what a count written to the export limit is worth, without changing the limit for good.

        The limit as it stands, in watts, is written back: on firmware that counts watts nothing changes, on
        firmware that counts tens it is out of range and refused, or is read back tenfold and put right.
        """
        before_kw = await self._registers.number(EXPORT_LIMIT)
        if not before_kw:
            raise DeviceError("the export limit is 0 or unknown; set one on the inverter, then probe again")
        try:
            await self._registers.write(EXPORT_LIMIT, before_kw)
        except RefusedError as error:
            if error.code not in _OUT_OF_RANGE:
                raise
            self.export_scale = 10.0
            return self.export_scale
        after_kw = await self._registers.number(EXPORT_LIMIT)
        self.export_scale = 10.0 if after_kw is not None and after_kw > 5 * before_kw else 1.0
        await self._registers.write(EXPORT_LIMIT, before_kw / self.export_scale)
        return self.export_scale

    async def _limit(self, export_limit_kw: float) -> None:
        if self.export_scale is None:
            raise ForbiddenError("the scale of the export limit is not known: it is probed in commissioning")
        if self._limit_before is None:
            before = await self._registers.read((EXPORT_LIMIT, EXPORT_LIMIT_ON))
            self._limit_before = (
                number(before, EXPORT_LIMIT) or 0.0,
                number(before, EXPORT_LIMIT_ON) or OFF,
            )
        await self._registers.write(EXPORT_LIMIT, export_limit_kw / self.export_scale)
        await self._registers.write(EXPORT_LIMIT_ON, ON)

    async def _release(self) -> None:
        await self._registers.write(COMMAND, STOP)
        await self._registers.write(MODE, SELF_CONSUMPTION)
        if self._limit_before is not None and self.export_scale is not None:
            limit_kw, switch = self._limit_before
            await self._registers.write(EXPORT_LIMIT, limit_kw / self.export_scale)
            await self._registers.write(EXPORT_LIMIT_ON, switch)
            self._limit_before = None
