"""How long a month of dispatch prices takes from packed bytes to columns, and how much memory; beside pandas.

Run as ``python -m bench.bench_tables``. The month is January 2021 in AEMO's own layout, made in a temporary
directory from the parquet copy that lies beside the checkout. The other sides
do what NEMOSIS does with it: unpack, read as strings all columns (as it does to fill its cache) or only those
wanted, leave out the last row, make times and numbers. Each run is a process of its own; the fastest of five
stands. A process is charged with the memory its parent had, so that this one stays small.
"""

import argparse
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

GENUINE = Path(__file__).parents[2] / "shared/data/nem/PUBLIC_DVD_DISPATCHPRICE_202101010000.parquet"
NAME = "PUBLIC_DVD_DISPATCHPRICE_202101010000"
WANTED = ("SETTLEMENTDATE", "REGIONID", "INTERVENTION", "RRP", "RAISE6SECRRP", "RAISEREGRRP", "PRICE_STATUS")
FIELDS = """SETTLEMENTDATE RUNNO REGIONID DISPATCHINTERVAL INTERVENTION RRP EEP ROP APCFLAG
MARKETSUSPENDEDFLAG LASTCHANGED {} PRICE_STATUS {} OCD_STATUS MII_STATUS"""
SERVICES = (
    "RAISE6SEC",
    "RAISE60SEC",
    "RAISE5MIN",
    "RAISEREG",
    "LOWER6SEC",
    "LOWER60SEC",
    "LOWER5MIN",
    "LOWERREG",
)
RUNS = 5
COMMAND = (sys.executable, "-m", "bench.bench_tables", "--side")


def make(packed: Path) -> None:
    """Write the month as AEMO's monthly archive has it, all columns."""
    import pyarrow.parquet as pq

    services = [f"{service}{what}" for service in SERVICES for what in ("RRP", "ROP", "APCFLAG")]
    before = [f"PRE_AP_{service}_PRICE" for service in ("ENERGY", *SERVICES)]
    before += [f"CUMUL_PRE_AP_{service}_PRICE" for service in ("ENERGY", *SERVICES)]
    columns = FIELDS.format(" ".join(services), " ".join(before)).split()
    lines = ["C,SETP.WORLD,DVD_DISPATCHPRICE,AEMO,PUBLIC,2021/02/05,09:00:00,1,,1"]
    lines.append("I,DISPATCH,PRICE,4," + ",".join(columns))
    for row in pq.read_table(GENUINE).to_pylist():
        lines.append("D,DISPATCH,PRICE,4," + ",".join(cell(row, column) for column in columns))
    lines.append(f'C,"END OF REPORT",{len(lines) + 1}')
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{NAME}.CSV", "".join(f"{line}\r\n" for line in lines))


def cell(row: dict[str, object], column: str) -> str:
    """Return a value as AEMO writes it; what the copy lacks as on a day without incident."""
    if column in ("SETTLEMENTDATE", "LASTCHANGED"):
        return f'"{row["SETTLEMENTDATE"]}"'
    if column in ("REGIONID", "PRICE_STATUS"):
        return str(row[column])
    if column in row:
        return f"{row[column]:g}" if column == "INTERVENTION" else repr(row[column])
    if column.startswith("CUMUL"):
        return "134000.12345"
    if column.endswith(("ROP", "_PRICE")):
        return repr(row.get(f"{column.removesuffix('ROP')}RRP", row["RRP"]))
    return {"RUNNO": "1", "DISPATCHINTERVAL": "20210101001"}.get(column, "" if "STATUS" in column else "0")


def ours(packed: Path) -> tuple[int, float]:
    """Read it as Manta does."""
    from manta.mms.catalogue import PRICE
    from manta.mms.reports import archived_tables

    ((_, tables),) = archived_tables(packed.name, packed.read_bytes(), (PRICE,), WANTED)
    rows = tables[PRICE]
    energy = rows.numbers("RRP")[rows.numbers("INTERVENTION") == 0]
    return len(rows), round(float(energy.sum()), 3)


def pandas_all(packed: Path) -> tuple[int, float]:
    """Read it as NEMOSIS does to fill its cache."""
    return with_pandas(packed, None)


def pandas_some(packed: Path) -> tuple[int, float]:
    """Read it as NEMOSIS does when told which columns are wanted."""
    return with_pandas(packed, WANTED)


def with_pandas(packed: Path, columns: tuple[str, ...] | None) -> tuple[int, float]:
    """Unpack, read strings, convert."""
    import pandas as pd

    with zipfile.ZipFile(packed) as archive:
        text = archive.extract(f"{NAME}.CSV", packed.parent)
    frame = pd.read_csv(text, header=1, dtype=str, usecols=columns)
    frame = frame[:-1].loc[:, list(WANTED)]
    frame["SETTLEMENTDATE"] = pd.to_datetime(frame["SETTLEMENTDATE"], format="%Y/%m/%d %H:%M:%S")
    for column in WANTED[2:-1]:
        frame[column] = pd.to_numeric(frame[column])
    energy = frame.loc[frame["INTERVENTION"] == 0, "RRP"]
    return len(frame), round(float(energy.sum()), 3)


SIDES = {"ours": ours, "pandas_all": pandas_all, "pandas_some": pandas_some}


def main() -> None:
    """Run each side in processes of its own and print the figures as JSON."""
    chosen = argparse.ArgumentParser()
    chosen.add_argument("--side", choices=(*SIDES, "make"))
    chosen.add_argument("--file", type=Path)
    given = chosen.parse_args()
    if given.side == "make":
        make(given.file)
    elif given.side:
        print(json.dumps(measured(given.side, given.file)))
    else:
        compare()


def compare() -> None:
    """Run every side on one month."""
    with tempfile.TemporaryDirectory() as directory:
        packed = Path(directory) / f"{NAME}.zip"
        subprocess.check_call([*COMMAND, "make", "--file", str(packed)])
        sides = {side: best(side, packed) for side in SIDES}
        size = packed.stat().st_size
    if len({str(side["answer"]) for side in sides.values()}) != 1:
        sys.exit(f"they read different things: {sides}")
    mine = sides["ours"]
    ratios = {
        f"beside_{name}": {
            "times_faster": round(side["seconds"] / mine["seconds"], 1),
            "share_of_memory": round(mine["peak_mb"] / side["peak_mb"], 2),
            "share_of_memory_beyond_imports": round(mine["above_mb"] / side["above_mb"], 2),
        }
        for name, side in sides.items()
        if name != "ours"
    }
    print(json.dumps({"packed_bytes": size} | sides | ratios, indent=1))


def best(side: str, packed: Path) -> dict[str, float]:
    """Return the fastest of some runs, and the least memory."""
    command = [*COMMAND, side, "--file", str(packed)]
    runs = [json.loads(subprocess.check_output(command)) for _ in range(RUNS)]
    return min(runs, key=lambda run: run["seconds"]) | {"peak_mb": min(run["peak_mb"] for run in runs)}


def measured(side: str, packed: Path) -> dict[str, object]:
    """Read the month once, the libraries already loaded, and return time and memory."""
    importlib.import_module("manta.mms.reports" if side == "ours" else "pandas")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    answer = SIDES[side](packed)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": round(seconds, 4),
        "peak_mb": round(peak, 1),
        "above_mb": round(peak - before, 1),
        "answer": answer,
    }


if __name__ == "__main__":
    main()
