"""API tokens: how programs sign in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Response
from pydantic import Field

from manta.desk.access import GuardedRoute, Known, Now, Role, needs
from manta.door import credentials
from manta.door.errors import DOCUMENTED, Forbidden, NotFound
from manta.door.shapes import Form, Label, answer
from manta.store.tokens import Token as StoredToken

router = APIRouter(prefix="/api/tokens", tags=["tokens"], route_class=GuardedRoute, responses=DOCUMENTED)


class TokenDraft(Form):
    """A new token."""

    name: Label
    role: Annotated[Role, Field(strict=False)]
    days: Annotated[int, Field(ge=1, le=365)]
    """How long it is good for."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret."""

    id: UUID
    name: str
    role: Role
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made; the secret is shown this once and kept nowhere."""

    id: UUID
    name: str
    role: Role
    expires_at: datetime
    secret: str


@dataclass(frozen=True, slots=True)
class TokenList:
    """A tenant's tokens."""

    tokens: list[Token]


@router.get("", response_model=TokenList)
@needs(Role.ADMIN)
async def list_tokens(caller: Known, now: Now) -> Response:
    """List the tokens."""
    return answer(TokenList([_shown(token) for token in await now.tokens.list(caller.tenant)]))


@router.post("", response_model=NewToken, status_code=201)
@needs(Role.ADMIN)
async def create_token(caller: Known, now: Now, draft: TokenDraft) -> Response:
    """Make a token and show its secret once."""
    if not caller.role.covers(draft.role):
        raise Forbidden(f"A token may do no more than its maker, who is {caller.role}.")
    if not caller.by_cookie:
        raise Forbidden("A token makes no tokens; sign in with your password.")
    secret, at = credentials.new_token(), now.wall.now()
    expires_at = at + timedelta(days=draft.days)
    token = StoredToken(
        uuid4(), draft.name, draft.role, caller.user, caller.email, at, expires_at, None, None
    )
    await now.tokens.create(caller.tenant, token, credentials.hash_of(secret))
    return answer(NewToken(token.id, token.name, draft.role, expires_at, secret), 201)


@router.delete("/{id}", status_code=204, response_class=Response)
@needs(Role.ADMIN)
async def revoke_token(caller: Known, now: Now, id: UUID) -> Response:
    """Make a token useless from now on."""
    if await now.tokens.revoke(caller.tenant, id, caller.email, now.wall.now()) is None:
        raise NotFound("There is no such token.")
    return Response(status_code=204)


def _shown(token: StoredToken) -> Token:
    return Token(
        id=token.id,
        name=token.name,
        role=Role(token.role),
        created_by=token.created_by,
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        last_used_at=token.last_used_at,
    )
