"""The API over the real record: sign-in, changes with their audit, and nothing of another tenant's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from tests.unit.api.house import ORIGIN, PASSWORD, House, uid
from tests.unit.api.test_access import RULE

from manta.desk.access import COOKIE, CSRF_HEADER

pytestmark = pytest.mark.engines


@asynccontextmanager
async def sign_in(house: House, email: str) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client({"origin": ORIGIN}) as client:
        answer = await client.post("/api/session", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers[CSRF_HEADER] = answer.json()["csrf"]
        yield client


async def test_a_session_is_opened_used_and_closed(recorded: House):
    async with sign_in(recorded, "Viewer@Harbour.example") as client:
        secret = client.cookies[COOKIE]
        assert (await client.get("/api/session")).json()["tenant"]["name"] == "Harbour Energy"
        assert (await client.delete("/api/session")).status_code == 204
        client.cookies.set(COOKIE, secret)
        assert (await client.get("/api/session")).status_code == 401


async def test_a_wrong_password_and_an_unknown_address_are_refused_alike(recorded: House):
    async with recorded.client({"origin": ORIGIN}) as client:
        wrong = [
            await client.post("/api/session", json={"email": email, "password": "guess"})
            for email in ("admin@harbour.example", "nobody@harbour.example")
        ]
    assert [answer.status_code for answer in wrong] == [401, 401]
    assert wrong[0].json()["detail"] == wrong[1].json()["detail"]


async def test_a_rule_lives_with_its_versions_and_its_audit(recorded: House):
    async with sign_in(recorded, "trader@harbour.example") as client:
        made = await client.post("/api/rules", json=RULE | {"vpp_id": "harbour-nsw"})
        assert made.status_code == 201, made.text
        where = made.headers["location"]
        changed = await client.put(
            where, json=RULE | {"sell_above_per_mwh": 250.5}, headers={"if-match": "1"}
        )
        assert (changed.status_code, changed.json()["version"]) == (200, 2)
        stale = await client.put(where, json=RULE, headers={"if-match": "1"})
        assert stale.status_code == 409
        assert (await client.get("/api/spot/NSW1")).json()["rule_ids"] == [made.json()["id"]]
        assert (await client.delete(where)).status_code == 204
        assert (await client.delete(where)).status_code == 404
    async with sign_in(recorded, "admin@harbour.example") as admin:
        entries = (await admin.get("/api/audit")).json()["entries"]
    done = [(entry["action"], entry["actor"]) for entry in entries if entry["action"].startswith("rule")]
    assert done[:3] == [
        (f"rule.{action}", "trader@harbour.example") for action in ("deleted", "changed", "created")
    ]


async def test_nothing_of_another_tenant_is_seen_or_changed(recorded: House):
    async with sign_in(recorded, "trader@harbour.example") as ours:
        made = await ours.post("/api/rules", json=RULE | {"vpp_id": "harbour-nsw"})
        where = made.headers["location"]
        async with sign_in(recorded, "admin@coastal.example") as theirs:
            assert (await theirs.get("/api/rules")).json() == {"rules": []}
            assert (await theirs.put(where, json=RULE, headers={"if-match": "1"})).status_code == 404
            assert (await theirs.delete(where)).status_code == 404
            foreign = await theirs.post("/api/rules", json=RULE | {"vpp_id": "harbour-nsw"})
            assert foreign.status_code == 422
            assert (await theirs.get("/api/sites/harbour-h1/ledger")).status_code == 404
            assert [v["id"] for v in (await theirs.get("/api/vpps")).json()["vpps"]] == ["coastal-nsw"]
            actors = {entry["actor"] for entry in (await theirs.get("/api/audit")).json()["entries"]}
            assert not any("harbour" in actor for actor in actors)
        assert (await ours.delete(where)).status_code == 204


async def test_a_token_works_until_it_is_revoked(recorded: House):
    async with sign_in(recorded, "admin@coastal.example") as client:
        made = (await client.post("/api/tokens", json={"name": "export", "role": "viewer", "days": 1})).json()
        async with recorded.client({"authorization": f"Bearer {made['secret']}"}) as program:
            assert (await program.get("/api/vpps")).status_code == 200
            assert (await program.get("/api/tokens")).status_code == 403
            listed = (await client.get("/api/tokens")).json()["tokens"]
            assert [token["last_used_at"] is not None for token in listed] == [True]
            assert (await client.delete(f"/api/tokens/{made['id']}")).status_code == 204
            assert (await program.get("/api/vpps")).status_code == 401


async def test_every_page_is_shown_while_nothing_has_happened_yet(recorded: House):
    async with sign_in(recorded, "viewer@coastal.example") as client:
        for path in (
            "/api/overview",
            "/api/overview/power",
            "/api/spot/SA1",
            "/api/dispatches",
            "/api/rules",
            "/api/earnings",
            "/api/sites/coastal-h1/ledger",
            "/api/story",
        ):
            answer = await client.get(path)
            assert answer.status_code == 200, (path, answer.text)
        earnings = (await client.get("/api/earnings")).json()
        assert (earnings["total_aud"], earnings["mean_aud"], earnings["top"]) == ("0.000000", None, [])
        assert (await client.get(f"/api/dispatches/{uid('none')}")).status_code == 404


@pytest.mark.parametrize("text", ["'; drop table record.rule; --", "${jndi}", "名前", "🦈", "a\\u0000b"])
async def test_strange_names_are_kept_as_they_are_or_refused(recorded: House, text: str):
    async with sign_in(recorded, "trader@harbour.example") as client:
        made = await client.post("/api/rules", json=RULE | {"vpp_id": "harbour-nsw", "name": text})
        assert made.status_code == 201, made.text
        assert made.json()["name"] == text
        await client.delete(made.headers["location"])
        nul = await client.post("/api/rules", json=RULE | {"vpp_id": "harbour-nsw", "name": f"{text}\0"})
        assert nul.status_code == 422


async def test_a_price_finer_than_the_record_makes_no_trouble(recorded: House):
    async with sign_in(recorded, "trader@harbour.example") as client:
        close = RULE | {"vpp_id": "harbour-nsw", "sell_above_per_mwh": 1.000001, "buy_below_per_mwh": 1.0}
        assert (await client.post("/api/rules", json=close)).status_code == 422
