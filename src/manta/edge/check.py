"""``manta edge check``: each device is looked at once, nothing is written, and what was seen is printed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from manta.domain.der import Capability, ComponentKind, Identity, Sample
from manta.drivers.catalogue import CATALOGUE, Endpoint
from manta.drivers.port import DeviceError
from manta.edge.config import DeviceTable, EdgeConfig, read_key, read_secret

BALANCE_KW = 0.2
"""A site whose parts do not add up to its meter by more has a wrong sign or a part that nobody sees."""

_WHOLE = (ComponentKind.GRID_METER, ComponentKind.PV_STRING, ComponentKind.BATTERY, ComponentKind.LOAD)


async def check(config: EdgeConfig, folder: Path, at: datetime) -> tuple[bool, list[str]]:
    """Look at every device and return whether all is well, and the lines to print."""
    lines: list[str] = []
    is_well = True
    for device in config.device:
        ok, said = await _check_device(device, folder, at)
        is_well &= ok
        lines += said
    try:
        read_secret(folder, config.uplink.password_file)
    except ValueError as error:
        is_well = False
        lines.append(f"uplink: {error}")
    return is_well, lines


async def _check_device(device: DeviceTable, folder: Path, at: datetime) -> tuple[bool, list[str]]:
    make = CATALOGUE[device.make]
    if make.connect is None:
        raise ValueError(f"{device.make} is not reached from a box")
    # Not closed afterwards: closing a driver releases the device, and a check changes nothing.
    driver = make.connect(Endpoint(device.host, device.port, device.unit))
    where = f"{device.battery} ({device.make} at {device.host}:{device.port})"
    try:
        read_key(folder, device.key_file)
        identity, capability = await driver.identify()
        await asyncio.sleep(0)
        sample = await driver.read(at)
    except (DeviceError, ValueError) as error:
        return False, [f"{where}: {error}", f"  what to do: {make.note or make.reached}"]
    lines = [where, *_plate(device, identity, capability), *_parts(sample), *_settings(sample)]
    return not any(line.startswith("  ! ") for line in lines), lines


def _plate(device: DeviceTable, identity: Identity, capability: Capability) -> Iterator[str]:
    yield f"  {identity.make} {identity.model}, serial {identity.serial or 'unknown'}, {identity.firmware}"
    yield f"  may charge {capability.charge_kw:g} kW, discharge {capability.discharge_kw:g} kW"
    for name, told, plate in (
        ("charge_kw", device.charge_kw, capability.charge_kw),
        ("discharge_kw", device.discharge_kw, capability.discharge_kw),
    ):
        if plate > 0.0 and told > plate:
            yield f"  ! {name} is {told:g} in the file, {plate:g} on the plate: lower it"


def _parts(sample: Sample) -> Iterator[str]:
    for kind, part in sample.measurements.items():
        power = "unknown" if part.power_kw is None else f"{part.power_kw:+.3f} kW"
        charge = "" if part.soc is None else f", charged {part.soc:.0%}"
        yield f"  {kind:<11} {power}{charge}"
    whole = [sample.measurements.get(kind) for kind in _WHOLE]
    powers = [None if part is None else part.power_kw for part in whole]
    known = [power for power in powers if power is not None]
    if len(known) == len(powers) and abs(known[0] - sum(known[1:])) > BALANCE_KW:
        yield f"  ! PV, battery and load add up to {sum(known[1:]):+.3f} kW: check the meter's sign and place"


def _settings(sample: Sample) -> Iterator[str]:
    settings = sample.settings
    reserve = "unknown" if settings.reserve_soc is None else f"{settings.reserve_soc:.0%}"
    yield f"  {sample.status.running}, mode {settings.mode or 'unknown'}, reserve {reserve}"
