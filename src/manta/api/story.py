"""Stories: have the simulated market tell one. There is no such thing in a live world."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from fastapi import APIRouter, Response

from manta.desk.access import GuardedRoute, Known, Now, Role, needs
from manta.desk.ports import Asks
from manta.domain.time import from_epoch_ms
from manta.door.errors import DOCUMENTED, Conflict, NotFound, Unavailable
from manta.door.shapes import answer
from manta.store.audit import Deed
from manta.wire import subjects
from manta.wire.events import StartStory, StoryStarted
from manta.wire.stories import OUTLINES, StoryName

router = APIRouter(prefix="/api/story", tags=["story"], route_class=GuardedRoute, responses=DOCUMENTED)

WAIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Story:
    """A story that runs or is about to."""

    name: StoryName
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class StoryOffered:
    """A story that can be started."""

    name: StoryName
    lasts_s: int
    """Seconds of market time, from the first interval's start."""
    about: str
    """One line on what happens, in English."""


@dataclass(frozen=True, slots=True)
class Stories:
    """What is running, and what can be started."""

    running: Story | None
    available: list[StoryOffered]


AVAILABLE = [
    StoryOffered(name, round(outline.lasts.total_seconds()), outline.about)
    for name, outline in OUTLINES.items()
]


@router.get("", response_model=Stories)
@needs(Role.VIEWER)
async def stories(caller: Known, now: Now) -> Response:
    """Show what runs and what can be started; in a live world nothing can."""
    if now.world != "simulate":
        return answer(Stories(None, []))
    told = now.hub.story
    running = told is not None and now.clock.now() < from_epoch_ms(told.ends_ms)
    return answer(Stories(_shown(told) if told and running else None, AVAILABLE))


@router.post("/{name}", response_model=Story, status_code=202)
@needs(Role.OPERATOR)
async def start_story(name: StoryName, caller: Known, now: Now) -> Response:
    """Have a story begin with the next dispatch interval, unless one has not ended yet."""
    if now.world != "simulate":
        raise NotFound("This is the live market; it tells its own stories.")
    started = await _ask(now.bus, name)
    if started.because:
        raise Conflict(f"The story was not started: {started.because}")
    at = now.clock.now()
    await now.audit.write(caller.tenant, Deed(at, caller.email, "story.started", started.name, {}))
    now.hub.tell_story(started)
    return answer(_shown(started), 202)


async def _ask(bus: Asks, name: StoryName) -> StoryStarted:
    try:
        reply = await bus.request(subjects.STORY, msgspec.msgpack.encode(StartStory(name)), timeout=WAIT_S)
    except (TimeoutError, ConnectionError) as error:
        raise Unavailable(
            "The simulated market does not answer. Wait until it runs (see ./manta doctor) and try again."
        ) from error
    return msgspec.msgpack.decode(reply, type=StoryStarted)


def _shown(story: StoryStarted) -> Story:
    return Story(StoryName(story.name), from_epoch_ms(story.begins_ms), from_epoch_ms(story.ends_ms))
