"""What each page shows, and what it refuses with a remedy."""

from datetime import timedelta

import pytest
from tests.unit.api.house import COASTAL, HARBOUR, NOW, House, interval, snapshot, uid
from tests.unit.api.test_access import RULE

from manta.domain.market import Region
from manta.domain.time import FIVE_MINUTES, epoch_ms
from manta.wire.events import FleetSnapshot, StartStory, StoryStarted
from manta.wire.stories import OUTLINES, StoryName

RULE_PATH = f"/api/rules/{uid('harbour/rule')}"


async def test_the_overview_adds_up_the_regions(house: House):
    await house.board.begin()
    async with house.signed_in() as client:
        told = (await client.get("/api/overview")).json()
    assert told["at"] == "2027-01-14T08:00:30Z"
    assert told["fleet"]["power_kw"] == 17_400.0
    assert told["fleet"]["revenue_today_aud"] == "100000.000000"
    region = told["regions"][0]
    assert region["region"] == "NSW1"
    assert (region["price_per_mwh"], region["price_status"], region["price_age_s"]) == (12_500.0, "firm", 4.0)
    assert region["health"] == "good"


@pytest.mark.parametrize(
    ("heard", "age_s", "health"),
    [
        (2_000, 0, "good"),
        (1_900, 10, "good"),
        (1_899, 0, "degraded"),
        (2_000, 11, "degraded"),
        (0, 0, "silent"),
    ]
    + [(2_000, 61, "silent")],
)
async def test_health_follows_from_what_was_heard(house: House, heard: int, age_s: int, health: str):
    await house.board.begin()
    seen = snapshot(HARBOUR).regions[0]
    import msgspec

    region = msgspec.structs.replace(seen, heard=heard)
    house.board.heard(FleetSnapshot(HARBOUR, epoch_ms(NOW - timedelta(seconds=age_s)), [region]))
    assert (await house.board.overview(HARBOUR)).regions[0].health == health


async def test_a_region_whose_price_is_old_is_degraded_and_unknown_stays_unknown(house: House):
    told = await house.board.overview(HARBOUR)
    assert told.regions[0].price_per_mwh is None
    assert told.regions[0].health == "degraded"
    await house.board.begin()
    house.clock.at += timedelta(minutes=11)
    house.board.heard(snapshot(HARBOUR, house.clock.at))
    assert (await house.board.overview(HARBOUR)).regions[0].health == "degraded"


async def test_a_fleet_that_was_never_heard_is_no_fleet_of_zeros(house: House):
    house.board._snapshots.clear()
    async with house.signed_in() as client:
        answer = await client.get("/api/overview")
    assert answer.status_code == 503
    assert "engine" in answer.json()["detail"]


async def test_an_older_price_does_not_replace_a_newer_one(house: House):
    await house.board.begin()
    from dataclasses import replace

    newest = house.board._newest[Region.NSW]
    house.board.priced(replace(newest, interval=interval(5), per_mwh=80.0))
    assert house.board._newest[Region.NSW].per_mwh == 12_500.0


async def test_spot_shows_every_interval_and_unknown_ones_as_null(house: House):
    async with house.signed_in() as client:
        told = (await client.get("/api/spot/NSW1", params={"hours": 1})).json()
    assert len(told["intervals"]) == 12
    assert told["intervals"][-1] == {
        "interval_end": "2027-01-14T08:05:00Z",
        "per_mwh": 12_500.0,
        "status": "firm",
    }
    assert told["intervals"][-2]["per_mwh"] == 84.2
    assert told["intervals"][0] == {"interval_end": "2027-01-14T07:10:00Z", "per_mwh": None, "status": None}
    assert told["power"][1]["power_kw"] is None
    assert told["rule_ids"] == [str(uid("harbour/rule"))]
    assert (told["cap_per_mwh"], told["floor_per_mwh"]) == (23_200.0, -1_000.0)


@pytest.mark.parametrize(("hours", "step_s"), [(1, 60), (6, 60), (7, 300), (48, 300)])
async def test_power_has_a_point_a_minute_up_to_six_hours(house: House, hours: int, step_s: int):
    from datetime import datetime

    async with house.signed_in() as client:
        points = (await client.get("/api/overview/power", params={"hours": hours})).json()["points"]
    first, second = (datetime.fromisoformat(point["at"]) for point in points)
    assert (second - first).total_seconds() == step_s


async def test_a_dispatch_says_what_why_and_how_it_went(house: House):
    async with house.signed_in() as client:
        told = (await client.get("/api/dispatches", params={"region": "NSW1"})).json()["dispatches"][0]
        whole = (await client.get(f"/api/dispatches/{told['id']}")).json()
        none = (await client.get("/api/dispatches", params={"region": "SA1"})).json()["dispatches"]
    assert told["because"] == "selling above $300.00/MWh, price is $12,500.00"
    assert (told["leased"], told["accepted"], told["silent"]) == (1_990, 1_985, 3)
    assert whole["refusals"] == [{"guard": "known", "sites": 10}, {"guard": "guard 250", "sites": 1}]
    assert (whole["price_to_leases_s"], whole["first_ack_s"], whole["last_ack_s"]) == (0.08, 0.06, None)
    assert none == []


async def test_a_rule_is_changed_at_the_version_that_was_read(house: House):
    async with house.signed_in(HARBOUR, "trader") as client:
        read = (await client.get("/api/rules")).json()["rules"][0]
        changed = await client.put(RULE_PATH, json=RULE, headers={"if-match": f'"{read["version"]}"'})
        again = await client.put(RULE_PATH, json=RULE, headers={"if-match": f'"{read["version"]}"'})
    assert changed.status_code == 200
    assert changed.json()["version"] == read["version"] + 1
    assert changed.headers["etag"] == '"4"'
    assert again.status_code == 409
    assert again.headers["etag"] == '"4"'
    assert "trader@harbour.example changed this rule meanwhile" in again.json()["detail"]


@pytest.mark.parametrize(
    ("if_match", "status"), [(None, 428), ("*", 422), ('W/"3"', 422), ("9" * 12, 422), ("٣", 422)]
)
async def test_a_change_must_name_its_version(house: House, if_match: str | None, status: int):
    async with house.signed_in() as client:
        headers = {"if-match": if_match.encode()} if if_match else None
        assert (await client.put(RULE_PATH, json=RULE, headers=headers)).status_code == status


async def test_selling_must_be_dearer_than_buying(house: House):
    async with house.signed_in() as client:
        body = RULE | {"buy_below_per_mwh": 300}
        answer = await client.put(RULE_PATH, json=body, headers={"if-match": "3"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "field": "sell_above_per_mwh",
            "message": "300.00 must be higher than buy_below_per_mwh, which is 300.00.",
        }
    ]


async def test_a_rule_is_made_and_taken_away(house: House):
    async with house.signed_in(HARBOUR, "trader") as client:
        made = await client.post("/api/rules", json=RULE | {"vpp_id": "harbour-nsw"})
        assert made.status_code == 201
        assert made.json()["vpp"] == {"id": "harbour-nsw", "name": "NSW homes", "region": "NSW1"}
        assert (await client.delete(made.headers["location"])).status_code == 204
        assert (await client.delete(made.headers["location"])).status_code == 404


async def test_a_rule_for_another_tenants_vpp_is_refused(house: House):
    async with house.signed_in(HARBOUR, "trader") as client:
        answer = await client.post("/api/rules", json=RULE | {"vpp_id": "coastal-nsw"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "vpp_id"


async def test_earnings_are_exact_strings_from_midnight_market_time(house: House):
    async with house.signed_in() as client:
        told = (await client.get("/api/earnings")).json()
        ledger = (await client.get("/api/sites/harbour-h1/ledger")).json()
    assert told["from"] == "2027-01-13T14:00:00Z"
    assert told["to"] == "2027-01-14T08:00:30Z"
    assert told["total_aud"] == "50.000000"
    assert told["top"][0] == {
        "site": "harbour-h1",
        "name": "Home 1",
        "amount_aud": "50.000000",
        "energy_kwh": 4.0,
    }
    assert ledger["total_aud"] == "9.062500"
    assert ledger["entries"][0]["price_per_mwh"] == 12_500.0


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2027-01-14T08:00:00Z", "2027-01-14T08:00:00Z"),
        ("2027-01-15T00:00:00Z", None),
        ("2026-12-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:01Z"),
        ("9999-12-31T23:00:00-14:00", "9999-12-31T23:59:00-14:00"),
    ],
)
async def test_a_time_that_makes_no_sense_is_refused(house: House, since: str, until: str | None):
    async with house.signed_in() as client:
        params = {"from": since} | ({"to": until} if until else {})
        answer = await client.get("/api/earnings", params=params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] in {"from", "to"}


async def test_a_story_is_started_told_and_over(house: House):
    async with house.signed_in(HARBOUR, "operator") as client:
        before = (await client.get("/api/story")).json()
        assert before["running"] is None
        assert [each["name"] for each in before["available"]] == list(StoryName)
        assert before["available"][0] == {
            "name": "spike", "lasts_s": 1_800, "about": OUTLINES[StoryName.SPIKE].about,
        }  # fmt: skip
        started = await client.post("/api/story/spike")
        assert started.status_code == 202
        told = (await client.get("/api/story")).json()
        assert (
            told["running"]
            == started.json()
            == {
                "name": "spike",
                "begins": "2027-01-14T08:05:00Z",
                "ends": "2027-01-14T08:35:00Z",
            }
        )
        house.clock.at += 8 * FIVE_MINUTES
        assert (await client.get("/api/story")).json()["running"] is None
    assert house.record.deeds[-1][1].action == "story.started"


@pytest.mark.parametrize("name", StoryName)
async def test_every_story_can_be_asked_for(house: House, name: StoryName):
    house.bus.answer = StoryStarted(name, epoch_ms(NOW), epoch_ms(NOW) + 600_000)
    async with house.signed_in(HARBOUR, "operator") as client:
        started = await client.post(f"/api/story/{name}")
    assert (started.status_code, started.json()["name"]) == (202, name)
    assert house.bus.asked == [StartStory(name)]
    assert house.record.deeds[-1][1].subject == name


@pytest.mark.parametrize("name", ["flood", "SPIKE", "spike ", "..%2Frules", "administered_floor"])
async def test_a_story_that_nobody_knows_is_refused_with_those_that_are_known(house: House, name: str):
    async with house.signed_in(HARBOUR, "operator") as client:
        answer = await client.post(f"/api/story/{name}")
    assert answer.status_code in {404, 422}
    if answer.status_code == 422:
        assert "administered-floor" in answer.json()["errors"][0]["message"]
    assert house.bus.asked == []
    assert house.record.deeds == []


async def test_a_story_that_cannot_be_started_says_why(house: House):
    house.bus.answer = StoryStarted("spike", 0, 0, "it runs already")
    async with house.signed_in() as client:
        answer = await client.post("/api/story/spike")
    assert answer.status_code == 409
    assert "it runs already" in answer.json()["detail"]


@pytest.mark.parametrize("error", [TimeoutError("nobody"), ConnectionError("gone")])
async def test_a_market_that_does_not_answer_is_a_503(house: House, error: Exception):
    house.bus.answer = error
    async with house.signed_in() as client:
        answer = await client.post("/api/story/spike")
    assert answer.status_code == 503
    assert "try again" in answer.json()["detail"]


async def test_the_live_market_tells_its_own_stories(house: House):
    house.rebuilt(world="live")
    async with house.signed_in() as client:
        assert (await client.get("/api/story")).json() == {"running": None, "available": []}
        assert (await client.post("/api/story/spike")).status_code == 404


async def test_the_audit_shows_the_tenants_own_deeds_newest_first(house: House):
    async with house.signed_in(COASTAL, "admin") as other:
        await other.post("/api/story/spike")
    async with house.signed_in(HARBOUR, "admin") as client:
        await client.post("/api/story/spike")
        await client.post("/api/story/spike")
        entries = (await client.get("/api/audit")).json()["entries"]
        older = (await client.get("/api/audit", params={"before": 2})).json()["entries"]
    assert [entry["no"] for entry in entries] == [2, 1]
    assert [entry["no"] for entry in older] == [1]
    assert {entry["actor"] for entry in entries} == {"admin@harbour.example"}


async def test_the_picture_goes_on_while_the_ledger_is_away(house: House):
    async def away(*_: object) -> object:
        raise ConnectionRefusedError("5432")

    house.board._earnings.by_region = away  # type: ignore[method-assign]
    with pytest.raises(ConnectionRefusedError):
        await house.board.overview(HARBOUR)
    del house.board._earnings.by_region  # type: ignore[method-assign]
    await house.board.overview(HARBOUR)
    house.board._earnings.by_region = away  # type: ignore[method-assign]
    house.clock.at += timedelta(seconds=11)
    assert str((await house.board.overview(HARBOUR)).fleet.revenue_today_aud) == "100000.000000"


async def test_prices_are_shown_while_history_is_away(house: House):
    async def away(*_: object) -> object:
        raise ConnectionError("no historian answers")

    house.deps.history.power = away  # type: ignore[method-assign]
    async with house.signed_in() as client:
        told = (await client.get("/api/spot/NSW1")).json()
        assert (await client.get("/api/overview/power")).status_code == 503
    assert told["power"] == []
    assert len(told["intervals"]) == 72


async def test_takings_are_read_from_the_ledger_at_most_each_ten_seconds(house: House):
    asked: list[object] = []
    by_region = house.board._earnings.by_region

    async def counted(*arguments: object) -> object:
        asked.append(arguments)
        return await by_region(*arguments)  # type: ignore[arg-type]

    house.board._earnings.by_region = counted  # type: ignore[method-assign]
    for _ in range(3):
        await house.board.overview(HARBOUR)
    await house.board.overview(COASTAL)
    house.clock.at += timedelta(seconds=10)
    await house.board.overview(HARBOUR)
    assert [arguments[0] for arguments in asked] == [HARBOUR, COASTAL, HARBOUR]
