"""Who may do what: roles, and the door that every route stands behind.

A route is closed unless it says with ``needs(role)`` or ``open_to_all`` who may use it; one that says nothing
cannot be built. The door is passed before the body is read.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from manta.desk.deps import Deps
from manta.domain.identity import TenantId, UserId
from manta.door import credentials, security
from manta.door.errors import Forbidden, NotSignedIn, WrongMediaType
from manta.store.users import Session, User

COOKIE = "manta_session"
CSRF_HEADER = "x-manta-csrf"
IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=7)
TOUCH = timedelta(minutes=1)
"""How exactly the last use of a session is kept."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MARK = "__manta_role__"


class Role(StrEnum):
    """What somebody may do; each may do all that those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    TRADER = "trader"
    ADMIN = "admin"

    def covers(self, other: Role) -> bool:
        """Tell whether this role may do what the other may."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = tuple(Role)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whom we know, for one request."""

    tenant: TenantId
    tenant_name: str
    user: UserId
    name: str
    email: str
    role: Role
    by_cookie: bool


def needs[F: Callable[..., Any]](role: Role) -> Callable[[F], F]:
    """Open a route to this role and those above it."""

    def mark(endpoint: F) -> F:
        setattr(endpoint, _MARK, role)
        return endpoint

    return mark


def open_to_all[F: Callable[..., Any]](endpoint: F) -> F:
    """Open a route to strangers."""
    setattr(endpoint, _MARK, None)
    return endpoint


class GuardedRoute(APIRoute):
    """A route that asks who is there before it reads a word of the body."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401
        if not hasattr(endpoint, _MARK):
            raise TypeError(f"{path} does not say who may use it")
        self.minimum: Role | None = getattr(endpoint, _MARK)
        described = {"x-manta-role": self.minimum.value if self.minimum else "anyone"}
        options["openapi_extra"] = described | (options.get("openapi_extra") or {})
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the door in front of the framework's own reading of the request."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            await self._admit(request)
            return await handle(request)

        return guarded

    async def _admit(self, request: Request) -> None:
        if self.minimum is not None:
            caller = await identify(request, deps_of(request))
            if not caller.role.covers(self.minimum):
                raise Forbidden(
                    f"This needs the role {self.minimum}; yours is {caller.role}. Ask an administrator."
                )
            request.state.caller = caller
        if self.body_field is not None and not _is_json(request):
            raise WrongMediaType("Send the body as application/json.")


def deps_of(request: Request) -> Deps:
    """Return what this application was built with."""
    deps: Deps = request.app.state.deps
    return deps


def caller_of(request: Request) -> Caller:
    """Return who passed the door."""
    caller: Caller = request.state.caller
    return caller


Now = Annotated[Deps, Depends(deps_of)]
Known = Annotated[Caller, Depends(caller_of)]


async def identify(request: Request, deps: Deps) -> Caller:
    """Return who is asking, by API token or by session; NotSignedIn if nobody whom we know."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        caller = await _by_token(scheme, token, deps)
    else:
        caller = await by_session(request.cookies.get(COOKIE, ""), deps)
        if request.method not in _SAFE:
            security.require_same_origin(request, deps.origins)
            security.require_csrf(request.headers.get(CSRF_HEADER, ""), request.cookies[COOKIE])
    security.check_haste(deps.limits.users.take(str(caller.user), deps.wall.now()))
    return caller


async def by_session(secret: str, deps: Deps) -> Caller:
    """Return whose session this is and note that it is in use."""
    found = await signed_in(secret, deps)
    now = deps.wall.now()
    if now - found.seen_at >= TOUCH:
        await deps.users.touch_session(credentials.hash_of(secret), now)
    return _caller(found.user, Role(found.user.role), by_cookie=True)


async def signed_in(secret: str, deps: Deps) -> Session:
    """Return the session that a secret opens, if its time is not over."""
    found = await deps.users.session(credentials.hash_of(secret)) if _plausible(secret) else None
    if found is None or deps.wall.now() >= min(found.expires_at, found.seen_at + IDLE):
        raise NotSignedIn("Sign in first; a session ends after 12 hours without use, and after 7 days.")
    return found


async def _by_token(scheme: str, secret: str, deps: Deps) -> Caller:
    """Return whose token this is, with the lesser of its role and its maker's."""
    now, refusal = (
        deps.wall.now(),
        NotSignedIn("This token is unknown, expired or revoked.", WWW_Authenticate="Bearer"),
    )
    if (
        scheme.lower() != "bearer"
        or not secret.startswith(credentials.TOKEN_PREFIX)
        or not _plausible(secret)
    ):
        raise refusal
    hashed = credentials.hash_of(secret)
    holder = await deps.tokens.by_hash(hashed)
    if holder is None or holder.token.revoked_at is not None or now >= holder.token.expires_at:
        raise refusal
    used_at = holder.token.last_used_at
    if used_at is None or now - used_at >= TOUCH:
        await deps.tokens.touch(hashed, now)
    role = min(Role(holder.token.role), Role(holder.user.role), key=_ORDER.index)
    return _caller(holder.user, role, by_cookie=False)


def _plausible(secret: str) -> bool:
    return 0 < len(secret) <= credentials.LONGEST and secret.isascii()


def _caller(user: User, role: Role, *, by_cookie: bool) -> Caller:
    return Caller(user.tenant, user.tenant_name, user.id, user.name, user.email, role, by_cookie)


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
