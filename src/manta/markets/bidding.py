"""AEMO's bidding service: offers sent, and found again when nobody can tell whether they arrived.

The service has no idempotency key. What makes a second sending safe is to ask first: a submission has a
reference that is never used twice, and it is not sent again unless getSubmission, asked after AEMO has had
time to settle, does not have it. What is acknowledged is what AEMO reads back to us, not what we sent.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx
import msgspec
import structlog

from manta.domain.offer import Acknowledged, Answer, Problem, Refused, Submission, Unresolved
from manta.domain.time import NEM_TIME
from manta.markets import bid_json
from manta.markets.bid_json import MOST_BYTES, BidFormatError, Held, fields_of
from manta.markets.bids import submission_of, write

log = structlog.get_logger()

PATH = "/NEMWholesale/bidding"
SENDINGS = 3
"""Of one submission, the most."""
LOOKS = 4
"""For a submission whose fate is not known, in a row; each waits longer than the one before."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
TIMEOUT_S = 15.0
_THROTTLED, _NOTHING_FOUND = 429, 422
_NOT_TAKEN = frozenset({"REJECTED", "INVALID", "FAILED", "ERROR", "CORRUPT"})
"""What a submission's status may be if it does not stand. Confidence L."""
_MEANINGS = {
    400: ("AEMO misses a header", "check the participant's name in the settings"),
    401: ("AEMO does not know this user, or has locked it out", "check the user and its password, once"),
    404: ("AEMO has no such service here", "check the address of the bidding service"),
    405: ("AEMO does not take this here", "check the address of the bidding service"),
}


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        ...

    async def sleep_until(self, at: datetime) -> None:
        """Return once it is that late."""
        ...


@dataclass(frozen=True, slots=True)
class _Sent:
    """What became of one sending, as far as its answer tells."""

    is_settled: bool = False
    """Nothing of it can turn up later: it was taken, or turned away at the door."""
    transaction: str | None = None
    because: str = ""
    wait_s: float = 0.0
    """How long AEMO wants to be left alone."""


class _UnansweredError(ConnectionError):
    """A question to which there was no answer that tells anything."""


class AemoBidding:
    """Submits offers; shaped as the ``Bidding`` port of the journeys."""

    def __init__(
        self,
        base_url: str,
        *,
        participant: str,
        client: httpx.AsyncClient,
        clock: Clock,
        random: Random,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Speak for a participant; the client brings its user, its password and its certificate."""
        self._url = base_url.rstrip("/") + PATH
        self._headers = {"X-initiatingParticipantID": participant, "X-market": "NEM"}
        self._client = client
        self._clock = clock
        self._random = random
        self._timeout_s = timeout_s

    async def submit(self, submission: Submission) -> Answer:
        """Send a submission under a new reference and return what became of it.

        It is sent again only when AEMO has said that it does not have it. After a restart, ``find`` first.
        """
        body = write(submission)
        sent = _Sent()
        for number in range(SENDINGS):
            await self._wait(number, 0.0)
            answered = await self._send(body, submission)
            if not isinstance(answered, _Sent):
                return self._compared(answered, submission)
            sent = answered
            found = await self._look(submission.reference, sent)
            if found is not None:
                return self._compared(found, submission)
            if sent.transaction is not None:
                because = f"AEMO took it as {sent.transaction} and does not show it yet"
                return Unresolved(submission.reference, because)
            log.warning("offer not taken", reference=submission.reference, because=sent.because)
        cause = f"AEMO did not take it, asked {SENDINGS} times: {sent.because}"
        return Refused((Problem("", cause, "send it again when AEMO answers"),))

    async def find(self, reference: str) -> Answer | None:
        """Ask AEMO once for a submission; None if AEMO says that it has none."""
        query = urlencode({"referenceId": reference})
        try:
            status, headers, body = await self._ask("GET", f"/getSubmission?{query}", b"")
        except _UnansweredError as error:
            return Unresolved(reference, str(error))
        if status == _NOTHING_FOUND:
            return None
        if status != httpx.codes.OK:
            return Unresolved(reference, f"getSubmission answers {status}{_retry_text(headers)}")
        try:
            return _held(reference, body, self._clock.now())
        except (BidFormatError, ValueError) as error:
            return Unresolved(reference, f"getSubmission answers what we cannot read: {error}")

    async def _send(self, body: bytes, submission: Submission) -> _Sent | Answer:
        try:
            status, headers, answer = await self._ask("POST", "/submitBids", body)
        except _UnansweredError as error:
            return _Sent(because=str(error))
        if status == httpx.codes.OK:
            try:
                told = _answer(answer)
            except BidFormatError as error:
                return _Sent(because=f"submitBids answers what we cannot read: {error}")
            if told.errors:  # whether it then has any of it is for AEMO to say
                held = await self.find(submission.reference)
                return Refused(_problems(told)) if held is None else held
            transaction = told.transaction_id
            return _Sent(
                is_settled=transaction is not None, transaction=transaction, because="no transaction id"
            )
        if status == _THROTTLED:
            return _Sent(is_settled=True, because="too many requests", wait_s=_retry_after_s(headers))
        if httpx.codes.is_client_error(status) and status != httpx.codes.REQUEST_TIMEOUT:
            log.warning("offer refused", reference=submission.reference, status=status)
            return Refused(_refusal(status, answer))
        return _Sent(because=f"submitBids answers {status}")

    async def _look(self, reference: str, sent: _Sent) -> Answer | None:
        """Look for a submission until AEMO's word is final: it has it, or it still has not after a while."""
        found: Answer | None = None
        for number in range(LOOKS):
            await self._wait(number if sent.is_settled else number + 1, sent.wait_s if not number else 0.0)
            found = await self.find(reference)
            if isinstance(found, Acknowledged | Refused):
                return found
            if found is None and sent.is_settled and sent.transaction is None:
                return None
        return found

    def _compared(self, found: Answer, submission: Submission) -> Answer:
        if isinstance(found, Acknowledged) and found.submission != submission:
            log.warning(
                "offer acknowledged otherwise", reference=submission.reference, held=found.transaction
            )
        return found

    async def _wait(self, number: int, at_least_s: float) -> None:
        """Wait before a try: not at all before the first, then longer and longer."""
        backed_off_s = min(FIRST_WAIT_S * 2.0 ** (number - 1), LONGEST_WAIT_S) if number else 0.0
        wait_s = max(backed_off_s * self._random.uniform(0.5, 1.0), at_least_s)
        if wait_s > 0:
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=wait_s))

    async def _ask(self, method: str, path: str, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        """Return status, headers and body of an answer; it was heard whole, or there is none."""
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        heard = bytearray()
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream(
                    method, self._url + path, content=body, headers=headers, follow_redirects=False
                ) as answer,
            ):
                async for chunk in answer.aiter_bytes():
                    heard += chunk
                    if len(heard) > MOST_BYTES:
                        raise _UnansweredError(f"{method} {path} answers with more than {MOST_BYTES:,} bytes")
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, TimeoutError) as error:
            raise _UnansweredError(f"{method} {path}: {type(error).__name__} {error}".rstrip()) from error
        return answer.status_code, answer.headers, bytes(heard)


def _answer(body: bytes) -> bid_json.Answer:
    try:
        return msgspec.convert(fields_of(body), bid_json.Answer)
    except msgspec.ValidationError as error:
        raise BidFormatError(str(error)) from error


def _held(reference: str, body: bytes, at: datetime) -> Answer | None:
    """Return the submission that an answer holds, as AEMO has it; None where it holds none."""
    told = _answer(body)
    if told.errors:
        return Refused(_problems(told))
    if not told.data:
        return None
    held = msgspec.convert(told.data, Held)
    if (held.status or "").upper() in _NOT_TAKEN:
        return Refused((Problem("", f"AEMO has it as {held.status}", "correct it and send it anew"),))
    offered_at = _instant(held.offer_time_stamp)
    submission = submission_of(told.data, min(offered_at, at))
    if submission.reference != reference:
        raise BidFormatError(f"it is {submission.reference!r}, not {reference!r}")
    return Acknowledged(held.transaction_id, offered_at, submission)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=NEM_TIME)


def _refusal(status: int, body: bytes) -> tuple[Problem, ...]:
    try:
        problems = _problems(_answer(body))
    except BidFormatError:
        problems = ()
    cause, remedy = _MEANINGS.get(status, (f"AEMO answers {status}", "correct it and send it anew"))
    return problems or (Problem("", cause, remedy),)


def _problems(told: bid_json.Answer) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            error.source or "",
            ": ".join(part for part in (error.title, error.detail) if part) or "AEMO does not say why",
            f"correct it and send it anew (AEMO's code {error.code})",
        )
        for error in told.errors or ()
    )


def _retry_after_s(headers: httpx.Headers) -> float:
    text: Any = headers.get("Retry-After", "")
    return min(float(text), LONGEST_WAIT_S) if text.isdecimal() else 0.0


def _retry_text(headers: httpx.Headers) -> str:
    return f", again after {headers['Retry-After']} s" if "Retry-After" in headers else ""
