"""Files into market history: each is read once, and what is broken off goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types

from manta.marketdata.files import exclusive, replacing
from manta.marketdata.history import MarketData
from manta.marketdata.merging import Kept
from manta.marketdata.months import Month, months_of
from manta.marketdata.reading import rows_in
from manta.mms.archive import ARCHIVE_PACKED, archived_files
from manta.mms.catalogue import PRICE_AND_DEMAND, TABLES, Table
from manta.mms.lines import MarketFileError
from manta.mms.rows import Rows

MOST_WAITING = 128_000_000
"""Bytes of rows in memory before they are put down: many small reports are kept as one."""


class Entry(msgspec.Struct, frozen=True):
    """A file that has been read to its end."""

    file: str
    reader: str
    """By which knowledge of the tables; another may find more in it."""
    rows: int
    at: datetime


class Log(msgspec.Struct):
    """What has been imported: files by the SHA-256 of their bytes, addresses by their validators."""

    files: dict[str, Entry] = {}
    addresses: dict[str, str] = {}
    """The validator of an address whose file has been read."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file, or of one in an archive."""

    file: str
    rows: int = 0
    refusal: MarketFileError | None = None
    known: bool = False
    """It was read before, and not again."""


@dataclass(slots=True)
class Total:
    """What came to one table."""

    kept: Kept = Kept()
    months: set[Month] = field(default_factory=set)


class Importer:
    """Reads files into market history; ``finish`` puts down what is still in hand."""

    def __init__(self, market: MarketData, now: datetime) -> None:
        self.totals: dict[Table, Total] = {}
        self._market = market
        self._now = now
        self._reader = reader_version()
        self._log = read_log(market.root)
        self._waiting: dict[Table, list[Rows]] = {}
        self._read: dict[str, Entry] = {}

    def take(self, path: Path, name: str) -> Iterator[Taken]:
        """Read a file and yield what became of it or, of an archive, of each file in it.

        A refused one does not keep the others out; the archive then counts as not yet read.
        """
        try:
            body = _body(path, name)
            digest = hashlib.sha256(body).hexdigest()
            if self._is_known(digest):
                yield Taken(name, known=True)
                return
            rows, refused = 0, False
            for taken in self._members(name, body):
                rows += taken.rows
                refused |= taken.refusal is not None
                yield taken
            if not refused:
                self._read[digest] = Entry(name, self._reader, rows, self._now)
        except MarketFileError as error:
            label = name if error.file == name else f"{name}: {error.file}"
            yield Taken(name, refusal=MarketFileError(label, error.line, error.cause))

    def finish(self) -> None:
        """Keep what waits, then note which files it was of: killed between, it reads some again."""
        for table, parts in self._waiting.items():
            joined = pa.concat_tables([part.columns for part in parts], promote_options="default")
            rows = Rows(table, joined)
            total = self.totals.setdefault(table, Total())
            total.kept += self._market.keep(rows)
            total.months |= months_of(rows)
        self._waiting.clear()
        if self._read:
            note(self._market.root, files=self._read)
            self._log.files |= self._read
            self._read = {}

    def _is_known(self, digest: str) -> bool:
        entry = self._log.files.get(digest) or self._read.get(digest)
        return entry is not None and entry.reader == self._reader

    def _members(self, name: str, body: bytes) -> Iterator[Taken]:
        found = 0
        for member, content in archived_files(name, body):
            found += 1
            label = name if member == name else f"{name}: {member}"
            try:
                parts = rows_in(label, content)
            except MarketFileError as error:
                yield Taken(label, refusal=error)
                continue
            self._add(parts)
            yield Taken(label, sum(map(len, parts)))
        if not found:
            raise MarketFileError(name, None, "there is nothing in it")

    def _add(self, parts: Sequence[Rows]) -> None:
        for rows in parts:
            if len(rows):
                self._waiting.setdefault(rows.table, []).append(rows)
        waiting = sum(rows.columns.nbytes for each in self._waiting.values() for rows in each)
        if waiting > MOST_WAITING:
            self.finish()


def reader_version() -> str:
    """Return what changes when we learn of a table or a column: then files are worth reading again."""
    known = [
        (*(table.group, table.name, table.monthly, table.key, table.newest_by), *map(sorted, _kinds(table)))
        for table in (*TABLES, PRICE_AND_DEMAND)
    ]
    return hashlib.sha256(repr(known).encode()).hexdigest()[:16]


def read_log(root: Path) -> Log:
    """Return what has been imported below a directory; ValueError if its log cannot be read."""
    path = root / "imported.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Log)
    except FileNotFoundError:
        return Log()
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: {error}; remove it, and files that it names are read again") from error


def note(
    root: Path, *, files: dict[str, Entry] | None = None, addresses: dict[str, str] | None = None
) -> None:
    """Add to the log on disk what others may be adding to as well."""
    with exclusive(root):
        log = read_log(root)
        log.files |= files or {}
        log.addresses |= addresses or {}
        with replacing(root / "imported.json") as draft:
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(log), indent=1))


def _kinds(table: Table) -> tuple[frozenset[str], ...]:
    return table.instants, table.numbers, table.names, table.may_lack


def _body(path: Path, name: str) -> bytes:
    try:
        if (size := path.stat().st_size) > ARCHIVE_PACKED:
            raise MarketFileError(name, None, f"{size:,} bytes; it should have 1 to {ARCHIVE_PACKED:,}")
        return path.read_bytes()
    except OSError as error:
        raise MarketFileError(name, None, error.strerror or type(error).__name__) from error
