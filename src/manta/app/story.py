"""Asks the simulated market of a running house for a story."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from rich.table import Table

from manta.app.up import Running, running
from manta.bus.nats import Bus
from manta.domain.time import NEM_TIME
from manta.settings.options import World
from manta.supervisor.certificates import Certificates
from manta.wire import subjects
from manta.wire.events import StartStory, StoryStarted
from manta.wire.stories import OUTLINES, StoryName

ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Told:
    """When a story runs, in market time."""

    name: str
    begins: datetime
    ends: datetime


async def ask(data: Path, story: StoryName) -> Told:
    """Ask, and return when it begins and ends; what cannot be is an exception that says why."""
    house = running(data)
    if house is None:
        raise FileNotFoundError("nothing runs here: start it with 'manta up'")
    if house.world != World.SIMULATE:
        raise ValueError("the real market tells its own stories; this is for a simulated world")
    bus = await _connect(data, house)
    try:
        answer = await bus.request(subjects.STORY, msgspec.msgpack.encode(StartStory(story)), ANSWER_S)
    finally:
        await bus.close()
    started = msgspec.msgpack.decode(answer, type=StoryStarted)
    if started.because:
        raise ValueError(f"not now: {started.because}")
    return Told(started.name, _market_time(started.begins_ms), _market_time(started.ends_ms))


def stories_table() -> Table:
    """Return every story with how long it lasts and what happens in it."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(no_wrap=True, justify="right")
    table.add_column()
    for name, outline in OUTLINES.items():
        table.add_row(name.value, f"{outline.lasts // timedelta(minutes=1)} min", outline.about)
    return table


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
