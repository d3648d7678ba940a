"""Who lives in the simulated world: one energy retailer, its people, its homes and its first rules."""

import base64
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

from manta.domain.envelope import Envelope
from manta.domain.identity import DeviceId, Nmi, RuleId, SiteId, TenantId, UserId, VppId
from manta.domain.market import Region
from manta.domain.rule import SpotRule
from manta.domain.site import Device, DeviceKind, Site
from manta.door.passwords import Passwords
from manta.settings.config import Config
from manta.settings.options import DEMO_EMAIL
from manta.simulators.fleet import FLEET_FILE, FleetFile, SimulatedHome
from manta.store.enrolment import Enrolment, Tenant, Vpp
from manta.store.pool import Pool, open_pool
from manta.store.rules import Rules
from manta.store.users import NewUser, Users
from manta.supervisor.credentials import SiteKey, site_credentials
from manta.wire.seal import device_key

HARBOUR = TenantId("harbour")
_NAMES = UUID("3f0f6a3e-7a43-5b6f-8f4e-9a4f1f9d2c10")
"""Ids follow from the seed and a number, so that the same world has the same homes at every start."""

SHARES: Mapping[Region, float] = {Region.NSW: 0.40, Region.VIC: 0.25, Region.QLD: 0.20, Region.SA: 0.15}
VPPS: Mapping[Region, Vpp] = {
    Region.NSW: Vpp(VppId("harbour-nsw"), "Sydney Basin", Region.NSW),
    Region.VIC: Vpp(VppId("harbour-vic"), "Port Phillip", Region.VIC),
    Region.QLD: Vpp(VppId("harbour-qld"), "Moreton Bay", Region.QLD),
    Region.SA: Vpp(VppId("harbour-sa"), "Gulf St Vincent", Region.SA),
}
SUBURBS: Mapping[Region, Sequence[str]] = {
    Region.NSW: ("Marrickville", "Parramatta", "Cronulla", "Penrith", "Hornsby", "Wollongong", "Gosford"),
    Region.VIC: ("Brunswick", "Geelong", "Frankston", "Footscray", "Ballarat", "Box Hill", "Werribee"),
    Region.QLD: ("Paddington", "Ipswich", "Redcliffe", "Logan", "Toowoomba", "Caloundra", "Wynnum"),
    Region.SA: ("Norwood", "Glenelg", "Salisbury", "Gawler", "Mount Barker", "Unley", "Noarlunga"),
}
STREETS = ("Banksia", "Wattle", "Kurrajong", "Jacaranda", "Boronia", "Waratah", "Acacia", "Grevillea")
STREET_KINDS = ("Street", "Road", "Avenue", "Crescent", "Lane", "Parade")
HOMES_PER_FEEDER = 250

BATTERY = Envelope.from_limits(import_kw=11.04, export_kw=11.04)
CAPACITY_KWH = 13.5
RESERVE_SOC = 0.2
PV_KW = 6.6
LOAD_KW = 15.0
CONNECTION = Envelope.from_limits(import_kw=15.0, export_kw=10.0)
SELL_ABOVE_PER_MWH, BUY_BELOW_PER_MWH = 300.0, -20.0
SITE_EXPORT_KW = 8.8
"""For $50 at $12,500/MWh, 4 kWh in half an hour: 8.8 kW × (30 min − 0.3 min until the price is published −
half of a 4.4 min ramp) is 4.03 kWh; the load that rises between two refreshes takes about 0.03 kWh of it."""


async def seed(config: Config) -> None:
    """Enrol the simulated retailer; what stands already stays, more homes are added, none taken away."""
    at = config.clock().now() - timedelta(days=1)
    owner = await open_pool(config.dsn("owner"), size=2)
    try:
        sites = homes(config.homes, config.seed)
        vpp_of = {site.id: VPPS[site.region].id for site in sites}
        cap_kw = sum(device.rating.ceiling_kw for site in sites for device in site.devices[:1])
        tenant = Tenant(HARBOUR, "Harbour Energy", cap_kw)
        await Enrolment(owner).enrol(tenant, list(VPPS.values()), sites, vpp_of, at)
        await _let_in(Users(owner), config)
        await _first_rules(owner, at)
    finally:
        await owner.close()
    _write_fleet(config, sites, vpp_of)


def homes(count: int, seed_: int) -> list[Site]:
    """Return so many homes, shared over the regions; the first are the same however many are asked for."""
    return [_home(number, seed_) for number in range(count)]


def _home(number: int, seed_: int) -> Site:
    name = uuid5(_NAMES, f"home {seed_} {number}")
    draw = random.Random(name.int)  # noqa: S311, TID251 - a made-up address, not a secret
    region = _region(number)
    id_ = SiteId("h-" + base64.b32encode(name.bytes)[:8].decode().lower())
    where = f"{draw.randint(1, 199)} {draw.choice(STREETS)} {draw.choice(STREET_KINDS)}"
    return Site(
        id=id_,
        nmi=Nmi(f"{6_000_000_000 + number}"),
        name=f"{where}, {draw.choice(SUBURBS[region])}",
        region=region,
        feeder=f"{region}-F{number // (HOMES_PER_FEEDER * len(SHARES)):02d}",
        connection=CONNECTION,
        devices=(
            Device(DeviceId(f"{id_}-battery1"), DeviceKind.BATTERY, BATTERY, CAPACITY_KWH, RESERVE_SOC),
            Device(DeviceId(f"{id_}-pv1"), DeviceKind.PV, Envelope(0.0, PV_KW)),
            Device(DeviceId(f"{id_}-load1"), DeviceKind.LOAD, Envelope(-LOAD_KW, 0.0)),
            Device(
                DeviceId(f"{id_}-meter1"),
                DeviceKind.METER,
                Envelope(CONNECTION.floor_kw, CONNECTION.ceiling_kw),
            ),
        ),
    )


def _region(number: int) -> Region:
    """Deal homes out in twentieths, so that any number of them has about the same shares."""
    place, reached = (number * 7) % 20 / 20, 0.0
    for region, share in SHARES.items():
        reached += share
        if place < reached - 1e-9:
            return region
    return Region.SA


def _write_fleet(config: Config, sites: Sequence[Site], vpp_of: Mapping[SiteId, VppId]) -> None:
    """Hand the simulator its homes, with the credentials and sealing keys that onboarding would give them."""
    master = config.require("lease_master", Path).read_bytes()
    site_key = SiteKey.read(config.require("site_key", Path))
    fleet = FleetFile(
        seed=config.seed,
        homes=[_simulated(site, str(vpp_of[site.id]), master, site_key) for site in sites],
    )
    fleet.write(config.data / FLEET_FILE)


def _simulated(site: Site, vpp: str, master: bytes, site_key: SiteKey) -> SimulatedHome:
    battery, pv, load, meter = site.devices
    return SimulatedHome(
        site=site.id,
        vpp=vpp,
        region=site.region,
        battery=battery.id,
        pv=pv.id,
        load=load.id,
        meter=meter.id,
        key=device_key(master, battery.id),
        password=site_credentials(site_key, site.id),
        charge_kw=-battery.rating.floor_kw,
        discharge_kw=battery.rating.ceiling_kw,
        capacity_kwh=CAPACITY_KWH,
        reserve_soc=RESERVE_SOC,
        pv_kw=pv.rating.ceiling_kw,
        import_limit_kw=-site.connection.floor_kw,
        export_limit_kw=site.connection.ceiling_kw,
    )


async def _let_in(users: Users, config: Config) -> None:
    password = config.require("admin_password", Path).read_text().strip()
    user = NewUser(
        UserId(uuid5(_NAMES, DEMO_EMAIL)), DEMO_EMAIL, "Alex Harbour", Passwords().hash(password), "admin"
    )
    await users.add(HARBOUR, user)


async def _first_rules(pool: Pool, at: datetime) -> None:
    """Give each VPP its first rule, once; what people made of their rules since is theirs."""
    rules = Rules(pool)
    if await rules.list(HARBOUR):
        return
    for rule in first_rules():
        await rules.create(HARBOUR, rule, "Manta", at)


def first_rules() -> list[SpotRule]:
    """Return the rule that each VPP begins with."""
    return [
        SpotRule(
            id=RuleId(uuid5(_NAMES, f"rule {vpp.id}")),
            vpp=vpp.id,
            name="Evening spike",
            sell_above_per_mwh=SELL_ABOVE_PER_MWH,
            buy_below_per_mwh=BUY_BELOW_PER_MWH,
            site_export_kw=SITE_EXPORT_KW,
            reserve_soc=RESERVE_SOC,
            enabled=True,
        )
        for vpp in VPPS.values()
    ]
