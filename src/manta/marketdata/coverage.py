"""How complete market history is and how old: by table, and by region where rows have one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from manta.domain.reference import FIVE_MINUTE_SETTLEMENT
from manta.domain.time import FIVE_MINUTES, HALF_HOUR, NEM_TIME, epoch_ms, from_epoch_ms, predispatch_run
from manta.marketdata.months import dated_by
from manta.mms.catalogue import (
    CASE_SOLUTION,
    CONSTRAINT,
    INTERCONNECTOR,
    P5MIN,
    PREDISPATCH_PRICE,
    PREDISPATCH_REGION,
    PRICE,
    PRICE_AND_DEMAND,
    REGIONSUM,
    ROOFTOP_ACTUAL,
    ROOFTOP_FORECAST,
    TRADING_PRICE,
    UNIT_SCADA,
    UNIT_SOLUTION,
    Table,
)
from manta.mms.rows import Rows

RHYTHMS = {
    **dict.fromkeys((PRICE, REGIONSUM, TRADING_PRICE, P5MIN, PRICE_AND_DEMAND), FIVE_MINUTES),
    **dict.fromkeys((UNIT_SCADA, UNIT_SOLUTION, INTERCONNECTOR, CONSTRAINT, CASE_SOLUTION), FIVE_MINUTES),
    **dict.fromkeys((PREDISPATCH_PRICE, PREDISPATCH_REGION, ROOFTOP_ACTUAL, ROOFTOP_FORECAST), HALF_HOUR),
}
"""How often there is something new; offers and local prices come when they come."""
_SETTLED = (TRADING_PRICE, PRICE_AND_DEMAND)
"""Of half-hours until settlement went to five minutes, whatever dispatch did."""
_FIVE_MINUTES_SINCE = datetime(*FIVE_MINUTE_SETTLEMENT.timetuple()[:3], tzinfo=NEM_TIME)
_NONE = np.array([], np.int64)


@dataclass(frozen=True, slots=True)
class Span:
    """A time without rows, half-open ``[start, end)``, UTC."""

    start: datetime
    end: datetime
    intervals: int
    """That are missing in it."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What there is of a table, or of one region of it, between its first row and its last."""

    table: Table
    region: str | None
    """None where the rows of the table are of no region."""
    rows: int
    first: datetime
    """The end of the first interval or, of forecasts, of the first run."""
    last: datetime
    age: timedelta
    """How long ago the last one ended; negative where it is yet to end."""
    expected: int | None
    """How many intervals or runs lie between first and last; None where they come without rhythm."""
    present: int
    """Of how many of them there are rows."""
    missing: Sequence[Span]
    """Those of which there are none, oldest first."""


def region_column(table: Table) -> str | None:
    """Return the column that names a row's region; None where rows are of no region."""
    return next((column for column in table.key if column in ("REGIONID", "REGION")), None)


def covered(table: Table, months: Iterable[Rows], now: datetime) -> Sequence[Coverage]:
    """Return how a table is covered, given the keys of its rows month by month."""
    column = region_column(table)
    marks: dict[str | None, list[NDArray[np.int64]]] = {}
    rows: dict[str | None, int] = {}
    for part in months:
        marks_ms = _marks(part)
        for region, chosen in _regions(part, column):
            marks.setdefault(region, []).append(_distinct(marks_ms[chosen]))
            rows[region] = rows.get(region, 0) + len(marks_ms[chosen])
    return [
        _coverage(table, region, rows[region], _distinct(np.concatenate(marks[region])), now)
        for region in sorted(marks, key=str)
    ]


def _regions(part: Rows, column: str | None) -> list[tuple[str | None, NDArray[np.bool_] | slice]]:
    if column is None:
        return [(None, slice(None))]
    names = part.columns[column].unify_dictionaries().combine_chunks()
    codes = np.frombuffer(names.indices.buffers()[1], np.int32)[names.offset : names.offset + len(names)]
    return [(names.dictionary[int(code)].as_py(), codes == code) for code in np.unique(codes)]


def _distinct(marks_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each mark once, in order; they come nearly sorted, which NumPy's own way makes nothing of."""
    ordered = np.sort(marks_ms, kind="stable")
    distinct: NDArray[np.int64] = ordered[np.diff(ordered, prepend=-1) != 0]
    return distinct


def _marks(part: Rows) -> NDArray[np.int64]:
    """Return each row's interval or run by its end, in milliseconds."""
    if "PREDISPATCHSEQNO" not in part.table.key:
        return part.instants(dated_by(part.table)).view(np.int64)
    numbers, places = np.unique(part.numbers("PREDISPATCHSEQNO"), return_inverse=True)
    runs_ms = np.array([epoch_ms(predispatch_run(int(number))) for number in numbers], np.int64)
    return runs_ms[places]


def _coverage(
    table: Table, region: str | None, rows: int, marks_ms: NDArray[np.int64], now: datetime
) -> Coverage:
    first, last = from_epoch_ms(int(marks_ms[0])), from_epoch_ms(int(marks_ms[-1]))
    expected_ms = _expected(table, first, last)
    regular = len(expected_ms) > 0
    missing = np.setdiff1d(expected_ms, marks_ms, assume_unique=True)
    return Coverage(
        table=table,
        region=region,
        rows=rows,
        first=first,
        last=last,
        age=now - last,
        expected=len(expected_ms) if regular else None,
        present=len(expected_ms) - len(missing) if regular else len(marks_ms),
        missing=_spans(expected_ms, missing),
    )


def _expected(table: Table, first: datetime, last: datetime) -> NDArray[np.int64]:
    """Return every mark from the first to the last one; none for a table without rhythm."""
    if table not in RHYTHMS:
        return _NONE
    if table not in _SETTLED or first > _FIVE_MINUTES_SINCE:
        return _every(RHYTHMS[table], first, last)
    half_hours = _every(HALF_HOUR, first, min(last, _FIVE_MINUTES_SINCE))
    if last <= _FIVE_MINUTES_SINCE:
        return half_hours
    return np.concatenate([half_hours, _every(FIVE_MINUTES, _FIVE_MINUTES_SINCE + FIVE_MINUTES, last)])


def _every(rhythm: timedelta, first: datetime, last: datetime) -> NDArray[np.int64]:
    step_ms = rhythm // timedelta(milliseconds=1)
    return np.arange(epoch_ms(first), epoch_ms(last) + 1, step_ms, dtype=np.int64)


def _spans(expected_ms: NDArray[np.int64], missing_ms: NDArray[np.int64]) -> Sequence[Span]:
    """Return the missing marks as spans; a mark ends the interval that begins at the mark before it."""
    if not len(missing_ms):
        return ()
    places = np.searchsorted(expected_ms, missing_ms)
    breaks = np.flatnonzero(np.diff(places) > 1) + 1
    return [
        Span(from_epoch_ms(int(expected_ms[run[0] - 1])), from_epoch_ms(int(expected_ms[run[-1]])), len(run))
        for run in np.split(places, breaks)
    ]
