"""Tesla's energy sites, in virtual time against a simulated Fleet API."""

import random
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from manta.app.virtual import VirtualClock, play
from manta.domain.der import ComponentKind, Running
from manta.domain.lease import Outcome
from manta.drivers.cloud import Cloud
from manta.drivers.cloud_budget import Purses
from manta.drivers.port import DeviceError, Order
from manta.drivers.tesla import AUTH_ENDPOINTS, AUTH_LIMITS, ENDPOINTS, LIMITS, TeslaAccount, Token
from manta.drivers.tesla_tariff import continued, tariff
from manta.drivers.undo import UndoFile
from manta.simulators.tesla_cloud import THEIR_TARIFF, TeslaCloud
from manta.simulators.vendor_clouds import Trouble

NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SITE = "7001"


def client(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://vendor")


def account(tesla, path, clock, kept=None, state=b"{}", expires_at=NOW + 8 * HOUR):
    jitter = random.Random(3).random

    async def keep(token):
        if kept is not None:
            kept.append(token)

    return TeslaAccount(
        Cloud(client(tesla.api), clock, ENDPOINTS, Purses(LIMITS, state), jitter),
        Cloud(client(tesla.auth), clock, AUTH_ENDPOINTS, Purses(AUTH_LIMITS), jitter),
        "manta",
        Token(tesla.access, tesla.refresh, expires_at),
        keep,
        UndoFile(path / "undo.json"),
    )


def wrote(tesla):
    return [asked.path.rpartition("/")[2] for asked in tesla.api.asked if asked.method == "POST"]


@pytest.fixture
def tesla():
    return TeslaCloud(SITE)


def test_it_is_read_in_our_units_and_our_sign_and_the_site_adds_up(tesla, tmp_path):
    async def world():
        site = account(tesla, tmp_path, VirtualClock(NOW)).site(SITE)
        return await site.identify(), await site.read(NOW), site.age(NOW)

    (identity, capability), sample, age = play(world())
    kw = {kind: seen.power_kw for kind, seen in sample.measurements.items()}
    assert kw == {
        ComponentKind.GRID_METER: 1.8,
        ComponentKind.PV_STRING: 4.2,
        ComponentKind.BATTERY: -1.5,
        ComponentKind.LOAD: -0.9,
    }
    assert kw.pop(ComponentKind.GRID_METER) == pytest.approx(sum(kw.values()))
    assert sample.measurements[ComponentKind.BATTERY].soc == 0.625
    assert (sample.status.running, sample.at, age) == (Running.RUNNING, NOW, timedelta())
    assert (identity.serial, capability.discharge_kw, capability.capacity_kwh) == (
        "STE20260114-00001",
        5.0,
        13.5,
    )


def test_an_old_measurement_keeps_its_age_although_it_was_answered_now(tesla, tmp_path):
    async def world():
        site = account(tesla, tmp_path, VirtualClock(NOW + 3 * HOUR)).site(SITE)
        return await site.read(NOW + 3 * HOUR)

    assert play(world()).at == NOW


def test_numbers_in_quotes_are_read_and_numbers_that_are_none_are_not(tesla, tmp_path):
    async def world():
        site = account(tesla, tmp_path, VirtualClock(NOW)).site(SITE)
        tesla.api.trouble = Trouble.QUOTED
        assert (await site.read(NOW)).measurements[ComponentKind.BATTERY].power_kw == -1.5
        tesla.sites[SITE]["live"]["battery_power"] = None
        assert (await site.read(NOW)).measurements[ComponentKind.BATTERY].power_kw is None
        tesla.api.trouble = Trouble.SENSELESS
        with pytest.raises(DeviceError, match="NaN"):
            await site.read(NOW)

    play(world())


def test_an_order_leads_the_site_and_a_release_puts_back_what_its_householder_had_set(tesla, tmp_path):
    before = deepcopy(tesla.sites[SITE]["info"])

    async def world():
        site = account(tesla, tmp_path, VirtualClock(NOW)).site(SITE)
        applied = await site.apply(Order(5.0, NOW + HOUR), NOW)
        led = deepcopy(tesla.sites[SITE]["info"])
        released = await site.apply(None, NOW)
        return applied, led, released

    applied, led, released = play(world())
    assert (applied.outcome, applied.power_kw) == (Outcome.ACCEPTED, None)
    assert led["default_real_mode"] == "autonomous"
    assert led["tariff_content_v2"]["name"] == "discharge 18:00 to 19:30"
    assert led["components"]["customer_preferred_export_rule"] == "battery_ok"
    assert led["backup_reserve_percent"] == 20
    assert released.outcome is Outcome.ACCEPTED
    assert tesla.sites[SITE]["info"] == before
    assert wrote(tesla) == ["grid_import_export", "time_of_use_settings", "operation"] * 2


def test_the_same_order_again_costs_a_look_and_no_setting(tesla, tmp_path):
    async def world():
        site = account(tesla, tmp_path, VirtualClock(NOW)).site(SITE)
        await site.apply(Order(5.0, NOW + HOUR), NOW)
        n = len(tesla.api.asked)
        again = await site.apply(Order(5.0, NOW + HOUR), NOW + HOUR / 2)
        return again.outcome, len(tesla.api.asked) - n

    assert play(world()) == (Outcome.ACCEPTED, 1)


def test_the_second_order_does_not_make_the_first_the_householders_choice(tesla, tmp_path):
    before = deepcopy(tesla.sites[SITE]["info"])

    async def world():
        site = account(tesla, tmp_path, VirtualClock(NOW)).site(SITE)
        await site.apply(Order(5.0, NOW + HOUR), NOW)
        await site.apply(Order(-5.0, NOW + HOUR), NOW)
        await site.close()

    play(world())
    assert tesla.sites[SITE]["info"] == before


@pytest.mark.parametrize("order", [Order(5.0, NOW), Order(0.0, NOW + HOUR), None])
def test_a_release_of_what_was_never_begun_asks_nothing(tesla, tmp_path, order):
    async def world():
        site = account(tesla, tmp_path, VirtualClock(NOW)).site(SITE)
        return (await site.apply(order, NOW)).outcome

    assert play(world()) is Outcome.ACCEPTED
    assert tesla.api.asked == []


def test_an_export_limit_is_refused_before_anything_is_set(tesla, tmp_path):
    async def world():
        site = account(tesla, tmp_path, VirtualClock(NOW)).site(SITE)
        return await site.apply(Order(5.0, NOW + HOUR, export_limit_kw=1.5), NOW)

    assert play(world()).outcome is Outcome.REFUSED
    assert wrote(tesla) == []


def test_what_is_acknowledged_and_not_done_is_a_refusal(tesla, tmp_path):
    async def world():
        site = account(tesla, tmp_path, VirtualClock(NOW)).site(SITE)
        tesla.api.trouble = Trouble.LYING
        return await site.apply(Order(5.0, NOW + HOUR), NOW)

    applied = play(world())
    assert applied.outcome is Outcome.REFUSED
    assert "not done" in applied.because


@pytest.mark.parametrize("trouble", [Trouble.DEAD, Trouble.SLOW, Trouble.BROKEN, Trouble.THROTTLING])
def test_a_cloud_in_trouble_is_silence(tesla, tmp_path, trouble):
    async def world():
        site = account(tesla, tmp_path, VirtualClock(NOW)).site(SITE)
        tesla.api.trouble = trouble
        return await site.apply(Order(5.0, NOW + HOUR), NOW)

    assert play(world()).outcome is Outcome.SILENT


def test_a_token_that_ended_or_was_rejected_is_renewed_once_and_kept(tesla, tmp_path):
    kept = []

    async def world():
        early = account(tesla, tmp_path, VirtualClock(NOW), kept, expires_at=NOW)
        await early.site(SITE).read(NOW)
        tesla.expire()
        await early.site(SITE).read(NOW)

    play(world())
    assert [token.refresh for token in kept] == ["refresh-1", "refresh-2"]
    assert tesla.renewals == 2
    assert "access" not in repr(kept)


def test_a_consent_that_was_withdrawn_is_said_so(tesla, tmp_path):
    async def world():
        site = account(tesla, tmp_path, VirtualClock(NOW)).site(SITE)
        tesla.expire()
        tesla.refresh = "void"
        with pytest.raises(DeviceError, match="401"):
            await site.read(NOW)

    play(world())


def test_the_day_s_budget_is_kept_and_releases_are_never_eaten(tesla, tmp_path):
    async def world():
        clock = VirtualClock(NOW)
        site = account(tesla, tmp_path, clock, expires_at=NOW + 99 * HOUR).site(SITE)
        seen = []
        while clock.now() < NOW + 23 * HOUR:
            now = clock.now()
            power_kw = 5.0 if len(seen) % 2 else -5.0
            seen.append((await site.apply(Order(power_kw, now + HOUR), now)).outcome)
            await clock.sleep_until(now + timedelta(minutes=5))
        assert (await site.apply(None, clock.now())).outcome is Outcome.ACCEPTED
        return seen

    before = deepcopy(tesla.sites[SITE]["info"])
    seen = play(world())
    assert Outcome.REFUSED in seen
    assert 20 < len(wrote(tesla)) <= 48
    assert len(tesla.api.asked) <= 448
    assert tesla.sites[SITE]["info"] == before


@pytest.mark.parametrize("power_kw", [5.0, -5.0])
@pytest.mark.parametrize("begin_hour", range(0, 24, 5))
def test_every_minute_of_a_day_has_one_price(power_kw, begin_hour):
    at = datetime(2026, 1, 14, begin_hour, 10, tzinfo=UTC)
    content = tariff(power_kw, at, at + 3 * HOUR, ZoneInfo("Australia/Brisbane"))
    minutes = [0] * 1_440
    for group in content["seasons"]["Year"]["tou_periods"].values():
        for period in group["periods"]:
            first = period["fromHour"] * 60 + period["fromMinute"]
            last = period["toHour"] * 60 + period["toMinute"] or 1_440
            for minute in range(first, last):
                minutes[minute] += 1
    assert minutes == [1] * 1_440


def test_a_tariff_for_a_day_and_longer_is_refused():
    with pytest.raises(ValueError, match="less than a day"):
        tariff(5.0, NOW, NOW + 24 * HOUR, ZoneInfo("Australia/Sydney"))


def test_a_tariff_of_the_householders_is_never_taken_for_ours():
    wanted = tariff(5.0, NOW, NOW + HOUR, ZoneInfo("Australia/Sydney"))
    assert continued(THEIR_TARIFF, wanted) is wanted
    assert continued(None, wanted) is wanted
