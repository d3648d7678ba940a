"""Huawei's EMMA, the box that manages a home's inverters and batteries, over Modbus TCP: read, not commanded.

Where there is an EMMA, the battery obeys it and not us; that it can be put in "third-party dispatch" is
public, at which register that mode takes its power is not, and nothing is written on a guess. A site with an
EMMA is dispatched through FusionSolar. Battery power counts up when charging, the grid when exporting.
Source: the public register list of EMMA, one copy.
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
    Settings,
    Status,
)
from manta.drivers.modbus import Kind, Pace, Readable, Register, Registers, Text, answered, number
from manta.drivers.port import Applied, ForbiddenError, Order

DESCRIPTOR = Descriptor(
    make="huawei-emma",
    latency=Latency.EDGE,
    setpoints=Setpoints.NONE,
    expiry=None,
    refresh=timedelta(minutes=1),
    poll=timedelta(seconds=10),
)
PACE = Pace(timeout_s=10.0, gap_s=0.05, settle_s=1.0, near_words=4)


def _watts(address: int, kind: Kind = Kind.S32, sign: int = 1) -> Register:
    nothing = 0x7FFFFFFF if kind is Kind.S32 else 0xFFFFFFFF
    return Register(address, kind, sign * 1e-3, unknown=frozenset({nothing}))


MODEL, SERIAL, FIRMWARE = Text(30222, 20), Text(30015, 10), Text(30035, 15)
CHARGED = Register(30308, Kind.U64, 0.01)
DISCHARGED = Register(30314, Kind.U64, 0.01)
CAPACITY = Register(30322, Kind.U32, 1e-3)
EXPORTED = Register(30332, Kind.U64, 0.01)
IMPORTED = Register(30338, Kind.U64, 0.01)
PV_POWER = _watts(30354, Kind.U32)
LOAD_POWER = _watts(30356, Kind.U32, -1)
GRID_POWER = _watts(30358)
BATTERY_POWER = _watts(30360, sign=-1)
RATED = _watts(30362, Kind.U32)
AC_POWER = _watts(30364)
SOC = Register(30368, Kind.U16, 1e-4, unknown=frozenset({0xFFFF}))
RESERVE = Register(30373, Kind.U16, 1e-4, unknown=frozenset({0xFFFF}))
MODE = Register(40000)

_MODES = {2: "self-consumption", 4: "fully fed to grid", 5: "time of use", 6: "third-party dispatch"}
_LOOK: tuple[Readable, ...] = (
    *(CHARGED, DISCHARGED, EXPORTED, IMPORTED, PV_POWER, LOAD_POWER, GRID_POWER, BATTERY_POWER),
    *(AC_POWER, SOC, RESERVE, MODE),
)


class HuaweiEmma:
    """The manager of one home."""

    descriptor = DESCRIPTOR

    def __init__(self, registers: Registers) -> None:
        self._registers = registers

    async def identify(self) -> tuple[Identity, Capability]:
        """Read the plate; it offers no power, for it takes no commands."""
        seen = await self._registers.read((MODEL, SERIAL, FIRMWARE, RATED, CAPACITY))
        identity = Identity(
            "Huawei",
            str(seen[MODEL]),
            str(seen[SERIAL]),
            str(seen[FIRMWARE]),
            number(seen, RATED),
            number(seen, CAPACITY),
        )
        return identity, Capability(0.0, 0.0, capacity_kwh=number(seen, CAPACITY))

    async def read(self, at: datetime) -> Sample:
        """Look at the home as the manager sees it."""
        seen = await self._registers.read(_LOOK)
        return Sample(
            at,
            {
                ComponentKind.GRID_METER: Measurement(
                    number(seen, GRID_POWER),
                    import_kwh=number(seen, IMPORTED),
                    export_kwh=number(seen, EXPORTED),
                ),
                ComponentKind.INVERTER: Measurement(number(seen, AC_POWER)),
                ComponentKind.PV_STRING: Measurement(number(seen, PV_POWER)),
                ComponentKind.BATTERY: Measurement(
                    number(seen, BATTERY_POWER),
                    soc=number(seen, SOC),
                    import_kwh=number(seen, CHARGED),
                    export_kwh=number(seen, DISCHARGED),
                ),
                ComponentKind.LOAD: Measurement(number(seen, LOAD_POWER)),
            },
            Status(Running.UNKNOWN, is_remote_allowed=False),
            Settings(
                reserve_soc=number(seen, RESERVE),
                mode=_MODES.get(int(number(seen, MODE) or 0), "unknown"),
            ),
        )

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Refuse a power; a release asks for nothing and has nothing to do."""
        return await answered(_refuse(order, at))

    async def close(self) -> None:
        """Hang up."""
        await self._registers.close()


async def _refuse(order: Order | None, at: datetime) -> float | None:
    if order is not None and order.until > at:
        raise ForbiddenError("the EMMA is read alone: where it takes a battery's power is not public")
    return None
