"""What every vendor's cloud needs: a list of what may be asked, a budget, patience, and doubt of each answer.

Nothing is asked again within one call: who asks asks again when it is due, and until then a failure shuts the
account (a senseless answer its site alone) for a time that doubles, so that a cloud in trouble is asked
ever more seldom and by one caller at a time. Every call, answered or not, is counted against the budget.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import isfinite
from typing import Any, Protocol

import httpx
import msgspec

from manta.domain.lease import Outcome
from manta.drivers.cloud_budget import Purses, Urgency
from manta.drivers.port import Applied, DeviceError, ForbiddenError

MOST_BYTES = 1024 * 1024
MOST_DEEP = 16
TIMEOUT_S = 20.0
AT_ONCE = 4
"""Calls of one account in flight; a cloud that dies is so found dead by this many callers, not by all."""
_FIRST_WAIT = timedelta(seconds=4)
_LONGEST_WAIT = timedelta(minutes=5)
_LONGEST_RETRY_AFTER = timedelta(days=1)
_UNKNOWN = frozenset({"", "-", "--", "null", "none", "n/a"})
"""How vendors write that they do not know."""
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        ...

    async def sleep_until(self, at: datetime) -> None:
        """Return once it is that late."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that may be asked. In its path ``{}`` stands for one identifier."""

    method: str
    path: str
    purse: str = "calls"

    def permits(self, method: str, path: str) -> bool:
        """Tell whether a call is this one."""
        return method == self.method and _pattern(self.path).fullmatch(path) is not None


@lru_cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\{\}", "[A-Za-z0-9_-]{1,64}"), re.ASCII)


@dataclass(frozen=True, slots=True)
class Call:
    """One question or command about a site, to one path of the cloud."""

    method: str
    path: str
    site: str
    urgency: Urgency = Urgency.READ
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class LaterError(DeviceError):
    """Nothing was had, and none may ask before an instant; None: no call of this kind is ever paid for."""

    def __init__(self, because: str, retry_at: datetime | None) -> None:
        super().__init__(
            because if retry_at is None else f"{because}; not before {retry_at:%Y-%m-%d %H:%M:%SZ}"
        )
        self.retry_at = retry_at


class BudgetError(LaterError):
    """The budget is spent: the cloud was not asked."""


class TokenError(DeviceError):
    """The cloud does not know us, or no longer."""


class RefusedError(DeviceError):
    """The cloud understood, and said no."""


class Circuit:
    """Whether asking is any use: shut after a failure, for a time that doubles to five minutes."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._failures = 0
        self.shut_until: datetime | None = None

    def ready_at(self, at: datetime) -> datetime:
        """Return when it may be tried, from ``at`` on."""
        return at if self.shut_until is None else max(at, self.shut_until)

    def tried(self, at: datetime) -> None:
        """Let one caller alone try what failed before; the others wait until it must have its answer."""
        if self._failures:
            self.shut_until = at + timedelta(seconds=TIMEOUT_S)

    def failed(self, at: datetime, retry_at: datetime | None = None) -> datetime:
        """Shut until ``retry_at`` or for the next longer time, and return until when."""
        longest = min(_FIRST_WAIT * 2 ** min(self._failures, 16), _LONGEST_WAIT)
        self._failures += 1
        self.shut_until = max(at + longest * (1.0 + self._jitter()) / 2, retry_at or at)
        return self.shut_until

    def succeeded(self) -> None:
        """Open again."""
        self._failures, self.shut_until = 0, None


class Cloud:
    """One account of a vendor's cloud: asked only what is listed, no more often than is allowed."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        clock: Clock,
        endpoints: tuple[Endpoint, ...],
        purses: Purses,
        jitter: Callable[[], float],
    ) -> None:
        """``jitter`` gives a number from 0 to 1, another each time; the client has the base URL."""
        self.clock = clock
        self.purses = purses
        self._client = client
        self._endpoints = endpoints
        self._circuits: dict[str, Circuit] = defaultdict(lambda: Circuit(jitter))
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._heard_at: dict[str, datetime] = {}

    def age(self, site: str, at: datetime) -> timedelta | None:
        """Return how long ago a site was last answered for; None if it never was."""
        heard_at = self._heard_at.get(site)
        return None if heard_at is None else at - heard_at

    async def ask[T](self, call: Call, answer: type[T]) -> T:
        """Ask, and return what was answered.

        ForbiddenError for what is not listed, BudgetError and LaterError where it is not the time,
        TokenError, RefusedError, and DeviceError where what came is not an answer.
        """
        return (await self.ask_with_headers(call, answer))[1]

    async def ask_with_headers[T](self, call: Call, answer: type[T]) -> tuple[httpx.Headers, T]:
        """Do the same, and return the headers as well, in which some vendors hide a token."""
        endpoint = self._listed(call)
        async with self._turns:
            self._pay(endpoint.purse, call)
            status, headers, body = await self._send(call)
        self._judge(call, status, headers)
        try:
            parsed = read_json(body, answer)
        except DeviceError:
            self._circuits[call.site].failed(self.clock.now())
            raise
        self._circuits[call.site].succeeded()
        self._heard_at[call.site] = self.clock.now()
        return headers, parsed

    def throttled(self, wait: timedelta) -> LaterError:
        """Shut the account because the vendor said so in its own way, and return what to raise."""
        now = self.clock.now()
        return LaterError("the vendor throttles us", self._circuits[""].failed(now, now + wait))

    def failed(self, because: str) -> LaterError:
        """Shut the account because the vendor says that it has failed, and return what to raise."""
        return LaterError(because, self._circuits[""].failed(self.clock.now()))

    def _listed(self, call: Call) -> Endpoint:
        for endpoint in self._endpoints:
            if endpoint.permits(call.method, call.path):
                return endpoint
        raise ForbiddenError(f"{call.method} {call.path} is on no list of ours")

    def _pay(self, purse: str, call: Call) -> None:
        at = self.clock.now()
        circuits = (self._circuits[""], self._circuits[call.site])
        open_at = max(circuit.ready_at(at) for circuit in circuits)
        if open_at > at:
            raise LaterError("the cloud is left in peace after a failure", open_at)
        paid_at = self.purses.ready_at(purse, call.site, at, call.urgency)
        if paid_at is None or paid_at > at:
            raise BudgetError(f"the budget of {purse} is spent for a {call.urgency.value}", paid_at)
        self.purses.spend(purse, call.site, at)
        for circuit in circuits:
            circuit.tried(at)

    async def _send(self, call: Call) -> tuple[int, httpx.Headers, bytes]:
        body = bytearray()
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._client.stream(
                    call.method,
                    call.path,
                    json=call.body,
                    data=None if call.form is None else dict(call.form),
                    headers={"Accept-Encoding": "identity", **call.headers},
                    follow_redirects=False,
                    timeout=TIMEOUT_S,
                ) as answer,
            ):
                async for chunk in answer.aiter_raw():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise DeviceError(f"{call.path} answers with more than {MOST_BYTES:,} bytes")
        except (httpx.HTTPError, httpx.StreamError, TimeoutError, OSError) as error:
            because = f"{call.path}: {type(error).__name__} {error}".rstrip()
            raise self.failed(because) from error
        return answer.status_code, answer.headers, bytes(body)

    def _judge(self, call: Call, status: int, headers: httpx.Headers) -> None:
        now = self.clock.now()
        account = self._circuits[""]
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise LaterError("429", account.failed(now, retry_after(headers.get("Retry-After"), now)))
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
            retry_at = retry_after(headers.get("Retry-After"), now)
            raise LaterError(f"{call.path} answers {status}", account.failed(now, retry_at))
        account.succeeded()
        if status == httpx.codes.UNAUTHORIZED:
            raise TokenError(f"{call.path} answers {status}")
        if status != httpx.codes.OK:
            raise RefusedError(f"{call.path} answers {status}")


def retry_after(header: str | None, now: datetime) -> datetime | None:
    """Return the instant that a Retry-After header names, in seconds or as a date; a day away at most."""
    if header is None:
        return None
    try:
        if header.strip().isdecimal():
            at = now + timedelta(seconds=min(int(header), 86_400))
        else:
            at = parsedate_to_datetime(header)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    except ValueError:
        return None
    return min(at, now + _LONGEST_RETRY_AFTER)


def read_json[T](body: bytes, answer: type[T]) -> T:
    """Read a bounded JSON text as what it must be; DeviceError if it is not."""
    depth = deepest = 0
    for bracket in _BRACKETS.finditer(_STRINGS.sub(b"", body)):
        depth += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > MOST_DEEP:
        raise DeviceError(f"an answer nested {deepest} deep")
    try:
        return msgspec.json.decode(body, type=answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceError(f"not the answer that was expected: {error}") from error


type Loose = float | int | str | bool | None
"""A number as vendors send it: bare, in quotes, or as one of their words for unknown."""


def loose(value: Loose, scale: float = 1.0) -> float | None:
    """Return a number times its scale; None where the vendor says that it does not know.

    DeviceError for what is no finite number: such an answer is not believed in part either.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in _UNKNOWN):
        return None
    try:
        number = float(value) * scale if not isinstance(value, bool) else float("nan")
    except (ValueError, OverflowError):
        number = float("nan")
    if not isfinite(number):
        raise DeviceError(f"{str(value)[:40]!r} is no number")
    return number


def share(value: Loose) -> float | None:
    """Return a percentage as a fraction; DeviceError where it is not one from 0 to 1."""
    fraction = loose(value, 0.01)
    if fraction is not None and not 0.0 <= fraction <= 1.0:
        raise DeviceError(f"{value!r} is no percentage")
    return fraction


async def answered(carried_out: Awaitable[float | None]) -> Applied:
    """Await an order being carried out, and return how the cloud answered: its power, or why not.

    The power is in kW toward the grid; None once released, or where only the vendor knows it.
    """
    try:
        return Applied(Outcome.ACCEPTED, await carried_out)
    except (RefusedError, ForbiddenError, BudgetError, ValueError) as error:
        return Applied(Outcome.REFUSED, None, str(error))
    except DeviceError as error:
        return Applied(Outcome.SILENT, None, str(error))
