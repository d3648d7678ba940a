from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest
from tests.contract.store.houses import HARBOUR, MALLEE, NOW, NSW
from tests.flows.sungrow_site import SungrowSite

from manta.domain.commissioning import Commissioning, Fault, Remark, Stage
from manta.domain.der import Capability, Identity
from manta.domain.envelope import Envelope
from manta.domain.finding import Finding, FindingKind
from manta.domain.identity import DeviceId, UserId
from manta.domain.market import Region
from manta.domain.site import DeviceKind
from manta.drivers.port import Order
from manta.flows.commissioning import Bench, commission
from manta.flows.commissioning_checks import Entered
from manta.store.inventory import Inventory, View, Wanted
from manta.store.users import NewUser, Users

pytestmark = pytest.mark.engines

BATTERY = DeviceId("h-2-battery1")
CONNECTION = Envelope.from_limits(import_kw=15.0, export_kw=10.0)
ADA = UserId(UUID(int=1))
DRIFT = Finding(FindingKind.SOC_DRIFT, 0, "", NOW, {"drift_soc": 0.1}, Decimal("1.25"), "calibrate_soc")
DAY = timedelta(days=1)


async def ids(inventory, tenant=HARBOUR, after=-1, limit=100, **wanted):
    return [item.id for item in await inventory.devices(tenant, Wanted(**wanted), after, limit)]


async def test_devices_are_listed_page_by_page_without_one_twice_or_missed(record):
    inventory = Inventory(record.api)
    everything = await inventory.devices(HARBOUR)
    assert [item.site for item in everything] == ["h-1", "h-1", "h-2", "h-2", "h-3-alone", "h-3-alone"]
    paged, after = [], -1
    while page := await inventory.devices(HARBOUR, after=after, limit=4):
        paged += page
        after = page[-1].no
    assert paged == list(everything)
    first = everything[0]
    assert (first.make, first.stage, first.vpp, first.region) == (
        "manta-contract",
        Stage.LIVE,
        NSW,
        Region.NSW,
    )
    assert first.capability is None


async def test_the_list_is_narrowed_by_what_is_asked_for(record):
    inventory = Inventory(record.api)
    assert await ids(inventory, kind=DeviceKind.BATTERY, words="H-2") == [BATTERY]
    assert await ids(inventory, vpp=NSW, kind=DeviceKind.METER) == ["h-1-meter1", "h-2-meter1"]
    assert await ids(inventory, region=Region.VIC) == []
    assert await ids(inventory, make="sungrow") == []
    assert await ids(inventory, stage=Stage.TESTED) == []
    assert await ids(inventory, words="%") == []
    assert await ids(inventory, tenant=MALLEE, words="h-2") == []


async def test_what_a_device_tells_of_itself_is_kept_and_found(record):
    inventory = Inventory(record.api)
    told = Identity("Sungrow", "SH10RT", "A2250000001", "SAPPHIRE-H_B0010")
    capability = Capability(10.0, 10.0, export_limit=True, capacity_kwh=12.8)
    assert await inventory.describe(HARBOUR, BATTERY, told, capability)
    (item,) = await inventory.devices(HARBOUR, Wanted(make="sungrow", words="a2250"))
    assert (item.id, item.model, item.firmware) == (BATTERY, "SH10RT", "SAPPHIRE-H_B0010")
    assert item.capability == capability
    assert not await inventory.describe(MALLEE, BATTERY, told, capability)


async def test_a_way_into_service_is_read_back_check_by_check(record):
    inventory = Inventory(record.api)
    way = Commissioning(BATTERY)
    for remark in (
        Remark(Stage.READ_ONLY, None, NOW, "ada", {"grid_kw": 1.5, "running": "running"}),
        Remark(Stage.IDENTIFIED, Fault.OTHER_DEVICE, NOW, "ada", {"serial": "A1"}),
        Remark(Stage.IDENTIFIED, None, NOW + DAY, "bob", {"serial": "A2"}),
    ):
        way = way.with_remark(remark)
        await inventory.save_remark(HARBOUR, way, remark)
    assert await inventory.way(HARBOUR, BATTERY) == way
    assert await ids(inventory, stage=Stage.IDENTIFIED) == [BATTERY]
    assert await inventory.way(MALLEE, BATTERY) is None


async def test_the_whole_way_of_a_real_driver_is_kept_as_it_was_gone(record):
    site, inventory = SungrowSite(count_w=10.0), Inventory(record.api)
    async with site.driver() as sungrow:
        bench = Bench(
            HARBOUR, sungrow, Order, site.clock(), Entered(), CONNECTION, probe=sungrow.probe_export_scale
        )
        way = await commission(bench, Commissioning(BATTERY), "ada", inventory)
    assert way.stage is Stage.LIVE
    assert await inventory.way(HARBOUR, BATTERY) == way


async def test_two_who_take_the_same_step_do_not_both_take_it(record):
    inventory = Inventory(record.api)
    remark = Remark(Stage.READ_ONLY, None, NOW, "ada", {})
    way = Commissioning(BATTERY).with_remark(remark)
    await inventory.save_remark(HARBOUR, way, remark)
    with pytest.raises(asyncpg.UniqueViolationError):
        await inventory.save_remark(HARBOUR, way, remark)
    with pytest.raises(LookupError):
        await inventory.save_remark(MALLEE, way, remark)


async def test_a_check_that_was_made_is_never_changed(record):
    inventory = Inventory(record.api)
    remark = Remark(Stage.READ_ONLY, None, NOW, "ada", {})
    await inventory.save_remark(HARBOUR, Commissioning(BATTERY).with_remark(remark), remark)
    for change in ("update record.commissioning set actor = 'eve'", "delete from record.commissioning"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await record.owner.execute(change)


async def test_a_finding_keeps_its_first_day_is_closed_when_it_is_gone_and_opens_anew(record):
    engine, api = Inventory(record.engine), Inventory(record.api)
    await engine.save_findings(HARBOUR, [0, 1], [DRIFT], NOW)
    again = replace(DRIFT, first_seen_at=NOW + DAY, evidence={"drift_soc": 0.2}, daily_aud=Decimal("2.5"))
    assert await engine.save_findings(HARBOUR, [0], [again], NOW + DAY) == 0
    (kept,) = await api.findings(HARBOUR, 0)
    assert kept.finding == replace(again, first_seen_at=NOW)
    assert (kept.last_seen_at, kept.closed_at) == (NOW + DAY, None)
    assert (await api.devices(HARBOUR))[0].findings == 1
    assert await engine.save_findings(HARBOUR, [1], [], NOW + 2 * DAY) == 0, (
        "a site that was not judged stays"
    )
    assert await engine.save_findings(HARBOUR, [0], [], NOW + 2 * DAY) == 1
    assert (await api.devices(HARBOUR))[0].findings == 0
    await engine.save_findings(HARBOUR, [0], [replace(DRIFT, first_seen_at=NOW + 3 * DAY)], NOW + 3 * DAY)
    assert [kept.closed_at for kept in await api.findings(HARBOUR, 0)] == [None, NOW + 2 * DAY]
    assert await api.findings(MALLEE, 0) == []


async def test_a_persons_views_are_their_own(record):
    await Users(record.owner).add(
        HARBOUR, NewUser(ADA, "ada@harbour.example", "Ada", "$argon2id$…", "trader")
    )
    inventory = Inventory(record.api)
    view = View(UUID(int=5), ADA, "NSW, not live", {"region": "NSW1"})
    await inventory.save_view(HARBOUR, view, NOW)
    await inventory.save_view(HARBOUR, replace(view, id=UUID(int=6), query={"make": "sungrow"}), NOW + DAY)
    assert await inventory.views(HARBOUR, ADA) == [replace(view, query={"make": "sungrow"})]
    assert await inventory.views(HARBOUR, UserId(UUID(int=2))) == []
    assert not await inventory.drop_view(HARBOUR, UserId(UUID(int=2)), view.id)
    assert await inventory.drop_view(HARBOUR, ADA, view.id)
    assert await inventory.views(HARBOUR, ADA) == []
