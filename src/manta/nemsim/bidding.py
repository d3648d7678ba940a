"""A stand-in for AEMO's bidding service: NEMDispatchBidding as its public description has it.

It takes submitBids and gives getSubmission and getSubmissions, with AEMO's answers for what is refused, and
can be told to be slow, throttled or broken, or to take an offer and lose the answer.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manta.domain.offer import DispatchableUnit
from manta.domain.time import NEM_TIME
from manta.nemsim.bid_checks import Desk, Json, Key, Objection, bids_in, key_of, objections

PATH = "/NEMWholesale/bidding"
ACCEPTED = "ACCEPTED"
_MINUTE = timedelta(minutes=1)
_MOST_BYTES = 32_000_000
_HEADERS = ("X-initiatingParticipantID", "X-market")
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        ...

    async def sleep_until(self, at: datetime) -> None:
        """Return once it is that late."""
        ...


class Trouble(StrEnum):
    """What may go wrong with a request."""

    SLOW = "slow"
    """The answer comes late."""
    HIDDEN = "hidden"
    """All is well, but getSubmission does not show it for a while."""
    THROTTLED = "throttled"
    """429."""
    BROKEN = "broken"
    """500."""
    CUT = "cut"
    """The answer ends in its middle."""
    SILENT = "silent"
    """There never is an answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with the next request to an operation."""

    trouble: Trouble
    is_taken: bool = False
    """Whether AEMO does what was asked, and only the answer is lost."""
    lasts: timedelta = timedelta()
    """How slow it is, or how long what was taken takes to show."""
    operation: str = "submitBids"


@dataclass(frozen=True, slots=True)
class Taken:
    """A submission that AEMO has."""

    reference: str
    transaction: str
    offered_at: datetime
    shows_at: datetime
    fields: Json
    """As it was sent."""


@dataclass(slots=True)
class BiddingService:
    """AEMO's side: what is registered, what was submitted, what goes wrong."""

    clock: Clock
    participant: str
    user: str
    password: str
    units: Mapping[str, DispatchableUnit]
    per_minute: int = 120
    """Requests that are answered; then it is 429 until the minute is over."""
    faults: deque[Fault] = field(default_factory=deque)
    taken: list[Taken] = field(default_factory=list)
    """Every submission that was accepted, oldest first."""
    _asked: deque[datetime] = field(default_factory=deque)
    _count: int = 0

    def submit(self, fields: Json, lower: Json, delay: timedelta) -> tuple[int, dict[str, Any]]:
        """Take a submission or say what is wrong with it."""
        now = self.clock.now()
        wrong = objections(lower, Desk(self.units, self.prices_held, now))
        if wrong:
            return 422, {"transactionId": self._next(now), "data": None, "errors": [_error(o) for o in wrong]}
        taken = Taken(lower["referenceid"], self._next(now), now, now + delay, fields)
        self.taken.append(taken)
        return 200, {"transactionId": taken.transaction, "data": self._cover(taken), "errors": []}

    def find(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the last submission of a reference or transaction; data is null where there is none."""
        now = self.clock.now()
        found = self._asked_for(query) if query else []
        answer: dict[str, Any] = {"transactionId": self._next(now), "data": None, "errors": []}
        if found:
            cover = self._cover(found[-1])
            nested = {
                name: [bids] if isinstance(bids, list) and bids else bids
                for name, bids in found[-1].fields.items()
                if name.lower() in ("energybids", "fcasbids", "mnspbids")
            }
            answer["data"] = cover | nested
        return answer

    def covers(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the covers of the submissions that a query asks for."""
        return {"submissions": [self._cover(taken) for taken in self._asked_for(query)]}

    def prices_held(self, key: Key) -> Sequence[Decimal] | None:
        """Return the prices of the offer that stands for a unit, day, service and side."""
        for taken in reversed(self.taken):
            for _, service, bid in bids_in(lowered(taken.fields)):
                if key_of(service, bid) == key:
                    return [Decimal(price) for price in bid["prices"]]
        return None

    def is_throttled(self) -> bool:
        """Count a request; tell whether it is one too many."""
        now = self.clock.now()
        while self._asked and self._asked[0] <= now - _MINUTE:
            self._asked.popleft()
        if len(self._asked) >= self.per_minute:
            return True
        self._asked.append(now)
        return False

    def _asked_for(self, query: Mapping[str, str]) -> Sequence[Taken]:
        now = self.clock.now()
        reference, transaction = query.get("referenceId"), query.get("transactionId")
        return [
            taken
            for taken in self.taken
            if taken.shows_at <= now
            and reference in (None, taken.reference)
            and transaction in (None, taken.transaction)
        ]

    def _next(self, now: datetime) -> str:
        self._count += 1
        return f"{self.participant}_{now.astimezone(NEM_TIME):%Y%m%d%H%M%S}_{self._count:06d}"

    def _cover(self, taken: Taken) -> dict[str, Any]:
        at = taken.offered_at.astimezone(NEM_TIME).isoformat(timespec="seconds")
        lower = lowered(taken.fields)
        return {
            "participantId": self.participant,
            "offerTimeStamp": at,
            "submissionTimeStamp": at,
            "transactionId": taken.transaction,
            "referenceId": taken.reference,
            "comments": lower.get("comments") or "",
            "authorisedBy": lower.get("authorisedby") or "",
            "filename": "",
            "status": ACCEPTED,
            "method": "API",
        }


def application(service: BiddingService) -> Starlette:
    """Return the web server."""
    basic = base64.b64encode(f"{service.user}:{service.password}".encode()).decode()

    async def answer(request: Request) -> Response:
        operation = request.url.path.rpartition("/")[2]
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Basic {basic}"):
            return Response(status_code=401)
        if any(not request.headers.get(name) for name in _HEADERS):
            return Response(status_code=400)
        fault = _next_fault(service, operation)
        if service.is_throttled() or (fault and fault.trouble is Trouble.THROTTLED):
            return Response(status_code=429)
        if fault and fault.trouble is Trouble.SLOW:
            await service.clock.sleep_until(service.clock.now() + fault.lasts)
            fault = None
        if fault and not fault.is_taken and fault.trouble is not Trouble.HIDDEN:
            return await _in_trouble(fault, b"{}")
        answered = await _operate(service, operation, request, fault.lasts if fault else timedelta())
        if fault is None or fault.trouble is Trouble.HIDDEN:
            return answered
        return await _in_trouble(fault, bytes(answered.body))

    return Starlette(
        routes=[
            Route(f"{PATH}/submitBids", answer, methods=["POST"]),
            Route(f"{PATH}/getSubmission", answer, methods=["GET"]),
            Route(f"{PATH}/getSubmissions", answer, methods=["GET"]),
        ]
    )


def lowered(value: Any) -> Any:  # noqa: ANN401 - decoded JSON
    """Spell every name in it in lower case."""
    if isinstance(value, dict):
        return {name.lower(): lowered(item) for name, item in value.items()}
    return [lowered(item) for item in value] if isinstance(value, list) else value


async def _operate(service: BiddingService, operation: str, request: Request, delay: timedelta) -> Response:
    if operation == "getSubmission":
        return _json(200, service.find(request.query_params))
    if operation == "getSubmissions":
        return _json(200, service.covers(request.query_params))
    body = await request.body()
    try:
        fields = _DECODER.decode(body) if len(body) <= _MOST_BYTES else None
    except (msgspec.DecodeError, RecursionError, ArithmeticError):
        fields = None
    if not isinstance(fields, dict):
        return Response(status_code=400)
    return _json(*service.submit(fields, lowered(fields), delay))


def _next_fault(service: BiddingService, operation: str) -> Fault | None:
    fault = next((fault for fault in service.faults if fault.operation == operation), None)
    if fault is not None:
        service.faults.remove(fault)
    return fault


async def _in_trouble(fault: Fault, answer: bytes) -> Response:
    """Return what is heard of an answer."""
    if fault.trouble is Trouble.BROKEN:
        return Response(status_code=500)
    if fault.trouble is Trouble.CUT:
        headers = {"Content-Length": str(len(answer))}
        return Response(answer[: len(answer) // 2], headers=headers, media_type="application/json")
    await asyncio.Event().wait()
    raise AssertionError("nobody sets that event")


def _json(status: int, answer: Mapping[str, Any]) -> Response:
    return Response(_ENCODER.encode(answer), status, media_type="application/json")


def _error(objection: Objection) -> dict[str, str]:
    title = "The submission does not meet the rules"
    return {"code": objection.code, "title": title, "detail": objection.detail, "source": objection.source}
