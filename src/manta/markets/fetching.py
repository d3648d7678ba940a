"""Fetching from a directory of files on the web: what is listed, within what bounds, and what was refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urljoin, urlsplit

import httpx
import structlog

from manta.mms.archive import MOST_PACKED
from manta.mms.lines import MarketFileError

log = structlog.get_logger()

MOST_QUARANTINED = 500
TIMEOUT_S = 10.0
_AS_IT_IS = {"Accept-Encoding": "identity"}
"""Unpacking is ours to bound."""
_HREF = re.compile(r"""href\s*=\s*["']([^"'<>\s]{1,500})["']""", re.IGNORECASE)
_ASKED = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        ...

    async def sleep_until(self, at: datetime) -> None:
        """Return once it is that late."""
        ...


class UnreachableError(ConnectionError):
    """The other side did not answer, or not with what was asked for."""


class GoneError(UnreachableError):
    """What was listed is not there."""


async def fetch(
    client: httpx.AsyncClient,
    url: str,
    headers: Mapping[str, str],
    most: int = MOST_PACKED,
    within_s: float = 2 * TIMEOUT_S,
    statuses: Collection[int] = (httpx.codes.OK, httpx.codes.NOT_MODIFIED),
) -> httpx.Response:
    """Fetch within bounds of time and of ``most`` bytes; UnreachableError if that was not to be had.

    So is an answer with another status than those that the caller knows what to do with.
    """
    try:
        async with (
            asyncio.timeout(within_s),
            client.stream(
                "GET", url, headers=dict(headers) | _AS_IT_IS, follow_redirects=False, timeout=TIMEOUT_S
            ) as answer,
        ):
            body = bytearray()
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > most:
                    raise UnreachableError(f"{url} answers with more than {most:,} bytes")
    except (httpx.HTTPError, httpx.StreamError, TimeoutError, ValueError) as error:
        raise UnreachableError(f"{url}: {type(error).__name__} {error}".rstrip()) from error
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise UnreachableError(f"{url} answers packed although asked not to")
    if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        raise GoneError(f"{url} is not there")
    if answer.status_code not in statuses:
        raise UnreachableError(f"{url} answers {answer.status_code}")
    return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(body))


class Listing:
    """A directory as it was last listed; asked again, it is read only if it has changed."""

    def __init__(self, client: httpx.AsyncClient, url: str, named: re.Pattern[str]) -> None:
        self.files: Mapping[str, str] = {}
        """The names of the files in it that are of our kind, with their addresses."""
        self._client = client
        self._url = url
        self._named = named
        self._validators: dict[str, str] = {}

    async def read(self) -> None:
        """Ask what there is; UnreachableError, and what was known stands, if that was not to be had."""
        answer = await fetch(self._client, self._url, self._validators)
        if answer.status_code != httpx.codes.NOT_MODIFIED:
            self._validators = {_ASKED[k]: answer.headers[k] for k in _ASKED if k in answer.headers}
            self.files = files_listed(self._url, answer.text, self._named)


def files_listed(directory: str, page: str, named: re.Pattern[str]) -> dict[str, str]:
    """Return the files of a pattern that a listing names, with their addresses.

    Only files of the very directory count: a listing cannot send us to another host or directory.
    """
    here = urlsplit(directory)
    found: dict[str, str] = {}
    for href in _HREF.findall(page):
        try:
            there = urlsplit(urljoin(directory, href))
            folder, _, name = unquote(there.path).rpartition("/")
            same = (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
        except ValueError:
            continue
        same &= folder.casefold() == here.path.rstrip("/").casefold()
        if same and named.fullmatch(name) and not (there.query or there.username or there.password):
            found[name] = f"{directory}{name}"
    return found


def keep_refused(directory: Path, name: str, body: bytes, error: MarketFileError) -> None:
    """Write a refused file and the cause beside it, once for the same bytes."""
    stem = f"{name}.{hashlib.sha256(body).hexdigest()[:12]}"
    cause = {"file": error.file, "line": error.line, "cause": error.cause, "bytes": len(body)}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if (directory / f"{stem}.json").exists():
            return
        if sum(1 for _ in directory.glob("*.json")) >= MOST_QUARANTINED:
            raise OSError(f"there are {MOST_QUARANTINED} files in it already")
        (directory / f"{stem}.bytes").write_bytes(body)
        (directory / f"{stem}.json").write_text(json.dumps(cause, indent=1))
    except OSError as failure:
        log.error(
            "market quarantine cannot be written", directory=str(directory), because=str(failure), **cause
        )
