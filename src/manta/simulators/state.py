"""What the simulated homes remember, as columns in one block, and the file that outlives a kill -9."""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

type Column = NDArray[np.float64]


class State:
    """One row of the block a quantity, one column a home; every field is a view, written in place only."""

    soc: Column
    battery_kw: Column
    pv_kw: Column
    load_kw: Column
    """Never positive: consumption flows away from the grid."""
    charged_kwh: Column
    """Counters at the battery's terminals, of the PV, the load and the meter; they only rise."""
    discharged_kwh: Column
    generated_kwh: Column
    consumed_kwh: Column
    import_kwh: Column
    export_kwh: Column
    cloud_noise: Column
    load_noise: Column
    report_sequence: Column
    epoch: Column
    """Of the leases: the highest taken, and the highest sequence in it."""
    lease_sequence: Column
    leases_applied: Column
    """How many were taken up, ever; kept with what they changed, so that it proves none was taken twice."""
    held: Column
    """1 while a lease holds, else 0."""
    ramping: Column
    """1 on the way to a lease's power or back to the default, else 0."""
    beyond_kw: Column
    """How far beyond self-consumption a ramp has come."""
    asked_kw: Column
    """What the controller asks of the battery, before the limits."""
    lease_kw: Column
    lease_export_kw: Column
    until_ms: Column
    ramp: Column
    """kW per minute."""
    next_kw: Column
    """A lease taken but not begun; NaN releases."""
    next_export_kw: Column
    next_from_ms: Column
    """Infinity when there is none."""
    next_until_ms: Column
    next_ramp: Column

    def __init__(self, block: NDArray[np.float64]) -> None:
        for name, row in zip(NAMES, block, strict=True):
            setattr(self, name, row)


NAMES = tuple(State.__annotations__)


class Memory:
    """A memory-mapped file of two copies, written in turn.

    The pages belong to the kernel as soon as they are written, so a killed process loses nothing; a copy
    torn by the kill has unequal stamps and the other one, at most one step older, is used. Nothing is
    reported before it was kept, hence counters and sequences never run backwards. ``flush`` every few
    seconds bounds what a power cut can take.
    """

    _HEADER = struct.Struct("<8s32s")
    _STAMP = struct.Struct("<qq")
    _MAGIC = b"MANTAHM1"

    def __init__(self, path: Path, sites: Sequence[str]) -> None:
        self._shape = (len(NAMES), len(sites))
        self._bytes = 8 * len(NAMES) * len(sites)
        self._stamp = 0
        known = hashlib.sha256("\n".join([*NAMES, *sites]).encode()).digest()
        header = self._HEADER.pack(self._MAGIC, known)
        size = len(header) + 2 * self._slot
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(file).st_size != size or os.pread(file, len(header), 0) != header:
                os.ftruncate(file, 0)
                os.posix_fallocate(file, 0, size)
                os.pwrite(file, header, 0)
            self._map = mmap.mmap(file, size)
        finally:
            os.close(file)

    @property
    def _slot(self) -> int:
        return self._bytes + 2 * self._STAMP.size

    def keep(self, block: NDArray[np.float64], at_ms: int) -> None:
        """Write the older of the two copies over."""
        self._stamp += 1
        at = self._HEADER.size + (self._stamp % 2) * self._slot
        stamp = self._STAMP.pack(self._stamp, at_ms)
        self._map[at : at + len(stamp)] = stamp
        body = at + len(stamp)
        self._map[body : body + self._bytes] = block.tobytes()
        self._map[body + self._bytes : body + self._bytes + len(stamp)] = stamp

    def recall(self) -> tuple[NDArray[np.float64], int] | None:
        """Return the newest whole copy and its instant; None if nothing was ever kept."""
        best: tuple[int, int, int] = (0, 0, 0)
        for slot in (0, 1):
            at = self._HEADER.size + slot * self._slot
            stamp, at_ms = self._STAMP.unpack_from(self._map, at)
            body = at + self._STAMP.size
            if (stamp, at_ms) == self._STAMP.unpack_from(self._map, body + self._bytes):
                best = max(best, (stamp, at_ms, body))
        self._stamp, at_ms, body = best
        if not self._stamp:
            return None
        whole = np.frombuffer(self._map[body : body + self._bytes], dtype=np.float64)
        return whole.reshape(self._shape).copy(), at_ms

    def flush(self) -> None:
        """Have the disk take it."""
        self._map.flush()

    def close(self) -> None:
        """Have the disk take it and let the file go."""
        self._map.flush()
        self._map.close()
