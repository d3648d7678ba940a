"""A day of simulated files through the followers: servers that fall over, restarts, bad files, an archive.

Whatever happens in between, each report is kept once, in the end there is no gap, and late is called late.
"""

import asyncio
import io
import json
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import httpx
import pytest
from starlette.responses import HTMLResponse, Response
from tests.worlds import VirtualClock, virtual

from manta.domain.time import FIVE_MINUTES, HALF_HOUR, NEM_TIME
from manta.markets.bookmark import Bookmark
from manta.markets.feeds import ATTEMPTS, Follower, Source
from manta.markets.reading import tables_of
from manta.mms.catalogue import FEEDS
from manta.nemsim.market import SimulatedMarket
from manta.nemsim.nemweb import Publisher, application
from manta.nemsim.shelves import SHELVES, Librarian

MORNING = datetime(2027, 1, 14, 4, 0, tzinfo=NEM_TIME)
BY_PREFIX = {feed.prefix: feed for feed in FEEDS}
DISPATCH, ROOFTOP = BY_PREFIX["DISPATCHIS"], BY_PREFIX["ROOFTOP_PV_ACTUAL_MEASUREMENT"]
URL = "http://nemweb.test"
HOUR = timedelta(hours=1)


@dataclass
class Server:
    """The simulated NEMWEB, listing three hours only, an archive of yesterday, and troubles of its own."""

    clock: VirtualClock
    down: list[tuple[datetime, datetime]] = field(default_factory=list)
    spoiled: dict[str, bytes] = field(default_factory=dict)
    """By the time in a file's name, what is served instead of it."""
    asked: Counter = field(default_factory=Counter)
    answered: Counter = field(default_factory=Counter)
    offered: timedelta = 3 * HOUR

    def __post_init__(self):
        market = SimulatedMarket(1)
        self.publisher = Publisher(lambda: market, self.clock, 1, offered=self.offered)
        self.app = application(self.publisher)
        self.shelf = next(shelf for shelf in SHELVES if shelf.prefix == ROOFTOP.prefix)

    async def __call__(self, scope, receive, send):
        path, now = scope["path"], self.clock.now()
        self.asked[path] += 1

        async def noted(message):
            if message["type"] == "http.response.start":
                self.answered[message["status"]] += 1
            await send(message)

        if any(begins <= now < ends for begins, ends in self.down):
            answer = Response("out of order", 503)
        elif path.startswith("/Reports/Archive/"):
            answer = self._archived(path)
        elif spoiled := next((body for at, body in self.spoiled.items() if f"_{at}_" in path), None):
            answer = Response(spoiled)
        else:
            answer = self.app
        await answer(scope, receive, noted)

    def _archived(self, path):
        """Serve the archives of days that are over, as zips of zips, from 04:30 the day after."""
        feed = next((feed for feed in (DISPATCH, ROOFTOP) if f"/{feed.directory}/" in path), None)
        if feed is None:
            return Response("no such directory", 404)
        days = [MORNING.replace(hour=0) + n * timedelta(days=1) for n in range(3)]
        over = [day for day in days if day + timedelta(hours=28.5) <= self.clock.now()]
        names = {f"PUBLIC_{feed.prefix}_{day:%Y%m%d}.zip": day for day in over}
        folder, _, name = path.rpartition("/")
        if not name:
            return HTMLResponse("".join(f'<a href="{folder}/{each}">{each}</a>' for each in names))
        if name not in names:
            return Response("no such file", 404)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for each, body in dict(self._files(feed, names[name])).items():
                archive.writestr(each, body)
        return Response(packed.getvalue())

    def _files(self, feed, day):
        """Yield each file of a day."""
        for n in range(1, 11):
            then = day + n * 2.5 * HOUR

            class Then:
                @staticmethod
                def now(then=then):
                    return then

            if feed is DISPATCH:
                shown = Publisher(self.publisher.market, Then, 1, offered=3 * HOUR)
            else:
                shown = Librarian(self.shelf, self.publisher.market, Then.now, 1)
            for file in shown.files():
                yield file.name, shown.body(file)


class Followed:
    """A feed, followed by one process after another, and everything that was kept."""

    def __init__(self, feed, server, place):
        self.feed, self.server, self.place = feed, server, place
        self.kept = Counter()
        self.rows = []
        self.begins()

    def begins(self, catch_up=timedelta(minutes=10)):
        client = httpx.AsyncClient(transport=httpx.ASGITransport(self.server))
        source = Source(URL, client, self.server.clock, Random(1), self.place / "quarantine")
        bookmark = Bookmark(
            self.feed, self.server.clock.now(), catch_up, self.place / f"{self.feed.prefix}.json"
        )
        self.follower = Follower(self.feed, source, bookmark, tables_of(self.feed))

    async def keep(self, rows):
        column = "SETTLEMENTDATE" if self.feed is DISPATCH else "INTERVAL_DATETIME"
        self.rows.append(rows)
        if rows.table is self.feed.tables[0]:
            at = {each.astype("datetime64[s]").item() for each in rows.instants(column)}
            self.kept.update(at)

    async def until(self, at):
        task = asyncio.create_task(self.follower.follow(self.keep))
        await self.server.clock.sleep_until(at)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    def gaps(self):
        have = sorted(self.kept)
        return [one for one, two in zip(have, have[1:], strict=False) if two - one != self.feed.every]

    def refused(self):
        return [json.loads(path.read_text()) for path in sorted((self.place / "quarantine").glob("*.json"))]


def at(hours):
    return MORNING + timedelta(hours=hours)


def test_a_day_with_outages_and_restarts_is_kept_whole_and_once(tmp_path):
    @virtual
    async def day():
        server = Server(VirtualClock(MORNING))
        server.down = [(at(2), at(2.7)), (at(5), at(13)), (at(15), at(15.1))]
        server.spoiled["202701140815"] = b"not a report"
        feeds = [Followed(feed, server, tmp_path) for feed in (DISPATCH, ROOFTOP)]
        for end in (2.3, 9.0, 16.0, 26.0):  # each time another process
            await asyncio.gather(*(followed.until(at(end)) for followed in feeds))
            for followed in feeds:
                followed.begins()

        for followed in feeds:
            every = followed.feed.every
            assert followed.gaps() == []
            assert set(followed.kept.values()) == {1}
            assert len(followed.kept) >= 24 * HOUR / every
            assert followed.follower.late_since(server.clock.now()) is None
        assert {each["file"][:31] for each in feeds[0].refused()} == {"PUBLIC_DISPATCHIS_202701140815_"}
        assert server.answered[304] > server.answered[200] / 4, "many listings have not changed"

    day()


def test_a_server_that_is_down_is_asked_seldom_and_what_it_owes_is_called_late(tmp_path):
    @virtual
    async def outage():
        server = Server(VirtualClock(MORNING), down=[(at(0.5), at(3))])
        followed = Followed(DISPATCH, server, tmp_path)
        await followed.until(at(0.5))
        before = server.asked.total()
        assert followed.follower.late_since(at(0.5)) is None

        await followed.until(at(2.5))

        late = followed.follower.late_since(server.clock.now())
        assert late is not None
        assert timedelta(0) <= late - at(0.5) <= 2 * FIVE_MINUTES
        assert server.asked.total() - before < 2 * 3_600 / 50, "no storm"
        assert followed.follower.state.failures > 10
        assert "503" in followed.follower.state.because
        assert max(followed.kept) < at(0.5).replace(tzinfo=None), "nothing was made up"

    outage()


def test_a_report_that_is_late_is_late_and_then_no_longer(tmp_path):
    @virtual
    async def late():
        server = Server(VirtualClock(MORNING))
        followed = Followed(ROOFTOP, server, tmp_path)
        assert followed.follower.late_since(server.clock.now()) is None, "not at the start"
        await followed.until(at(1))
        newest = followed.follower.state.newest

        since = followed.follower.late_since(newest + 3 * HALF_HOUR)

        assert since == newest + HALF_HOUR + timedelta(minutes=33)
        assert followed.follower.late_since(since - timedelta(seconds=1)) is None

    late()


def test_a_bad_file_is_put_aside_with_its_cause_and_stops_nothing(tmp_path):
    @virtual
    async def bad():
        server = Server(VirtualClock(MORNING), spoiled={"202701140415": b"C,NEMP.WORLD\r\nnonsense"})
        followed = Followed(DISPATCH, server, tmp_path)
        await followed.until(at(1))

        (refusal,) = followed.refused()
        assert refusal["file"].startswith("PUBLIC_DISPATCHIS_202701140415_")
        assert refusal["line"] == 2
        assert followed.follower.state.quarantined == ATTEMPTS, "tried again, and not for ever"
        assert len(followed.gaps()) == 1
        assert followed.follower.state.missing == 1

    bad()


def test_a_file_named_for_another_interval_is_refused(tmp_path):
    @virtual
    async def lie():
        server = Server(VirtualClock(MORNING))
        publisher = server.publisher
        honest = next(iter(publisher.files()))
        server.spoiled["202701140415"] = publisher.body(honest)
        followed = Followed(DISPATCH, server, tmp_path)
        await followed.until(at(0.5))

        assert datetime(2027, 1, 13, 18, 15) not in followed.kept  # noqa: DTZ001 - as NumPy has it
        assert {each["cause"].rpartition(" ")[0] for each in followed.refused()} <= {
            f"it is named for 202701140415 and holds {honest.interval.end.astimezone(NEM_TIME):%Y%m%d%H%M}"
            .rpartition(" ")[0]
        }  # fmt: skip
        assert followed.refused()

    lie()


def test_a_directory_that_is_not_there_is_said_so_and_asked_seldom(tmp_path):
    @virtual
    async def absent():
        server = Server(VirtualClock(MORNING))
        followed = Followed(BY_PREFIX["DISPATCHSCADA"], server, tmp_path)
        await followed.until(at(1))

        assert not followed.follower.state.is_there
        assert server.asked.total() <= 61
        assert not followed.rows

    absent()


def test_rows_that_cannot_be_kept_are_offered_again(tmp_path):
    @virtual
    async def full():
        server = Server(VirtualClock(MORNING))
        followed = Followed(DISPATCH, server, tmp_path)
        keep, refusals = followed.keep, iter([OSError("no space left")] * 3)

        async def sometimes(rows):
            if (refusal := next(refusals, None)) is not None:
                raise refusal
            await keep(rows)

        followed.keep = sometimes
        await followed.until(at(1))

        assert followed.gaps() == []
        assert set(followed.kept.values()) == {1}
        assert len(followed.kept) >= 12

    full()


@pytest.mark.parametrize("said", [b"", b"{", b'{"done": 3}', b"[" * 10_000, b'{"done":{"A":"x"}}'])
def test_a_bookmark_that_cannot_be_read_is_begun_anew(tmp_path, said):
    (tmp_path / "DISPATCHIS.json").write_bytes(said)

    bookmark = Bookmark(DISPATCH, MORNING, HOUR, tmp_path / "DISPATCHIS.json")

    assert (bookmark.done, bookmark.through) == ({}, MORNING - HOUR)


def test_a_hole_that_nobody_can_fill_is_given_up_in_the_end_and_counted(tmp_path):
    bookmark = Bookmark(DISPATCH, MORNING, timedelta(0), tmp_path / "b.json")
    bookmark.finish("A", MORNING + FIVE_MINUTES)
    bookmark.finish("C", MORNING + 3 * FIVE_MINUTES)

    bookmark.advance(MORNING + HOUR, ())
    assert bookmark.holes() == [MORNING + 2 * FIVE_MINUTES]
    assert bookmark.through == MORNING + FIVE_MINUTES

    bookmark.advance(MORNING + timedelta(days=4), ())
    assert bookmark.holes() == []
    assert bookmark.lost == set()
    again = Bookmark(DISPATCH, MORNING + timedelta(days=4), HOUR, tmp_path / "b.json")
    assert again.through == MORNING + 3 * FIVE_MINUTES
