"""Read every genuine market and meter data file to its last row, and see each invalid one refused.

    python -m scripts.check_market_files [DIRECTORY]

Rows are counted against the file's own footer or by a reader that others wrote: the standard library's csv
and json, pyarrow, nemreader and aemo-mdff-reader. Prints a table and "N files, all rows"; exits with 1 if a
file was not read whole, or one that is invalid was not refused with its line. Without the files there is
nothing to do, which is said.
"""

import csv
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import aemo_mdff_reader
import pyarrow.parquet as pq
from nemreader import NEMFile
from rich.console import Console
from rich.table import Table as Screen

from manta.metering.archive import read_meter_files
from manta.metering.columns import AccumulationFile
from manta.metering.rows import MeterFileError
from manta.mms.catalogue import PRICE, PRICE_AND_DEMAND, TABLES, table_of_month
from manta.mms.dashboard import dashboard_rows
from manta.mms.dispatchis import prices_in
from manta.mms.reports import sections_of, tables_in
from manta.mms.tables import parquet_rows, price_and_demand

DATA = Path(__file__).parents[2] / "shared" / "data"

type Counted = tuple[str, int, int]
"""By whom the rows were counted too, how many we read, how many they."""


class UnreadError(Exception):
    """A file that was not read as it should be."""


def main() -> int:
    """Check every file; 1 if one was not read, or not refused, as it should be."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    logging.disable(logging.CRITICAL)
    files = list(whole_files(directory))
    if not files:
        print(f"no market files in {directory.name}: nothing to check")
        return 0
    screen = Screen("file", "rows", "counted by", "")
    failed = 0
    invalid = sorted(directory.glob("nem12/invalid/*"))
    for path, check in [*files, *((path, refused) for path in invalid)]:
        try:
            by, ours, theirs = check(path)
            wrong = "" if ours == theirs else f"[red]{theirs:,} by {by}[/]"
        except Exception as error:  # noqa: BLE001  # whatever it is, the file was not read
            by, ours, wrong = "", 0, f"[red]{type(error).__name__}: {error}[/]"[:120]
        failed += bool(wrong)
        screen.add_row(path.name, "" if check is refused else f"{ours:,}", by, wrong)
    console = Console(width=160)
    console.print(screen)
    if failed:
        console.print(f"{failed} files were not read or refused as they should be")
    else:
        console.print(f"{len(files)} files, all rows; {len(invalid)} invalid files, all refused")
    return int(failed > 0)


def whole_files(directory: Path) -> Iterator[tuple[Path, Callable[[Path], Counted]]]:
    """Yield each file that is to be read whole, with how it is."""
    for path in sorted((*directory.glob("nem/*"), *directory.glob("bids/*"))):
        if path.suffix == ".parquet":
            yield path, parquet
        elif path.suffix == ".json":
            yield path, dashboard
        elif path.name.startswith("PRICE_AND_DEMAND"):
            yield path, demand
        else:
            yield path, report
    for path in sorted((*directory.glob("nem12/examples/*"), *directory.glob("nem12/utilified_*"))):
        yield path, meter


def parquet(path: Path) -> Counted:
    """Compare rows and unknown cells with what pyarrow says of the file."""
    table = table_of_month(path.name) or (PRICE if "DISPATCHPRICE" in path.name else PRICE_AND_DEMAND)
    rows = parquet_rows(path.name, path.read_bytes(), table)
    stored = pq.read_table(path)
    for name in rows.columns.column_names:
        if rows.columns[name].null_count != stored[name].null_count:
            raise UnreadError(f"{name} has other unknown cells")
    return "pyarrow", len(rows), stored.num_rows


def demand(path: Path) -> Counted:
    """Compare the prices with the standard library's."""
    rows = price_and_demand(path.name, path.read_bytes())
    with path.open(newline="") as opened:
        theirs = list(csv.DictReader(opened))
    if rows.numbers("RRP").tolist() != [float(row["RRP"]) for row in theirs]:
        raise UnreadError("RRP has other prices")
    return "csv", len(rows), len(theirs)


def report(path: Path) -> Counted:
    """Compare each section, and each table that we know, with the standard library's rows."""
    body = path.read_bytes()
    read = list(csv.reader(io.StringIO(body.decode())))
    for section in sections_of(path.name, body):
        key = [section.group, section.name, section.version]
        if section.rows != sum(row[:1] == ["D"] and row[1:4] == key for row in read):
            raise UnreadError(f"{section} has other rows")
    for table, rows in tables_in(path.name, body, TABLES).items():
        if len(rows) != sum(row[0] == "D" and row[1:3] == [table.group, table.name] for row in read):
            raise UnreadError(f"{table} has other rows")
    if not prices_in(path.name, body):
        raise UnreadError("no prices")
    sections = sections_of(path.name, body)
    return "footer", 2 + sum(1 + section.rows for section in sections), int(read[-1][2])


def dashboard(path: Path) -> Counted:
    """Compare with the standard library's json."""
    rows = dashboard_rows(path.name, path.read_bytes())
    return "json", sum(map(len, rows)), len(json.loads(path.read_text())["5MIN"])


def meter(path: Path) -> Counted:
    """Count intervals or reads with two other readers, the unit of the file and all."""
    (read,) = read_meter_files(path.name, path.read_bytes())
    with path.open(newline="") as opened:
        data = NEMFile(path.name).parse_nem_file(opened)
    nemreader = sum(len(found) for suffixes in data.readings.values() for found in suffixes.values())
    is_nem13 = isinstance(read, AccumulationFile)
    other = aemo_mdff_reader.parse_accumulations if is_nem13 else aemo_mdff_reader.parse
    mdff = sum(
        1 for _ in other(path.read_text().replace(", ", ",").splitlines())
    )  # a space stops that reader
    if mdff != nemreader:
        raise UnreadError(f"nemreader counts {nemreader}, aemo-mdff-reader {mdff}")
    return "nemreader, aemo-mdff-reader", len(read.columns), nemreader


def refused(path: Path) -> Counted:
    """See that it is refused by its name, with a line and a cause."""
    try:
        list(read_meter_files(path.name, path.read_bytes()))
    except MeterFileError as error:
        if error.file.startswith(path.name) and error.line > 0 and error.cause:
            return f"refused, line {error.line}: {error.cause}"[:90], 0, 0
    raise UnreadError("it was not refused with file, line and cause")


if __name__ == "__main__":
    sys.exit(main())
