"""A web server like NEMWEB: a listing that grows by a file each five minutes, and the files."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from random import Random
from typing import Any, Literal, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval
from manta.nemsim.dispatchis import FIRM, NOT_FIRM, packed, report
from manta.nemsim.market import SimulatedMarket
from manta.nemsim.shelves import SHELVES, Librarian, NoticeBoard

OFFERED = timedelta(hours=24)
EARLIEST_S, LATEST_S = 15.0, 25.0
"""After an interval has begun its price is published, between these."""
_KEPT = 400
"""Files kept ready; a day has 288."""


class Now(Protocol):
    """What we need of a clock."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong with the publication of one interval.

    ``late``: it appears that much later. ``truncated``: for that long only half of it is served.
    ``unavailable``: for that long after the interval has begun everything answers 503. ``not_firm``: the
    price is published as not firm, and that much later again, firm.
    """

    kind: Literal["late", "truncated", "unavailable", "not_firm"]
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class Published:
    """One file as it is listed."""

    name: str
    interval: DispatchInterval
    at: datetime
    number: int
    standing: str = FIRM

    @property
    def path(self) -> str:
        """Where it is, spelled as NEMWEB spells its listings."""
        return f"/REPORTS/CURRENT/DispatchIS_Reports/{self.name}"


@dataclass(slots=True)
class Publisher:
    """What is published when: a function of the clock, the seed and the faults asked for."""

    market: Callable[[], SimulatedMarket]
    """The market with the stories started so far."""
    clock: Now
    seed: int
    faults: dict[DispatchInterval, Fault] = field(default_factory=dict)
    offered: timedelta = OFFERED
    """How far back files are listed."""
    _ready: OrderedDict[str, bytes] = field(default_factory=OrderedDict)

    @property
    def directory(self) -> str:
        """Where the dispatch reports are, below Reports/Current."""
        return "DispatchIS_Reports"

    def files(self) -> Sequence[Published]:
        """Return what is on offer now, oldest first."""
        now = self.clock.now()
        newest = DispatchInterval.containing(now)
        count = self.offered // FIVE_MINUTES
        intervals = (DispatchInterval(newest.end - n * FIVE_MINUTES) for n in reversed(range(count)))
        return [file for interval in intervals for file in self._runs(interval) if file.at <= now]

    def body(self, file: Published) -> bytes:
        """Return the bytes of a file, cut in half while that fault lasts."""
        if file.name not in self._ready:
            market = self.market().before_review() if file.standing == NOT_FIRM else self.market()
            csv = report(market, file.interval, file.at, file.number, file.standing)
            self._ready[file.name] = packed(f"{file.name.removesuffix('.zip')}.CSV", csv, file.at)
            while len(self._ready) > _KEPT:
                self._ready.popitem(last=False)
        whole = self._ready[file.name]
        fault = self._fault(file.interval)
        cut = fault is not None and fault.kind == "truncated" and self.clock.now() < file.at + fault.lasts
        return whole[: len(whole) // 2] if cut else whole

    def prepare(self) -> None:
        """Have everything on offer ready, so that the first listing is as quick as the others."""
        for file in self.files():
            self.body(file)

    def is_down(self) -> bool:
        """Tell whether the whole server is out of order."""
        now = self.clock.now()
        interval = DispatchInterval.containing(now)
        fault = self.faults.get(interval)
        return fault is not None and fault.kind == "unavailable" and now < interval.start + fault.lasts

    def _fault(self, interval: DispatchInterval) -> Fault | None:
        """Return what goes wrong with an interval: what was asked for, or what a story tells."""
        told = (s.mishap for s in self.market().stories if s.mishap is not None and s.spans(interval))
        mishap = next(told, None)
        return self.faults.get(interval) or (Fault(mishap.kind, mishap.lasts) if mishap else None)

    def _runs(self, interval: DispatchInterval) -> Iterator[Published]:
        """Yield the publications of an interval: one, or two when the first was not firm."""
        random = Random(f"{self.seed}/{interval}")  # noqa: S311 - a simulation
        at = interval.start + timedelta(seconds=random.uniform(EARLIEST_S, LATEST_S))
        fault = self._fault(interval)
        if fault is not None and fault.kind == "late":
            at += fault.lasts
        first = int(interval.end.timestamp()) * 10
        if fault is not None and fault.kind == "not_firm":
            yield _published(interval, at, first, NOT_FIRM)
            yield _published(interval, at + fault.lasts, first + 1, FIRM)
        else:
            yield _published(interval, at, first, FIRM)


class Directory(Protocol):
    """A directory of the server."""

    @property
    def directory(self) -> str:
        """Where it is, below Reports/Current."""
        ...

    def files(self) -> Sequence[Listed]:
        """Return what is on offer now, oldest first."""
        ...

    def body(self, file: Any) -> bytes:  # noqa: ANN401 - of one of its own files
        """Return the bytes of a file."""
        ...


class Listed(Protocol):
    """A file as it is listed."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def path(self) -> str:
        """Where it is."""
        ...

    @property
    def at(self) -> datetime:
        """When it was published."""
        ...


type _Body = Callable[[Directory, Any], Awaitable[bytes]]


def application(publisher: Publisher, *, in_threads: bool = False) -> Starlette:
    """Return the web server; in threads it writes long reports beside its answers, and needs a real clock."""
    body = _apart if in_threads else _at_once
    now, market = publisher.clock.now, publisher.market
    directories: list[Directory] = [publisher, NoticeBoard(market, now)]
    directories += [Librarian(shelf, market, now, publisher.seed) for shelf in SHELVES]
    return Starlette(routes=[route for each in directories for route in _routes(publisher, each, body)])


async def _at_once(shown: Directory, file: Any) -> bytes:  # noqa: ANN401 - of one of its own files
    return shown.body(file)


async def _apart(shown: Directory, file: Any) -> bytes:  # noqa: ANN401 - the same
    """Write what takes long in a thread: a pre-dispatch run is half a second in which prices must go out."""
    return await asyncio.to_thread(shown.body, file) if isinstance(shown, Librarian) else shown.body(file)


def _routes(publisher: Publisher, shown: Directory, body_of: _Body) -> list[Route]:
    """Return the ways to a directory and its files, in both spellings of AEMO's."""
    folder = f"/Reports/Current/{shown.directory}/"

    async def listing(request: Request) -> Response:
        if publisher.is_down():
            return Response("the service is unavailable", 503)
        files = shown.files()
        etag = hashlib.sha256(" ".join(f.name for f in files).encode()).hexdigest()[:16]
        changed_at = files[-1].at if files else publisher.clock.now()
        if unchanged := _unchanged(request, etag, changed_at):
            return unchanged
        page = _page(folder, [(file, len(await body_of(shown, file))) for file in files])
        return HTMLResponse(page, headers=_marks(etag, changed_at))

    async def download(request: Request) -> Response:
        if publisher.is_down():
            return Response("the service is unavailable", 503)
        name = request.path_params["name"]
        file = next((f for f in shown.files() if f.name.casefold() == name.casefold()), None)
        if file is None:
            return Response("not found", 404)
        body = await body_of(shown, file)
        etag = hashlib.sha256(body).hexdigest()[:16]
        if unchanged := _unchanged(request, etag, file.at):
            return unchanged
        kind = "application/x-zip-compressed" if file.name.endswith(".zip") else "text/plain"
        return Response(body, media_type=kind, headers=_marks(etag, file.at))

    folders = [folder, folder.replace("Reports/Current", "REPORTS/CURRENT")]
    return [Route(each, listing) for each in folders] + [Route(each + "{name}", download) for each in folders]


def _published(interval: DispatchInterval, at: datetime, number: int, standing: str) -> Published:
    local = interval.end.astimezone(NEM_TIME)
    return Published(
        f"PUBLIC_DISPATCHIS_{local:%Y%m%d%H%M}_{number:016d}.zip", interval, at, number, standing
    )


def _page(folder: str, files: Sequence[tuple[Listed, int]]) -> str:
    title = f"nemweb.com.au - {folder}"
    lines = "".join(
        f"{file.at.astimezone(NEM_TIME):%A, %B %d, %Y %I:%M %p} {size:12d} "
        f'<A HREF="{file.path}">{file.name}</A><br>'
        for file, size in files
    )
    parent = '<A HREF="/REPORTS/CURRENT/">[To Parent Directory]</A><br><br>'
    return (
        f"<html><head><title>{title}</title></head><body><H1>{title}</H1><hr>\r\n\r\n"
        f"<pre>{parent}{lines}</pre><hr></body></html>"
    )


def _marks(etag: str, changed_at: datetime) -> dict[str, str]:
    return {"ETag": f'"{etag}"', "Last-Modified": format_datetime(_whole_second(changed_at), usegmt=True)}


def _unchanged(request: Request, etag: str, changed_at: datetime) -> Response | None:
    """Return a 304 for whoever has it already."""
    if asked := request.headers.get("If-None-Match"):
        has_it = f'"{etag}"' in asked
    else:
        try:
            since = parsedate_to_datetime(request.headers.get("If-Modified-Since", ""))
            has_it = since >= _whole_second(changed_at)
        except (ValueError, TypeError):
            has_it = False
    return Response(status_code=304, headers=_marks(etag, changed_at)) if has_it else None


def _whole_second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
