"""Where what is not ours ends: a bounded file of JSON lines and a count by cause. It stops nothing."""

from __future__ import annotations

import base64
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import msgspec
import structlog

log = structlog.get_logger()

LONGEST_BODY = 512
LINES_PER_S = 50
SECOND_MS = 1_000


class Cause(StrEnum):
    """Why something was refused."""

    TOO_LARGE = "too large"
    UNREADABLE = "unreadable"
    UNKNOWN_SITE = "unknown site"
    UNKNOWN_DEVICE = "unknown device"
    FOREIGN_DEVICE = "device of another site"
    NOT_FINITE = "not a finite number"
    SOC = "state of charge outside 0 to 1"
    POWER = "power beyond three times the rating"
    COUNTER = "negative energy counter"
    SEQUENCE = "sequence out of range"
    FUTURE = "from the future"
    PAST = "from too far back"
    UNKNOWN_LEASE = "answer to no lease"


class QuarantineLine(msgspec.Struct, frozen=True):
    """One thing refused, as the file has it."""

    heard_ms: int
    site: str
    cause: str
    detail: str
    size: int
    body: str
    """Its first 512 bytes, base64."""


class Quarantine:
    """Two files at most: the one being written and the one before; a flood is counted, not written out."""

    def __init__(self, path: Path, largest: int = 8 * 1024 * 1024) -> None:
        self.counts: Counter[Cause] = Counter()
        self.unwritten = 0
        """Refused but not written out: too many in one second, or the disk would not."""
        self._path = path
        self._largest = largest
        self._second = 0
        self._lines = 0

    def put(self, cause: Cause, site: str, body: bytes, heard_ms: int, detail: str = "") -> None:
        """Record something refused."""
        self.counts[cause] += 1
        if heard_ms // SECOND_MS != self._second:
            self._second, self._lines = heard_ms // SECOND_MS, 0
        self._lines += 1
        if self._lines > LINES_PER_S:
            self.unwritten += 1
            return
        start = base64.b64encode(body[:LONGEST_BODY]).decode()
        line = QuarantineLine(heard_ms, site[:128], cause, detail[:256], len(body), start)
        self._write(msgspec.json.encode(line) + b"\n")

    def _write(self, line: bytes) -> None:
        try:
            self._rotate(len(line))
            with self._path.open("ab") as file:
                file.write(line)
        except OSError as error:
            self.unwritten += 1
            if self.unwritten == 1:
                log.error("quarantine cannot be written", file=str(self._path), because=str(error))

    def _rotate(self, coming: int) -> None:
        size = 0
        with suppress(FileNotFoundError):
            size = self._path.stat().st_size
        if size and size + coming > self._largest:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
