"""Asks the simulated market of a running house for a story."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from manta.app.up import Running, running
from manta.bus.nats import Bus
from manta.domain.time import NEM_TIME
from manta.settings.options import Story, World
from manta.supervisor.certificates import Certificates
from manta.wire import subjects
from manta.wire.events import StartStory, StoryStarted

ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Told:
    """When a story runs, in market time."""

    name: str
    begins: datetime
    ends: datetime


async def ask(data: Path, story: Story) -> Told:
    """Ask, and return when it begins and ends; what cannot be is an exception that says why."""
    house = running(data)
    if house is None:
        raise FileNotFoundError("nothing runs here: start it with 'manta up'")
    if house.world != World.SIMULATE:
        raise ValueError("the real market tells its own stories; this is for a simulated world")
    bus = await _connect(data, house)
    try:
        answer = await bus.request(subjects.STORY, msgspec.msgpack.encode(StartStory(story.value)), ANSWER_S)
    finally:
        await bus.close()
    started = msgspec.msgpack.decode(answer, type=StoryStarted)
    if started.because:
        raise ValueError(f"not now: {started.because}")
    return Told(started.name, _market_time(started.begins_ms), _market_time(started.ends_ms))


async def _connect(data: Path, house: Running) -> Bus:
    home = data / "certificates"
    files = Certificates(home / "server.pem", home / "server.key", home / "authority.pem")
    return await Bus.connect(
        house.nats_url,
        name="cli",
        credentials=data / "nats" / "credentials" / "cli.creds",
        tls=files.client_context() if house.nats_url.startswith("tls:") else None,
    )


def _market_time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1e3, UTC).astimezone(NEM_TIME)
