"""The market follower: every feed of NEMWEB, read to the last report and kept as history."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Protocol

import httpx
import prometheus_client
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import structlog

from manta.flows.ports import Clock
from manta.marketdata.history import MarketData
from manta.markets.bookmark import Bookmark
from manta.markets.feeds import Follower, Source
from manta.markets.reading import tables_of
from manta.mms.catalogue import FEEDS
from manta.mms.rows import Rows
from manta.settings.config import Config
from manta.settings.observe import Health, served
from manta.settings.options import World

log = structlog.get_logger()

HISTORY = "market"
"""In the data directory."""
CATCH_UP = {World.LIVE: timedelta(hours=24), World.SIMULATE: timedelta(hours=6)}
"""How far back the very first look reads; later ones go on where the last one stopped. A simulated world
opens on another day each time, and should have its processor for the homes."""
SPREAD_S = 20.0
"""Feeds begin one after another within this, so that nobody is asked for everything at once."""
WATCHED = timedelta(seconds=15)
OPENING = timedelta(minutes=2)
"""How long, by the wall, a feed may take after our start to be read again where it stopped."""

ROWS = prometheus_client.Counter("manta_market_rows", "Rows kept, by table", ["table"])
FILES = prometheus_client.Gauge("manta_market_files", "Reports read since the start", ["feed"])
AGE = prometheus_client.Gauge("manta_market_age_seconds", "Since the newest report's time", ["feed"])
LATE = prometheus_client.Gauge("manta_market_late_seconds", "Since when a report is late; 0: none", ["feed"])
QUARANTINED = prometheus_client.Gauge("manta_market_quarantined", "Files put aside", ["feed"])
MISSING = prometheus_client.Gauge("manta_market_missing", "Reports missing before the newest", ["feed"])
LOST = prometheus_client.Gauge("manta_market_lost", "Missing reports given up", ["feed"])


class Keeps(Protocol):
    """Where rows go."""

    def keep(self, rows: Rows) -> object:
        """Keep rows for good; repeated ones change nothing."""
        ...


async def main(config: Config) -> None:
    """Run until cancelled."""
    _live_small()
    history = MarketData(config.data / HISTORY)
    async with (
        served("market", config) as health,
        httpx.AsyncClient(follow_redirects=False) as client,
    ):
        followers = followed(config, client)
        clock = config.clock()
        watch(
            health,
            followers,
            clock,
            from_at=clock.now() + OPENING * config.speed,
            absence_fails=config.world is World.LIVE,
        )
        async with asyncio.TaskGroup() as tasks:
            for place, follower in enumerate(followers):
                after = timedelta(seconds=SPREAD_S * place / len(followers))
                tasks.create_task(_follow(follower, config.clock(), after, history))
            tasks.create_task(_measure(followers, config.clock()))


def _live_small() -> None:
    """Read one file at a time, and give memory back: nothing here is in a hurry."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    pa.set_memory_pool(pa.system_memory_pool())
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1, "market"))


def followed(config: Config, client: httpx.AsyncClient) -> Sequence[Follower[Rows]]:
    """Return a follower of every feed that there is, each where it stopped."""
    clock = config.clock()
    source = Source(
        base_url=config.require("nemweb_url", str),
        client=client,
        clock=clock,
        random=Random(config.seed),  # noqa: S311, TID251 - jitter
        quarantine=config.data / "quarantine" / "feeds",
    )
    stopped = config.data / HISTORY / "feeds"
    return [
        Follower(
            feed,
            source,
            Bookmark(feed, clock.now(), CATCH_UP[config.world], stopped / f"{feed.prefix}.json"),
            tables_of(feed),
        )
        for feed in FEEDS
    ]


def watch(
    health: Health,
    followers: Sequence[Follower[Rows]],
    clock: Clock,
    *,
    from_at: datetime,
    absence_fails: bool,
) -> None:
    """Have our health ask each feed whether a report of its is late, or its directory is not there.

    Before ``from_at`` nobody is late: after a night away every feed is, and a house that waits for us to be
    well before it opens the market would wait for ever.
    """

    async def ask(follower: Follower[Rows]) -> None:
        now = clock.now()
        because = trouble(follower, now, absence_fails=absence_fails)
        if because and now >= from_at:
            raise ConnectionError(because)

    for follower in followers:
        health.depends(follower.feed.directory, partial(ask, follower))


def trouble(follower: Follower[Rows], now: datetime, *, absence_fails: bool) -> str:
    """Return what is wrong with a feed, empty where nothing is."""
    state = follower.state
    if not state.is_there:
        return f"there is no {follower.feed.directory}" if absence_fails else ""
    late = follower.late_since(now)
    if late is None:
        return ""
    newest = f"the newest is {state.newest.isoformat()}" if state.newest else "there was none yet"
    return f"late since {late.isoformat()}, {newest}" + (f": {state.because}" if state.because else "")


async def _follow(follower: Follower[Rows], clock: Clock, after: timedelta, history: Keeps) -> None:
    async def keep(rows: Rows) -> None:
        await asyncio.to_thread(history.keep, rows)
        ROWS.labels(rows.table.monthly).inc(len(rows))

    await clock.sleep_until(clock.now() + after)
    await follower.follow(keep)


async def _measure(followers: Sequence[Follower[Rows]], clock: Clock) -> None:
    """Show how each feed stands; late is told in the log once, when it begins."""
    told: set[str] = set()
    while True:
        now = clock.now()
        for follower in followers:
            name, state, late = follower.feed.directory, follower.state, follower.late_since(now)
            FILES.labels(name).set(state.files)
            QUARANTINED.labels(name).set(state.quarantined)
            MISSING.labels(name).set(state.missing)
            LOST.labels(name).set(state.lost)
            LATE.labels(name).set((now - late).total_seconds() if late and state.is_there else 0.0)
            if state.newest is not None:
                AGE.labels(name).set((now - state.newest).total_seconds())
            if late and state.is_there and name not in told:
                log.warning("feed late", feed=name, since=late.isoformat(), because=state.because)
            told = told | {name} if late else told - {name}
        await clock.sleep_until(now + WATCHED)
