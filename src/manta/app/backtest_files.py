"""What ``manta backtest`` reads: prices and pre-dispatch in the shapes that AEMO publishes, and homes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no types
from numpy.typing import NDArray

from manta.backtest.published import Predispatch, runs_of
from manta.backtest.series import STEP_MS, Series, series_of
from manta.domain.market import Region
from manta.domain.time import NEM_TIME, from_epoch_ms
from manta.domain.units import KW_PER_MW
from manta.mms.archive import archived_files
from manta.mms.catalogue import PREDISPATCH_PRICE, PRICE, PRICE_AND_DEMAND, REGIONSUM, TRADING_PRICE, Table
from manta.mms.lines import MarketFileError
from manta.mms.reports import tables_in
from manta.mms.rows import Rows
from manta.mms.tables import parquet_rows, price_and_demand

SUFFIXES = (".parquet", ".csv", ".zip")
_WANTED = (PRICE, REGIONSUM, TRADING_PRICE, PREDISPATCH_PRICE)
_COLUMNS = ("RRP", "TOTALDEMAND", "INTERVENTION", "REGIONID", "LASTCHANGED", "DATETIME", "PREDISPATCHSEQNO")
_HALF_HOURS_OF_YEAR = 366 * 48

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MarketFiles:
    """What was found in the files of one region."""

    series: Series
    predispatch: Predispatch | None


@dataclass(frozen=True, slots=True, eq=False)
class Home:
    """A home's year, half-hourly by day of year: what it uses and what its roof gives."""

    name: str
    load_kw: Floats
    """[366, 48] by local day of year."""
    pv_kw: Floats

    def over(self, series: Series, load_scale: float, pv_scale: float) -> tuple[Floats, Floats]:
        """Return load and sun for each interval of a series, by its day of the year."""
        starts = [from_epoch_ms(int(end) - STEP_MS).astimezone(NEM_TIME) for end in series.end_ms[::6]]
        day = np.array([at.timetuple().tm_yday - 1 for at in starts])
        slot = np.array([at.hour * 2 + at.minute // 30 for at in starts])
        return tuple(  # type: ignore[return-value]  # two of them
            np.repeat(profile[day, slot] * scale, 6)
            for profile, scale in ((self.load_kw, load_scale), (self.pv_kw, pv_scale))
        )


def paths_in(given: Sequence[Path]) -> list[Path]:
    """Return files, directories replaced by the market files directly in them; FileNotFoundError for none."""
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            found += sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        elif path.is_file():
            found.append(path)
        else:
            raise FileNotFoundError(f"there is no {path}; give price files or a directory of them")
    if not found:
        raise FileNotFoundError(
            "no price files given; add --prices FILE, such as AEMO's PRICE_AND_DEMAND_*.csv"
        )
    return found


def read_market(paths: Sequence[Path], region: Region) -> MarketFiles:
    """Read a region's prices, and its pre-dispatch runs where some file holds them."""
    ends: list[NDArray[np.int64]] = []
    prices: list[Floats] = []
    demands: list[Floats] = []
    runs: list[tuple[NDArray[np.int64], ...]] = []
    forecasts: list[Floats] = []
    held: set[str] = set()
    for rows in (rows for path in paths for rows in _tables_of(path)):
        names = np.array(rows.texts("REGION" if rows.table is PRICE_AND_DEMAND else "REGIONID"))
        held.update(map(str, np.unique(names)))
        chosen = names == region.value
        if "INTERVENTION" in rows:
            chosen &= rows.numbers("INTERVENTION") == 0
        if not chosen.any():
            continue
        if rows.table is PREDISPATCH_PRICE:
            runs.append(_run_times(rows, chosen))
            forecasts.append(rows.numbers("RRP")[chosen])
        elif "RRP" in rows:
            ends.append(rows.instants("SETTLEMENTDATE").astype(np.int64)[chosen])
            prices.append(rows.numbers("RRP")[chosen])
            known = "TOTALDEMAND" in rows
            demands.append(
                rows.numbers("TOTALDEMAND")[chosen] * KW_PER_MW
                if known
                else np.full(int(chosen.sum()), np.nan)
            )
    if not ends:
        raise MarketFileError(
            paths[0].name, None, f"no price of {region}; the files hold {', '.join(sorted(held))}"
        )
    series = series_of(region, np.concatenate(ends), np.concatenate(prices), np.concatenate(demands))
    if not runs:
        return MarketFiles(series, None)
    run_ms, published_ms, end_ms = (np.concatenate(part) for part in zip(*runs, strict=True))
    return MarketFiles(series, runs_of(run_ms, published_ms, end_ms, np.concatenate(forecasts)))


def _run_times(rows: Rows, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
    """Return, of each row, the run's name, when it was published, and the half-hour it is about, in ms."""
    end_ms = rows.instants("DATETIME").astype(np.int64)[chosen]
    published_ms = rows.instants("LASTCHANGED").astype(np.int64)[chosen]
    sequence = np.array(rows.texts("PREDISPATCHSEQNO"))[chosen]
    names, which = np.unique(sequence, return_inverse=True)
    first_ms = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(first_ms, which, end_ms)
    return first_ms[which], published_ms, end_ms


def _tables_of(path: Path) -> Iterator[Rows]:
    body = path.read_bytes()
    if path.suffix.lower() == ".parquet":
        yield parquet_rows(path.name, body, _kind_of(path))
        return
    for name, content in archived_files(path.name, body):
        if content.lstrip(b"\xef\xbb\xbf").startswith(b"REGION,"):
            yield price_and_demand(name, content)
        else:
            yield from tables_in(name, content, _WANTED, _COLUMNS).values()


def _kind_of(path: Path) -> Table:
    """Tell by its columns which table a parquet file is a copy of."""
    names = set(pq.read_schema(path).names)
    for table, telling in (
        (PREDISPATCH_PRICE, "PREDISPATCHSEQNO"),
        (PRICE_AND_DEMAND, "REGION"),
        (PRICE, "REGIONID"),
    ):
        if telling in names and "RRP" in names:
            return table
    raise MarketFileError(path.name, None, "neither prices nor pre-dispatch: no column RRP beside a region")


def read_home(path: Path) -> Home:
    """Read a home's half-hourly year: a CSV of time (start, local), load and PV in kW, by any header.

    Half-hours that the year lacks are taken from the day before.
    """
    rows = list(csv.reader(StringIO(path.read_text(encoding="utf-8-sig"))))[1:]
    load_kw, pv_kw = (np.full((366, 48), np.nan) for _ in range(2))
    for line, row in enumerate(rows, 2):
        try:
            at = datetime.fromisoformat(row[0])
            place = at.timetuple().tm_yday - 1, at.hour * 2 + at.minute // 30
            load_kw[place], pv_kw[place] = float(row[1]), float(row[2])
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"{path.name}, line {line}: expected time, load and PV in kW ({error})"
            ) from error
    for profile in (load_kw, pv_kw):
        for day in np.flatnonzero(np.isnan(profile).any(axis=1)):
            gaps = np.isnan(profile[day])
            profile[day, gaps] = profile[day - 1, gaps]
        if np.isnan(profile).any():
            raise ValueError(f"{path.name}: a year of half-hours is needed, {len(rows)} rows do not fill it")
    return Home(path.stem, load_kw, pv_kw)
