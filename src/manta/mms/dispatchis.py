"""DISPATCHIS, the report of each dispatch run: published bytes in, energy prices out."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from manta.domain.market import Price, PriceStatus, Region
from manta.domain.reference import FLOOR_PER_MWH, cap_per_mwh
from manta.domain.time import NEM_TIME, DispatchInterval
from manta.mms.archive import csv_files
from manta.mms.lines import MarketFileError, Row, read_table

NAME = re.compile(r"PUBLIC_DISPATCHIS_(\d{12})_(\d{16})\.(zip|csv)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{1,12})?([eE][+-]?\d{1,2})?")
_FLAG = re.compile(r"\d{1,3}")
_INSTANT = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d")
_REGIONS = {region.value: region for region in Region}
_STANDINGS = {"FIRM": PriceStatus.FIRM, "NOT FIRM": PriceStatus.NOT_FIRM}

_AT_A_BOUND = 4
_SCALED = 16
ORDINARY_ADJUSTMENTS = _AT_A_BOUND | _SCALED
"""APCFLAG is a set of bits: 1 overridden to the cap, 4 held at the cap or the floor, 8 overridden by hand, 16
scaled to another region's price. AEMO's MMS data model, DISPATCHPRICE. Bits 4 and 16 stand on the dearest
ordinary intervals (14,700.00 in SA1, 30 January 2020), so that a flag alone is not administration."""


def prices_in(file: str, body: bytes, heard_at: datetime | None = None) -> list[Price]:
    """Read the prices of a published file, oldest first; MarketFileError if it cannot be believed."""
    prices: list[Price] = []
    for name, content in csv_files(file, body):
        prices += _report(name, content, heard_at)
    return sorted(prices, key=lambda price: price.interval.end)


@lru_cache(maxsize=4_096)
def interval_named(file: str) -> DispatchInterval | None:
    """Return the interval that a file is named for; None if it is not named as a DISPATCHIS report."""
    if (match := NAME.fullmatch(file)) is None:
        return None
    try:
        return DispatchInterval(datetime.strptime(match[1], "%Y%m%d%H%M").replace(tzinfo=NEM_TIME))
    except (ValueError, OverflowError):
        return None


def _report(file: str, body: bytes, heard_at: datetime | None) -> list[Price]:
    latest: dict[tuple[Region, DispatchInterval], Price] = {}
    named = interval_named(file)
    for row in read_table(file, body, report="DISPATCHIS", group="DISPATCH", table="PRICE"):
        if row["INTERVENTION"] != "0":
            continue  # what was run physically while AEMO intervened; not what is paid
        price = _price(row, heard_at)
        if named is not None and price.interval != named:
            raise row.error(f"the file is named for {named} and holds {price.interval}")
        before = latest.get((price.region, price.interval))
        if before is None or _changed(before) <= _changed(price):
            latest[price.region, price.interval] = price
    if not latest:
        raise MarketFileError(file, None, "it holds no prices")
    return list(latest.values())


def _price(row: Row, heard_at: datetime | None) -> Price:
    if (region := _REGIONS.get(row["REGIONID"])) is None:
        raise row.error(f"REGIONID {row['REGIONID'][:20]!r} is not a region of the NEM")
    at = _instant(row, "SETTLEMENTDATE")
    try:
        interval = DispatchInterval(at)
    except ValueError as error:
        raise row.error(f"SETTLEMENTDATE: {error}") from error
    per_mwh = _number(row, "RRP")
    return Price(
        region=region,
        interval=interval,
        per_mwh=per_mwh,
        status=_status(row, per_mwh, interval),
        changed_at=_instant(row, "LASTCHANGED"),
        heard_at=heard_at,
    )


def _status(row: Row, per_mwh: float, interval: DispatchInterval) -> PriceStatus:
    if not FLOOR_PER_MWH <= per_mwh <= cap_per_mwh(interval):
        return PriceStatus.SUSPECT
    if _flag(row, "MARKETSUSPENDEDFLAG"):
        return PriceStatus.SUSPENDED
    if _flag(row, "APCFLAG") & ~ORDINARY_ADJUSTMENTS:
        return PriceStatus.ADMINISTERED
    return _STANDINGS.get(row["PRICE_STATUS"], PriceStatus.SUSPECT)


def _number(row: Row, column: str) -> float:
    text = row[column]
    if not text:
        raise row.error(f"{column} is empty")
    if _NUMBER.fullmatch(text) is None:
        raise row.error(f"{column} {text[:30]!r} is not a number")
    return float(text)


def _flag(row: Row, column: str) -> int:
    text = row[column]
    if _FLAG.fullmatch(text) is None:
        raise row.error(f"{column} {text[:30]!r} is not a flag")
    return int(text)


def _instant(row: Row, column: str) -> datetime:
    text = row[column]
    try:
        if _INSTANT.fullmatch(text):
            return datetime.strptime(text, "%Y/%m/%d %H:%M:%S").replace(tzinfo=NEM_TIME).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise row.error(f"{column} {text[:30]!r} is not a time such as 2025/08/20 18:10:00")


def _changed(price: Price) -> datetime:
    assert price.changed_at is not None  # noqa: S101 - every row read here has one
    return price.changed_at
