"""The market simulator as a role: real HTTP, a real bus, and a story that survives it."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import httpx
import msgspec
import pytest

from manta.bus.nats import Bus
from manta.domain.market import Region
from manta.domain.time import NEM_TIME, DispatchInterval, epoch_ms
from manta.markets.aemo import Nemweb
from manta.nemsim.fitted_days import FittedDays
from manta.nemsim.market import SimulatedMarket
from manta.roles.market_simulator import main
from manta.settings.clock import ClockSetting
from manta.settings.config import Config, ConfigError, World
from manta.settings.options import MarketDays
from manta.supervisor.ports import free_port
from manta.wire import subjects
from manta.wire.events import StartStory, StoryStarted
from manta.wire.stories import OUTLINES, StoryName

pytestmark = pytest.mark.engines

ORIGIN = datetime(2027, 1, 14, 17, 52, tzinfo=NEM_TIME)


def settings(nats_server, data, **given):
    return Config(
        data=data,
        clock_setting=ClockSetting(given.pop("now", ORIGIN), datetime.now(UTC)),  # noqa: TID251 - a real clock's origin
        nats_url=nats_server.url,
        nats_credentials=Path(nats_server.credentials("market-simulator")),
        nemweb_url=f"http://127.0.0.1:{free_port()}",
        **given,
    )


@asynccontextmanager
async def running(config):
    task = asyncio.create_task(main(config))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ask(bus, body):
    async with asyncio.timeout(10):
        while True:
            try:
                answer = await bus.request(subjects.STORY, body, 2.0)
                return msgspec.msgpack.decode(answer, type=StoryStarted)
            except TimeoutError:
                await asyncio.sleep(0.02)


async def test_a_story_is_started_announced_priced_and_survives_the_role(nats_server, tmp_path):
    config = settings(nats_server, tmp_path)
    bus = await Bus.connect(nats_server.url, name="api", credentials=Path(nats_server.credentials("api")))
    announced = asyncio.Queue()

    async def hear(_, body):
        announced.put_nowait(msgspec.msgpack.decode(body, type=StoryStarted))

    await bus.subscribe(subjects.STORIES, hear)
    await bus.flush()
    async with running(config):
        started = await ask(bus, msgspec.msgpack.encode(StartStory("spike")))
        unknown = await ask(bus, msgspec.msgpack.encode({"name": "flood"}))
        told = await asyncio.wait_for(announced.get(), 5)
    later = settings(nats_server, tmp_path, now=ORIGIN + timedelta(minutes=3, seconds=30))
    async with running(later):
        again = await ask(bus, msgspec.msgpack.encode(StartStory("spike")))
        prices = await heard(later, tmp_path)
    await bus.close()

    assert (started.begins_ms, started.because) == (epoch_ms(ORIGIN + timedelta(minutes=3)), "")
    assert (told.begins_ms, told.ends_ms) == (started.begins_ms, started.ends_ms)
    assert "'flood'" in unknown.because
    assert "administered-floor" in unknown.because
    assert (again.begins_ms, bool(again.because)) == (started.begins_ms, True)
    assert prices == {12_500.0}


@pytest.mark.parametrize("name", [StoryName.NEGATIVE, StoryName.ADMINISTERED_FLOOR])
async def test_any_story_can_be_asked_for(nats_server, tmp_path, name):
    config = settings(nats_server, tmp_path)
    bus = await Bus.connect(nats_server.url, name="api", credentials=Path(nats_server.credentials("api")))
    async with running(config):
        started = await ask(bus, msgspec.msgpack.encode(StartStory(name)))
    later = settings(nats_server, tmp_path, now=ORIGIN + timedelta(minutes=3, seconds=30))
    async with running(later):
        prices = await heard(later, tmp_path)
    await bus.close()

    assert (started.name, started.because) == (name, "")
    assert started.ends_ms - started.begins_ms == OUTLINES[name].lasts / timedelta(milliseconds=1)
    assert prices == {-45.0 if name is StoryName.NEGATIVE else -600.0}


async def test_the_market_can_have_days_as_real_ones(nats_server, tmp_path):
    config = settings(
        nats_server, tmp_path, market=MarketDays.FITTED, now=ORIGIN + timedelta(minutes=3, seconds=30)
    )
    async with running(config):
        prices = await heard(config, tmp_path)

    market = SimulatedMarket(config.seed, (), FittedDays())
    interval = DispatchInterval.containing(ORIGIN + timedelta(minutes=3, seconds=30))
    assert prices == {market.per_mwh(region, interval) for region in Region if region is not Region.TAS}


async def heard(config, tmp_path):
    """Return the last published prices of the story's regions, read as the engine would."""
    async with httpx.AsyncClient() as client:
        feed = Nemweb(
            config.nemweb_url,
            client=client,
            clock=config.clock(),
            quarantine=tmp_path / "q",
            random=Random(1),
            catch_up=timedelta(0),
        )
        async with asyncio.timeout(10):
            prices = await anext(feed.prices())
    return {price.per_mwh for price in prices if price.region is not Region.TAS}


async def test_there_is_no_market_simulator_in_a_live_world(tmp_path):
    with pytest.raises(ConfigError, match="simulated world"):
        await main(Config(world=World.LIVE, data=tmp_path))
