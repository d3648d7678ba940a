"""NATS as we start it: each site hears and says its own over MQTT, each role its own over NATS."""

import asyncio
import time

import nats
import nats.errors
import paho.mqtt.client as mqtt
import pytest

from manta.domain.identity import SiteId
from manta.supervisor.credentials import SiteKey, seed_from, site_credentials
from manta.wire import subjects

pytestmark = pytest.mark.engines

MINE, THEIRS = SiteId("h-mine"), SiteId("h-theirs")


class Session:
    """One MQTT 3.1.1 session; what happens to it, as it comes."""

    def __init__(self, port: int, site: str, password: str) -> None:
        loop, self.events = asyncio.get_running_loop(), asyncio.Queue[tuple]()
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"{site}-{id(self)}", protocol=mqtt.MQTTv311
        )
        self.client.username_pw_set(site, password)

        def heard(*event):
            loop.call_soon_threadsafe(self.events.put_nowait, event)

        self.client.on_connect = lambda c, u, flags, code, p: heard("connected", not code.is_failure)
        self.client.on_subscribe = lambda c, u, mid, codes, p: heard("subscribed", not codes[0].is_failure)
        self.client.on_message = lambda c, u, message: heard("message", message.topic, message.payload)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    async def hears(self) -> tuple:
        return await asyncio.wait_for(self.events.get(), 5)

    async def subscribes(self, topic: str) -> bool:
        self.client.subscribe(topic, qos=1)
        kind, granted = await self.hears()
        assert kind == "subscribed"
        return granted

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
async def site(nats_server):
    session = Session(nats_server.mqtt_port, MINE, nats_server.site_password(MINE))
    assert await session.hears() == ("connected", True)
    yield session
    session.close()


@pytest.fixture
async def as_role(nats_server):
    opened = []

    async def connect(role: str):
        refused: asyncio.Queue[Exception] = asyncio.Queue()
        connection = await nats.connect(
            nats_server.url, user_credentials=nats_server.credentials(role), error_cb=refused.put
        )
        opened.append(connection)
        return connection, refused

    yield connect
    for connection in opened:
        await connection.close()


async def heard(connection):
    """Return once the server has what was subscribed: asked twice, as the first ping overtakes it."""
    for _ in range(2):
        await connection.flush()


async def test_a_site_reports_and_hears_its_leases(site, as_role):
    gateway, _ = await as_role("gateway")
    reports = await gateway.subscribe(subjects.SITE_TELEMETRY)
    await heard(gateway)
    assert await site.subscribes(subjects.topic(subjects.leases_of(MINE)))

    site.client.publish(subjects.topic(subjects.telemetry_of(MINE)), b"report", qos=1)
    report = await reports.next_msg(timeout=5)
    await gateway.publish(subjects.leases_of(MINE), b"lease")

    assert (report.subject, report.data) == (subjects.telemetry_of(MINE), b"report")
    assert await site.hears() == ("message", subjects.topic(subjects.leases_of(MINE)), b"lease")


@pytest.mark.parametrize(
    "topic", [subjects.topic(subjects.leases_of(THEIRS)), "#", "manta/v1/s/+/down", "manta/leases", "$SYS/#"]
)
async def test_a_site_cannot_listen_to_others(site, topic):
    assert not await site.subscribes(topic)


async def test_a_site_cannot_speak_for_others(site, as_role):
    gateway, _ = await as_role("gateway")
    reports = await gateway.subscribe("manta.v1.s.*.up")
    await heard(gateway)
    for subject in (subjects.telemetry_of(THEIRS), subjects.READINGS, subjects.telemetry_of(MINE)):
        site.client.publish(subjects.topic(subject), subject.encode(), qos=1)

    assert (await reports.next_msg(timeout=5)).data == subjects.telemetry_of(MINE).encode()
    with pytest.raises(nats.errors.TimeoutError):
        await reports.next_msg(timeout=0.1)


def _forged(server) -> str:
    return site_credentials(SiteKey(server.site_key.account, seed_from(b"x" * 32, "account")), MINE)


def _altered(server) -> str:
    head, claims, signature = server.site_password(MINE).split(".")
    return f"{head}.{claims}x.{signature}"


@pytest.mark.parametrize("password", [lambda _: "", lambda _: "guess", _altered, _forged])
async def test_a_site_signs_in_with_nothing_but_what_the_account_gave_it(nats_server, password):
    session = Session(nats_server.mqtt_port, MINE, password(nats_server))
    try:
        assert await session.hears() == ("connected", False)
    finally:
        session.close()


async def test_a_sites_password_does_not_open_the_roles_door(nats_server):
    reader, writer = await asyncio.open_connection("127.0.0.1", nats_server.bus.port)
    await reader.readline()
    writer.write(
        b'CONNECT {"verbose":true,"jwt":"%s"}\r\nPING\r\n' % nats_server.site_password(MINE).encode()
    )
    assert b"Authorization Violation" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


@pytest.mark.parametrize(
    ("role", "subject"),
    [
        ("api", subjects.LEASES),
        ("api", subjects.leases_of(MINE)),
        ("engine", subjects.LEASES),
        ("engine", subjects.leases_of(MINE)),
        ("governor", subjects.leases_of(MINE)),
        ("gateway", subjects.INTENTS),
        ("settler", subjects.INTENTS),
        ("cli", subjects.READINGS),
    ],
)
async def test_a_role_cannot_say_what_is_not_its_to_say(as_role, role, subject):
    connection, refused = await as_role(role)
    await connection.publish(subject, b"no")
    assert "permissions violation" in str(await asyncio.wait_for(refused.get(), 5)).lower()


async def test_the_engine_asks_and_the_governor_answers(as_role):
    engine, _ = await as_role("engine")
    governor, _ = await as_role("governor")

    async def answer(message):
        await message.respond(b"written")

    await governor.subscribe(subjects.INTENTS, cb=answer)
    await heard(governor)
    assert (await engine.request(subjects.INTENTS, b"ready", timeout=5)).data == b"written"


def test_passwords_follow_from_the_key_and_are_cheap(nats_server):
    sites = [SiteId(f"h-{n}") for n in range(500)]
    begun = time.process_time()
    passwords = {site_credentials(nats_server.site_key, site) for site in sites}
    took_ms = (time.process_time() - begun) / len(sites) * 1e3
    assert len(passwords) == len(sites)
    assert site_credentials(nats_server.site_key, sites[7]) in passwords
    assert took_ms < 5
