"""Every make of device that Manta can drive: a plain table, from which docs/drivers.md is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from manta.domain.der import Descriptor, Latency, Setpoints
from manta.drivers import huawei, sungrow
from manta.drivers.modbus import Line, Pace, Registers
from manta.drivers.port import Driver


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a device on the site's own network is reached."""

    host: str
    port: int = 502
    unit: int = 1


@dataclass(frozen=True, slots=True)
class Make:
    """One way in which devices speak."""

    caption: str
    reached: str
    descriptor: Descriptor
    connect: Callable[[Endpoint], Driver] | None = None
    """Opens a device on the site's network; None where the site dials in or a vendor's cloud is asked."""
    note: str = ""
    """What an installer must know."""


def _modbus[D: Driver](driver: Callable[[Registers], D], pace: Pace) -> Callable[[Endpoint], Driver]:
    def connect(at: Endpoint) -> Driver:
        return driver(Registers(Line(at.host, at.port, pace), at.unit))

    return connect


CATALOGUE: Mapping[str, Make] = {
    "manta-contract": Make(
        caption="Any home whose own controller speaks Manta's device contract",
        reached="MQTT 3.1.1, the site dials in",
        descriptor=Descriptor(
            make="manta-contract",
            latency=Latency.EDGE,
            setpoints=Setpoints.POWER,
            expiry=timedelta(minutes=10),
            refresh=timedelta(minutes=5),
            poll=timedelta(seconds=5),
        ),
    ),
    "huawei": Make(
        caption="Huawei SUN2000 inverters with LUNA2000 batteries",
        reached="Modbus TCP, port 502 of the SDongle, 6607 of the inverter itself",
        descriptor=huawei.DESCRIPTOR,
        connect=_modbus(huawei.Huawei, huawei.PACE),
        note="An installer enables Modbus TCP. One client alone is served. What is forced ends by itself.",
    ),
    "sungrow": Make(
        caption="Sungrow SH hybrid inverters: SH-RS, SH-RT, SH-T with SBR batteries",
        reached="Modbus TCP, port 502",
        descriptor=sungrow.DESCRIPTOR,
        connect=_modbus(sungrow.Sungrow, sungrow.PACE),
        note="One connection alone is accepted. The inverter's own LAN port is preferred to the WiNet-S. "
        "It has no timeout: whoever forces it must release it.",
    ),
}
"""Name of the make, as the register has it → what it is."""
