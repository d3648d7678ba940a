"""Every request watched: a trace id, a count and a time for each route, and a net below it all."""

from __future__ import annotations

import re
from time import perf_counter
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from manta.door.errors import problem_for, trace_of

log = structlog.get_logger()

TRACE_HEADER = "X-Request-Id"
_TRACE = re.compile(r"[A-Za-z0-9._-]{1,64}")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


class Watch:
    """Counts requests, and answers as a problem whatever comes up unanswered from below."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        labels = ("method", "route", "status")
        self._requests = Counter("manta_api_requests", "Requests answered", labels, registry=registry)
        self._seconds = Histogram(
            "manta_api_request_seconds",
            "Time to answer",
            ("route",),
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its trace id in the scope and in its log lines."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        offered = Headers(scope=scope).get(TRACE_HEADER, "")
        scope.setdefault("state", {})["trace"] = offered if _TRACE.fullmatch(offered) else uuid4().hex
        with structlog.contextvars.bound_contextvars(trace=trace_of(scope)):
            if scope["type"] == "http":
                await self._http(scope, receive, send)
            else:
                await self._websocket(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = perf_counter(), 0

        async def traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[TRACE_HEADER] = trace_of(scope)
            await send(message)

        try:
            await self._app(scope, receive, traced)
        except Exception as error:
            if status:
                raise
            await problem_for(error, instance=scope["path"], trace=trace_of(scope))(scope, receive, traced)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        took_s = perf_counter() - began
        if method not in SAFE:
            log.info(
                "change asked for", method=method, route=_route(scope), status=status, took_s=round(took_s, 4)
            )
        self._requests.labels(method, _route(scope), str(status)).inc()
        self._seconds.labels(_route(scope)).observe(took_s)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            log.warning("stream refused", error=f"{type(error).__name__}: {error}")
            await send({"type": "websocket.close", "code": 1008})


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "page")
