"""Session: sign in, see who you are, sign out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import Field, SecretStr

from manta.desk.access import ABSOLUTE, COOKIE, Caller, GuardedRoute, Known, Now, Role, needs, open_to_all
from manta.desk.deps import Deps
from manta.door import credentials, security
from manta.door.errors import DOCUMENTED, NotSignedIn
from manta.door.shapes import Form, answer
from manta.store.audit import Deed
from manta.store.users import User as StoredUser

router = APIRouter(prefix="/api/session", tags=["session"], route_class=GuardedRoute, responses=DOCUMENTED)

log = structlog.get_logger()


class SignIn(Form):
    """Who claims to be there."""

    email: Annotated[
        str, Field(min_length=3, max_length=254, pattern=r"^[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+$")
    ]
    password: Annotated[SecretStr, Field(min_length=1, max_length=128)]


@dataclass(frozen=True, slots=True)
class User:
    """Who is signed in."""

    id: UUID
    name: str
    email: str
    role: Role


@dataclass(frozen=True, slots=True)
class Tenant:
    """For whom."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class World:
    """In which world: the market's own, or a simulated one with its own time."""

    kind: Literal["simulate", "live"]
    speed: float
    """Simulated seconds to a second."""
    now: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in."""

    user: User
    tenant: Tenant
    world: World
    csrf: str
    """To be sent as X-Manta-CSRF with every change; empty for API tokens, which need none."""


@router.post("", response_model=Session)
@open_to_all
async def sign_in(request: Request, now: Now, claim: SignIn) -> Response:
    """Sign in with e-mail and password; the session travels in a cookie."""
    if "origin" in request.headers:
        security.require_same_origin(request, now.origins)
    at, email = now.wall.now(), claim.email.lower()
    address = security.address_of(request.scope)
    security.check_haste(now.limits.sign_in_addresses.take(address, at))
    security.check_haste(now.limits.sign_in_accounts.take(f"{address} {email}", at))
    found = await now.users.by_email(email)
    if not await now.passwords.fits(
        claim.password.get_secret_value(), found.password_hash if found else None
    ):
        log.warning("sign-in refused", address=address, known=found is not None)
        if found is not None:
            deed = Deed(at, email, "session.refused", str(found.user.id), {"address": address})
            await now.audit.write(found.user.tenant, deed)
        raise NotSignedIn("E-mail and password do not fit together.")
    assert found is not None  # noqa: S101 - nobody's password fits nobody
    return await _open(request, now, found.user)


@router.get("", response_model=Session)
@needs(Role.VIEWER)
async def read_session(request: Request, caller: Known, now: Now) -> Response:
    """Show who is signed in."""
    secret = request.cookies.get(COOKIE, "") if caller.by_cookie else ""
    return answer(_session(caller, now, credentials.csrf_of(secret) if secret else ""))


@router.delete("", status_code=204, response_class=Response)
@needs(Role.VIEWER)
async def sign_out(request: Request, caller: Known, now: Now) -> Response:
    """End this session."""
    if caller.by_cookie:
        await now.users.close_session(credentials.hash_of(request.cookies[COOKIE]))
        deed = Deed(now.wall.now(), caller.email, "session.closed", str(caller.user), {})
        await now.audit.write(caller.tenant, deed)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", secure=_is_tls(request), httponly=True, samesite="strict")
    return response


async def _open(request: Request, now: Deps, user: StoredUser) -> Response:
    """Begin a session under a new secret; whatever cookie came with the request ends here."""
    if before := request.cookies.get(COOKIE):
        await now.users.close_session(credentials.hash_of(before))
    secret, at = credentials.new_session(), now.wall.now()
    await now.users.open_session(user, credentials.hash_of(secret), at, at + ABSOLUTE)
    caller = Caller(
        user.tenant, user.tenant_name, user.id, user.name, user.email, Role(user.role), by_cookie=True
    )
    response = answer(_session(caller, now, credentials.csrf_of(secret)))
    lasts_s = int(ABSOLUTE.total_seconds())
    response.set_cookie(
        COOKIE, secret, lasts_s, path="/", secure=_is_tls(request), httponly=True, samesite="strict"
    )
    return response


def _session(caller: Caller, now: Deps, csrf: str) -> Session:
    return Session(
        User(caller.user, caller.name, caller.email, caller.role),
        Tenant(caller.tenant, caller.tenant_name),
        World(now.world, now.speed, now.clock.now()),
        csrf,
    )


def _is_tls(request: Request) -> bool:
    return request.url.scheme == "https"
