"""Published archives: a CSV, a zip of one, or a zip of such zips; never more than we said we would take."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

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

_PIECE = 1 << 20
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
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
    """Yield each CSV in a file of the archive with its name, one at a time; MarketFileError as for any other.

    For what is fetched on purpose and not in the market's rhythm: a month of a table, a zip of a week's zips.
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
    found = list(_files(file, body, DEEPEST, _Allowance()))
    if not found:
        raise MarketFileError(file, None, "there is nothing in it")
    return found


def _files(file: str, body: bytes, deeper: int, allowance: _Allowance) -> Iterator[tuple[str, bytes]]:
    if not body.startswith((_ZIP, _EMPTY_ZIP)):
        yield file, body
        return
    if deeper < 0:
        raise MarketFileError(file, None, "zips in zips in zips")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for info in archive.infolist():
                content = _unpack(file, archive, info, allowance)
                yield from _files(info.filename, content, deeper - 1, allowance)
    except MarketFileError:
        raise
    except _NOT_A_ZIP as error:
        raise MarketFileError(file, None, f"a damaged zip: {error}") from error


def _unpack(file: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, allowance: _Allowance) -> bytes:
    _check_member(file, info)
    allowance.members -= 1
    if allowance.members < 0:
        raise MarketFileError(file, None, f"more than {MOST_MEMBERS:,} files in it")
    most = min(allowance.octets, LARGEST_FILE)
    unpacked = io.BytesIO()
    with archive.open(info) as member:
        while (piece := member.read(_PIECE)) and unpacked.tell() <= most:
            unpacked.write(piece)
    content = unpacked.getvalue()
    allowance.octets -= len(content)
    if len(content) > most:
        raise MarketFileError(file, None, f"{info.filename} unpacks to more than {most:,} bytes")
    return content


def _check_member(file: str, info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 1:
        raise MarketFileError(file, None, f"{info.filename} is encrypted")
    if info.compress_type not in _METHODS:
        raise MarketFileError(file, None, f"{info.filename} is packed in a way that AEMO does not use")
    if info.file_size > MOST_RATIO * max(info.compress_size, 1_000):
        raise MarketFileError(file, None, f"{info.filename} is a bomb: it unpacks over {MOST_RATIO} times")
