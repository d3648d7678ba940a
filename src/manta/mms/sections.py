"""A report gone through a block of rows at a time: each row counted and under its header, the footer true.

Nothing of a block is kept once the next one is asked for, so that a month of some gigabytes takes no more
memory than a file of five minutes. What is wrong is said at the end, when it is known whether the file was
cut short, which explains anything else that is found in it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manta.mms.lines import END, MarketFileError

MOST_SECTIONS = 1_000
MOST_COLUMNS = 500
LONGEST_ROW = 100_000
"""Of a header or a footer, in bytes."""
LONGEST_DATA_ROW = 1_000_000
LONGEST_STRETCH = 4_000_000
"""In bytes: pieces of a million at most, and what was held back before one."""
_BOM = b"\xef\xbb\xbf"
_FEED, _RETURN = b"\n\r"
_AT_HAND = 1 << 17
_KEYS = 4
"""Row type, table group, table name and version come before the columns that a header names."""


@dataclass(frozen=True, slots=True)
class Section:
    """A header, and how many data rows stand under it."""

    group: str
    name: str
    version: str
    columns: tuple[str, ...]
    line: int
    """Of the header, counted from 1."""
    rows: int = 0

    def __str__(self) -> str:
        return f"{self.group} {self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Data rows that stand together under a header; of none if it is the header that was met."""

    section: Section
    line: int
    """Of the first row, counted from 1."""
    rows: int
    octets: memoryview
    last: int = 0
    """Where the last row begins."""


def stretches(file: str, pieces: Iterable[bytes]) -> Iterator[Stretch]:
    """Yield each header as it is met and then its data rows, some at a time.

    A stretch is to be used before the next one is asked for. MarketFileError, at the end, if the file cannot
    be believed: only what has been gone through whole is good.
    """
    report = _Report(file)
    held = b""
    for piece in pieces:
        if (whole := _whole_rows(piece)) == 0:
            piece, held = held + piece, b""
            whole = _whole_rows(piece)
        if whole:
            yield from report.go_through(b"".join((held, memoryview(piece)[:whole])))
        held = piece[whole:]
        if len(held) > 2 * LONGEST_DATA_ROW:
            raise MarketFileError(file, report.rows + 1, f"a row of more than {LONGEST_DATA_ROW:,} bytes")
    whole = held.rfind(b"\n", 0, max(len(held) - 1, 0)) + 1
    yield from report.go_through(held[:whole])
    report.end(held[whole:])


def _whole_rows(piece: bytes) -> int:
    """Return where the last row begins of those that end in a piece; it may be the footer."""
    return piece.rfind(b"\n", 0, max(piece.rfind(b"\n"), 0)) + 1


class _Report:
    """What has been seen of a report."""

    def __init__(self, file: str) -> None:
        self.rows = 0
        self._file = file
        self._octets = 0
        self._headers = 0
        self._lone_returns = 0
        self._commented = False
        self._section: Section | None = None
        self._refusal: MarketFileError | None = None

    def go_through(self, block: bytes) -> Iterator[Stretch]:
        """Count whole rows; yield those that stand where they should until one does not."""
        if not block:
            return
        self._check_text(block)
        octets = np.frombuffer(block, np.uint8)
        feeds = _places(octets, _FEED)
        begins = np.append(0, feeds + 1)
        ending_rows = int(np.count_nonzero(octets[feeds - 1] == _RETURN))
        self._lone_returns += len(_places(octets, _RETURN)) - ending_rows
        first = 0
        if self.rows == 0:
            begins[0] = len(_BOM) if block.startswith(_BOM) else 0
            self._commented = block.startswith(b"C,", begins[0])
            first = 1
        line, self.rows = self.rows + 1, self.rows + len(feeds)
        self._octets += len(block)
        if self._refusal is None:
            try:
                yield from self._under_headers(block, begins[first:], line + first)
            except MarketFileError as error:
                self._refusal = error

    def end(self, footer: bytes) -> None:
        """Compare the last row with what was counted, and say what is wrong with the report, if anything."""
        self._check_text(footer)
        self._lone_returns += footer.count(b"\r") - footer.count(b"\r\n")
        rows = self.rows + bool(footer)
        if self._lone_returns:
            raise MarketFileError(self._file, None, f"{self._lone_returns} carriage returns end no row")
        if rows < 2 or not self._commented:
            raise MarketFileError(self._file, 1, "it does not begin with a comment row and go on")
        _check_footer(self._file, footer, rows)
        if self._refusal is not None:
            raise self._refusal

    def _check_text(self, block: bytes) -> None:
        if block.isascii():
            return
        try:
            block.decode()
        except UnicodeDecodeError as error:
            line = self.rows + block.count(b"\n", 0, error.start) + 1
            cause = f"byte {self._octets + error.start} is not text"
            raise MarketFileError(self._file, line, cause) from error

    def _under_headers(self, block: bytes, begins: NDArray[np.int64], line: int) -> Iterator[Stretch]:
        """Yield the rows between headers, given where each row begins, and where the last one ends."""
        octets = np.frombuffer(block, np.uint8)
        headers = np.flatnonzero(octets[begins[:-1]] == ord("I")).tolist()
        at = 0
        for header in (*headers, len(begins) - 1):
            if header > at:
                yield self._data(block, begins[at : header + 1], line + at)
            if header < len(begins) - 1:
                yield self._header(block[begins[header] : begins[header + 1]], line + header)
            at = header + 1

    def _header(self, row: bytes, line: int) -> Stretch:
        self._headers += 1
        if self._headers > MOST_SECTIONS:
            raise MarketFileError(self._file, None, f"more than {MOST_SECTIONS:,} headers")
        header = _fields(self._file, line, row)
        columns = tuple(header[_KEYS:])
        if not columns or len(columns) > MOST_COLUMNS:
            raise MarketFileError(self._file, line, f"a header names {len(columns)} columns")
        if len(set(columns)) != len(columns) or "" in columns:
            raise MarketFileError(self._file, line, "the header names a column twice or not at all")
        self._section = Section(header[1], header[2], header[3], columns, line)
        return Stretch(self._section, line + 1, 0, memoryview(b""))

    def _data(self, block: bytes, begins: NDArray[np.int64], line: int) -> Stretch:
        section = self._section
        if section is None:
            raise MarketFileError(self._file, 2, "there is neither a header nor the last row")
        prefix = f"D,{section.group},{section.name},{section.version},".encode()
        if (stray := _stray(block, begins, prefix)) is not None:
            row = block[begins[stray] : begins[stray + 1] - 1][:60].decode(errors="replace")
            cause = f"{row!r} stands where rows of {prefix.decode()[:60]!r} should"
            raise MarketFileError(self._file, line + stray, cause)
        octets = memoryview(block)[begins[0] : begins[-1]]
        return Stretch(section, line, len(begins) - 1, octets, int(begins[-2] - begins[0]))


def _places(octets: NDArray[np.uint8], octet: int) -> NDArray[np.int64]:
    """Return where an octet stands, looking at no more at a time than the processor has at hand."""
    return np.concatenate(
        [np.flatnonzero(octets[at : at + _AT_HAND] == octet) + at for at in range(0, len(octets), _AT_HAND)]
    )


def _stray(block: bytes, begins: NDArray[np.int64], prefix: bytes) -> int | None:
    """Return the first row that does not begin as its header has it."""
    width, rows = len(prefix), len(begins) - 1
    short = np.flatnonzero(np.diff(begins) <= width)
    long = int(short[0]) if len(short) else rows
    if long:
        # A view of the block that has its next `width` octets at every place, of which some are taken.
        windows = np.ndarray((len(block) - width + 1,), f"V{width}", block, strides=(1,))
        beginnings = windows[begins[:long]].tobytes()
        if beginnings != prefix * long:
            return next(n for n in range(long) if beginnings[n * width : (n + 1) * width] != prefix)
    return long if long < rows else None


def _check_footer(file: str, row: bytes, line: int) -> None:
    footer = _fields(file, line, row)
    if footer[:2] != ["C", END]:
        raise MarketFileError(file, line, f"it was cut short: the last row is not {END!r}")
    if footer[2:3] != [str(line)]:
        raise MarketFileError(file, line, f"it says {''.join(footer[2:3])[:20]!r} rows and has {line}")


def _fields(file: str, line: int, row: bytes) -> list[str]:
    if len(row) > LONGEST_ROW:
        raise MarketFileError(file, line, f"a row of more than {LONGEST_ROW:,} bytes")
    try:
        return next(csv.reader([row.decode().rstrip("\r\n")], strict=True))
    except (csv.Error, StopIteration) as error:
        raise MarketFileError(file, line, f"not a row of fields: {error}") from error
