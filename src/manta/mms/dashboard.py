"""AEMO's dashboard JSON: what its own page shows of the last day, with the price of each interval.

The answer is an object whose ``5MIN`` holds rows of all regions, actual ones and forecasts beside each other.
Actual ones are rows of PRICE_AND_DEMAND. A forecast does not say when it was made, so that it is a table of
its own: what was expected when somebody looked, of which the last look counts.
"""

from __future__ import annotations

from datetime import datetime
from math import isfinite

import msgspec
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types

from manta.domain.market import Region
from manta.domain.reference import FLOOR_PER_MWH, cap_per_mwh
from manta.domain.time import NEM_TIME, DispatchInterval
from manta.mms.catalogue import PRICE_AND_DEMAND, Table
from manta.mms.lines import MarketFileError
from manta.mms.rows import INSTANT, NAME, Rows, array_of

MOST_BYTES = 5_000_000
"""A genuine answer of three days has 300,000."""
MOST_ROWS = 20_000
"""Ten days of five regions have 14,400."""
MOST_MW = 100_000.0
"""Three times the highest demand that the whole NEM has had."""
ACTUAL, FORECAST = "ACTUAL", "FORECAST"

FORECASTS = Table(
    "PRICE_AND_DEMAND",
    "FORECAST",
    "DASHBOARD_FORECAST",
    PRICE_AND_DEMAND.key,
    PRICE_AND_DEMAND.instants,
    PRICE_AND_DEMAND.numbers,
    PRICE_AND_DEMAND.names,
)
"""What the dashboard expected; ours in name, for AEMO publishes no such table."""

_FORM = "%Y-%m-%dT%H:%M:%S"


class _Answer(msgspec.Struct, rename={"rows": "5MIN"}):
    rows: list[msgspec.Raw]


_Megawatts = float
"""As published, and as the table keeps it: it is never reckoned with here."""
_NAMES = {
    "ends": "SETTLEMENTDATE",
    "region": "REGION",
    "region_id": "REGIONID",
    "per_mwh": "RRP",
    "demand": "TOTALDEMAND",
    "kind": "PERIODTYPE",
}


class _Row(msgspec.Struct, rename=_NAMES):
    """One row; what else stands in it is not ours to read."""

    ends: str
    region: str
    region_id: str
    per_mwh: float
    demand: _Megawatts
    kind: str


def dashboard_rows(file: str, body: bytes) -> list[Rows]:
    """Return an answer's actual rows, then its forecasts; a kind that is not there is not in the list.

    Prices are $/MWh, demand MW, instants interval ends. MarketFileError names the place, ``5MIN[17].RRP``.
    """
    read = [_read(file, place, raw) for place, raw in enumerate(_answer(file, body))]
    if not read:
        raise MarketFileError(file, None, "5MIN is empty")
    _refuse_doubles(file, read)
    kinds = ((ACTUAL, PRICE_AND_DEMAND), (FORECAST, FORECASTS))
    parts = ((table, [row for row in read if row[0].kind == kind]) for kind, table in kinds)
    return [_rows(table, part) for table, part in parts if part]


def _answer(file: str, body: bytes) -> list[msgspec.Raw]:
    if not 0 < len(body) <= MOST_BYTES:
        raise MarketFileError(file, None, f"{len(body):,} bytes; it should have 1 to {MOST_BYTES:,}")
    try:
        rows = msgspec.json.decode(body, type=_Answer).rows
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MarketFileError(file, None, f"no answer of the dashboard: {error}"[:200]) from error
    if len(rows) > MOST_ROWS:
        raise MarketFileError(file, None, f"5MIN has {len(rows):,} rows, more than {MOST_ROWS:,}")
    return rows


def _read(file: str, place: int, raw: msgspec.Raw) -> tuple[_Row, DispatchInterval]:
    """Return a row and the interval that it is about, or refuse it by its place."""
    try:
        row = msgspec.json.decode(raw, type=_Row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(file, place, "", str(error)[:160]) from error
    try:
        interval = DispatchInterval(datetime.strptime(row.ends, _FORM).replace(tzinfo=NEM_TIME))
    except (ValueError, OverflowError) as error:
        raise _refused(file, place, "SETTLEMENTDATE", f"{row.ends[:30]!r}: {error}"[:160]) from error
    if row.region_id not in set(Region):
        raise _refused(file, place, "REGIONID", f"{row.region_id[:20]!r} is not a region of the NEM")
    if row.region != row.region_id:
        raise _refused(file, place, "REGION", f"{row.region[:20]!r} is not {row.region_id}")
    if row.kind not in (ACTUAL, FORECAST):
        raise _refused(file, place, "PERIODTYPE", f"{row.kind[:20]!r} is neither ACTUAL nor FORECAST")
    if not FLOOR_PER_MWH <= row.per_mwh <= cap_per_mwh(interval):
        raise _refused(file, place, "RRP", f"{row.per_mwh:g} is outside the market's bounds")
    if not (isfinite(row.demand) and abs(row.demand) <= MOST_MW):
        raise _refused(file, place, "TOTALDEMAND", f"{row.demand:g} MW is more than a region can draw")
    return row, interval


def _refuse_doubles(file: str, read: list[tuple[_Row, DispatchInterval]]) -> None:
    seen: dict[tuple[str, DispatchInterval], int] = {}
    for place, (row, interval) in enumerate(read):
        if (before := seen.setdefault((row.region_id, interval), place)) != place:
            raise _refused(file, place, "", f"{row.region_id} {interval} stands in 5MIN[{before}] too")


def _rows(table: Table, read: list[tuple[_Row, DispatchInterval]]) -> Rows:
    ends = np.array([interval.end.timestamp() for _, interval in read]) * 1_000.0
    columns = {
        "SETTLEMENTDATE": array_of(ends.astype(np.int64), INSTANT),
        "REGION": pa.array([row.region_id for row, _ in read], pa.string()).cast(NAME),
        "TOTALDEMAND": pa.array([row.demand for row, _ in read], pa.float64()),
        "RRP": pa.array([row.per_mwh for row, _ in read], pa.float64()),
        "PERIODTYPE": pa.array([row.kind for row, _ in read], pa.string()).cast(NAME),
    }
    return Rows(table, pa.table(columns))


def _refused(file: str, place: int, field: str, cause: str) -> MarketFileError:
    return MarketFileError(file, None, f"5MIN[{place}]{'.' if field else ''}{field}: {cause}")
