"""A file from an address to the disk; one that broke off goes on where it was, if the server will have it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from manta.mms.archive import ARCHIVE_PACKED

ATTEMPTS = 3
"""Each goes on where the one before it broke off."""
TIMEOUT_S = 60.0
"""Without a byte; a month of a large table takes some seconds to begin."""
_RANGE = re.compile(r"bytes (?P<first>\d+)-\d+/(?:\d+|\*)")
_BEYOND = re.compile(r"bytes \*/(?P<size>\d+)")
_AS_IT_IS = {"Accept-Encoding": "identity"}


class FetchError(ConnectionError):
    """What an address did not give: which, and why."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(f"{url}: {cause}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as it came."""

    path: Path
    validator: str | None
    """By which its server tells whether it has changed since."""


def fetch(
    client: httpx.Client, url: str, folder: Path, known: str | None, heard: Callable[[int], None]
) -> Fetched | None:
    """Bring a file to the folder, or return None if it is still the one that we know by its validator.

    ``heard`` is told how many bytes there are. FetchError if the address is not http or https, or gives
    anything but a file of 1 to ARCHIVE_PACKED bytes; what came of it stays for the next time.
    """
    _check(url)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.part"
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _bring(client, url, part, known, heard)
        except httpx.TransportError as error:
            if attempt == ATTEMPTS:
                raise FetchError(url, f"{type(error).__name__} {error}".rstrip()) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchError(url, f"{type(error).__name__} {error}".rstrip()) from error
    raise AssertionError("the last attempt returns or raises")


def forget(fetched: Fetched) -> None:
    """Remove what came, once it has been read."""
    fetched.path.unlink(missing_ok=True)
    _validator_of(fetched.path).unlink(missing_ok=True)


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FetchError(url, "only http and https addresses can be fetched")


def _bring(
    client: httpx.Client, url: str, part: Path, known: str | None, heard: Callable[[int], None]
) -> Fetched | None:
    """Take one attempt; None if the file is still the known one."""
    has, had = _so_far(part)
    with _answer(client, url, _conditions(has, had, known)) as answer:
        if answer.status_code == httpx.codes.NOT_MODIFIED and known:
            return None
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and has:
            match = _BEYOND.fullmatch(answer.headers.get("Content-Range", ""))
            if match and int(match["size"]) == has:
                return Fetched(part, had)
            part.unlink()
            raise httpx.ReadError("what we had of it is no longer part of it")
        goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT and _goes_on(answer, has)
        if not goes_on and answer.status_code != httpx.codes.OK:
            raise FetchError(url, f"it answers {answer.status_code}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise FetchError(url, "it answers packed although asked not to")
        validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        _validator_of(part).write_text(validator or "")
        _write(url, answer, part, has if goes_on else 0, heard)
        return Fetched(part, validator)


def _so_far(part: Path) -> tuple[int, str | None]:
    """Return how much of a file we have, and the validator of the file it was of."""
    try:
        validator = _validator_of(part).read_text()
        return (part.stat().st_size, validator) if validator else (0, None)
    except FileNotFoundError:
        return 0, None


def _conditions(has: int, had: str | None, known: str | None) -> dict[str, str]:
    if has and had:
        return {"Range": f"bytes={has}-", "If-Range": had}
    if known is None:
        return {}
    return {"If-None-Match" if known.startswith(('"', "W/")) else "If-Modified-Since": known}


@contextmanager
def _answer(client: httpx.Client, url: str, conditions: dict[str, str]) -> Iterator[httpx.Response]:
    headers = _AS_IT_IS | conditions
    with client.stream("GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT_S) as answer:
        yield answer


def _goes_on(answer: httpx.Response, has: int) -> bool:
    match = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    return match is not None and int(match["first"]) == has > 0


def _write(url: str, answer: httpx.Response, part: Path, size: int, heard: Callable[[int], None]) -> None:
    with part.open("r+b" if size else "wb") as file:
        file.seek(size)
        for piece in answer.iter_raw():
            size += len(piece)
            if size > ARCHIVE_PACKED:
                file.truncate(0)
                raise FetchError(url, f"it gives more than {ARCHIVE_PACKED:,} bytes")
            file.write(piece)
            heard(size)
    if not size:
        raise FetchError(url, "it gives nothing")


def _validator_of(part: Path) -> Path:
    return part.with_suffix(".validator")
