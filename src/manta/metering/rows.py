"""Meter data files row by row: bounded, with the line of everything, and fields that are what they claim.

A file is held to its limits before it is read, and a row before it is kept, so that a hostile file costs no
more than an honest one. Spaces around a field are forgiven, as are empty fields at the end of a row: both
occur in files that distributors send.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from manta.domain.time import NEM_TIME, epoch_ms

MOST_BYTES = 64 * 2**20
MOST_ROWS = 1_000_000
LONGEST_ROW = 40_000
"""Characters; a day of one-minute values with all their decimals takes less."""
_YEARS = range(1990, 2101)
_NUMBER = re.compile(r"-?(?:\d{1,15}(?:\.\d{0,30})?|\.\d{1,30})", re.ASCII)
_WHOLE = re.compile(r"\d{1,4}", re.ASCII)
_STAMP = re.compile(r"\d{8}(?:\d{4}(?:\d{2})?)?", re.ASCII)


class MeterFileError(ValueError):
    """A meter data file that cannot be believed: which one, on which line, and why."""

    def __init__(self, file: str, line: int, cause: str) -> None:
        super().__init__(f"{file}, line {line}: {cause}")
        self.file = file
        """Its name; a file inside an archive is named ``archive!file``."""
        self.line = line
        """Counted from 1; 1 where it is the file as a whole."""
        self.cause = cause


@dataclass(slots=True)
class Row:
    """One record of a file."""

    file: str
    line: int
    fields: list[str]

    def error(self, cause: str) -> MeterFileError:
        """Return an error that points at this row."""
        return MeterFileError(self.file, self.line, cause)

    def text(self, place: int, name: str, most: int = 240) -> str:
        """Return a field as printable text, empty if the row ends before it."""
        if place >= len(self.fields):
            return ""
        text = self.fields[place].strip(" ")
        if len(text) > most:
            raise self.error(f"{name} has {len(text)} characters, {most} at most")
        if not text.isprintable():
            raise self.error(f"{name} holds characters that cannot be printed")
        return text

    def needed(self, place: int, name: str, most: int = 240) -> str:
        """Return a field that must not be empty."""
        if not (text := self.text(place, name, most)):
            raise self.error(f"{name} is missing")
        return text

    def whole(self, place: int, name: str) -> int:
        """Return a field as a whole number of four digits at most."""
        text = self.needed(place, name)
        if not _WHOLE.fullmatch(text):
            raise self.error(f"{name} is not a whole number: {text[:20]!r}")
        return int(text)

    def number(self, place: int, name: str) -> str:
        """Return the text of a field that is a decimal number; its unit is applied to the text, exactly."""
        text = self.needed(place, name)
        if not _NUMBER.fullmatch(text):
            raise self.error(f"{name} is not a number: {text[:20]!r}")
        return text

    def day(self, place: int, name: str) -> date | None:
        """Return a field as a date, or None where it is empty."""
        text = self.text(place, name)
        stamp = _stamp(text) if len(text) == 8 else None
        if text and stamp is None:
            raise self.error(f"{name} is not a date: {text[:20]!r}")
        return stamp.date() if stamp else None

    def instant(self, place: int, name: str) -> datetime | None:
        """Return a field, which is in market time, as an aware instant, or None where it is empty.

        The specification has seconds; some distributors leave them out.
        """
        text = self.text(place, name)
        stamp = _stamp(text) if len(text) > 8 else None
        if text and stamp is None:
            raise self.error(f"{name} is not a time: {text[:20]!r}")
        return stamp

    def instant_ms(self, place: int, name: str, missing: int) -> int:
        """Return a field, which is in market time, as columns carry it."""
        at = self.instant(place, name)
        return missing if at is None else epoch_ms(at)

    def bare(self, since: int) -> None:
        """Refuse a row that goes on where its record ends; empty fields are forgiven."""
        if any(field.strip(" ") for field in self.fields[since:]):
            raise self.error(f"a {self.fields[0]} record has {since} fields, this one has {len(self.fields)}")


@lru_cache(maxsize=4096)
def _stamp(text: str) -> datetime | None:
    if not _STAMP.fullmatch(text) or int(text[:4]) not in _YEARS:
        return None
    parts = [int(text[at : at + 2]) for at in range(4, len(text), 2)]
    try:
        return datetime(int(text[:4]), *parts, tzinfo=NEM_TIME)  # type: ignore[arg-type,misc]  # 2 to 5 parts
    except ValueError:
        return None


def read_rows(file: str, body: bytes) -> Iterator[Row]:
    """Yield each record from the header to the end of data; what comes after is refused unless empty."""
    if not body:
        raise MeterFileError(file, 1, "the file is empty")
    if len(body) > MOST_BYTES:
        raise MeterFileError(file, 1, f"{len(body):,} bytes, {MOST_BYTES:,} at most")
    ended = False
    line = 0
    for line, fields in _fields(file, body):
        if not fields or not any(fields):
            if not ended:
                raise MeterFileError(file, line, "an empty row")
        elif ended:
            raise MeterFileError(file, line, "a row stands after the end of data (900)")
        else:
            row = Row(file, line, fields)
            ended = fields[0].strip(" ") == "900"
            if line == 1 and fields[0] != "100":
                raise row.error(f"a file begins with its header (100), not {fields[0][:20]!r}")
            yield row
    if not ended:
        raise MeterFileError(file, line, "the file was cut short: there is no end of data (900)")


def _fields(file: str, body: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _text(file, body)
    line = 0
    reader = csv.reader(_lines(file, text), strict=True)
    try:
        for line, fields in enumerate(reader, start=1):
            if reader.line_num != line:
                raise MeterFileError(file, line, "a quotation mark is not closed in its row")
            yield line, fields
    except csv.Error as error:
        raise MeterFileError(file, line + 1, f"not a row of fields: {error}") from error


def _lines(file: str, text: str) -> Iterator[str]:
    for line, row in enumerate(io.StringIO(text, newline=None), start=1):
        if line > MOST_ROWS:
            raise MeterFileError(file, line, f"more than {MOST_ROWS:,} rows")
        if len(row) > LONGEST_ROW:
            raise MeterFileError(file, line, f"a row of {len(row):,} characters, {LONGEST_ROW:,} at most")
        yield row


def _text(file: str, body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise MeterFileError(file, line, f"byte {error.start} is not text") from error
