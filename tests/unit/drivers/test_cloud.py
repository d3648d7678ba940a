"""What every vendor's cloud is asked through, in virtual time against a simulated vendor."""

import random
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from manta.app.virtual import VirtualClock, play
from manta.drivers.cloud import (
    Call,
    Circuit,
    Cloud,
    Endpoint,
    LaterError,
    RefusedError,
    TokenError,
    loose,
    read_json,
    retry_after,
    share,
)
from manta.drivers.cloud_budget import Allowance, Limits, Purses
from manta.drivers.port import DeviceError, ForbiddenError
from manta.simulators.vendor_clouds import RETRY_AFTER_S, Answer, Trouble, VendorCloud

NOW = datetime(2026, 1, 14, 7, tzinfo=UTC)
DAY_S = 86_400
LOOK = Endpoint("GET", "/sites/{}/look")


class Seen(msgspec.Struct):
    power: float | str | None = None


def vendor(status=200, content=None):
    return VendorCloud(lambda _: Answer(status, {"power": 1.5} if content is None else content))


def opened(vendor, allowance=None):
    limits = Limits(site={"calls": (allowance or Allowance(100_000, timedelta(days=1)),)})
    transport = httpx.ASGITransport(vendor, raise_app_exceptions=True)
    client = httpx.AsyncClient(transport=transport, base_url="https://vendor")
    return Cloud(client, VirtualClock(NOW), (LOOK,), Purses(limits), random.Random(7).random)


def look(site="7"):
    return Call("GET", f"/sites/{site}/look", site)


async def poll_for_a_day(cloud, vendor, every_s, sites=("7",)):
    clock, failures = cloud.clock, 0
    while clock.now() < NOW + timedelta(seconds=DAY_S):
        for site in sites:
            try:
                await cloud.ask(look(site), Seen)
            except DeviceError:
                failures += 1
        await clock.sleep_until(clock.now() + timedelta(seconds=every_s))
    return failures


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sites/7/look"),
        ("GET", "/sites/7/look/"),
        ("GET", "/sites/7/look?x=1"),
        ("GET", "/sites/../look"),
        ("GET", "/sites/%2e%2e/look"),
        ("GET", "/sites/7/8/look"),
        ("GET", "//sites/7/look"),
        ("GET", "https://elsewhere/sites/7/look"),
        ("GET", "/sites//look"),
        ("GET", "/sites/7/look\n"),
        ("get", "/sites/7/look"),
        ("GET", "/accounts"),
    ],
)
def test_what_is_not_listed_never_leaves_the_house(method, path):
    async def world():
        there = vendor()
        with pytest.raises(ForbiddenError):
            await opened(there).ask(Call(method, path, "7"), Seen)
        return there.asked

    assert play(world()) == []


def test_a_budget_of_n_is_kept_to_the_last_call():
    async def world():
        there = vendor()
        await poll_for_a_day(opened(there, Allowance(40, timedelta(hours=1))), there, every_s=10)
        return [each.passed_s for each in there.asked]

    asked_s = play(world())
    assert 24 * 40 * 0.9 < len(asked_s) <= 24 * 40
    for begin in asked_s:
        assert sum(begin <= each < begin + 3_600 for each in asked_s) <= 40


@pytest.mark.parametrize(
    ("trouble", "most"),
    [
        (Trouble.THROTTLING, DAY_S // RETRY_AFTER_S + 1),
        (Trouble.BROKEN, 600),
        (Trouble.SLOW, 600),
        (Trouble.DEAD, 600),
    ],
)
def test_a_day_of_failure_is_no_storm_however_many_sites_ask(trouble, most):
    async def world():
        there = vendor()
        there.trouble = trouble
        cloud = opened(there)
        failures = await poll_for_a_day(cloud, there, 60, tuple(str(n) for n in range(20)))
        assert cloud.age("7", cloud.clock.now()) is None
        return len(there.asked), failures

    asked, failures = play(world())
    assert failures > 10_000
    assert 10 < asked <= most
    print(f"{trouble}: {failures:,} asked of us, {asked} of the vendor")


def test_what_a_429_names_is_waited_for_to_the_second():
    async def world():
        there = vendor()
        there.trouble = Trouble.THROTTLING
        cloud = opened(there)
        with pytest.raises(LaterError) as first:
            await cloud.ask(look(), Seen)
        assert first.value.retry_at == NOW + timedelta(seconds=RETRY_AFTER_S)
        there.trouble = Trouble.NONE
        await cloud.clock.sleep_until(NOW + timedelta(seconds=RETRY_AFTER_S - 1))
        with pytest.raises(LaterError):
            await cloud.ask(look("8"), Seen)
        assert len(there.asked) == 1
        await cloud.clock.sleep_until(first.value.retry_at)
        assert (await cloud.ask(look(), Seen)).power == 1.5

    play(world())


def test_a_senseless_answer_shuts_its_own_site_and_no_other():
    async def world():
        there = VendorCloud(lambda asked: Answer(200, [] if "/7/" in asked.path else {"power": 1}))
        cloud = opened(there)
        with pytest.raises(DeviceError):
            await cloud.ask(look("7"), Seen)
        with pytest.raises(LaterError):
            await cloud.ask(look("7"), Seen)
        await cloud.ask(look("8"), Seen)
        return len(there.asked)

    assert play(world()) == 2


def test_the_age_of_the_last_good_answer_grows_while_the_cloud_is_dead():
    async def world():
        there = vendor()
        cloud = opened(there)
        await cloud.ask(look(), Seen)
        there.trouble = Trouble.DEAD
        await cloud.clock.sleep_until(NOW + timedelta(hours=2))
        with pytest.raises(DeviceError):
            await cloud.ask(look(), Seen)
        return cloud.age("7", cloud.clock.now())

    assert play(world()) == timedelta(hours=2)


@pytest.mark.parametrize(("status", "error"), [(401, TokenError), (403, RefusedError), (302, RefusedError)])
def test_a_no_is_told_from_silence(status, error):
    async def world():
        with pytest.raises(error):
            await opened(vendor(status)).ask(look(), Seen)

    play(world())


def test_an_endless_answer_is_cut_off():
    async def world():
        with pytest.raises(DeviceError, match="more than"):
            await opened(vendor(content={"power": "x" * 2_000_000})).ask(look(), Seen)

    play(world())


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[", b'{"power": NaN}', b'{"power": [1]}', b"\xff", b"[" * 5_000 + b"]" * 5_000]
)
def test_a_body_that_is_not_the_answer_is_an_error(body):
    with pytest.raises(DeviceError):
        read_json(body, Seen)


def test_brackets_inside_a_text_are_no_depth():
    assert read_json(b'{"power": "' + b"[{" * 50 + b'\\""}', Seen).power.startswith("[{")


@pytest.mark.parametrize(
    ("sent", "heard"),
    [("1500", 1.5), (1500, 1.5), (" -3.0 ", -0.003), (None, None), ("--", None), ("", None)],
)
def test_a_number_is_read_however_it_is_quoted(sent, heard):
    assert loose(sent, 1e-3) == heard


@pytest.mark.parametrize("sent", ["NaN", "inf", "-Infinity", "ten", True, 10**400, "1e999"])
def test_what_is_no_number_is_refused(sent):
    with pytest.raises(DeviceError):
        loose(sent)


@pytest.mark.parametrize("sent", [-1, 101, "230"])
def test_what_is_no_percentage_is_refused(sent):
    with pytest.raises(DeviceError):
        share(sent)


@pytest.mark.parametrize(
    ("header", "until"),
    [
        ("120", NOW + timedelta(seconds=120)),
        ("Wed, 14 Jan 2026 07:05:00 GMT", NOW + timedelta(minutes=5)),
        ("99999999999999", NOW + timedelta(days=1)),
        ("soon", None),
        (None, None),
    ],
)
def test_a_retry_after_is_read_in_both_its_forms_and_bounded(header, until):
    assert retry_after(header, NOW) == until


def test_a_circuit_lets_one_caller_try_and_doubles_to_five_minutes():
    circuit, at, waits = Circuit(lambda: 1.0), NOW, []
    for _ in range(9):
        until = circuit.failed(at)
        waits.append((until - at).total_seconds())
        at = until
        assert circuit.ready_at(at) == at
        circuit.tried(at)
        assert circuit.ready_at(at) > at
    assert waits == [4, 8, 16, 32, 64, 128, 256, 300, 300]
    circuit.succeeded()
    assert circuit.ready_at(at) == at
