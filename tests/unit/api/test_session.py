"""Signing in and out, and what a cookie or a token is good for."""

from datetime import timedelta

import pytest
from tests.unit.api.house import COASTAL, HARBOUR, ORIGIN, PASSWORD, House, user_of

from manta.desk.access import ABSOLUTE, COOKIE, CSRF_HEADER, IDLE
from manta.door import credentials

TRADER = {"email": "trader@harbour.example", "password": PASSWORD}


async def test_signing_in_opens_a_session_that_script_cannot_read(house: House):
    async with house.client({"origin": ORIGIN}) as client:
        answer = await client.post("/api/session", json=TRADER)
        again = await client.get("/api/session")
    assert answer.status_code == 200
    told = answer.json()
    assert told["user"]["role"] == "trader"
    assert told["tenant"] == {"id": "harbour", "name": "Harbour Energy"}
    assert told["world"] == {"kind": "simulate", "speed": 1.0, "now": "2027-01-14T08:00:30Z"}
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=604800"):
        assert part in cookie
    assert "Secure" not in cookie  # plain HTTP on loopback
    assert again.json()["csrf"] == told["csrf"]


async def test_beyond_loopback_the_cookie_is_secure(house: House):
    house.rebuilt(origins=frozenset({"https://testserver"}))
    async with house.client() as client:
        answer = await client.post("https://testserver/api/session", json=TRADER)
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


async def test_the_record_keeps_a_hash_and_an_audit_entry(house: House):
    async with house.client() as client:
        await client.post("/api/session", json=TRADER)
        secret = client.cookies[COOKIE]
    assert len(secret) == 43
    assert list(house.record.sessions) == [credentials.hash_of(secret)]
    assert [deed.action for _, deed in house.record.deeds] == ["session.opened"]


async def test_signing_in_ends_the_session_that_came_along(house: House):
    async with house.client() as client:
        await client.post("/api/session", json=TRADER)
        first = client.cookies[COOKIE]
        await client.post("/api/session", json=TRADER)
    assert client.cookies[COOKIE] != first
    assert credentials.hash_of(first) not in house.record.sessions


@pytest.mark.parametrize(
    "claim",
    [
        TRADER | {"password": "wrong"},
        TRADER | {"email": "nobody@harbour.example"},
        {"email": "disabled@harbour.example", "password": PASSWORD},
    ],
)
async def test_a_wrong_claim_tells_nothing_of_what_was_wrong(house: House, claim: dict[str, str]):
    async with house.client() as client:
        answer = await client.post("/api/session", json=claim)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "E-mail and password do not fit together."
    assert "set-cookie" not in answer.headers
    assert claim["password"] not in answer.text


async def test_a_refused_sign_in_of_somebody_known_is_in_the_audit(house: House):
    async with house.client() as client:
        await client.post("/api/session", json=TRADER | {"password": "wrong"})
    assert [(tenant, deed.action) for tenant, deed in house.record.deeds] == [(HARBOUR, "session.refused")]


async def test_an_unknown_person_costs_as_much_as_a_known_one(house: House):
    checked: list[str] = []
    verify = house.deps.passwords._verify
    house.deps.passwords._verify = lambda hashed, password: (
        checked.append(hashed[:30]) or verify(hashed, password)
    )  # type: ignore[method-assign]
    try:
        async with house.client() as client:
            await client.post("/api/session", json=TRADER | {"password": "x"})
            await client.post("/api/session", json=TRADER | {"email": "nobody@nowhere.example"})
    finally:
        del house.deps.passwords._verify  # type: ignore[method-assign]
    assert len(checked) == 2
    assert checked[0] == checked[1] == "$argon2id$v=19$m=47104,t=1,p=1"


async def test_another_sites_page_cannot_sign_somebody_in(house: House):
    async with house.client({"origin": "https://evil.example"}) as client:
        assert (await client.post("/api/session", json=TRADER)).status_code == 403


async def test_signing_out_ends_the_session(house: House):
    client = house.signed_in(HARBOUR, "viewer")
    async with client:
        answer = await client.delete("/api/session")
        assert answer.status_code == 204
        assert 'manta_session=""' in answer.headers["set-cookie"]
        assert (await client.get("/api/session")).status_code == 401
    assert house.record.deeds[-1][1].action == "session.closed"


async def test_a_session_ends_after_twelve_idle_hours(house: House):
    async with house.signed_in() as client:
        house.wall.at += IDLE - timedelta(seconds=1)
        assert (await client.get("/api/session")).status_code == 200
        house.wall.at += IDLE - timedelta(seconds=1)
        assert (await client.get("/api/session")).status_code == 200
        house.wall.at += IDLE
        assert (await client.get("/api/session")).status_code == 401


async def test_a_session_ends_after_seven_days_however_busy(house: House):
    async with house.signed_in() as client:
        ends = house.wall.at + ABSOLUTE
        while house.wall.at < ends:
            assert (await client.get("/api/session")).status_code == 200
            house.wall.at += timedelta(hours=6)
        assert (await client.get("/api/session")).status_code == 401


async def test_the_worlds_clock_does_not_end_sessions(house: House):
    async with house.signed_in() as client:
        house.clock.at += timedelta(days=300)
        assert (await client.get("/api/session")).status_code == 200


async def test_a_disabled_user_is_out_at_once(house: House):
    async with house.signed_in(HARBOUR, "trader") as client:
        house.record.disabled.add(user_of(HARBOUR, "trader").id)
        assert (await client.get("/api/rules")).status_code == 401


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", f"{ORIGIN}.evil.example"])
async def test_a_change_by_cookie_needs_our_own_origin(house: House, origin: str | None):
    async with house.signed_in() as client:
        del client.headers["origin"]
        answer = await client.delete("/api/session", headers={"origin": origin} if origin else None)
    assert answer.status_code == 403
    assert "Origin" in answer.json()["detail"]


@pytest.mark.parametrize("csrf", [None, "", "x", "ümlaut"])
async def test_a_change_by_cookie_needs_the_csrf_token(house: House, csrf: str | None):
    async with house.signed_in() as client:
        del client.headers[CSRF_HEADER]
        headers = {CSRF_HEADER: csrf.encode()} if csrf is not None else None
        answer = await client.post("/api/story/spike", headers=headers)
    assert answer.status_code == 403
    assert "X-Manta-CSRF" in answer.json()["detail"]


async def test_another_sessions_csrf_token_does_not_do(house: House):
    async with house.signed_in() as client:
        client.headers[CSRF_HEADER] = credentials.csrf_of(house.session(HARBOUR, "admin"))
        assert (await client.post("/api/story/spike")).status_code == 403


async def test_a_token_needs_neither_cookie_nor_csrf(house: House):
    secret = await house.token(HARBOUR, "admin", "operator")
    async with house.client({"authorization": f"Bearer {secret}"}) as client:
        assert (await client.post("/api/story/spike")).status_code == 202
        assert (await client.get("/api/tokens")).status_code == 403
        assert (await client.get("/api/session")).json()["csrf"] == ""
    assert next(iter(house.record.keys.values())).token.last_used_at == house.wall.at


async def test_a_token_falls_with_its_makers_role(house: House):
    secret = await house.token(HARBOUR, "viewer", "admin")
    async with house.client({"authorization": f"Bearer {secret}"}) as client:
        assert (await client.get("/api/audit")).status_code == 403


async def test_an_expired_or_revoked_token_is_refused(house: House):
    secret = await house.token(HARBOUR, "admin", "viewer", days=1)
    async with house.client({"authorization": f"Bearer {secret}"}) as client:
        assert (await client.get("/api/rules")).status_code == 200
        house.wall.at += timedelta(days=1)
        assert (await client.get("/api/rules")).status_code == 401
        house.wall.at -= timedelta(hours=1)
        await house.deps.tokens.revoke(
            HARBOUR, next(iter(house.record.keys.values())).token.id, "x", house.wall.at
        )
        answer = await client.get("/api/rules")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer mvp_", "Basic dTpw", "Bearer x" * 100, "Bearer mvp_\xff"]
)
async def test_a_foreign_authorization_is_refused_even_beside_a_good_cookie(house: House, value: str):
    async with house.signed_in() as client:
        answer = await client.get("/api/rules", headers={"authorization": value.encode("latin-1")})
    assert answer.status_code == 401


async def test_a_token_is_made_once_shown_once_and_revoked(house: House):
    async with house.signed_in(COASTAL, "admin") as client:
        made = await client.post("/api/tokens", json={"name": "export", "role": "trader", "days": 7})
        assert made.status_code == 201
        secret = made.json()["secret"]
        assert secret.startswith("mvp_")
        listed = await client.get("/api/tokens")
        assert secret not in listed.text
        assert listed.json()["tokens"][0]["expires_at"] == "2027-01-21T08:00:30Z"
        assert secret.encode() not in house.record.keys
        async with house.client({"authorization": f"Bearer {secret}"}) as program:
            assert (await program.get("/api/rules")).status_code == 200
            gone = await client.delete(f"/api/tokens/{made.json()['id']}")
            assert gone.status_code == 204
            assert (await program.get("/api/rules")).status_code == 401


async def test_a_token_makes_no_tokens(house: House):
    secret = await house.token(HARBOUR, "admin", "admin")
    async with house.client({"authorization": f"Bearer {secret}"}) as client:
        answer = await client.post("/api/tokens", json={"name": "more", "role": "admin", "days": 7})
    assert answer.status_code == 403
