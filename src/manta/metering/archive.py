"""Meter data files as they arrive: bare, or several in a zip, which is opened within limits."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from manta.metering.columns import AccumulationFile, IntervalFile
from manta.metering.nem12 import read_nem12
from manta.metering.nem13 import read_nem13
from manta.metering.rows import MOST_BYTES, MeterFileError

MOST_MEMBERS = 100
MOST_UNPACKED = 4 * MOST_BYTES
"""Of a whole archive, whatever it says of itself."""
_ZIP = b"PK\x03\x04"
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The others may ask for any amount of memory."""


def read_meter_files(file: str, body: bytes) -> Iterator[IntervalFile | AccumulationFile]:
    """Yield each meter data file in what arrived, whole; the first that is wrong refuses the rest."""
    if body.startswith(_ZIP):
        for member, text in _unpack(file, body):
            yield _read(f"{file}!{member}", text)
    else:
        yield _read(file, body)


def _read(file: str, body: bytes) -> IntervalFile | AccumulationFile:
    """Let the header say which it is; what is neither is refused as NEM12, by its header."""
    first = body[:80].split(b"\n", 1)[0]
    return read_nem13(file, body) if b"NEM13" in first else read_nem12(file, body)


def _unpack(file: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    if len(body) > MOST_BYTES:
        raise MeterFileError(file, 1, f"{len(body):,} bytes, {MOST_BYTES:,} at most")
    left = MOST_UNPACKED
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if not members or len(members) > MOST_MEMBERS:
                raise MeterFileError(
                    file, 1, f"{len(members)} files in the archive, 1 to {MOST_MEMBERS} are read"
                )
            for member in members:
                name = _printable(member.filename)
                if member.compress_type not in _PACKINGS:
                    raise MeterFileError(f"{file}!{name}", 1, "packed in a way that is not read")
                with archive.open(member) as packed:
                    text = packed.read(min(left, MOST_BYTES) + 1)
                if len(text) > min(left, MOST_BYTES):
                    raise MeterFileError(f"{file}!{name}", 1, f"more than {min(left, MOST_BYTES):,} bytes")
                left -= len(text)
                yield name, text
    except MeterFileError:
        raise
    except _BROKEN as error:
        raise MeterFileError(file, 1, f"not an archive that can be opened: {error}"[:300]) from error


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name[:200])
