"""Tesla energy sites (Powerwall) through the Fleet API.

Watts; battery positive when discharging, grid positive when importing, load positive. There is no power
set-point: a site is put into autonomous mode under a tariff of ours (tesla_tariff), and what its householder
had set is written down before and put back after. A client of our own stands here and not tesla-fleet-api,
whose requests can neither be held to a list and a budget nor be run in virtual time. Tesla's present limits
for energy sites are not public: those here are our own, and 429 is obeyed. Source: Tesla's Fleet API pages,
with three public clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
    Settings,
    Status,
    Trust,
)
from manta.drivers.cloud import Call, Cloud, Endpoint, Loose, RefusedError, TokenError, answered, loose, share
from manta.drivers.cloud_budget import Allowance, Limits, Urgency
from manta.drivers.port import Applied, DeviceError, Order
from manta.drivers.tesla_tariff import CODE, continued, tariff
from manta.drivers.undo import Promise, Undo

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_SITE = "/api/1/energy_sites/{}"
ENDPOINTS = (
    Endpoint("GET", _SITE + "/live_status", "data"),
    Endpoint("GET", _SITE + "/site_info", "data"),
    Endpoint("POST", _SITE + "/operation", "settings"),
    Endpoint("POST", _SITE + "/grid_import_export", "settings"),
    Endpoint("POST", _SITE + "/time_of_use_settings", "settings"),
)
TOKEN = "/oauth2/v3/token"  # noqa: S105 - a path
AUTH_ENDPOINTS = (Endpoint("POST", TOKEN, "token"),)
LIMITS = Limits(
    account={
        "data": (Allowance(240, _MINUTE, 40, 40), Allowance(50_000, _DAY, 5_000, 5_000)),
        "settings": (Allowance(60, _MINUTE, for_releases=30), Allowance(10_000, _DAY, for_releases=5_000)),
    },
    site={
        "data": (Allowance(400, _DAY, for_commands=60, for_releases=40),),
        "settings": (Allowance(48, _DAY, for_releases=24),),
    },
)
AUTH_LIMITS = Limits(account={"token": (Allowance(60, timedelta(hours=1)),)})
DESCRIPTOR = Descriptor(
    make="tesla",
    latency=Latency.SCHEDULER,
    setpoints=Setpoints.MODE,
    expiry=None,
    refresh=timedelta(minutes=30),
    poll=timedelta(minutes=5),
    calls_per_day=448,
    call_aud=0.003,
    read_back=Trust.STALE,
)
_EARLY = timedelta(minutes=2)
_ON_GRID = frozenset({"on_grid", "Active", "SystemGridConnected"})
_OURS = ("name", "code", "energy_charges", "seasons")
"""What of a tariff must be read back as it was written."""


class Token(msgspec.Struct, frozen=True):
    """Tesla's consent for one account. Its words are never logged."""

    access: str
    refresh: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at:%Y-%m-%d %H:%M})"


class _Tokens(msgspec.Struct):
    access_token: str
    expires_in: int
    refresh_token: str


class _Live(msgspec.Struct):
    solar_power: Loose = None
    battery_power: Loose = None
    load_power: Loose = None
    grid_power: Loose = None
    percentage_charged: Loose = None
    grid_status: str | None = None
    island_status: str | None = None
    storm_mode_active: bool | None = None
    timestamp: str | None = None


class _Components(msgspec.Struct):
    disallow_charge_from_grid_with_solar_installed: bool | None = None
    customer_preferred_export_rule: str | None = None


class _Info(msgspec.Struct):
    id: str | None = None
    version: str | None = None
    installation_time_zone: str | None = None
    nameplate_power: Loose = None
    nameplate_energy: Loose = None
    backup_reserve_percent: Loose = None
    default_real_mode: str | None = None
    components: _Components = msgspec.field(default_factory=_Components)
    tariff_content_v2: dict[str, Any] | None = None


class _LiveAnswer(msgspec.Struct):
    response: _Live


class _InfoAnswer(msgspec.Struct):
    response: _Info


class _Done(msgspec.Struct):
    code: int | None = None


class _DoneAnswer(msgspec.Struct):
    response: _Done


class Wanted(msgspec.Struct, frozen=True):
    """What is to be set; None is left as it is."""

    mode: str | None
    export_rule: str | None
    is_grid_charging_refused: bool | None
    tariff: dict[str, Any] | None


class TeslaAccount:
    """One householder's or partner's consent, and the sites it covers."""

    def __init__(
        self,
        cloud: Cloud,
        auth: Cloud,
        client_id: str,
        token: Token,
        keep: Callable[[Token], Awaitable[None]],
        undo: Undo,
    ) -> None:
        """``keep`` stores a renewed token, durable once it returns: Tesla's old one is void by then."""
        self.cloud = cloud
        self.undo = undo
        self._auth = auth
        self._client_id = client_id
        self._token = token
        self._keep = keep
        self._turn = asyncio.Lock()
        self._sites: dict[str, TeslaSite] = {}

    def site(self, id: str) -> TeslaSite:
        """Return the one driver of a site."""
        return self._sites.setdefault(id, TeslaSite(self, id))

    async def release(self, promise: Promise) -> None:
        """Keep a promise: what the watchdog calls."""
        await self.site(promise.site).keep_promise()

    async def ask[T](self, call: Call, answer: type[T]) -> T:
        """Ask with a token that is valid; one that Tesla rejects is renewed once."""
        token = await self._valid(self._token if self._is_fresh() else None)
        try:
            return await self.cloud.ask(_signed(call, token), answer)
        except TokenError:
            return await self.cloud.ask(_signed(call, await self._renewed(token)), answer)

    def _is_fresh(self) -> bool:
        return self._token.expires_at - _EARLY > self.cloud.clock.now()

    async def _valid(self, token: Token | None) -> Token:
        return token or await self._renewed(self._token)

    async def _renewed(self, old: Token) -> Token:
        async with self._turn:
            if self._token is not old:
                return self._token
            form = {
                "grant_type": "refresh_token",
                "client_id": self._client_id,
                "refresh_token": old.refresh,
            }
            call = Call("POST", TOKEN, "", Urgency.RELEASE, form=form)
            got = await self._auth.ask(call, _Tokens)
            expires_at = self.cloud.clock.now() + timedelta(seconds=got.expires_in)
            token = Token(got.access_token, got.refresh_token, expires_at)
            await self._keep(token)
            self._token = token
            return token


def _signed(call: Call, token: Token) -> Call:
    headers = {**call.headers, "Authorization": f"Bearer {token.access}"}
    return Call(call.method, call.path, call.site, call.urgency, call.body, call.form, headers)


class TeslaSite:
    """One energy site."""

    descriptor = DESCRIPTOR

    def __init__(self, account: TeslaAccount, id: str) -> None:
        self._account = account
        self._id = id
        self._turn = asyncio.Lock()

    def age(self, at: datetime) -> timedelta | None:
        """Return how long ago Tesla last answered for it; None if never."""
        return self._account.cloud.age(self._id, at)

    async def identify(self) -> tuple[Identity, Capability]:
        """Read the plate."""
        info = await self._info(Urgency.COMMAND)
        power_kw, capacity_kwh = loose(info.nameplate_power, 1e-3), loose(info.nameplate_energy, 1e-3)
        identity = Identity(
            "Tesla", "Powerwall", info.id or self._id, info.version or "", power_kw, capacity_kwh
        )
        return identity, Capability(power_kw or 0.0, power_kw or 0.0, capacity_kwh=capacity_kwh)

    async def read(self, at: datetime) -> Sample:
        """Look at solar, battery, grid and load."""
        call = Call("GET", self._path("live_status"), self._id)
        live = (await self._account.ask(call, _LiveAnswer)).response
        islanded = live.grid_status is not None and live.grid_status not in _ON_GRID
        running = Running.UNKNOWN if live.grid_status is None else Running.RUNNING
        return Sample(
            _measured_at(live.timestamp, at),
            {
                ComponentKind.GRID_METER: Measurement(loose(live.grid_power, -1e-3)),
                ComponentKind.PV_STRING: Measurement(loose(live.solar_power, 1e-3)),
                ComponentKind.BATTERY: Measurement(
                    loose(live.battery_power, 1e-3), soc=share(live.percentage_charged)
                ),
                ComponentKind.LOAD: Measurement(loose(live.load_power, -1e-3)),
            },
            Status(
                Running.ISLANDED if islanded else running,
                alarms=("storm mode",) if live.storm_mode_active else (),
            ),
            Settings(),
        )

    async def apply(self, order: Order | None, at: datetime) -> Applied:
        """Lead the battery to charge or discharge, with a power that Tesla chooses, or put the site back."""
        return await answered(self._carry_out(order, at))

    async def close(self) -> None:
        """Put the site back, if Tesla answers; otherwise the watchdog does."""
        with suppress(DeviceError):
            await self._carry_out(None, self._account.cloud.clock.now())

    async def keep_promise(self) -> None:
        """Put the site back if its time is still over; DeviceError until it is seen to be as it was."""
        async with self._turn:
            promise = (await self._account.undo.open()).get(self._id)
            if promise is not None and promise.until <= self._account.cloud.clock.now():
                await self._put_back(promise)

    async def _carry_out(self, order: Order | None, at: datetime) -> float | None:
        async with self._turn:
            promise = (await self._account.undo.open()).get(self._id)
            if order is None or order.until <= at or order.power_kw == 0:
                if promise is not None:
                    await self._put_back(promise)
                return None
            if order.export_limit_kw is not None:
                raise ValueError("Tesla holds no export limit in kW")
            await self._lead(order, at)
        return None

    async def _lead(self, order: Order, at: datetime) -> None:
        info = await self._info(Urgency.COMMAND)
        zone = _zone(info.installation_time_zone)
        leads = continued(info.tariff_content_v2, tariff(order.power_kw, at, order.until, zone))
        wanted = Wanted(
            mode="autonomous", export_rule="battery_ok", is_grid_charging_refused=False, tariff=dict(leads)
        )
        before = msgspec.json.encode(_as_set(info)).decode()
        promise = await self._account.undo.prepare(Promise(self._id, order.until, before))
        try:
            await self._bring(info, wanted, Urgency.COMMAND)
        except DeviceError:
            ends_now = msgspec.structs.replace(promise, until=self._account.cloud.clock.now())
            await self._account.undo.prepare(ends_now)
            raise

    async def _put_back(self, promise: Promise) -> None:
        before = msgspec.json.decode(promise.before, type=Wanted)
        await self._bring(await self._info(Urgency.RELEASE), before, Urgency.RELEASE)
        await self._account.undo.done(self._id)

    async def _bring(self, info: _Info, wanted: Wanted, urgency: Urgency) -> None:
        """Write what differs, and look whether it came to be: Tesla acknowledges what it then does not do."""
        missing = _differences(info, wanted)
        for verb, body in missing.items():
            call = Call("POST", self._path(verb), self._id, urgency, body)
            done = (await self._account.ask(call, _DoneAnswer)).response
            if done.code not in (None, 200, 201, 204):
                raise RefusedError(f"{verb} answers code {done.code}")
        if missing and (still := _differences(await self._info(urgency), wanted)):
            raise RefusedError(f"acknowledged, but not done: {', '.join(still)}")

    async def _info(self, urgency: Urgency) -> _Info:
        call = Call("GET", self._path("site_info"), self._id, urgency)
        return (await self._account.ask(call, _InfoAnswer)).response

    def _path(self, verb: str) -> str:
        return f"{_SITE.format(self._id)}/{verb}"


def _as_set(info: _Info) -> Wanted:
    """Return what the householder has set. A tariff of ours is nobody's choice and is not kept as one."""
    theirs = info.tariff_content_v2
    if theirs is not None and theirs.get("code") == CODE:
        theirs = None
    parts = info.components
    return Wanted(
        info.default_real_mode or "self_consumption",
        parts.customer_preferred_export_rule,
        parts.disallow_charge_from_grid_with_solar_installed,
        theirs,
    )


def _differences(info: _Info, wanted: Wanted) -> dict[str, Mapping[str, Any]]:
    """Return the settings still to be written, the mode last when leading and so the tariff stands before."""
    parts, bodies = info.components, dict[str, Mapping[str, Any]]()
    rules: dict[str, Any] = {}
    if wanted.export_rule not in (None, parts.customer_preferred_export_rule):
        rules["customer_preferred_export_rule"] = wanted.export_rule
    refused = wanted.is_grid_charging_refused
    if refused is not None and refused != (parts.disallow_charge_from_grid_with_solar_installed or False):
        rules["disallow_charge_from_grid_with_solar_installed"] = refused
    if rules:
        bodies["grid_import_export"] = rules
    seen = info.tariff_content_v2 or {}
    if wanted.tariff and any(wanted.tariff.get(key) != seen.get(key) for key in _OURS):
        bodies["time_of_use_settings"] = {"tou_settings": {"tariff_content_v2": wanted.tariff}}
    if wanted.mode not in (None, info.default_real_mode):
        bodies["operation"] = {"default_real_mode": wanted.mode}
    return bodies


def _measured_at(timestamp: str | None, at: datetime) -> datetime:
    """Return when Tesla measured; when it answered, where it does not say or says the future."""
    with suppress(ValueError):
        measured_at = datetime.fromisoformat(timestamp or "")
        if measured_at.tzinfo is not None:
            return min(measured_at.astimezone(UTC), at)
    return at


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "")
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise RefusedError(f"the site's time zone is not known: {name!r}") from error
