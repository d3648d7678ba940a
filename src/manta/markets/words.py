"""What P5MIN and TRADINGIS say of each interval's price, for comparison with the dispatch price.

Read row by row, as the dispatch price is, so that the process on the price path carries no column library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite

from manta.domain.market import Region
from manta.domain.time import NEM_TIME, DispatchInterval
from manta.markets.agreement import Word
from manta.mms.archive import csv_files
from manta.mms.lines import Row, read_table

_REGIONS = {region.value: region for region in Region}


def p5min_words(file: str, body: bytes) -> list[list[Word]]:
    """Return what a five-minute pre-dispatch run expects of each interval, $/MWh, as the one list of it."""
    rows = (
        row
        for name, content in csv_files(file, body)
        for row in read_table(name, content, report="P5MIN", group="P5MIN", table="REGIONSOLUTION")
    )
    return [[_word("P5MIN", row, "INTERVAL_DATETIME", "RUN_DATETIME") for row in rows if _is_market(row)]]


def trading_words(file: str, body: bytes) -> list[list[Word]]:
    """Return the prices that are settled, $/MWh, as the one list of it."""
    rows = (
        row
        for name, content in csv_files(file, body)
        for row in read_table(name, content, report="TRADINGIS", group="TRADING", table="PRICE")
    )
    return [[_word("TRADINGIS", row, "SETTLEMENTDATE", "LASTCHANGED") for row in rows]]


READERS: Mapping[str, Callable[[str, bytes], list[list[Word]]]] = {
    "P5MIN": p5min_words,
    "TRADINGIS": trading_words,
}
"""By the feed's prefix."""


def _is_market(row: Row) -> bool:
    """Tell whether a row is of the run that prices come from; 1 is what AEMO intervened to have."""
    return row["INTERVENTION"] == "0"


def _word(source: str, row: Row, interval: str, said: str) -> Word:
    if (region := _REGIONS.get(row["REGIONID"])) is None:
        raise row.error(f"REGIONID {row['REGIONID'][:20]!r} is not a region of the NEM")
    try:
        per_mwh = float(row["RRP"])
        ends = DispatchInterval(_instant(row[interval]))
        said_at = max(_instant(row[said]), _instant(row["LASTCHANGED"]))
    except (ValueError, OverflowError) as error:
        raise row.error(str(error)[:160]) from error
    if not isfinite(per_mwh):
        raise row.error(f"RRP {row['RRP'][:30]!r} is not a number")
    return Word(source, region, ends, per_mwh, said_at)


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y/%m/%d %H:%M:%S").replace(tzinfo=NEM_TIME).astimezone(UTC)
