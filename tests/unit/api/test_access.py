"""Who may do what: every route, every role, and the other tenant."""

import itertools
import json
from typing import Any

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from tests.unit.api.house import COASTAL, HARBOUR, ORIGIN, ROLES, House, uid

from manta.api.app import pages
from manta.desk.access import Role, needs

RULE = {
    "name": "Evening",
    "sell_above_per_mwh": 300,
    "buy_below_per_mwh": -20.5,
    "site_export_kw": 8.7,
    "reserve_soc": 0.2,
    "enabled": True,
}
BODIES: dict[str, Any] = {
    "create_rule": RULE | {"vpp_id": "harbour-nsw"},
    "change_rule": RULE,
    "create_token": {"name": "nightly export", "role": "viewer", "days": 30},
    "sign_in": {"email": "viewer@harbour.example", "password": "wrong"},
}
QUERIES = {name: {"region": "NSW1"} for name in ("market_prices", "market_forecast")}
HEADERS = {"change_rule": {"if-match": '"3"'}}
THINGS = {
    "/api/rules/{id}": "{tenant}/rule",
    "/api/dispatches/{id}": "{tenant}/dispatch",
    "/api/tokens/{id}": "{tenant}/token",
}


def routes() -> list[APIRoute]:
    found = [context.original_route for context in iter_route_contexts(pages().routes)]
    return [route for route in found if isinstance(route, APIRoute)]


def calls(open_too: bool = False) -> list[Any]:
    return [
        pytest.param(route, method, id=f"{method} {route.path}")
        for route in routes()
        for method in sorted(route.methods)
        if open_too or route.minimum is not None
    ]


def path_of(route: APIRoute, tenant: str) -> str:
    if route.path in THINGS:
        return route.path.format(id=uid(THINGS[route.path].format(tenant=tenant)))
    return route.path.format(id=f"{tenant}-h1", region="NSW1", name="spike")


async def send(house: House, client: Any, route: APIRoute, method: str, tenant: str = "harbour") -> Any:
    body = BODIES.get(route.name)
    headers = HEADERS.get(route.name, {}) | ({"content-type": "application/json"} if body else {})
    content = json.dumps(body) if body else None
    return await client.request(
        method, path_of(route, tenant), params=QUERIES.get(route.name), headers=headers, content=content
    )


def test_every_route_says_who_may_use_it():
    found = [context.original_route for context in iter_route_contexts(pages().routes)]
    assert all(hasattr(route.endpoint, "__manta_role__") for route in found)
    assert any(isinstance(route, APIWebSocketRoute) for route in found)
    open_to_all = {route.path for route in routes() if route.minimum is None}
    assert open_to_all == {"/api/session", "/healthz", "/metrics", "/api/openapi.json"}


def test_a_route_that_does_not_say_cannot_be_built():
    with pytest.raises(TypeError, match="does not say who may use it"):
        pages().add_api_route("/api/new", lambda: None)


def test_roles_rise():
    for lower, higher in itertools.combinations(Role, 2):
        assert higher.covers(lower)
        assert not lower.covers(higher)
    assert all(role.covers(role) for role in Role)
    assert needs(Role.ADMIN)(lambda: 1)() == 1


@pytest.mark.parametrize(("route", "method"), calls())
async def test_a_stranger_is_refused(house: House, route: APIRoute, method: str):
    async with house.client({"origin": ORIGIN}) as client:
        answer = await send(house, client, route, method)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("route", "method"), calls())
@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_do_its_own_and_no_more(house: House, route: APIRoute, method: str, role: str):
    await house.tokens_for_both()
    async with house.signed_in(HARBOUR, role) as client:
        answer = await send(house, client, route, method)
    if Role(role).covers(route.minimum):
        assert answer.is_success, answer.text
    else:
        assert answer.status_code == 403
        assert route.minimum.value in answer.json()["detail"]


@pytest.mark.parametrize(("route", "method"), [call for call in calls() if "{id}" in call.values[0].path])
@pytest.mark.parametrize("role", ROLES)
async def test_another_tenants_things_are_not_found(house: House, route: APIRoute, method: str, role: str):
    await house.tokens_for_both()
    async with house.signed_in(COASTAL, role) as client:
        answer = await send(house, client, route, method, tenant="harbour")
    assert answer.status_code == (404 if Role(role).covers(route.minimum) else 403)
    assert (HARBOUR, uid("harbour/rule")) in house.record.kept
    assert all(holder.token.revoked_at is None for holder in house.record.keys.values())
