"""Huawei's FusionSolar through its northbound interface: SUN2000, LUNA2000 and EMMA plants of one account.

Battery in watts and positive when charging, power sensor in watts and positive when exporting, inverter in
kilowatts. One session and one real-time call in five minutes are allowed to an account, so that devices are
asked a hundred at a time, one kind after the other, and a sample is as old as the oldest of its parts. What
is forced ends by itself after whole minutes. Sources: public clients of the interface, and its paths as three
of them agree. How the state of a task is numbered is not public: 0 is taken as done and 2 as failed, as the
interface numbers its answers, and whatever else as not yet known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

import msgspec

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
    Status,
    Trust,
)
from manta.drivers.cloud import Call, Cloud, Endpoint, Loose, RefusedError, TokenError, answered, loose, share
from manta.drivers.cloud_budget import Allowance, Limits, Urgency
from manta.drivers.port import Applied, DeviceError, Order

LOGIN = "/thirdData/login"
REAL_TIME = "/thirdData/getDevRealKpi"
FORCE = "/rest/openapi/pvms/v1/vpp/chargeAndDischarge"
FORCED = "/rest/openapi/pvms/v1/vpp/chargeAndDischargeStatus"
ENDPOINTS = (
    Endpoint("POST", LOGIN, "login"),
    Endpoint("POST", REAL_TIME, "real-time"),
    Endpoint("POST", FORCE, "control"),
    Endpoint("POST", FORCED, "control"),
)
_FIVE_MINUTES, _DAY = timedelta(minutes=5), timedelta(days=1)
LIMITS = Limits(
    account={
        "login": (Allowance(5, timedelta(minutes=10), for_releases=1),),
        "real-time": (Allowance(1, _FIVE_MINUTES),),
        "control": (Allowance(120, timedelta(minutes=1), for_releases=60),),
    },
    site={"control": (Allowance(600, _DAY, for_releases=100),)},
)
DESCRIPTOR = Descriptor(
    make="fusionsolar",
    latency=Latency.CLOUD,
    setpoints=Setpoints.POWER,
    expiry=timedelta(hours=1),
    refresh=timedelta(minutes=5),
    poll=timedelta(minutes=15),
    calls_per_day=600,
    read_back=Trust.STALE,
)
MOST_DEVICES = 100
INVERTER, BATTERY, METER = 38, 39, 47
"""Its numbers of the kinds of device."""
_KINDS = (BATTERY, METER, INVERTER)
_STOP, _CHARGE, _DISCHARGE = 0, 1, 2
_BY_TIME = 2
_RELOGIN, _THROTTLED, _SYSTEM = 305, 407, frozenset({429, 20200, 20004})
_LOOKS, _LOOK_EVERY = 5, timedelta(seconds=5)
_DONE, _FAILED = 0, 2


class _Login(msgspec.Struct, rename="camel"):
    success: bool | None = None
    fail_code: int = 0


class _Device(msgspec.Struct, rename="camel"):
    dev_id: int | str
    data_item_map: dict[str, Loose] = msgspec.field(default_factory=dict)


class _RealTime(msgspec.Struct, rename="camel"):
    fail_code: int
    data: list[_Device] | None = None


class _Plant(msgspec.Struct, rename="camel"):
    plant_code: str
    status: int | None = None


class _Task(msgspec.Struct, rename="camel"):
    fail_code: int
    data: list[_Plant] | None = None


@dataclass(frozen=True, slots=True)
class Plant:
    """One site as FusionSolar numbers it."""

    code: str
    devices: Mapping[int, str]
    """Kind of device → its number."""
    rated_kw: float
    """A magnitude, of its battery."""
    capacity_kwh: float | None = None


class FusionSolarAccount:
    """One account: its one session, and what was last heard of its devices."""

    def __init__(self, cloud: Cloud, user: str, system_code: str, plants: tuple[Plant, ...]) -> None:
        self.cloud = cloud
        self._login = {"userName": user, "systemCode": system_code}
        self._token = ""
        self._turn = asyncio.Lock()
        self._heard: dict[str, tuple[datetime, Mapping[str, Loose]]] = {}
        self._next = 0
        self._request = 0
        self._batches = [
            (kind, tuple(devices[n : n + MOST_DEVICES]))
            for kind in _KINDS
            if (devices := [plant.devices[kind] for plant in plants if kind in plant.devices])
            for n in range(0, len(devices), MOST_DEVICES)
        ]

    async def ask[T: (_RealTime, _Task)](self, call: Call, answer: type[T]) -> T:
        """Ask within the session, which is begun anew once where it has ended."""
        if not self._token:
            await self._log_in("")
        try:
            return await self._once(call, answer)
        except TokenError:
            await self._log_in(self._token)
            return await self._once(call, answer)

    def request(self, at: datetime) -> int:
        """Return a number that no request of this account had before."""
        self._request = max(self._request + 1, int(at.timestamp() * 1_000))
        return self._request

    async def heard(self, plant: Plant) -> Mapping[int, tuple[datetime, Mapping[str, Loose]]]:
        """Return what was last heard of a plant's devices, after the next batch if one may be asked now."""
        async with self._turn:
            kind, devices = self._batches[self._next]
            call = Call("POST", REAL_TIME, "", body={"devIds": ",".join(devices), "devTypeId": kind})
            try:
                got = (await self.ask(call, _RealTime)).data or []
                self._next = (self._next + 1) % len(self._batches)
                now = self.cloud.clock.now()
                self._heard |= {str(each.dev_id): (now, each.data_item_map) for each in got}
            except DeviceError:
                if not any(device in self._heard for device in plant.devices.values()):
                    raise
        return {kind: self._heard[id] for kind, id in plant.devices.items() if id in self._heard}

    async def _once[T: (_RealTime, _Task)](self, call: Call, answer: type[T]) -> T:
        signed = Call(
            call.method, call.path, call.site, call.urgency, call.body, None, {"XSRF-TOKEN": self._token}
        )
        got = await self.cloud.ask(signed, answer)
        if got.fail_code == _RELOGIN:
            raise TokenError("the session has ended")
        if got.fail_code == _THROTTLED:
            raise self.cloud.throttled(_FIVE_MINUTES)
        if got.fail_code in _SYSTEM:
            raise self.cloud.failed(f"{call.path} fails with {got.fail_code}")
        if got.fail_code:
            raise RefusedError(f"{call.path} fails with {got.fail_code}")
        return got

    async def _log_in(self, ended: str) -> None:
        if self._token == ended:
            call = Call("POST", LOGIN, "", Urgency.RELEASE, body=self._login)
            headers, got = await self.cloud.ask_with_headers(call, _Login)
            token = headers.get("XSRF-TOKEN", "")
            if got.fail_code or not token:
                raise RefusedError(f"the login fails with {got.fail_code}")
            self._token = token


class FusionSolarPlant:
    """One plant."""

    descriptor = DESCRIPTOR

    def __init__(self, account: FusionSolarAccount, plant: Plant) -> None:
        self._account = account
        self._plant = plant

    async def identify(self) -> tuple[Identity, Capability]:
        """Return what was entered, once the account answers for it."""
        await self._account.heard(self._plant)
        plant = self._plant
        identity = Identity("Huawei", "FusionSolar plant", plant.code, "", plant.rated_kw, plant.capacity_kwh)
        return identity, Capability(plant.rated_kw, plant.rated_kw, capacity_kwh=plant.capacity_kwh)

    async def read(self, at: datetime) -> Sample:
        """Return what the account last heard; ``at`` of the sample is when its oldest part was."""
        heard = await self._account.heard(self._plant)
        battery, meter, inverter = (heard[kind][1] if kind in heard else {} for kind in _KINDS)
        return Sample(
            min((heard_at for heard_at, _ in heard.values()), default=at),
            {
                ComponentKind.GRID_METER: Measurement(loose(meter.get("active_power"), 1e-3)),
                ComponentKind.INVERTER: Measurement(loose(inverter.get("active_power"))),
                ComponentKind.BATTERY: Measurement(
                    loose(battery.get("ch_discharge_power"), -1e-3), soc=share(battery.get("battery_soc"))
                ),
            },
            Status(Running.UNKNOWN),
        )

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Force the battery until the order ends, to the next whole minute, or stop forcing it."""
        return await answered(self._carry_out(order, at))

    async def close(self) -> None:
        """Let go; what is forced ends by itself."""

    async def _carry_out(self, order: Order | None, at: datetime) -> float | None:
        if order is None or order.until <= at:
            await self._force(_STOP, 0.0, 0, Urgency.RELEASE, at)
            return None
        if order.export_limit_kw is not None:
            raise ValueError("the interface holds no export limit together with a forced power")
        if order.until - at > timedelta(hours=1):
            raise ValueError("a power is forced for an hour at most")
        held_kw = max(-self._plant.rated_kw, min(self._plant.rated_kw, order.power_kw))
        switch = _DISCHARGE if held_kw > 0 else _CHARGE
        minutes = ceil((order.until - at) / timedelta(minutes=1))
        await self._force(switch, held_kw, minutes, Urgency.COMMAND, at)
        return held_kw

    async def _force(
        self, switch: int, power_kw: float, minutes: int, urgency: Urgency, at: datetime
    ) -> None:
        request = self._account.request(at)
        body = {
            "plantCodes": self._plant.code,
            "controlType": _BY_TIME,
            "dispatchTime": minutes,
            "dispatchSwitch": switch,
            "powerDispatch": round(-power_kw * 1e3),
            "requestID": request,
        }
        await self._account.ask(Call("POST", FORCE, self._plant.code, urgency, body), _Task)
        for _ in range(_LOOKS):
            await self._account.cloud.clock.sleep_until(self._account.cloud.clock.now() + _LOOK_EVERY)
            call = Call("POST", FORCED, self._plant.code, urgency, {"requestID": request})
            for plant in (await self._account.ask(call, _Task)).data or []:
                if plant.plant_code == self._plant.code and plant.status == _FAILED:
                    raise RefusedError("the plant failed to carry it out")
                if plant.plant_code == self._plant.code and plant.status == _DONE:
                    return
        raise DeviceError("the plant has not said that it carries it out")
