"""Live: the fleet, prices and dispatches as they happen, on every page that is open."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, WebSocket

from manta.desk.access import COOKIE, Role, by_session, needs, signed_in
from manta.desk.deps import Deps
from manta.desk.hub import EXPIRED, POLICY
from manta.door.errors import AWAY, NotSignedIn
from manta.door.security import is_same_origin

log = structlog.get_logger()

router = APIRouter()


@router.websocket("/api/live")
@needs(Role.VIEWER)
async def live(websocket: WebSocket) -> None:
    """Stream to a page of our own whose session holds; refused before the handshake otherwise."""
    deps: Deps = websocket.app.state.deps
    secret = websocket.cookies.get(COOKIE, "")
    if not is_same_origin(websocket, deps.origins):
        await websocket.close(POLICY)
        return
    try:
        caller = await by_session(secret, deps)
    except NotSignedIn:
        await websocket.close(EXPIRED)
        return
    await deps.hub.serve(websocket, caller.tenant, caller.user, lambda: holds(secret, deps))


async def holds(secret: str, deps: Deps) -> bool:
    """Tell whether a session still holds; while the record does not answer nobody is sent away."""
    try:
        await signed_in(secret, deps)
    except NotSignedIn:
        return False
    except AWAY as error:
        log.warning("session not rechecked", error=f"{type(error).__name__}: {error}")
    return True
