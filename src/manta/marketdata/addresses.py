"""Where AEMO keeps the past: which address has a table's month. Read nowhere; shown to who lacks one."""

from __future__ import annotations

from manta.marketdata.months import Month
from manta.mms.catalogue import PRICE_AND_DEMAND, TABLES, Table

_ARCHIVE = "https://nemweb.com.au/Data_Archive/Wholesale_Electricity/MMSDM"
_PRICES = "https://aemo.com.au/aemo/data/nem/priceanddemand"
_RENAMED = Month(2024, 8)
"""From this month on the files are called otherwise. Confidence H for both names, from files of each kind."""


def address_of(table: Table, month: Month, region: str | None) -> str | None:
    """Return where a month of a table can be had; None if it is not published by the month."""
    digits = f"{month.year:04d}{month.month:02d}"
    if table is PRICE_AND_DEMAND:
        return f"{_PRICES}/PRICE_AND_DEMAND_{digits}_{region}.csv" if region else None
    if table not in TABLES:
        return None
    old = f"PUBLIC_DVD_{table.monthly}_{digits}010000"
    new = f"PUBLIC_ARCHIVE%23{table.monthly}%23FILE01%23{digits}010000"
    name = old if month < _RENAMED else new
    folder = f"{_ARCHIVE}/{month.year:04d}/MMSDM_{month.year:04d}_{month.month:02d}"
    return f"{folder}/MMSDM_Historical_Data_SQLLoader/DATA/{name}.zip"
