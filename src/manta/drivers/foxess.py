"""FoxESS hybrid inverters over Modbus TCP: H1 and KH, and the H3-Pro and H3-Smart with a map of their own.

Remote control sets what the inverter gives to the house's side, so that what the panels give is added to
what the battery is to do, anew at each repetition. It ends by itself after a timeout in seconds. Its three
registers take one word a write, in the order timeout, switch, power. Battery power counts up when
discharging; the grid counts up when exporting, but on a KH when importing. The H3 before the Pro is left
out: its public maps do not agree on which word of the power comes first.
Source: the public register maps of two integrations that control these models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

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
from manta.drivers.modbus import Kind, Pace, Readable, Register, Registers, answered, number
from manta.drivers.port import Applied, DeviceError, ForbiddenError, Order

PACE = Pace(timeout_s=3.0, gap_s=0.05, near_words=8)
LONGEST = timedelta(minutes=2)
"""The timeout that we ask for at most: what the panels give has changed by then."""
MOST_KW = 30.0
"""No model of these gives more; a power beyond it is a mistake."""


def _descriptor(make: str) -> Descriptor:
    return Descriptor(
        make=make,
        latency=Latency.EDGE,
        setpoints=Setpoints.POWER,
        expiry=LONGEST,
        refresh=timedelta(seconds=30),
        poll=timedelta(seconds=5),
    )


@dataclass(frozen=True, slots=True)
class Map:
    """Where a family keeps what we need."""

    make: str
    family: str
    grid: Register
    battery: Register
    soc: Register
    reserve: Register
    mode: Register
    modes: tuple[str, ...]
    """In the vendor's order, from the mode numbered 0."""
    strings: tuple[Register, ...]
    switch: Register
    timeout: Register
    power: Register


def _kilowatts(address: int, kind: Kind = Kind.S16, scale: float = 1e-3) -> Register:
    return Register(address, kind, scale)


_MODES = ("self use", "feed-in first", "backup")
_SWITCH = Register(44000, writable=True)
_TIMEOUT = Register(44001, writable=True)
_POWER = Register(44002, Kind.S16, 1e-3, writable=True)

H1 = Map(
    make="foxess-h1",
    family="H1",
    grid=_kilowatts(31014),
    battery=_kilowatts(31022),
    soc=Register(31024, Kind.U16, 0.01),
    reserve=Register(41009, Kind.U16, 0.01),
    mode=Register(41000),
    modes=_MODES,
    strings=(_kilowatts(31002), _kilowatts(31005)),
    switch=_SWITCH,
    timeout=_TIMEOUT,
    power=_POWER,
)
KH = Map(
    make="foxess-kh",
    family="KH",
    grid=_kilowatts(31049, Kind.S32, -1e-3),
    battery=_kilowatts(31022),
    soc=Register(31024, Kind.U16, 0.01),
    reserve=Register(41009, Kind.U16, 0.01),
    mode=Register(41000),
    modes=_MODES,
    strings=tuple(_kilowatts(address) for address in (31002, 31005, 31041, 31044)),
    switch=_SWITCH,
    timeout=_TIMEOUT,
    power=_POWER,
)
H3_PRO = Map(
    make="foxess-h3-pro",
    family="H3-Pro",
    grid=_kilowatts(38814, Kind.S32, 1e-4),
    battery=_kilowatts(39237, Kind.S32),
    soc=Register(37612, Kind.U16, 0.01),
    reserve=Register(46609, Kind.U16, 0.01),
    mode=Register(49203),
    modes=("", *_MODES, "peak shaving"),
    strings=tuple(_kilowatts(address, Kind.S32) for address in (39279, 39281, 39283, 39285)),
    switch=Register(46001, writable=True),
    timeout=Register(46002, writable=True),
    power=Register(46003, Kind.S32, 1e-3, writable=True),
)
MAPS = (H1, KH, H3_PRO)
DESCRIPTORS = {each.make: _descriptor(each.make) for each in MAPS}

ON, OFF = 1, 0


class FoxEss:
    """One inverter of one family."""

    def __init__(self, registers: Registers, of: Map) -> None:
        self._registers = registers
        self._of = of
        self.descriptor = DESCRIPTORS[of.make]

    async def identify(self) -> tuple[Identity, Capability]:
        """Tell the family; these maps hold no serial number and no rating, which commissioning is told."""
        await self._registers.read((self._of.soc,))
        return Identity("FoxESS", self._of.family, ""), Capability(0.0, 0.0)

    async def read(self, at: datetime) -> Sample:
        """Look at panels, battery and grid; the household is what they leave over."""
        of = self._of
        asked: tuple[Readable, ...] = (of.grid, of.battery, of.soc, of.reserve, of.mode, *of.strings)
        seen = await self._registers.read(asked)
        grid_kw, battery_kw = number(seen, of.grid), number(seen, of.battery)
        strings_kw = tuple(number(seen, string) for string in of.strings)
        pv_kw = _given(strings_kw)
        known = None not in (grid_kw, battery_kw, pv_kw)
        mode = int(number(seen, of.mode) or 0)
        return Sample(
            at,
            {
                ComponentKind.GRID_METER: Measurement(grid_kw),
                ComponentKind.PV_STRING: Measurement(pv_kw),
                ComponentKind.BATTERY: Measurement(battery_kw, soc=number(seen, of.soc)),
                ComponentKind.LOAD: Measurement(
                    (grid_kw or 0.0) - (battery_kw or 0.0) - (pv_kw or 0.0) if known else None
                ),
            },
            Status(Running.UNKNOWN),
            Settings(
                reserve_soc=number(seen, of.reserve),
                mode=of.modes[mode] if mode < len(of.modes) else "remote",
            ),
            strings_kw=strings_kw,
        )

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Set what the inverter gives, for a while, or switch remote control off."""
        return await answered(self._carry_out(order, at))

    async def close(self) -> None:
        """Hang up; nothing is left behind: remote control ends with its timeout."""
        await self._registers.close()

    async def _carry_out(self, order: Order | None, at: datetime) -> float | None:
        of = self._of
        if order is None or order.until <= at:
            await self._registers.write(of.switch, OFF)
            return None
        if order.export_limit_kw is not None:
            raise ForbiddenError("no register of this map limits what a site exports")
        if abs(order.power_kw) > MOST_KW:
            raise ForbiddenError(f"no battery of this make gives or takes {abs(order.power_kw):g} kW")
        seen = await self._registers.read(of.strings)
        pv_kw = _given(tuple(number(seen, string) for string in of.strings))
        if pv_kw is None:
            raise DeviceError("what the panels give is not known, and so not what the inverter is to give")
        await self._registers.write(of.timeout, ceil(min(order.until - at, LONGEST).total_seconds()))
        await self._registers.write(of.switch, ON)
        await self._registers.write(of.power, pv_kw + order.power_kw)
        return order.power_kw


def foxess(of: Map) -> Callable[[Registers], FoxEss]:
    """Return what makes a driver for a family."""
    return lambda registers: FoxEss(registers, of)


def _given(strings_kw: tuple[float | None, ...]) -> float | None:
    """Return what the panels give in all; an empty string tells a little less than nothing."""
    known = [max(each, 0.0) for each in strings_kw if each is not None]
    return sum(known) if len(known) == len(strings_kw) else None
