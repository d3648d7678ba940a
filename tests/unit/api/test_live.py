"""The live stream: who may listen, what reaches whom, and what becomes of slow pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tests.unit.api.house import COASTAL, HARBOUR, NOW, ORIGIN, House, interval, snapshot, uid

from manta.desk.access import COOKIE, IDLE
from manta.desk.hub import EXPIRED, LEAVING, MOST_SOCKETS, POLICY, SLOW, TOO_MANY, Mailbox, Pace
from manta.domain.identity import TenantId
from manta.domain.time import epoch_ms
from manta.door.passwords import Passwords
from manta.wire import subjects
from manta.wire.events import Changed, DispatchMade, PricePublished, StoryStarted


class Page:
    """A browser's end of the stream."""

    def __init__(self, house: House, cookie: str | None, origin: str | None, blocked: bool = False) -> None:
        headers = [(b"host", b"testserver")]
        if cookie is not None:
            headers.append((b"cookie", f"{COOKIE}={cookie}".encode()))
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        self._scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": "/api/live",
            "raw_path": b"/api/live",
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 5_000),
            "server": ("testserver", 80),
            "subprotocols": [],
        }
        self._app = house.app
        self._said: asyncio.Queue[dict] = asyncio.Queue()
        self._heard: asyncio.Queue[dict] = asyncio.Queue()
        self._blocked = blocked
        self.say({"type": "websocket.connect"})

    def say(self, message: dict) -> None:
        self._said.put_nowait(message)

    async def run(self) -> None:
        await self._app(self._scope, self._said.get, self._send)

    async def _send(self, message: dict) -> None:
        if self._blocked and message["type"] == "websocket.send":
            await asyncio.Event().wait()
        await self._heard.put(message)

    async def event(self) -> dict:
        return await asyncio.wait_for(self._heard.get(), 1)

    async def message(self) -> dict:
        event = await self.event()
        assert event["type"] == "websocket.send", event
        return json.loads(event["text"])

    async def silent(self) -> bool:
        for _ in range(5):
            await asyncio.sleep(0)
        return self._heard.empty()


@asynccontextmanager
async def page(
    house: House, tenant: TenantId = HARBOUR, cookie: str | None = None, blocked: bool = False
) -> AsyncIterator[Page]:
    opened = Page(house, cookie or house.session(tenant, "viewer"), ORIGIN, blocked)
    task = asyncio.create_task(opened.run())
    assert (await opened.event())["type"] == "websocket.accept"
    if not blocked:
        assert (await opened.message())["kind"] == "fleet"
    yield opened
    opened.say({"type": "websocket.disconnect", "code": 1000})
    await asyncio.wait_for(task, 1)


async def refused(house: House, cookie: str | None, origin: str | None) -> int:
    opened = Page(house, cookie, origin)
    await asyncio.wait_for(opened.run(), 1)
    event = await opened.event()
    assert event["type"] == "websocket.close"
    return event["code"]


@pytest.fixture
def quick(passwords: Passwords, password_hash: str, web: Path) -> House:
    return House(passwords, password_hash, web, Pace(ping_s=0.02, recheck_s=0.02, send_s=0.02))


def packed(event: msgspec.Struct) -> bytes:
    return msgspec.msgpack.encode(event)


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null"])
async def test_a_foreign_page_is_refused_before_the_handshake(house: House, origin: str | None):
    assert await refused(house, house.session(HARBOUR, "admin"), origin) == POLICY


@pytest.mark.parametrize("cookie", [None, "", "guess"])
async def test_nobody_listens_without_a_session(house: House, cookie: str | None):
    assert await refused(house, cookie, ORIGIN) == EXPIRED


async def test_an_expired_session_does_not_listen(house: House):
    cookie = house.session(HARBOUR, "viewer")
    house.wall.at += IDLE
    assert await refused(house, cookie, ORIGIN) == EXPIRED


async def test_a_foreign_host_does_not_reach_the_stream(house: House):
    opened = Page(house, house.session(HARBOUR, "viewer"), ORIGIN)
    opened._scope["headers"][0] = (b"host", b"evil.example")
    await opened.run()
    assert (await opened.event())["type"] == "websocket.close"


async def test_a_page_sees_its_own_tenants_fleet_and_never_anothers(house: House):
    async with page(house, HARBOUR) as ours, page(house, COASTAL) as theirs:
        await house.hub.hear_fleet(subjects.LIVE, packed(snapshot(HARBOUR, power_kw=1.0)))
        told = await ours.message()
        assert (told["kind"], told["fleet"]["power_kw"]) == ("fleet", 1.0)
        assert await theirs.silent()

        made = DispatchMade(
            HARBOUR, str(uid("d")), "harbour-nsw", "NSW1", epoch_ms(interval().end), "decided"
        )
        await house.hub.hear_dispatch(subjects.DISPATCHES, packed(made))
        await house.hub.hear_change(subjects.CHANGES, packed(Changed(HARBOUR, "rules")))
        assert await ours.message() == {
            "kind": "dispatch",
            "id": str(uid("d")),
            "region": "NSW1",
            "interval_end": "2027-01-14T08:05:00Z",
            "stage": "decided",
        }
        assert await ours.message() == {"kind": "changed", "subject": "rules"}
        assert await theirs.silent()


async def test_prices_and_stories_are_everybodys(house: House):
    async with page(house, HARBOUR) as ours, page(house, COASTAL) as theirs:
        event = PricePublished("SA1", epoch_ms(interval().end), -38.5, "firm", epoch_ms(NOW), "t")
        await house.hub.hear_price(subjects.PRICES, packed(event))
        begun = StoryStarted("spike", epoch_ms(NOW), epoch_ms(NOW) + 1_800_000)
        await house.hub.hear_story(subjects.STORIES, packed(begun))
        await house.hub.hear_story(subjects.STORIES, packed(begun))  # told once
        for each in (ours, theirs):
            assert await each.message() == {
                "kind": "price",
                "region": "SA1",
                "interval_end": "2027-01-14T08:05:00Z",
                "per_mwh": -38.5,
                "status": "firm",
            }
            assert (await each.message())["kind"] == "story"
            assert await each.silent()


async def test_a_quiet_stream_says_that_it_lives(quick: House):
    async with page(quick) as opened:
        assert await opened.message() == {"kind": "ping"}


async def test_a_page_is_let_go_when_its_session_ends(quick: House):
    async with page(quick) as opened:
        quick.record.sessions.clear()
        while (event := await opened.event())["type"] == "websocket.send":
            pass
        assert event == {"type": "websocket.close", "code": EXPIRED, "reason": ""}
    assert not quick.hub._viewers


async def test_nobody_is_sent_away_because_the_record_is_away(quick: House):
    async with page(quick) as opened:
        quick.record.down = ConnectionRefusedError()
        for _ in range(4):
            assert (await opened.message())["kind"] == "ping"


async def test_a_page_that_takes_nothing_is_let_go_and_delays_nobody(quick: House):
    async with page(quick, blocked=True) as slow, page(quick) as other:
        await quick.hub.hear_fleet(subjects.LIVE, packed(snapshot(HARBOUR, power_kw=2.0)))
        while (told := await other.message())["kind"] == "ping":
            pass
        assert told["fleet"]["power_kw"] == 2.0
        assert (await slow.event())["code"] == SLOW


async def test_a_page_that_talks_is_let_go(house: House):
    async with page(house) as opened:
        for _ in range(100):
            opened.say({"type": "websocket.receive", "text": "hello"})
        assert (await opened.event())["code"] == POLICY


async def test_a_user_has_at_most_fifty_pages(house: House):
    cookie = house.session(HARBOUR, "viewer")
    opened = [Page(house, cookie, ORIGIN) for _ in range(MOST_SOCKETS)]
    tasks = [asyncio.create_task(each.run()) for each in opened]
    for each in opened:
        assert (await each.event())["type"] == "websocket.accept"
    assert await refused(house, cookie, ORIGIN) == TOO_MANY
    async with page(house, COASTAL):
        pass
    for each in opened:
        each.say({"type": "websocket.disconnect", "code": 1000})
    await asyncio.wait_for(asyncio.gather(*tasks), 1)
    assert not house.hub._viewers


async def test_when_we_leave_the_pages_are_told(house: House):
    async with page(house) as opened:
        await house.hub.close()
        assert (await opened.event())["code"] == LEAVING


async def test_a_full_mailbox_drops_the_oldest_and_keeps_one_of_a_topic():
    mailbox = Mailbox(size=2)
    mailbox.put("fleet", "1")
    mailbox.put("price NSW1", "2")
    mailbox.put("fleet", "3")
    assert mailbox.lost == 0
    mailbox.put("price SA1", "4")
    assert mailbox.lost == 1
    assert [await mailbox.take(), await mailbox.take()] == ["3", "4"]


async def test_a_message_that_is_not_ours_stops_nothing(house: House):
    with pytest.raises(msgspec.MsgspecError):
        await house.hub.hear_fleet(subjects.LIVE, b"\xc1")
    async with page(house):
        pass
