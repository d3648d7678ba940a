"""What keeps strangers out: headers on every answer, hosts and origins, bounded bodies, bounded haste."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from manta.door import credentials
from manta.door.errors import Forbidden, Misdirected, TooMany
from manta.door.limits import Limits
from manta.flows.ports import Clock

LARGEST_BODY = 64 * 1024
DRAINED, DRAIN_S = 1024 * 1024, 2.0
"""Of a body too large: how much is taken off the wire before it is refused, and for how long."""

CSP = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000; includeSubDomains"


class HeadersOnAll:
    """Put the same protective headers on every answer, also on refusals."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and dress its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                _dress(MutableHeaders(scope=message), scope)
            await send(message)

        await self._app(scope, receive, dressed)


def _dress(headers: MutableHeaders, scope: Scope) -> None:
    headers.update(HEADERS)
    headers.setdefault("Cache-Control", "no-store")
    if scope["scheme"] == "https":
        headers["Strict-Transport-Security"] = HSTS


class KnownHosts:
    """Answer only to the names we go by, so that no foreign name can be bound to us."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(urlsplit(origin).netloc for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its host is ours."""
        if scope["type"] in {"http", "websocket"}:
            host = Headers(scope=scope).get("host", "").lower()
            if host not in self._hosts:
                raise Misdirected(
                    "This host name is not ours; open the address that the start-up message names."
                )
        await self._app(scope, receive, send)


class BoundedHaste:
    """Bound how fast one address may ask, before anything is looked up for it."""

    def __init__(self, app: ASGIApp, limits: Limits, wall: Clock) -> None:
        self._app, self._limits, self._wall = app, limits, wall

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its address has not been too quick."""
        if scope["type"] in {"http", "websocket"}:
            check_haste(self._limits.addresses.take(address_of(scope), self._wall.now()))
        await self._app(scope, receive, send)


class BoundedBody:
    """Refuse a body of more than 64 kB: at its announced length, or once that many bytes have come."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced) > LARGEST_BODY:
            await _drain(receive)
            raise _too_large()
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > LARGEST_BODY:
                raise _too_large()
            return message

        await self._app(scope, counted, send)


def _too_large() -> HTTPException:
    return HTTPException(413, headers={"Connection": "close"})


async def _drain(receive: Receive) -> None:
    """Take a little of what nobody reads, so that the sender hears our refusal, not a broken connection."""
    came = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while came < DRAINED:
                message = await receive()
                came += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return


def check_haste(wait_s: float) -> None:
    """Refuse somebody who must wait."""
    if wait_s > 0:
        raise TooMany(
            "Too many requests; wait as long as Retry-After says.", Retry_After=str(int(wait_s) + 1)
        )


def address_of(scope: Scope) -> str:
    """Return the peer's address; what a client says of itself in headers is not believed."""
    client: tuple[str, Any] | None = scope.get("client")
    return client[0] if client else ""


def is_same_origin(connection: HTTPConnection, origins: Iterable[str]) -> bool:
    """Tell whether the page that asks is ours."""
    return connection.headers.get("origin", "").lower() in origins


def require_same_origin(request: Request, origins: Iterable[str]) -> None:
    """Refuse a change that another site's page asks for."""
    if not is_same_origin(request, origins):
        raise Forbidden(
            "A change by cookie must come from our own page: the Origin header is missing or foreign."
        )


def require_csrf(offered: str, session: str) -> None:
    """Refuse a change without the token that only our own page can read."""
    if not credentials.is_csrf_of(offered, session):
        raise Forbidden(
            "A change by cookie needs the header X-Manta-CSRF with the token from GET /api/session."
        )
