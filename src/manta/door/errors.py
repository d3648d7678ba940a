"""What goes wrong, and the one table that says with which status it is answered (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from manta.door.shapes import encoder

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that was refused, and what would be right."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request was not answered as it wished."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    trace: str
    """Quote it to the operator of this system: every log line of the request carries it."""
    errors: list[FieldError]


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error of ours
    """An expected reason not to do what was asked; its class names the status in TABLE."""

    def __init__(self, detail: str, *errors: FieldError, **headers: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers


class NotSignedIn(Refusal):
    """Nobody we know."""


class Forbidden(Refusal):
    """Somebody we know, who may not."""


class NotFound(Refusal):
    """Nothing of that name for this tenant."""


class Conflict(Refusal):
    """Somebody else was quicker."""


class WrongMediaType(Refusal):
    """Not the JSON that this route reads."""


class Unprocessable(Refusal):
    """Well-formed, but it makes no sense."""


class PreconditionRequired(Refusal):
    """A change that does not say which version it changes."""


class TooMany(Refusal):
    """Too often."""


class Misdirected(Refusal):
    """A host name that is not ours."""


class Unavailable(Refusal):
    """Something that we depend on does not answer just now."""


AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What it looks like when the record, the bus or history does not answer."""

TABLE: dict[type[Exception], tuple[int, str]] = {
    NotSignedIn: (401, "Not signed in"),
    Forbidden: (403, "Not permitted"),
    NotFound: (404, "Not found"),
    Conflict: (409, "Changed meanwhile"),
    WrongMediaType: (415, "Unsupported media type"),
    Misdirected: (421, "Not our host"),
    Unprocessable: (422, "Not valid"),
    RequestValidationError: (422, "Not valid"),
    PreconditionRequired: (428, "Version required"),
    TooMany: (429, "Too many requests"),
    Unavailable: (503, "Not available just now"),
    TimeoutError: (503, "Not available just now"),
    ConnectionError: (503, "Not available just now"),
    asyncpg.PostgresConnectionError: (503, "Not available just now"),
    asyncpg.InterfaceError: (503, "Not available just now"),
    asyncpg.QueryCanceledError: (503, "Not available just now"),
    asyncpg.TooManyConnectionsError: (503, "Not available just now"),
}

_SCHEMA = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Refused", "content": _SCHEMA},
    "5XX": {"description": "Failed", "content": _SCHEMA},
}
"""How the OpenAPI description names problems on every route."""


def install(app: FastAPI) -> None:
    """Have every error of the table, and those of the framework, answered as a problem."""
    for kind in (*TABLE, HTTPException):
        app.add_exception_handler(kind, respond)


async def respond(request: Request, error: Exception) -> Response:
    """Answer an error as a problem document."""
    return problem_for(error, instance=request.url.path, trace=trace_of(request.scope))


def problem_for(error: Exception, *, instance: str, trace: str) -> Response:
    """Build the problem document for an error; what the table does not know is a 500 without details."""
    status, title = _standing(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        unknown = error if status == HTTPStatus.INTERNAL_SERVER_ERROR else None
        named = f"{type(error).__name__}: {error}"
        log.error("request failed", path=instance, trace=trace, error=named, exc_info=unknown)
    problem = Problem(
        type="urn:manta:problem:" + title.lower().replace(" ", "-"),
        title=title,
        status=status,
        detail=_detail(error, status),
        instance=instance,
        trace=trace,
        errors=_fields(error),
    )
    headers = {name.replace("_", "-"): value for name, value in _headers(error).items()}
    return Response(encoder.encode(problem), status, headers, media_type=MEDIA_TYPE)


def trace_of(scope: Any) -> str:  # noqa: ANN401 - an ASGI scope is a mutable mapping of anything
    """Return the trace id that a request was given at the door."""
    return str(scope.get("state", {}).get("trace", ""))


def _standing(error: Exception) -> tuple[int, str]:
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    if isinstance(error, HTTPException):
        return error.status_code, HTTPStatus(error.status_code).phrase
    return 500, "Internal error"


def _detail(error: Exception, status: int) -> str:
    if isinstance(error, Refusal):
        return error.detail
    if isinstance(error, RequestValidationError):
        return "Some fields were refused; each is named below with what would be right."
    if isinstance(error, HTTPException):
        return _FRAMEWORK.get(status, str(error.detail))
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return "Something this depends on does not answer just now. Try again in a few seconds."
    return "This failed on our side and has been recorded. Quote the trace when you report it."


_FRAMEWORK = {
    400: "The body could not be read. Send well-formed JSON.",
    404: "There is nothing at this address.",
    413: "The body is larger than 64 kB; send less.",
    405: "This address does not take that method; the Allow header lists those that it takes.",
}


def _fields(error: Exception) -> list[FieldError]:
    if isinstance(error, Refusal):
        return error.errors
    if isinstance(error, RequestValidationError):
        return [FieldError(_place(e["loc"]), _message(e)) for e in error.errors()[:20]]
    return []


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, Refusal):
        return error.headers
    if isinstance(error, HTTPException) and error.headers:
        return dict(error.headers)
    return {}


def _place(loc: Sequence[int | str]) -> str:
    inner = [str(part) for part in loc[1:]]
    return ".".join(inner) or str(loc[0])


def _message(error: dict[str, Any]) -> str:
    match error["type"]:
        case "json_invalid":
            return "This is not JSON."
        case "extra_forbidden":
            return "There is no such field; leave it out."
        case "missing":
            return "This field is required."
        case "finite_number":
            return "This must be a finite number."
        case "value_error":
            return str(error["msg"]).removeprefix("Value error, ")
        case _:
            return str(error["msg"]) + "."
