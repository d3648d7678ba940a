"""The page itself: files built from web/, held in memory; index.html for every address that it draws."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from manta.door.errors import NotFound, Unavailable

HASHED = "/assets/"
"""Where the build puts files whose names change with their content."""
FOREVER = "public, max-age=31536000, immutable"
_TEXT = ("text/", "application/javascript", "application/json", "application/manifest+json", "image/svg+xml")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    packed: bytes | None
    """The same by gzip, where that is worth it."""
    media_type: str
    cache: str
    etag: str


class Page:
    """Answers every address that is not the API's."""

    def __init__(self, directory: Path) -> None:
        files = sorted(path for path in directory.rglob("*") if path.is_file()) if directory.is_dir() else []
        self._assets = {
            f"/{path.relative_to(directory).as_posix()}": _load(path, directory) for path in files
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a file, or index.html, or refuse."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        asset = self._find(scope["path"])
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        await _answer(asset, Headers(scope=scope))(scope, receive, send)

    def _find(self, path: str) -> Asset:
        if path.startswith("/api/") or path == "/api":
            raise NotFound("There is nothing at this address.")
        if asset := self._assets.get(path):
            return asset
        if "." in path.rpartition("/")[2]:
            raise NotFound("There is no such file.")
        if "/index.html" not in self._assets:
            raise Unavailable("The page has not been built. Run ./manta up, which builds it.")
        return self._assets["/index.html"]


def _load(path: Path, directory: Path) -> Asset:
    body = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = gzip.compress(body, mtime=0) if media_type.startswith(_TEXT) and len(body) > 1_000 else None
    hashed = f"/{path.relative_to(directory).as_posix()}".startswith(HASHED)
    cache = FOREVER if hashed else "no-store" if path.suffix == ".html" else "no-cache"
    return Asset(body, packed, media_type, cache, f'"{hashlib.sha256(body).hexdigest()[:24]}"')


def _answer(asset: Asset, asked: Headers) -> Response:
    headers = {"Cache-Control": asset.cache, "ETag": asset.etag, "Vary": "Accept-Encoding"}
    if asked.get("if-none-match") == asset.etag:
        return Response(None, 304, headers)
    if asset.packed is not None and "gzip" in asked.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, 200, headers, media_type=asset.media_type)
    return Response(asset.body, 200, headers, media_type=asset.media_type)
