"""What keeps strangers out, seen on the wire."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.unit.api.house import HARBOUR, NOW, ORIGIN, PASSWORD, House, uid
from tests.unit.api.test_access import RULE

from manta.door.limits import Buckets, Limits
from manta.door.security import CSP, HEADERS

PROBLEM = {"type", "title", "status", "detail", "instance", "trace", "errors"}
RULE_PATH = f"/api/rules/{uid('harbour/rule')}"
RAW = {"content-type": "application/json", "if-match": "3"}


def is_problem(answer) -> bool:
    body = answer.json()
    return (
        answer.headers["content-type"] == "application/problem+json"
        and set(body) == PROBLEM
        and body["status"] == answer.status_code
        and body["type"].startswith("urn:manta:problem:")
        and body["trace"] == answer.headers["x-request-id"]
        and all(set(error) == {"field", "message"} for error in body["errors"])
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/assets/index-1a2b3c.js", 200),
        ("GET", "/healthz", 200),
        ("GET", "/api/session", 200),
        ("GET", "/api/nothing", 404),
        ("GET", "/assets/nothing.js", 404),
        ("POST", "/", 405),
        ("PATCH", "/api/rules", 405),
        ("GET", "/api/spot/NZ", 422),
    ],
)
async def test_the_same_headers_are_on_every_answer(house: House, method: str, path: str, status: int):
    async with house.signed_in() as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["x-request-id"]
    assert "cache-control" in answer.headers
    assert answer.is_success or is_problem(answer)


def test_the_policy_runs_no_inline_script_and_cannot_be_framed():
    assert "unsafe" not in CSP
    assert "frame-ancestors 'none'" in CSP
    assert "default-src 'none'" in CSP


async def test_a_method_not_allowed_names_those_that_are(house: House):
    async with house.signed_in() as client:
        answer = await client.patch("/api/rules")
    assert is_problem(answer)
    assert answer.headers["allow"] in {"GET", "POST", "GET, POST", "POST, GET"}


async def test_a_body_too_large_is_refused_by_its_announcement(house: House):
    async with house.signed_in() as client:
        answer = await client.post("/api/rules", content=b" " * 65_537, headers=RAW)
    assert answer.status_code == 413
    assert is_problem(answer)


async def test_a_body_too_large_is_refused_as_it_comes(house: House):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000

    async with house.signed_in() as client:
        answer = await client.post("/api/rules", content=endless(), headers=RAW)
    assert answer.status_code == 413
    assert is_problem(answer)


async def test_a_stranger_is_refused_before_the_body_is_read(house: House):
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    async with house.client() as client:
        assert (await client.post("/api/rules", content=unread(), headers=RAW)).status_code == 401


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "text/json"])
async def test_only_json_is_read(house: House, kind: str | None):
    async with house.signed_in() as client:
        answer = await client.post(
            "/api/rules", content=b"{}", headers={"content-type": kind} if kind else None
        )
    assert answer.status_code == 415
    assert is_problem(answer)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("sell_above_per_mwh", "NaN"),
        ("sell_above_per_mwh", "Infinity"),
        ("sell_above_per_mwh", '"300"'),
        ("sell_above_per_mwh", "true"),
        ("sell_above_per_mwh", "null"),
        ("sell_above_per_mwh", "1e9"),
        ("reserve_soc", "1.01"),
        ("reserve_soc", "-0.1"),
        ("site_export_kw", "-1"),
        ("enabled", "1"),
        ("enabled", '"yes"'),
        ("name", '""'),
        ("name", '"' + "x" * 81 + '"'),
        ("name", "7"),
        ("colour", '"red"'),
    ],
)
async def test_a_field_that_makes_no_sense_is_named(house: House, field: str, text: str):
    import json

    body = json.dumps(RULE | {field: "@"}).replace('"@"', text)
    async with house.signed_in() as client:
        answer = await client.put(RULE_PATH, content=body, headers=RAW)
    assert answer.status_code == 422
    assert is_problem(answer)
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"name": "a"} x', b"[" * 60_000])
async def test_what_is_not_a_rule_is_refused(house: House, body: bytes):
    async with house.signed_in() as client:
        answer = await client.put(RULE_PATH, content=body, headers=RAW)
    assert answer.status_code in {400, 422}
    assert is_problem(answer)


async def test_a_naive_instant_is_refused(house: House):
    async with house.signed_in() as client:
        answer = await client.get("/api/earnings", params={"from": "2027-01-14T00:00:00"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "from"


async def test_a_failure_tells_nothing_but_its_trace(house: House):
    house.record.down = RuntimeError("password=hunter2")
    async with house.signed_in() as client:
        answer = await client.get("/api/rules", headers={"x-request-id": "my-trace.1"})
    assert answer.status_code == 500
    assert is_problem(answer)
    assert answer.json()["trace"] == "my-trace.1"
    assert "hunter2" not in answer.text


async def test_a_record_that_is_away_is_a_503(house: House):
    house.record.down = ConnectionRefusedError("5432")
    async with house.signed_in() as client:
        answer = await client.get("/api/rules")
    assert answer.status_code == 503
    assert is_problem(answer)


@pytest.mark.parametrize("trace", ["x" * 65, "a b", "<script>"])
async def test_a_trace_id_of_a_strange_shape_is_not_taken_over(house: House, trace: str):
    async with house.client() as client:
        answer = await client.get("/api/session", headers={"x-request-id": trace})
    assert answer.headers["x-request-id"] != trace


@pytest.mark.parametrize("host", ["evil.example", "testserver:81", "testserver.evil.example", ""])
async def test_a_foreign_host_name_is_not_answered(house: House, host: str):
    async with house.signed_in() as client:
        answer = await client.get("/api/rules", headers={"host": host})
    assert answer.status_code == 421
    assert is_problem(answer)
    assert answer.headers["content-security-policy"] == CSP


async def test_what_a_client_says_of_its_address_is_not_believed(house: House):
    house.rebuilt(limits=Limits(addresses=Buckets(burst=1, per_s=1)))
    async with house.client({"x-forwarded-for": "10.0.0.1"}) as client:
        assert (await client.get("/")).status_code == 200
    async with house.client({"x-forwarded-for": "10.0.0.2"}) as client:
        assert (await client.get("/")).status_code == 429


async def test_haste_is_bounded_for_an_address(house: House):
    house.rebuilt(limits=Limits(addresses=Buckets(burst=3, per_s=0.5)))
    async with house.client() as client:
        assert [(await client.get("/")).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = await client.get("/")
        assert refused.headers["retry-after"] == "3"
        assert is_problem(refused)
        house.wall.at += timedelta(seconds=2)
        assert (await client.get("/")).status_code == 200
    async with house.client(address="10.0.0.9") as other:
        assert (await other.get("/")).status_code == 200


async def test_haste_is_bounded_for_a_user(house: House):
    house.rebuilt(limits=Limits(users=Buckets(burst=2, per_s=1)))
    async with house.signed_in(HARBOUR, "viewer") as client, house.signed_in(HARBOUR, "trader") as other:
        assert [(await client.get("/api/rules")).status_code for _ in range(3)] == [200, 200, 429]
        assert (await other.get("/api/rules")).status_code == 200


async def test_guessing_passwords_is_slow_but_locks_nobody_out_from_afar(house: House):
    claim = {"email": "viewer@harbour.example", "password": "guess"}
    house.rebuilt(limits=Limits(sign_in_accounts=Buckets(burst=2, per_s=1 / 6)))
    async with house.client(address="10.0.0.9") as stranger:
        assert [(await stranger.post("/api/session", json=claim)).status_code for _ in range(3)] == [
            401,
            401,
            429,
        ]
    async with house.client(address="10.0.0.1") as owner:
        assert (await owner.post("/api/session", json=claim | {"password": PASSWORD})).status_code == 200


def test_a_bucket_refills_with_time_and_forgets_the_longest_unused():
    bucket = Buckets(burst=2, per_s=1)
    assert [bucket.take("a", NOW) for _ in range(3)] == [0, 0, 1]
    assert bucket.take("a", NOW + timedelta(seconds=1)) == 0
    assert bucket.take("a", NOW) == 1  # a clock set back refills nothing
    for i in range(10_001):
        bucket.take(str(i), NOW)
    assert len(bucket._level) == 10_000


@pytest.mark.parametrize(
    ("path", "cache"),
    [
        ("/", "no-store"),
        ("/spot/NSW1", "no-store"),
        ("/assets/index-1a2b3c.js", "public, max-age=31536000, immutable"),
        ("/favicon.svg", "no-cache"),
    ],
)
async def test_the_page_is_sent_with_the_right_life(house: House, path: str, cache: str):
    async with house.client() as client:
        answer = await client.get(path)
        again = await client.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == cache
    assert again.status_code == 304
    assert not again.content


@pytest.mark.parametrize(
    "path", ["/../conftest.py", "/assets/..%2f..%2fconftest.py", "/assets/x.js", "/.env"]
)
async def test_nothing_but_the_page_is_sent(house: House, path: str):
    async with house.client() as client:
        assert (await client.get(path)).status_code == 404


async def test_a_page_that_was_not_built_says_how(house: House, tmp_path):
    house.rebuilt(web=tmp_path / "none")
    async with house.client() as client:
        answer = await client.get("/")
    assert answer.status_code == 503
    assert "./manta up" in answer.json()["detail"]


async def test_figures_are_for_this_machine_alone(house: House):
    async with house.client() as client:
        await client.get("/api/rules")
        figures = (await client.get("/metrics")).text
        assert 'manta_api_requests_total{method="GET",route="/api/rules",status="401"} 1.0' in figures
        assert "manta_api_request_seconds_bucket" in figures
        assert "checks" in (await client.get("/healthz")).json()
    async with house.client(address="10.0.0.9") as stranger:
        assert (await stranger.get("/metrics")).status_code == 404
        assert (await stranger.get("/healthz")).json() == {"ok": True}
        house.health.ok = False
        assert (await stranger.get("/healthz")).status_code == 503


async def test_a_change_comes_from_our_own_address_only(house: House):
    async with house.signed_in() as client:
        client.headers["origin"] = ORIGIN.upper().replace("HTTP", "http")
        assert (await client.post("/api/story/spike")).status_code == 202
