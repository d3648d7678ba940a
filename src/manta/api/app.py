"""The application: pages put together, each request watched, limited and answered."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from manta.api import (
    audit,
    dispatches,
    earnings,
    health,
    live,
    market,
    overview,
    rules,
    session,
    spot,
    story,
    tokens,
)
from manta.desk.access import GuardedRoute, open_to_all
from manta.desk.deps import Deps
from manta.desk.messages import LiveMessage
from manta.door import errors
from manta.door.page import Page
from manta.door.security import BoundedBody, BoundedHaste, HeadersOnAll, KnownHosts
from manta.door.shapes import answer
from manta.door.watch import Watch

PAGES = (session, overview, spot, market, dispatches, rules, earnings, story, tokens, audit, health, live)
_COMPONENT = "#/components/schemas/{model}"


def create_app(deps: Deps) -> FastAPI:
    """Build the application around what it needs; the last middleware named is the outermost."""
    app = pages()
    app.state.deps = deps
    app.router.default = Page(deps.web)
    app.add_middleware(BoundedBody)
    app.add_middleware(BoundedHaste, limits=deps.limits, wall=deps.wall)
    app.add_middleware(KnownHosts, origins=deps.origins)
    app.add_middleware(Watch, registry=deps.registry)
    app.add_middleware(HeadersOnAll)
    return app


def pages() -> FastAPI:
    """Build the pages without a world behind them; enough to describe them."""
    app = FastAPI(
        title="Manta VPP",
        version="1",
        summary="A virtual power plant for Australia's National Electricity Market.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name_of,
    )
    app.router.route_class = GuardedRoute
    for page in PAGES:
        app.include_router(page.router)
    errors.install(app)

    @app.get("/api/openapi.json", include_in_schema=False)
    @open_to_all
    async def openapi() -> Response:
        """Describe this API."""
        return answer(describe(app))

    return app


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description, with the messages of the live stream among its schemas."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    named: dict[str, TypeAdapter[Any]] = {
        "LiveMessage": TypeAdapter(LiveMessage),
        "Problem": TypeAdapter(errors.Problem),
    }
    for name, adapter in named.items():
        schema = adapter.json_schema(mode="serialization", ref_template=_COMPONENT)
        for part, inner in schema.pop("$defs", {}).items():
            schemas.setdefault(part, inner)
        schemas[name] = schema
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    return document


def _name_of(route: APIRoute) -> str:
    return route.name
