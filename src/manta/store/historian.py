"""The historian: ClickHouse's engine inside this process, behind the part of its HTTP protocol that we use.

Whoever reads or writes history does so over HTTP as with a ClickHouse server, so that a cluster takes this
process's place by another URL and nothing else. One thread writes, a few read, each with its own session.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, local

import chdb
import lz4.frame
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

log = structlog.get_logger()

LARGEST_BODY = 64 * 1024 * 1024
"""Bytes of one request, unpacked; a million readings have 57 million."""
LARGEST_SQL = 1024 * 1024
READERS = 3
SESSION = {
    "max_threads": 2,
    "max_memory_usage": 1_000_000_000,
    "max_execution_time": 60,
    "max_partitions_per_insert_block": 0,
    "optimize_on_insert": 0,
}
"""What one statement may take; settings in a request's address are for a server of many and pass us by."""

_INSERT = re.compile(r"\s*INSERT\s+INTO\s", re.IGNORECASE)
_INSERT_LINE = re.compile(rb"\s*INSERT\s[^\n]*\n", re.IGNORECASE)
_READ = re.compile(r"\s*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXPLAIN|EXISTS)\b", re.IGNORECASE)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)")
_STATUS = {47: 400, 60: 404, 62: 400, 81: 404, 159: 408, 241: 507, 497: 403, 516: 401}
"""ClickHouse's error code → HTTP; any other is 500, as there."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it was asked, with its parameters and the rows that came with it."""

    sql: str
    rows: bytes
    parameters: Mapping[str, str]

    @property
    def reads(self) -> bool:
        """Tell whether it changes nothing."""
        return _READ.match(self.sql) is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine said."""

    status: int
    body: bytes
    form: str = "TabSeparated"
    code: int = 0


class RefusedError(ValueError):
    """A request that does not reach the engine."""

    def __init__(self, status: int, code: int, cause: str) -> None:
        super().__init__(cause)
        self.answer = Answer(status, f"Code: {code}. DB::Exception: {cause}\n".encode(), code=code)


class Historian:
    """The engine over one directory, which no other process may open meanwhile."""

    def __init__(self, path: Path, *, user: str, password: str) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path / "clickhouse"
        self._rows = _empty(path / "rows")
        self._expected = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
        self._sessions: list[chdb.state.sqlitelike.Connection] = []
        self._lock = Lock()
        self._own = local()
        self._writer = ThreadPoolExecutor(1, "historian-writer")
        self._readers = ThreadPoolExecutor(READERS, "historian-reader")
        self._writer.submit(self._session).result()

    def application(self) -> Starlette:
        """Return the HTTP side."""
        routes = [Route("/ping", self._pong), Route("/", self._serve, methods=["GET", "POST"])]
        return Starlette(routes=routes)

    async def ping(self) -> None:
        """Return once the engine has answered a question; RuntimeError if it cannot."""
        answer = await self._run(Statement("SELECT 1", b"", {}))
        if answer.status != 200:
            raise RuntimeError(answer.body.decode(errors="replace"))

    def close(self) -> None:
        """Let what runs finish and close the directory."""
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._writer.shutdown(wait=True)
        for session in self._sessions:
            session.close()
        self._sessions.clear()

    async def _pong(self, request: Request) -> Response:
        return Response(b"Ok.\n")

    async def _serve(self, request: Request) -> Response:
        try:
            self._admit(request)
            statement = _statement(dict(request.query_params), await _body(request))
            answer = await self._run(statement)
        except RefusedError as error:
            answer = error.answer
        if answer.status >= 500:
            log.warning("statement failed", because=answer.body.decode(errors="replace").strip()[:500])
        headers = {"X-ClickHouse-Format": answer.form, "X-ClickHouse-Summary": "{}"}
        headers["X-ClickHouse-Query-Id"] = request.query_params.get("query_id", "")[:64]
        if answer.code:
            headers["X-ClickHouse-Exception-Code"] = str(answer.code)
        return Response(answer.body, answer.status, headers, media_type="application/octet-stream")

    def _admit(self, request: Request) -> None:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, self._expected):
            raise RefusedError(401, 516, "Authentication failed")

    async def _run(self, statement: Statement) -> Answer:
        pool = self._readers if statement.reads else self._writer
        return await asyncio.get_running_loop().run_in_executor(pool, self._execute, statement)

    def _execute(self, statement: Statement) -> Answer:
        """Run a statement on this thread's session."""
        try:
            if statement.rows:
                return self._insert(statement)
            form = _FORMAT.search(statement.sql)
            result = self._session().query(
                statement.sql, "TabSeparated", params=dict(statement.parameters) or None
            )
        except RuntimeError as error:
            return _failed(str(error))
        return Answer(200, bytes(result.bytes()), form[1] if form else "TabSeparated")

    def _insert(self, statement: Statement) -> Answer:
        """Insert rows by way of a file, the only door the engine has for binary ones."""
        form = _FORMAT.search(statement.sql)
        into = _FORMAT.sub("", statement.sql).strip()
        with tempfile.NamedTemporaryFile(dir=self._rows, suffix=".bin") as file:
            file.write(statement.rows)
            file.flush()
            kind, name = form[1] if form else "Native", file.name.replace("\\", r"\\").replace("'", r"\'")
            self._session().query(f"{into} FROM INFILE '{name}' COMPRESSION 'none' FORMAT {kind}")
        return Answer(200, b"")

    def _session(self) -> chdb.state.sqlitelike.Connection:
        session: chdb.state.sqlitelike.Connection | None = getattr(self._own, "session", None)
        if session is None:
            session = chdb.connect(str(self._path))
            for setting, value in SESSION.items():
                session.query(f"SET {setting} = {value}")
            self._own.session = session
            with self._lock:
                self._sessions.append(session)
        return session


def _statement(query: dict[str, str], body: bytes) -> Statement:
    """Take a request apart: the statement comes in the address, or before its rows, or alone in the body."""
    sql = query.pop("query", None)
    if sql is None:
        first = _INSERT_LINE.match(body)
        sql, rows = (first[0].decode(), body[first.end() :]) if first else (_text(body), b"")
    elif _INSERT.match(sql):
        rows = body
    else:
        sql, rows = sql + _text(body), b""
    if len(sql) > LARGEST_SQL:
        raise RefusedError(413, 62, f"a statement of more than {LARGEST_SQL:,} characters")
    given = {name.removeprefix("param_"): v for name, v in query.items() if name.startswith("param_")}
    return Statement(sql, rows, given)


async def _body(request: Request) -> bytes:
    """Read and unpack a body, never more of it than is allowed."""
    packed = bytearray()
    async for chunk in request.stream():
        packed += chunk
        if len(packed) > LARGEST_BODY:
            raise RefusedError(413, 241, f"a body of more than {LARGEST_BODY:,} bytes")
    match request.headers.get("Content-Encoding", "identity"):
        case "identity":
            return bytes(packed)
        case "lz4":
            return _unpacked(lz4.frame.LZ4FrameDecompressor(), bytes(packed))
        case "gzip":
            return _unpacked(zlib.decompressobj(31), bytes(packed))
        case other:
            raise RefusedError(415, 89, f"a body packed as {other[:20]!r}")


def _unpacked(unpacker: lz4.frame.LZ4FrameDecompressor | zlib._Decompress, packed: bytes) -> bytes:
    try:
        body = unpacker.decompress(packed, LARGEST_BODY + 1)
    except (RuntimeError, zlib.error, EOFError) as error:
        raise RefusedError(400, 354, f"a damaged body: {error}") from error
    if len(body) > LARGEST_BODY:
        raise RefusedError(413, 241, f"a body of more than {LARGEST_BODY:,} bytes")
    return bytes(body)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(400, 62, f"a statement that is not text: {error}") from error


def _failed(because: str) -> Answer:
    code = int(found[1]) if (found := _CODE.search(because)) else 1
    return Answer(_STATUS.get(code, 500), f"{because}\n".encode(), code=code)


def _empty(directory: Path) -> Path:
    """Return a private directory with nothing in it: rows left by a crash were never acknowledged."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    return directory
