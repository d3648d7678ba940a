"""How far the prices of a table may be trusted: what ``dispatchis`` says of a row, for a year at once."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # the same
from numpy.typing import NDArray

from manta.domain.market import PriceStatus
from manta.domain.reference import FLOOR_PER_MWH, MARKET_PRICE_CAPS
from manta.domain.time import NEM_TIME, epoch_ms
from manta.mms.dispatchis import ORDINARY_ADJUSTMENTS
from manta.mms.rows import Rows
from manta.wire.series import PRICE_STATUSES

COLUMNS = (
    *("SETTLEMENTDATE", "INTERVENTION", "RRP", "APCFLAG", "MARKETSUSPENDEDFLAG", "PRICE_STATUS"),
    "CUMUL_PRE_AP_ENERGY_PRICE",
)
"""Of DISPATCHPRICE, what a price and its standing are read from."""
_PLACES = {status: PRICE_STATUSES.index(status) for status in PriceStatus}
_CAPS_SINCE_MS = np.array(
    [epoch_ms(datetime.combine(cap.since, datetime.min.time(), NEM_TIME)) for cap in MARKET_PRICE_CAPS]
)
_CAPS_PER_MWH = np.array([cap.per_mwh for cap in MARKET_PRICE_CAPS])


def paid(rows: Rows) -> Rows:
    """Return the rows that count for payment: not those of what ran physically while AEMO intervened."""
    if "INTERVENTION" not in rows:
        return rows
    return Rows(rows.table, rows.columns.filter(pc.equal(rows.columns["INTERVENTION"], 0.0)))


def status_places(rows: Rows) -> NDArray[np.uint8]:
    """Return the standing of each row's RRP as its place in PRICE_STATUSES.

    As in ``dispatchis``, a price outside the market's bounds is suspect whatever else is said of it, then
    suspension comes before administration before PRICE_STATUS. Other than in a report that has just been
    published, what is not stated is not held against a price: copies leave out flags, and PRICE_AND_DEMAND
    has none, so that what was suspended or administered cannot be told there.
    """
    places = _stated(rows)
    places[(_flags(rows, "APCFLAG") & ~ORDINARY_ADJUSTMENTS) != 0] = _PLACES[PriceStatus.ADMINISTERED]
    places[_flags(rows, "MARKETSUSPENDEDFLAG") != 0] = _PLACES[PriceStatus.SUSPENDED]
    if "RRP" in rows:
        per_mwh = rows.numbers("RRP")
        caps_per_mwh = _caps(rows.instants("SETTLEMENTDATE").view(np.int64))
        beyond = (per_mwh < FLOOR_PER_MWH) | (per_mwh > caps_per_mwh)
        places[beyond] = _PLACES[PriceStatus.SUSPECT]
    return places


def _stated(rows: Rows) -> NDArray[np.uint8]:
    """Return what PRICE_STATUS says: firm where it is silent, suspect where it says what we do not know."""
    places = np.full(len(rows), _PLACES[PriceStatus.FIRM], np.uint8)
    if "PRICE_STATUS" not in rows:
        return places
    stated = rows.columns["PRICE_STATUS"].cast(pa.string())
    firm, not_firm = pc.equal(stated, "FIRM"), pc.equal(stated, "NOT FIRM")
    places[_where(not_firm)] = _PLACES[PriceStatus.NOT_FIRM]
    places[_where(pc.invert(pc.or_(firm, not_firm)))] = _PLACES[PriceStatus.SUSPECT]
    return places


def _where(mask: pa.ChunkedArray) -> list[int]:
    """Return the rows of which it is true; not those of which it is unknown."""
    found: list[int] = pc.indices_nonzero(mask).to_pylist()
    return found


def _flags(rows: Rows, column: str) -> NDArray[np.int64]:
    """Return a column of bits; what is not stated is none set."""
    if column not in rows:
        return np.zeros(len(rows), np.int64)
    return np.nan_to_num(rows.numbers(column), nan=0.0).astype(np.int64)


def _caps(ends_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the market price cap over each interval, as ``cap_per_mwh`` does over one."""
    years = np.searchsorted(_CAPS_SINCE_MS, ends_ms, "left") - 1
    caps_per_mwh: NDArray[np.float64] = _CAPS_PER_MWH[np.maximum(years, 0)]
    return caps_per_mwh
