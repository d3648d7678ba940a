"""Sites and devices come back as dense columns; rules as they stand."""

import numpy as np
import pytest
from tests.contract.store.houses import HARBOUR, MALLEE, NOW, NSW, enrol_tenant, rule, site

from manta.domain.market import REGIONS, Region
from manta.store.enrolment import Enrolled, Enrolment
from manta.store.rules import Rules

pytestmark = pytest.mark.engines


async def test_every_tenants_sites_are_rows_of_one_table(record):
    sites, devices = await Enrolment(record.engine).tables()

    assert list(sites.ids) == ["h-1", "h-2", "m-1", "m-2", "h-3-alone"]
    assert sites.tenants == [HARBOUR, MALLEE]
    assert sites.vpps == ["harbour-nsw1", "mallee-vic1"]
    assert sites.tenant_no.tolist() == [0, 0, 1, 1, 0]
    assert sites.vpp_no.tolist() == [0, 0, 1, 1, -1]
    assert [REGIONS[no] for no in sites.region] == [
        Region.NSW,
        Region.NSW,
        Region.VIC,
        Region.VIC,
        Region.NSW,
    ]
    assert sites.feeder_no.tolist() == [0, 1, 0, 1, 2]
    assert devices.ids[0] == "h-1-battery1"
    assert devices.site_no.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert devices.charge_kw[0] == 11.04
    assert np.isnan(devices.capacity_kwh[1])


async def test_enrolling_again_adds_only_what_is_new(record):
    again = await enrol_tenant(record.owner, HARBOUR, [site("h-1", Region.NSW), site("h-9", Region.NSW)])

    assert again == Enrolled(vpps=0, sites=1, devices=2)
    sites, devices = await Enrolment(record.governor).tables()
    assert sites.ids[5] == "h-9"
    assert len(devices.ids) == 12


async def test_an_enrolment_that_fails_leaves_no_gap_in_the_numbers(record):
    twice = site("h-7", Region.NSW)
    with pytest.raises(Exception, match="site_id_key"):
        await enrol_tenant(record.owner, HARBOUR, [twice, twice])

    await enrol_tenant(record.owner, HARBOUR, [site("h-8", Region.NSW)])

    sites, _ = await Enrolment(record.engine).tables()
    assert sites.ids[5] == "h-8"


async def test_only_enabled_rules_are_read_and_each_with_its_tenant(record):
    await Rules(record.api).create(HARBOUR, rule(1), "ada", NOW)
    await Rules(record.api).create(HARBOUR, rule(2), "ada", NOW)
    async with record.superuser.acquire() as conn:
        await conn.execute("update record.rule set enabled = false where name = 'Rule 2'")

    assert list(await Enrolment(record.engine).rules()) == [(HARBOUR, rule(1))]


async def test_a_vpp_knows_its_size(record):
    (vpp,) = await Enrolment(record.api).vpps(HARBOUR)
    assert (vpp.vpp.id, vpp.sites) == (NSW, 2)


async def test_a_site_is_in_one_vpp_at_a_time_and_a_membership_closes_once(record):
    async with record.superuser.acquire() as conn:
        with pytest.raises(Exception, match="one_vpp_at_a_time"):
            await conn.execute(
                "insert into record.vpp_member values ('harbour-nsw1', 0, 'harbour', tstzrange($1, null))",
                NOW,
            )
        close = "update record.vpp_member set during = tstzrange(lower(during), $1) where site_no = 0"
        await conn.execute(close, NOW)
        with pytest.raises(Exception, match="closed once"):
            await conn.execute(close, NOW)
