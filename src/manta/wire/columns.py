"""Column layouts: one row a device, little-endian, the same in memory, on the bus and in the record.

``pack`` puts a layout's name and version before the rows, so that a reader refuses what it does not know.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

type Columns = NDArray[np.void]

READING = np.dtype(
    [
        ("device_no", "<i4"),
        ("sequence", "<i8"),
        ("at_ms", "<i8"),
        ("heard_ms", "<i8"),
        ("power_kw", "<f8"),
        ("soc", "<f8"),  # NaN: stores nothing, or unknown
        ("import_kwh", "<f8"),  # NaN: no counter
        ("export_kwh", "<f8"),
        ("quality", "u1"),  # place in QUALITIES
    ]
)
INTENT = np.dtype(
    [
        ("device_no", "<i4"),
        ("power_kw", "<f8"),  # battery power wanted; NaN releases to the default
        ("export_limit_kw", "<f8"),  # NaN: the site's own limit alone
        ("soc", "<f8"),  # what the decision saw
        ("age_ms", "<i8"),  # how old that was
    ]
)
LEASE = np.dtype(
    [
        ("device_no", "<i4"),
        ("power_kw", "<f8"),
        ("export_limit_kw", "<f8"),
        ("not_before_ms", "<i8"),
        ("until_ms", "<i8"),
        ("ramp_kw_per_min", "<f8"),
    ]
)
REFUSAL = np.dtype([("device_no", "<i4"), ("guard", "u1")])  # place in governor.GUARD_NAMES
ACK = np.dtype(
    [
        ("batch", "S16"),  # the lease batch's UUID
        ("device_no", "<i4"),
        ("outcome", "u1"),  # place in OUTCOMES
        ("at_ms", "<i8"),
    ]
)
_CODES = {b"RDG1": READING, b"INT1": INTENT, b"LSE1": LEASE, b"REF1": REFUSAL, b"ACK1": ACK}
_NAMES = {layout: code for code, layout in _CODES.items()}


def pack(rows: NDArray[Any]) -> bytes:
    """Encode rows of a known layout."""
    return _NAMES[rows.dtype] + rows.tobytes()


def unpack(layout: np.dtype[Any], body: bytes) -> NDArray[Any]:
    """Decode rows, read-only and without a copy; ValueError if they are not of that layout."""
    if _CODES.get(body[:4]) is not layout:
        raise ValueError(f"expected {_NAMES[layout].decode()} columns, got {body[:4]!r}")
    if (len(body) - 4) % layout.itemsize:
        raise ValueError(f"{len(body) - 4} bytes do not divide into rows of {layout.itemsize}")
    return np.frombuffer(body, dtype=layout, offset=4)
