"""Published archives: a CSV, a zip of one, or a zip of such zips; never more than we said we would take."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

from manta.mms.lines import MarketFileError

MOST_PACKED = 5_000_000
"""Bytes as they came over the wire."""
MOST_UNPACKED = 50_000_000
"""Bytes of everything in one file together."""
MOST_RATIO = 200
"""Market data pack to a tenth; what packs to less than a two-hundredth is a bomb."""
MOST_MEMBERS = 1_000
DEEPEST = 1
"""A zip may hold zips, as the archive of a day does; those may not."""

_PIECE = 700_000
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
"""How one begins that holds something, and an empty one."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NOT_A_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    IndexError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What the standard library raises over bytes that are almost a zip."""


ARCHIVE_PACKED = 500_000_000
ARCHIVE_UNPACKED = 10_000_000_000
"""A month of every unit's dispatch unpacks to some gigabytes; one file of it is in memory at a time."""
LARGEST_FILE = 3_000_000_000
"""Bytes of any one file, wherever it came from."""
ARCHIVE_MEMBERS = 20_000
"""A week of five-minute reports, with room."""


@dataclass(slots=True)
class _Allowance:
    """What may still be unpacked."""

    octets: int = MOST_UNPACKED
    members: int = MOST_MEMBERS


def archived_files(file: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each CSV in a file of the archive with its name, whole; MarketFileError as for any other."""
    for name, pieces in archived_pieces(file, body):
        yield name, _whole(pieces)


def archived_pieces(file: str, body: bytes) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each CSV in a file of the archive with its name, in pieces; MarketFileError as for any other.

    For what is fetched on purpose and not in the market's rhythm: a month of a table, a zip of a week's zips.
    Each is to be read before the next one is asked for, and is in memory a piece at a time.
    """
    if not 0 < len(body) <= ARCHIVE_PACKED:
        raise MarketFileError(file, None, f"{len(body):,} bytes; it should have 1 to {ARCHIVE_PACKED:,}")
    allowance = _Allowance(ARCHIVE_UNPACKED, ARCHIVE_MEMBERS)
    return _files(file, body, DEEPEST, allowance)


def csv_files(file: str, body: bytes) -> list[tuple[str, bytes]]:
    """Return each CSV in a published file with its name; MarketFileError where that would be unwise."""
    if len(body) > MOST_PACKED:
        raise MarketFileError(file, None, f"{len(body):,} bytes are more than {MOST_PACKED:,}")
    if not body:
        raise MarketFileError(file, None, "it is empty")
    found = [(name, _whole(pieces)) for name, pieces in _files(file, body, DEEPEST, _Allowance())]
    if not found:
        raise MarketFileError(file, None, "there is nothing in it")
    return found


def pieces_of(body: bytes) -> Iterator[bytes]:
    """Yield what is in memory as what is unpacked comes."""
    return (body[at : at + _PIECE] for at in range(0, len(body), _PIECE))


def _whole(pieces: Iterable[bytes]) -> bytes:
    """Put pieces together; unlike a join, it does not hold them twice."""
    whole = io.BytesIO()
    for piece in pieces:
        whole.write(piece)
    return whole.getvalue()


def _files(
    file: str, body: bytes, deeper: int, allowance: _Allowance
) -> Iterator[tuple[str, Iterator[bytes]]]:
    if not body.startswith(_ZIPS):
        yield file, pieces_of(body)
        return
    if deeper < 0:
        raise MarketFileError(file, None, "zips in zips in zips")
    with _damage_named(file), zipfile.ZipFile(io.BytesIO(body)) as archive:
        for info in archive.infolist():
            pieces = _unpack(file, archive, info, allowance)
            first = next(pieces, b"")
            if first.startswith(_ZIPS):
                whole = _whole(chain((first,), pieces))
                yield from _files(info.filename, whole, deeper - 1, allowance)
            else:
                yield info.filename, chain((first,), pieces)


def _unpack(
    file: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, allowance: _Allowance
) -> Iterator[bytes]:
    _check_member(file, info)
    allowance.members -= 1
    if allowance.members < 0:
        raise MarketFileError(file, None, f"more than {MOST_MEMBERS:,} files in it")
    most = left = min(allowance.octets, LARGEST_FILE)
    with _damage_named(file), archive.open(info) as member:
        while piece := member.read(_PIECE):
            left -= len(piece)
            allowance.octets -= len(piece)
            if left < 0:
                raise MarketFileError(file, None, f"{info.filename} unpacks to more than {most:,} bytes")
            yield piece


@contextmanager
def _damage_named(file: str) -> Iterator[None]:
    """Make what the standard library raises over bytes that are almost a zip an error that names the file."""
    try:
        yield
    except MarketFileError:
        raise
    except _NOT_A_ZIP as error:
        raise MarketFileError(file, None, f"a damaged zip: {error}") from error


def _check_member(file: str, info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 1:
        raise MarketFileError(file, None, f"{info.filename} is encrypted")
    if info.compress_type not in _METHODS:
        raise MarketFileError(file, None, f"{info.filename} is packed in a way that AEMO does not use")
    if info.file_size > MOST_RATIO * max(info.compress_size, 1_000):
        raise MarketFileError(file, None, f"{info.filename} is a bomb: it unpacks over {MOST_RATIO} times")
