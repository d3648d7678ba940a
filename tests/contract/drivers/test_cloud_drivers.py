"""What every driver on a vendor's cloud keeps: its list, its budget and its facts."""

import random
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from manta.app.virtual import VirtualClock, play
from manta.domain.der import Setpoints
from manta.drivers import fusionsolar, tesla
from manta.drivers.catalogue import CATALOGUE
from manta.drivers.cloud import Call, Cloud
from manta.drivers.cloud_budget import Purses, Urgency
from manta.drivers.port import ForbiddenError
from manta.simulators.vendor_clouds import Answer, VendorCloud

NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
MAKES = {"tesla": tesla, "fusionsolar": fusionsolar}
_NBI = "/rest/openapi/pvms"
FORBIDDEN = {
    "tesla": [
        ("POST", "/api/1/partner_accounts"),
        ("DELETE", "/api/1/partner_accounts"),
        ("GET", "/api/1/users/me"),
        ("GET", "/api/1/products"),
        ("POST", "/api/1/energy_sites/7/command"),
        ("POST", "/api/1/energy_sites/7/storm_mode"),
        ("POST", "/api/1/energy_sites/7/backup"),
        ("POST", "/api/1/energy_sites/7/off_grid_vehicle_charging_reserve"),
        ("POST", "/api/1/energy_sites/7/site_info"),
        ("DELETE", "/api/1/energy_sites/7/operation"),
        ("POST", "/api/1/energy_sites/7/../../partner_accounts"),
        ("POST", "/api/1/vehicles/7/command/door_unlock"),
        ("POST", "/oauth2/v3/token"),
    ],
    "fusionsolar": [
        ("POST", "/thirdData/logout"),
        ("POST", "/thirdData/getAlarmList"),
        ("GET", "/thirdData/getDevRealKpi"),
        ("POST", f"{_NBI}/nbi/v1/auth/token"),
        ("POST", f"{_NBI}/nbi/v1/control/battery/mode/async-task"),
        ("POST", f"{_NBI}/nbi/v1/control/battery/configuration/async-task"),
        ("POST", f"{_NBI}/nbi/v2/control/active-power-control/async-task"),
        ("POST", f"{_NBI}/v1/vpp/chargeAndDischarge/../../../nbi/v1/control/battery/mode/async-task"),
        ("POST", f"{_NBI}/v1/vpp/chargeAndDischarge?plantCodes=1"),
    ],
}


@pytest.fixture(params=MAKES.values(), ids=MAKES.keys())
def make(request):
    return request.param


def opened(make, vendor):
    client = httpx.AsyncClient(transport=httpx.ASGITransport(vendor), base_url="https://vendor")
    return Cloud(client, VirtualClock(NOW), make.ENDPOINTS, Purses(make.LIMITS), random.Random(1).random)


@pytest.mark.parametrize("name", MAKES)
def test_accounts_firmware_and_protection_are_tried_and_refused_n_of_n(name, record_property):
    vendor = VendorCloud(lambda _: Answer(200, {}))

    async def world():
        cloud, refused = opened(MAKES[name], vendor), 0
        for method, path in FORBIDDEN[name]:
            with pytest.raises(ForbiddenError):
                await cloud.ask(Call(method, path, "7", Urgency.RELEASE), dict)
            refused += 1
        return refused

    refused = play(world())
    assert refused == len(FORBIDDEN[name])
    assert vendor.asked == []
    record_property("refused", f"{refused} of {len(FORBIDDEN[name])}")


def test_every_endpoint_is_paid_for_from_a_purse_that_exists(make):
    purses = make.LIMITS.account.keys() | make.LIMITS.site.keys()
    assert {endpoint.purse for endpoint in make.ENDPOINTS} <= purses


def test_whatever_it_reads_and_commands_a_release_can_still_be_paid_for(make):
    """Every read and command is asked for until none is paid; the purses of a release have then more."""
    for endpoint in make.ENDPOINTS:
        purses = Purses(make.LIMITS)
        for urgency in (Urgency.READ, Urgency.COMMAND):
            while purses.ready_at(endpoint.purse, "7", NOW, urgency) == NOW:
                purses.spend(endpoint.purse, "7", NOW)
        if endpoint.path == getattr(make, "REAL_TIME", None):
            continue  # no release needs a reading of this make
        assert purses.ready_at(endpoint.purse, "7", NOW, Urgency.RELEASE) == NOW


def test_its_facts_are_whole(make):
    facts = make.DESCRIPTOR
    assert CATALOGUE[facts.make].descriptor is facts
    assert facts.calls_per_day
    assert facts.setpoints is not Setpoints.NONE
    assert facts.expiry is None or facts.refresh * 2 <= facts.expiry
    assert facts.poll >= timedelta(minutes=5)


def test_every_cloud_of_the_catalogue_is_tried_here():
    clouds = {name for name, make in CATALOGUE.items() if make.reached.startswith("Vendor's cloud")}
    assert clouds == MAKES.keys() == FORBIDDEN.keys()
