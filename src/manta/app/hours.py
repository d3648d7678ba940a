"""How far simulated time has come, kept in the data directory, so that it never runs back."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from manta.settings.clock import next_evening
from manta.supervisor.accounts import private_file

FILE = "simulated-until"
AHEAD = timedelta(seconds=30)
"""Of the wall's time: what is written down reaches this far ahead, so that a crash cannot undo it."""
NOTE_EVERY_S = 10.0


def next_origin(data: Path) -> datetime:
    """Return the summer evening that follows everything simulated so far."""
    return next_evening(last_instant(data))


def last_instant(data: Path) -> datetime | None:
    """Return the last instant that may have been simulated here; None in a fresh house."""
    path = data / FILE
    return datetime.fromisoformat(path.read_text().strip()) if path.exists() else None


def note(data: Path, now: datetime, speed: float) -> None:
    """Write down how far time may come until the next note."""
    private_file(data / FILE, (now + AHEAD * speed).isoformat().encode())


async def keep(data: Path, now: Callable[[], datetime], speed: float) -> None:
    """Write it down again and again, until cancelled."""
    while True:
        note(data, now(), speed)
        await asyncio.sleep(NOTE_EVERY_S)
