"""A client that nobody of ours wrote, and ours, on our simulated Fleet API over loopback."""

import random
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from manta.domain.der import ComponentKind
from manta.drivers.cloud import Cloud
from manta.drivers.cloud_budget import Purses
from manta.drivers.tesla import AUTH_ENDPOINTS, AUTH_LIMITS, ENDPOINTS, LIMITS, TeslaAccount, Token
from manta.drivers.undo import UndoFile
from manta.simulators.tesla_cloud import TeslaCloud

NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
SITE = 7001


class StillClock:
    def now(self):
        return NOW

    async def sleep_until(self, at):
        raise AssertionError("nothing waits here")


async def test_tesla_fleet_api_reads_what_we_say_and_what_it_writes_arrives():
    aiohttp = pytest.importorskip("aiohttp")
    fleet = pytest.importorskip("tesla_fleet_api")
    tesla = TeslaCloud(str(SITE))
    async with tesla.api.serving() as url, aiohttp.ClientSession() as session:
        api = fleet.TeslaFleetApi(session, tesla.access, server=url)
        site = api.energySites.create(SITE)
        live = (await site.live_status())["response"]
        assert (live["battery_power"], live["grid_power"], live["percentage_charged"]) == (-1500, -1800, 62.5)
        await site.operation("autonomous")
        await site.grid_import_export(customer_preferred_export_rule="battery_ok")
        await site.time_of_use_settings({"code": "THEIRS"})
    info = tesla.sites[str(SITE)]["info"]
    assert info["default_real_mode"] == "autonomous"
    assert info["components"]["customer_preferred_export_rule"] == "battery_ok"
    assert info["tariff_content_v2"] == {"code": "THEIRS"}


async def test_our_driver_reads_the_same_cloud_over_a_socket(tmp_path):
    async def keep(token):
        raise AssertionError("the token is still valid")

    tesla = TeslaCloud(str(SITE))
    async with tesla.api.serving() as url, httpx.AsyncClient(base_url=url) as client:
        account = TeslaAccount(
            Cloud(client, StillClock(), ENDPOINTS, Purses(LIMITS), random.Random(1).random),
            Cloud(client, StillClock(), AUTH_ENDPOINTS, Purses(AUTH_LIMITS), random.Random(1).random),
            "manta",
            Token(tesla.access, tesla.refresh, NOW + timedelta(hours=8)),
            keep,
            UndoFile(tmp_path / "undo.json"),
        )
        sample = await account.site(str(SITE)).read(NOW)
    assert sample.measurements[ComponentKind.GRID_METER].power_kw == 1.8
