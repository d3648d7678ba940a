"""Every make of device that Manta can drive: a plain table, from which docs/drivers.md is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from manta.domain.der import Descriptor, Latency, Setpoints
from manta.drivers import (
    alphaess,
    foxess,
    fusionsolar,
    goodwe,
    huawei,
    huawei_emma,
    sigenergy,
    sma,
    solaredge,
    sungrow,
    sunspec,
    tesla,
)
from manta.drivers.modbus import Line, Pace, Registers
from manta.drivers.port import Driver


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a device on the site's own network is reached."""

    host: str
    port: int = 502
    unit: int | None = None
    """Modbus' number of the device behind the address; None: the one that its make usually has."""
    pace: Pace | None = None
    """None: as its make wants to be asked."""


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


@dataclass(frozen=True, slots=True)
class Modbus:
    """Opens a device over Modbus TCP."""

    drive: Callable[[Registers], Driver]
    pace: Pace
    unit: int = 1
    """Modbus' number that this make usually has."""

    def __call__(self, at: Endpoint) -> Driver:
        """Open the device at an address; nothing is asked yet."""
        line = Line(at.host, at.port, at.pace or self.pace)
        return self.drive(Registers(line, self.unit if at.unit is None else at.unit))


_FOXESS = {
    of.make: Make(
        caption=f"FoxESS {models}",
        reached="Modbus TCP, port 502, unit 247",
        descriptor=foxess.DESCRIPTORS[of.make],
        connect=Modbus(foxess.foxess(of), foxess.PACE, unit=247),
        note=f"{reached} No serial number, no rating: they are entered. No export limit.",
    )
    for of, models, reached in (
        (foxess.H1, "H1 hybrids", "Needs an RS485 gateway, or the LAN port of newer ones."),
        (foxess.KH, "KH hybrids", "Needs an RS485 gateway."),
        (foxess.H3_PRO, "H3-Pro and H3-Smart hybrids", "Modbus TCP is its own."),
    )
}

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
        connect=Modbus(huawei.Huawei, huawei.PACE),
        note="An installer enables Modbus TCP. One client alone is served. What is forced ends by itself.",
    ),
    "huawei-emma": Make(
        caption="Huawei EMMA home managers, with what stands behind them",
        reached="Modbus TCP, port 502",
        descriptor=huawei_emma.DESCRIPTOR,
        connect=Modbus(huawei_emma.HuaweiEmma, huawei_emma.PACE),
        note="Read alone: where its dispatch takes a power is not public. FusionSolar dispatches it.",
    ),
    "alphaess": Make(
        caption="AlphaESS SMILE and Storion hybrids",
        reached="Modbus TCP, port 502, unit 85",
        descriptor=alphaess.DESCRIPTOR,
        connect=Modbus(alphaess.AlphaEss, alphaess.PACE, alphaess.UNIT),
        note="It tells no serial number: it is entered. It does not limit export in kW.",
    ),
    **_FOXESS,
    "goodwe": Make(
        caption="GoodWe ET, EH, BT and BH hybrids",
        reached="Modbus TCP, port 502 of the LAN kit, unit 247",
        descriptor=goodwe.DESCRIPTOR,
        connect=Modbus(goodwe.GoodWe, goodwe.PACE, goodwe.UNIT),
        note="The Wi-Fi kit speaks UDP alone and is not reached. It has no timeout: whoever commands it must "
        "return it to auto.",
    ),
    "sigenergy": Make(
        caption="Sigenergy SigenStor, as a plant",
        reached="Modbus TCP, port 502, unit 247",
        descriptor=sigenergy.DESCRIPTOR,
        connect=Modbus(sigenergy.Sigenergy, sigenergy.PACE, sigenergy.PLANT_UNIT),
        note="An installer enables Modbus TCP. A plant has no serial number: one is entered. No timeout.",
    ),
    "sma": Make(
        caption="SMA Sunny Boy and Tripower Smart Energy",
        reached="Modbus TCP, port 502, unit 3",
        descriptor=sma.DESCRIPTOR,
        connect=Modbus(sma.Sma, sma.PACE, sma.UNIT),
        note="Read alone, part of it from memory: how a discharge is forced is not certain.",
    ),
    "solaredge": Make(
        caption="SolarEdge StorEdge and Home Hub inverters with a battery",
        reached="Modbus TCP, port 1502 or 502",
        descriptor=solaredge.DESCRIPTOR,
        connect=Modbus(solaredge.SolarEdge, solaredge.PACE),
        note="An installer enables Modbus TCP and advanced power control.",
    ),
    "sunspec": Make(
        caption="SunSpec devices: Fronius GEN24, and others with models 124 or 704",
        reached="Modbus TCP, port 502",
        descriptor=sunspec.DESCRIPTOR,
        connect=Modbus(sunspec.SunSpec, sunspec.PACE),
        note="Control over Modbus is enabled on the device. One without a reversion timer is read alone. The "
        "meter's sign is checked in commissioning.",
    ),
    "sungrow": Make(
        caption="Sungrow SH hybrid inverters: SH-RS, SH-RT, SH-T with SBR batteries",
        reached="Modbus TCP, port 502",
        descriptor=sungrow.DESCRIPTOR,
        connect=Modbus(sungrow.Sungrow, sungrow.PACE),
        note="One connection alone is accepted. The inverter's own LAN port is preferred to the WiNet-S. "
        "It has no timeout: whoever forces it must release it.",
    ),
    "fusionsolar": Make(
        caption="Huawei plants through FusionSolar: SUN2000, LUNA2000 and EMMA",
        reached="Vendor's cloud: the northbound interface of FusionSolar",
        descriptor=fusionsolar.DESCRIPTOR,
        note="Forced charge and discharge need Huawei's consent for the account. A reading of all three "
        "kinds of device takes 15 minutes, and longer beyond 100 plants.",
    ),
    "tesla": Make(
        caption="Tesla Powerwall through the Fleet API",
        reached="Vendor's cloud: Tesla's Fleet API",
        descriptor=tesla.DESCRIPTOR,
        note="It takes no power, only prices, and acts after 15 to 45 minutes. What the householder had set "
        "is put back. Each call is billed; the budgets are ours, as Tesla's are not public.",
    ),
}
"""Name of the make, as the register has it → what it is."""
