"""SunSpec inverters and batteries over Modbus TCP: Fronius, SMA and others, by the standard's own models.

Two ways to dispatch. Model 124 bounds the battery itself: the highest discharging and the highest charging
rate, in percent of its rating, where a negative rate of the one is a least rate of the other; with both at
the same power the battery can do nothing else. Where there is no 124, model 704 sets the power of the whole
DER, so that what the panels give is added to what the battery is to do, anew at each repetition. Both have a
reversion timer, which is always set; a device without one is not commanded, for it would hold for ever.
Power of a DER counts up when generating. The meters' sign is the vendor's: Fronius counts import up.
Source: SunSpec's model definitions; Fronius' use of 124 as two public controllers of it agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from manta.drivers.modbus import Pace, Readable, Register, Registers, answered, number
from manta.drivers.port import Applied, DeviceError, ForbiddenError, Order
from manta.drivers.sunspec_models import Models, scan

DESCRIPTOR = Descriptor(
    make="sunspec",
    latency=Latency.EDGE,
    setpoints=Setpoints.POWER,
    expiry=timedelta(minutes=10),
    refresh=timedelta(minutes=1),
    poll=timedelta(seconds=5),
)
PACE = Pace(timeout_s=3.0, gap_s=0.01, near_words=60)

WRITABLE = {
    (124, "StorCtl_Mod"),
    (124, "OutWRte"),
    (124, "InWRte"),
    (124, "InOutWRte_RvrtTms"),
    (704, "WSetEna"),
    (704, "WSetMod"),
    (704, "WSet"),
    (704, "WSetEnaRvrt"),
    (704, "WSetRvrtTms"),
}
"""Every point that may be written: no connection, no curve, no protection."""
EXPORTS_COUNT_UP = frozenset({"SolarEdge"})
"""Makers whose meters count export up; the others' count import up."""
INVERTERS = (701, 103, 102, 101)
METERS = (203, 202, 201, 204)
PV_PORT, BATTERY_PORT = 0, 1
"""Types of a DC port in model 714."""
CHARGE_AND_DISCHARGE, NEITHER = 3, 0
"""Which rates model 124 bounds."""
IN_WATTS, ON, OFF = 1, 1, 0
_RUNNING = {
    1: (Running.STOPPED, Running.STANDBY, Running.STANDBY, Running.RUNNING)
    + (Running.DERATED, Running.STOPPED, Running.FAULT, Running.STANDBY),
    0: (Running.UNKNOWN, Running.STOPPED, Running.STANDBY, Running.STANDBY, Running.RUNNING)
    + (Running.DERATED, Running.STOPPED, Running.FAULT, Running.STANDBY),
}
"""States in their order: of model 701, which begins at 0, and of 101 to 103, which begin at 1."""


class SunSpec:
    """One device whose models are found when it is first asked."""

    descriptor = DESCRIPTOR

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self._models: Models | None = None
        self._export_sign: int | None = None

    async def identify(self) -> tuple[Identity, Capability]:
        """Find the models, and read plate and ratings."""
        self._models = models = await scan(self._registers)
        names = {name: models.text(1, name) for name in ("Mn", "Md", "SN", "Vr")}
        plate = _plate(models)
        seen = await self._registers.read([*filter(None, names.values()), *filter(None, plate.values())])
        told = {name: "" if text is None else str(seen[text]) for name, text in names.items()}
        self._export_sign = 1 if told["Mn"] in EXPORTS_COUNT_UP else -1
        rated_kw, capacity_kwh, charge_kw, discharge_kw = (number(seen, point) for point in plate.values())
        identity = Identity(told["Mn"], told["Md"], told["SN"], told["Vr"], rated_kw, capacity_kwh)
        return identity, Capability(charge_kw or 0.0, discharge_kw or 0.0, capacity_kwh=capacity_kwh)

    async def read(self, at: datetime) -> Sample:
        """Look at whatever of inverter, ports, battery and meter the device has."""
        models = await self._found()
        looked = _Looked(models, self._export_sign or -1)
        seen = await self._registers.read(looked.asked())
        return looked.sample(seen, at)

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Set a power with its reversion timer, or switch the set-point off."""
        return await answered(self._carry_out(order, at))

    async def close(self) -> None:
        """Hang up; nothing is left behind: what was set reverts by itself."""
        await self._registers.close()

    async def dc_register(self) -> Register | None:
        """Return where an inverter of models 101 to 103 tells the power of its DC side, in kW."""
        models = await self._found()
        return models.point(models.first(103, 102, 101), "DCW", 1e-3)

    async def _found(self) -> Models:
        if self._models is None:
            await self.identify()
        if self._models is None:
            raise DeviceError("its models are not known")
        return self._models

    async def _carry_out(self, order: Order | None, at: datetime) -> float | None:
        models = await self._found()
        storage = models.first(124) is not None
        if order is None or order.until <= at:
            await (self._release_storage(models) if storage else self._release_power(models))
            return None
        if order.export_limit_kw is not None:
            raise ForbiddenError("SunSpec's models limit a DER's output and not a site's export")
        seconds = ceil(min(order.until - at, DESCRIPTOR.expiry or timedelta()).total_seconds())
        hold = self._hold_storage if storage else self._hold_power
        return await hold(models, order.power_kw, seconds)

    async def _hold_storage(self, models: Models, power_kw: float, seconds: int) -> float:
        most_kw = await self._registers.number(_need(models.point(124, "WChaMax", 1e-3), "the rating"))
        if not most_kw:
            raise ForbiddenError("the storage does not tell its rating, which its rates are percents of")
        await self._reverts(models, 124, "InOutWRte_RvrtTms")
        held_kw = min(max(power_kw, -most_kw), most_kw)
        await self._write(models, 124, "InOutWRte_RvrtTms", seconds)
        await self._write(models, 124, "OutWRte", 100 * held_kw / most_kw)
        await self._write(models, 124, "InWRte", -100 * held_kw / most_kw)
        await self._write(models, 124, "StorCtl_Mod", CHARGE_AND_DISCHARGE)
        return held_kw

    async def _release_storage(self, models: Models) -> None:
        await self._write(models, 124, "StorCtl_Mod", NEITHER)
        await self._write(models, 124, "OutWRte", 100.0)
        await self._write(models, 124, "InWRte", 100.0)

    async def _hold_power(self, models: Models, power_kw: float, seconds: int) -> float:
        looked = _Looked(models, self._export_sign or -1)
        given_kw, _ = looked.dc(await self._registers.read(looked.asked()))
        if None in given_kw:
            raise DeviceError("what the panels give is not known, and so not what the whole is to give")
        await self._reverts(models, 704, "WSetRvrtTms")
        await self._write(models, 704, "WSetMod", IN_WATTS)
        await self._write(models, 704, "WSet", power_kw + sum(filter(None, given_kw)), 1e-3)
        await self._write(models, 704, "WSetEnaRvrt", OFF)
        await self._write(models, 704, "WSetRvrtTms", seconds)
        await self._write(models, 704, "WSetEna", ON)
        return power_kw

    async def _release_power(self, models: Models) -> None:
        await self._write(models, 704, "WSetEna", OFF)

    async def _reverts(self, models: Models, model: int, timer: str) -> None:
        register = models.point(model, timer)
        if register is None or await self._registers.number(register) is None:
            raise ForbiddenError(f"it has no reversion timer in model {model}: it would hold for ever")

    async def _write(self, models: Models, model: int, name: str, value: float, scale: float = 1.0) -> None:
        register = models.point(model, name, scale, writable=(model, name) in WRITABLE)
        if register is None:
            raise ForbiddenError(
                f"it has no point {name} of model {model}, without which it is not commanded"
            )
        await self._registers.write(register, value)


class _Looked:
    """What one look asks for, and what it saw."""

    def __init__(self, models: Models, export_sign: int) -> None:
        self._inverter = models.first(*INVERTERS)
        meter, battery = models.first(*METERS), models.first(713, 802)
        inverter = self._inverter
        self._points = {
            "ac_kw": models.point(inverter, "W", 1e-3),
            "state": models.point(inverter, "InvSt" if inverter == INVERTERS[0] else "St"),
            "hz": models.point(inverter, "Hz"),
            "grid_kw": models.point(meter, "W", 1e-3 * export_sign),
            "export_kwh": models.point(meter, "TotWhExp", 1e-3),
            "import_kwh": models.point(meter, "TotWhImp", 1e-3),
            "soc": models.point(battery, "SoC", 0.01) or models.point(124, "ChaState", 0.01),
            "capacity_kwh": models.point(battery, "WHRtg", 1e-3),
            "reserve": models.point(124, "MinRsvPct", 0.01),
            "storage_mode": models.point(124, "StorCtl_Mod"),
            "set": models.point(704, "WSetEna"),
        }
        self._plate = _plate(models)
        self._modules = [
            (models.text(160, "IDStr", group=n), models.point(160, "DCW", 1e-3, group=n))
            for n in range(models.groups(160))
        ]
        self._ports = [
            (models.point(714, "PrtTyp", group=n), models.point(714, "DCW", 1e-3, group=n))
            for n in range(models.groups(714))
        ]

    def asked(self) -> Iterable[Readable]:
        """Return the registers to read."""
        pairs = (part for pair in (*self._modules, *self._ports) for part in pair)
        return [each for each in (*self._points.values(), *self._plate.values(), *pairs) if each is not None]

    def sample(self, seen: Mapping[Readable, float | str | None], at: datetime) -> Sample:
        """Return what was seen as our components."""
        value = {name: number(seen, point) for name, point in self._points.items()}
        _, _, charge_kw, discharge_kw = (number(seen, point) for point in self._plate.values())
        pv_kw, battery_kw = (_sum(parts) for parts in self.dc(seen))
        ac_kw, grid_kw, soc = value["ac_kw"], value["grid_kw"], value["soc"]
        if soc is not None and battery_kw is None and not self._modules and not self._ports:
            battery_kw = ac_kw  # a storage without a DC side of its own is all that its inverter serves
        kinds = {
            ComponentKind.INVERTER: Measurement(ac_kw),
            ComponentKind.PV_STRING: None if pv_kw is None else Measurement(pv_kw),
            ComponentKind.BATTERY: None if soc is None else Measurement(battery_kw, soc=soc),
        }
        if self._points["grid_kw"] is not None:
            kinds[ComponentKind.GRID_METER] = Measurement(
                grid_kw,
                import_kwh=value["import_kwh"],
                export_kwh=value["export_kwh"],
                frequency_hz=value["hz"],
            )
            load_kw = None if grid_kw is None or ac_kw is None else grid_kw - ac_kw
            kinds[ComponentKind.LOAD] = Measurement(load_kw)
        capacity_kwh = value["capacity_kwh"]
        return Sample(
            at,
            {kind: measured for kind, measured in kinds.items() if measured is not None},
            Status(self._running(value["state"])),
            Settings(
                reserve_soc=value["reserve"],
                mode="set-point" if value["storage_mode"] or value["set"] == ON else "own",
            ),
            None
            if soc is None
            else Availability(
                charge_kw or 0.0,
                discharge_kw or 0.0,
                None if capacity_kwh is None else soc * capacity_kwh,
            ),
        )

    def _running(self, state: float | None) -> Running:
        states = _RUNNING[self._inverter == INVERTERS[0]]
        return Running.UNKNOWN if state is None or not 0 <= state < len(states) else states[int(state)]

    def dc(
        self, seen: Mapping[Readable, float | str | None]
    ) -> tuple[list[float | None], list[float | None]]:
        """Return what each string of panels and each battery gives, None where it does not tell.

        Fronius tells a battery's two directions as two modules.
        """
        pv: list[float | None] = []
        battery: list[float | None] = []
        for name, power in self._modules:
            label = "" if name is None else str(seen[name])
            power_kw = number(seen, power)
            if label.startswith("StCha"):
                battery.append(None if power_kw is None else -power_kw)
            else:
                (battery if label.startswith("StDisCha") else pv).append(power_kw)
        for kind, power in self._ports:
            of = {PV_PORT: pv, BATTERY_PORT: battery}.get(int(number(seen, kind) or 0))
            if of is not None:
                of.append(number(seen, power))
        return pv, battery


def _plate(models: Models) -> dict[str, Register | None]:
    """Return where rating, capacity and the most it charges and discharges are told, in this order."""
    return {
        "rated_kw": models.point(702, "WMaxRtg", 1e-3) or models.point(120, "WRtg", 1e-3),
        "capacity_kwh": models.point(713, "WHRtg", 1e-3)
        or models.point(802, "WHRtg", 1e-3)
        or models.point(120, "WHRtg", 1e-3),
        "charge_kw": models.point(702, "WChaRteMaxRtg", 1e-3)
        or models.point(124, "WChaMax", 1e-3)
        or models.point(802, "WChaRteMax", 1e-3),
        "discharge_kw": models.point(702, "WDisChaRteMaxRtg", 1e-3)
        or models.point(124, "WChaMax", 1e-3)
        or models.point(802, "WDisChaRteMax", 1e-3),
    }


def _sum(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None


def _need(register: Register | None, what: str) -> Register:
    if register is None:
        raise ForbiddenError(f"it does not tell {what}")
    return register
