"""The market simulator: a NEMWEB of our own, and the stories told on it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import prometheus_client
import structlog

from manta.bus.nats import Bus
from manta.domain.time import epoch_ms
from manta.flows.ports import Clock
from manta.nemsim.fitted_days import FittedDays
from manta.nemsim.market import Days, SimulatedMarket
from manta.nemsim.nemweb import Publisher, application
from manta.nemsim.stories import Story, StoryBook
from manta.nemsim.summer_days import SummerDays
from manta.roles.serving import listening
from manta.roles.wiring import connected
from manta.settings.config import Config, ConfigError
from manta.settings.observe import served
from manta.settings.options import MarketDays, World
from manta.wire import subjects
from manta.wire.events import StartStory, StoryStarted
from manta.wire.stories import StoryName

log = structlog.get_logger()

BOOK = "market/stories.json"
"""In the data directory."""
DAYS: Mapping[MarketDays, Days] = {MarketDays.SUMMER: SummerDays(), MarketDays.FITTED: FittedDays()}
STARTED = prometheus_client.Counter("manta_market_stories", "Stories started")


async def main(config: Config) -> None:
    """Run until cancelled."""
    if config.world is not World.SIMULATE:
        raise ConfigError("the market simulator is for a simulated world; the live one has NEMWEB")
    address = urlsplit(config.require("nemweb_url", str))
    if not (address.hostname and address.port):
        raise ConfigError("MANTA_NEMWEB_URL is http://host:port for the market simulator")
    clock = config.clock()
    book = StoryBook(config.data / BOOK)
    begin_day(config, book, clock)
    days = DAYS[config.market]
    publisher = Publisher(lambda: SimulatedMarket(config.seed, book.stories, days), clock, config.seed)
    publisher.prepare()
    async with (
        served("market-simulator", config) as health,
        connected(config, "market-simulator", health) as bus,
        listening(application(publisher, in_threads=True), address.hostname, address.port) as ended,
    ):
        changed = asyncio.Event()

        async def answer(body: bytes) -> bytes:
            changed.set()
            return start(book, clock, body)

        await bus.reply(subjects.STORY, answer)
        log.info("market open", port=address.port, files=len(publisher.files()))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_tell(book, clock, bus, changed))
            await ended()


def begin_day(config: Config, book: StoryBook, clock: Clock) -> None:
    """Have story 1 begin by itself, once for each start of the world, if the world is to have it."""
    if config.story_after is None or config.clock_setting is None:
        return
    origin = config.clock_setting.origin
    begun = book.begin_day(origin, origin + config.story_after, clock.now())
    if begun is not None:
        _note(begun)


def start(book: StoryBook, clock: Clock, body: bytes) -> bytes:
    """Answer a request for a story: when it runs, or why it does not."""
    try:
        asked = msgspec.msgpack.decode(body, type=StartStory).name
    except msgspec.DecodeError as error:
        known = ", ".join(StoryName)
        return msgspec.msgpack.encode(StoryStarted("", 0, 0, f"{error}; the stories are {known}"))
    begun, because = book.start(asked, clock.now())
    if not because:
        _note(begun)
    return _spelled(begun, because)


async def _tell(book: StoryBook, clock: Clock, bus: Bus, changed: asyncio.Event) -> None:
    """Publish each story twice: when it is known, and when it begins."""
    known: set[Story] = set()
    begun: set[Story] = set()
    while True:
        coming = [story for story in book.stories if clock.now() < story.ends and story not in begun]
        for story in coming:
            if story not in known or story.begins <= clock.now():
                await _publish(bus, story)
                known.add(story)
                begun |= {story} if story.begins <= clock.now() else set()
        waiting = [story.begins for story in coming if story not in begun]
        await _either(changed, clock, min(waiting, default=None))
        changed.clear()


async def _either(changed: asyncio.Event, clock: Clock, at: datetime | None) -> None:
    """Return when there is word of a change, or once it is that late."""
    waits = [asyncio.create_task(changed.wait())]
    if at is not None:
        waits.append(asyncio.create_task(_late(clock, at)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _late(clock: Clock, at: datetime) -> Literal[True]:
    await clock.sleep_until(at)
    return True


async def _publish(bus: Bus, story: Story) -> None:
    try:
        await bus.publish(subjects.STORIES, _spelled(story))
    except ConnectionError as error:
        log.warning("story not announced", name=story.name, because=str(error))


def _spelled(story: Story, because: str = "") -> bytes:
    return msgspec.msgpack.encode(
        StoryStarted(story.name, epoch_ms(story.begins), epoch_ms(story.ends), because)
    )


def _note(story: Story) -> None:
    STARTED.inc()
    log.info("story begins", name=story.name, begins=story.begins.isoformat(), ends=story.ends.isoformat())
