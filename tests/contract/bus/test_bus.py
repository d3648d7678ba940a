"""The bus against a real NATS."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from manta.bus.nats import Bus
from manta.supervisor.nats import binary
from manta.supervisor.ports import free_port
from manta.wire import subjects

pytestmark = pytest.mark.engines


@pytest.fixture
async def as_role(nats_server):
    opened = []

    async def connect(role: str) -> Bus:
        bus = await Bus.connect(nats_server.url, name=role, credentials=nats_server.credentials(role))
        opened.append(bus)
        return bus

    yield connect
    for bus in opened:
        await bus.close()


async def test_what_is_published_is_heard_in_order(as_role):
    gateway, engine = await as_role("gateway"), await as_role("engine")
    heard, done = [], asyncio.Event()

    async def hear(subject, body):
        heard.append((subject, body))
        if len(heard) == 1_000:
            done.set()

    await engine.subscribe(subjects.READINGS, hear)
    for no in range(1_000):
        await gateway.publish(subjects.READINGS, no.to_bytes(2))
    await asyncio.wait_for(done.wait(), 5)
    assert heard == [(subjects.READINGS, no.to_bytes(2)) for no in range(1_000)]


async def test_a_callback_that_fails_is_counted_and_hears_on(as_role):
    gateway, engine = await as_role("gateway"), await as_role("engine")
    heard = asyncio.Queue()

    async def hear(_, body):
        if body == b"bad":
            raise RuntimeError("bad day")
        heard.put_nowait(body)

    await engine.subscribe(subjects.READINGS, hear)
    await gateway.publish(subjects.READINGS, b"bad")
    await gateway.publish(subjects.READINGS, b"good")
    assert await asyncio.wait_for(heard.get(), 5) == b"good"
    assert engine.counts.callback_failures == 1


async def test_a_request_is_answered_or_times_out(as_role):
    engine, governor = await as_role("engine"), await as_role("governor")
    with pytest.raises(TimeoutError, match="nobody answers"):
        await engine.request(subjects.INTENTS, b"anyone?", 1.0)

    async def answer(body):
        if body == b"fail":
            raise RuntimeError("no")
        return body.upper()

    await governor.reply(subjects.INTENTS, answer)
    assert await engine.request(subjects.INTENTS, b"intents") == b"INTENTS"
    with pytest.raises(TimeoutError, match="no answer"):
        await engine.request(subjects.INTENTS, b"fail", 0.2)
    assert governor.counts.callback_failures == 1
    assert await engine.request(subjects.INTENTS, b"again") == b"AGAIN"


async def test_it_is_alive_by_a_round_trip_until_it_is_closed(as_role):
    bus = await as_role("engine")
    assert await bus.is_alive()
    await bus.close()
    assert not await bus.is_alive()
    assert bus.is_closed
    with pytest.raises(ConnectionError):
        await bus.publish(subjects.PRICES, b"")


async def test_a_message_too_large_is_refused_by_name(as_role):
    gateway = await as_role("gateway")
    with pytest.raises(ValueError, match="more than one message holds"):
        await gateway.publish(subjects.READINGS, bytes(9 * 1024 * 1024))


async def test_an_address_where_nobody_listens_is_said_to_be_so_without_its_password():
    with pytest.raises(ConnectionError, match=r"no bus at nats://127\.0\.0\.1:1 within") as refused:
        await Bus.connect("nats://who:secret@127.0.0.1:1", name="t", within_s=0.2)
    assert "secret" not in str(refused.value)


@asynccontextmanager
async def server(port):
    process = await asyncio.create_subprocess_exec(
        str(binary()), "-a", "127.0.0.1", "-p", str(port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def test_it_comes_back_after_the_server_was_killed_and_hears_on():
    port, heard = free_port(), asyncio.Queue()

    async def hear(_, body):
        heard.put_nowait(body)

    async with server(port):
        bus = await Bus.connect(f"nats://127.0.0.1:{port}", name="t")
        await bus.subscribe("news", hear)
        await bus.publish("news", b"before")
        assert await asyncio.wait_for(heard.get(), 5) == b"before"
    async with asyncio.timeout(5):
        while await bus.is_alive(0.1):  # noqa: ASYNC110 - it is the round trip that we ask for
            await asyncio.sleep(0.01)
    await bus.publish("news", b"meanwhile")
    async with server(port):
        assert await asyncio.wait_for(heard.get(), 10) == b"meanwhile"
        assert await bus.is_alive()
        assert bus.counts.reconnects == 1
        await bus.close()
