"""A list of sites comes in row by row: the good ones stay, the others say why, and twice is as once."""

import csv
import time

import asyncpg
import pytest
from tests.contract.store.houses import HARBOUR, MALLEE, NOW

from manta.app.sites import _owner_dsn, import_sites, write_report
from manta.domain.commissioning import Stage
from manta.domain.identity import TenantId
from manta.store.enrolment import Enrolment
from manta.store.inventory import Inventory, Wanted
from manta.store.site_import import SiteImport

pytestmark = pytest.mark.engines

HEADER = (
    "nmi,name,region,feeder,import_limit_kw,export_limit_kw,vpp,make,model,serial,"
    "charge_kw,discharge_kw,capacity_kwh,reserve_soc,pv_kw"
)


def row(number=1, **changed):
    plain = (
        f"41{number:08d},Home {number},NSW1,F1,15,10,harbour-nsw1,sungrow,SH10RT,A{number},5,5,12.8,0.2,6.6"
    )
    cells = dict(zip(HEADER.split(","), plain.split(","), strict=True))
    return ",".join(str(value) for value in (cells | changed).values())


@pytest.fixture
def file(tmp_path):
    def write(*rows):
        path = tmp_path / "sites.csv"
        path.write_text("\n".join((HEADER, *rows)) + "\n")
        return path

    return write


async def taken(record, path, tenant=HARBOUR, **options):
    return await import_sites(path, tenant, SiteImport(record.owner), NOW, **options)


async def test_a_site_comes_in_with_its_devices_waiting_to_be_commissioned(record, file):
    report = await taken(record, file(row()))
    assert (report.added, report.there, report.troubles) == (1, 0, [])
    items = await Inventory(record.api).devices(HARBOUR, Wanted(make="sungrow"))
    assert [item.kind for item in items] == ["battery", "pv", "load", "meter"]
    assert {(item.model, item.serial, item.stage, item.vpp) for item in items} == {
        ("SH10RT", "A1", Stage.DISCOVERED, "harbour-nsw1")
    }
    assert items[0].capacity_kwh == 12.8


async def test_a_device_has_no_power_to_trade_with_until_it_is_live(record, file):
    await taken(record, file(row()))
    _, devices = await Enrolment(record.engine).tables()
    before = devices.discharge_kw[-4]
    async with record.owner.acquire() as conn:
        await conn.execute("alter table record.device no force row level security")
        await conn.execute("update record.device set stage = 'live' where make = 'sungrow'")
        await conn.execute("alter table record.device force row level security")
    _, devices = await Enrolment(record.engine).tables()
    assert (before, devices.discharge_kw[-4], devices.charge_kw[-4]) == (0.0, 5.0, 5.0)


BAD = {
    "more or fewer cells": "4100000009,too,short",
    "is no NMI": row(nmi="12-34"),
    "eleven characters": row(nmi="41000000012"),
    "is no region": row(region="WA1"),
    "export_limit_kw is 'ten'": row(export_limit_kw="ten"),
    "pv_kw is -1": row(pv_kw=-1),
    "import_limit_kw is nan": row(import_limit_kw="nan"),
    "no driver speaks": row(make="acme"),
    "there is no VPP": row(vpp="mallee-vic1"),
    "is in NSW1, the site in VIC1": row(region="VIC1"),
    "reserve_soc is 20": row(reserve_soc=20),
    "both discharge_kw and capacity_kwh": row(capacity_kwh=""),
    "stands in line 2 already": row(1),
}


async def test_each_row_that_is_not_taken_says_why_and_what_to_do_and_keeps_no_other_out(
    record, file, tmp_path
):
    report = await taken(record, file(row(1), *BAD.values(), row(2)))
    assert report.added == 2
    assert [trouble.line for trouble in report.troubles] == list(range(3, 3 + len(BAD)))
    for trouble, cause in zip(report.troubles, BAD, strict=True):
        assert cause in trouble.cause
        assert trouble.remedy
    write_report(tmp_path / "report.csv", report.troubles)
    with (tmp_path / "report.csv").open(newline="") as written:
        assert [int(line["line"]) for line in csv.DictReader(written)] == [t.line for t in report.troubles]


async def test_a_file_taken_twice_or_broken_off_and_taken_again_leaves_each_site_once(record, file):
    path = file(*(row(number) for number in range(7)))
    half = file(*(row(number) for number in range(3)))
    await taken(record, half, group=2)
    path.write_text("\n".join((HEADER, *(row(number) for number in range(7)))))
    report = await taken(record, path, group=2)
    assert (report.added, report.there) == (4, 3)
    assert ((await taken(record, path)).added, (await taken(record, path)).there) == (0, 7)
    sites, devices = await Enrolment(record.engine).tables()
    assert len(sites.ids) == 5 + 7
    assert len(devices.ids) == 10 + 7 * 4, "numbers have no gaps, or the tables could not be read"


async def test_a_group_that_the_record_refuses_is_reported_row_by_row_and_leaves_nothing_behind(record, file):
    await record.superuser.execute("alter table record.site add check (name <> 'Home 3')")
    report = await taken(record, file(*(row(number) for number in range(6))), group=2)
    assert report.added == 4
    assert [trouble.line for trouble in report.troubles] == [4, 5]
    assert all("refused" in trouble.cause for trouble in report.troubles)
    names = await record.superuser.fetch("select name from record.site where name like 'Home%' order by no")
    assert [each["name"] for each in names] == ["Home 0", "Home 1", "Home 4", "Home 5"]


async def test_a_tenant_or_a_column_that_is_missing_is_said_before_anything_is_taken(record, file, tmp_path):
    with pytest.raises(LookupError, match="no tenant"):
        await taken(record, file(row()), tenant=TenantId("nobody"))
    (tmp_path / "short.csv").write_text("nmi,name\n1,2\n")
    with pytest.raises(ValueError, match="lacks the columns region"):
        await taken(record, tmp_path / "short.csv")
    assert (await taken(record, file(row(vpp="", region="VIC")), tenant=MALLEE)).added == 1


async def test_ten_thousand_sites_come_in(record, file):
    path = file(*(row(number) for number in range(10_000)))
    began = time.perf_counter()
    report = await taken(record, path)
    print(f"\n10,000 sites imported in {time.perf_counter() - began:.1f} s")
    assert (report.added, report.troubles) == (10_000, [])
    assert await record.superuser.fetchval("select count(*) from record.device where serial = 'A9999'") == 4


async def test_the_record_of_a_house_is_found_from_its_directory_alone(template, engine_room, passwords):
    kept = engine_room.directory / "secrets"
    kept.mkdir(exist_ok=True)
    (kept / "database-owner.password").write_text(passwords["manta_owner"])
    connection = await asyncpg.connect(_owner_dsn(engine_room.directory))
    try:
        assert (
            await connection.fetchval("select current_database() || ' ' || current_user")
            == "manta manta_owner"
        )
    finally:
        await connection.close()
