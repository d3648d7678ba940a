"""How long a month of dispatch prices takes from packed bytes to columns, and how much memory; beside others.

Run as ``python -m bench.bench_tables [--peer-python PYTHON]``. The month is January 2021 in AEMO's own
layout, made in a temporary directory from the parquet copy that lies beside the checkout. All sides unpack it
and return the thirteen columns that NEMOSIS has of this table: pandas once reading all columns and once told
which ones are wanted, and NEMOSIS itself where a Python that has it is named. Each run is a process of its
own, the sides taking turns; the fastest of each stands, and the least memory. A process is charged with the
memory its parent had, so that this one stays small. Last, one DISPATCHIS report from bytes to prices.
"""

import argparse
import importlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

GENUINE = Path(__file__).parents[2] / "shared/data/nem/PUBLIC_DVD_DISPATCHPRICE_202101010000.parquet"
REPORT = GENUINE.with_name("PUBLIC_DISPATCHIS_202508201810_0000000477155219.CSV")
NAME = "PUBLIC_DVD_DISPATCHPRICE_202101010000"
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
WANTED = (
    "SETTLEMENTDATE",
    "REGIONID",
    "INTERVENTION",
    *(f"{of}RRP" for of in ("", *SERVICES)),
    "PRICE_STATUS",
)
RUNS = 7
PROMISED_TIMES = 5.0
PROMISED_SHARE = 0.5
PROMISED_MS = 5.0
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
    """Read the whole table with pandas."""
    return with_pandas(packed, None)


def pandas_told(packed: Path) -> tuple[int, float]:
    """Read with pandas, told which columns are wanted."""
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


SIDES = {"ours": ours, "pandas_all": pandas_all, "pandas_told": pandas_told}


def main() -> None:
    """Run each side in processes of its own and print the figures, a line of JSON each."""
    chosen = argparse.ArgumentParser()
    chosen.add_argument("--side", choices=(*SIDES, "make"))
    chosen.add_argument("--file", type=Path)
    chosen.add_argument("--peer-python", default=os.environ.get("MANTA_PEER_PYTHON"))
    given = chosen.parse_args()
    if given.side == "make":
        make(given.file)
    elif given.side:
        print(json.dumps(measured(given.side, given.file)))
    else:
        month(given.peer_python)
        dispatch_file()


def month(peer: str | None) -> None:
    """Run every side on one month."""
    if not GENUINE.exists():
        print(json.dumps({"figure": "month of dispatch prices", "not_run": f"{GENUINE.name} is not there"}))
        return
    with tempfile.TemporaryDirectory() as directory:
        packed = Path(directory) / f"{NAME}.zip"
        subprocess.check_call([*COMMAND, "make", "--file", str(packed)])
        sides = best(
            {side: [*COMMAND, side, "--file", str(packed)] for side in SIDES} | nemosis(peer, packed)
        )
    if len({str(side["answer"]) for side in sides.values()}) != 1:
        sys.exit(f"they read different things: {sides}")
    for name, side in sides.items():
        print(json.dumps({"figure": "month of dispatch prices", "side": name} | side))
    for name in sides:
        if name != "ours":
            print(json.dumps({"figure": "ours beside", "side": name} | ratios(sides["ours"], sides[name])))
    if "nemosis" not in sides:
        print(json.dumps({"figure": "ours beside", "side": "nemosis", "not_run": "no --peer-python"}))


def nemosis(peer: str | None, packed: Path) -> dict[str, list[str]]:
    """Return how NEMOSIS is run, if it can be."""
    script = str(Path(__file__).with_name("peer_nemosis.py"))
    return {"nemosis": [peer, script, str(packed), ",".join(WANTED)]} if peer else {}


def best(sides: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """Return each side's fastest run, with the least of its other figures."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for _ in range(RUNS):
        for side, command in sides.items():
            runs[side].append(json.loads(subprocess.check_output(command)))
    least = ("seconds", "cpu_seconds", "peak_mb", "above_mb")
    return {
        side: ran[0] | {name: min(run[name] for run in ran) for name in least} for side, ran in runs.items()
    }


def ratios(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, object]:
    """Compare, and say whether both promises hold at once."""
    times, share = theirs["seconds"] / mine["seconds"], mine["peak_mb"] / theirs["peak_mb"]
    return {
        "times_faster": round(times, 1),
        "times_less_cpu": round(theirs["cpu_seconds"] / mine["cpu_seconds"], 1),
        "share_of_memory": round(share, 2),
        "share_of_memory_beyond_imports": round(mine["above_mb"] / theirs["above_mb"], 2),
        "as_promised": times >= PROMISED_TIMES and share <= PROMISED_SHARE,
    }


def measured(side: str, packed: Path) -> dict[str, object]:
    """Read the month once, the libraries already loaded, and return time and memory."""
    importlib.import_module("manta.mms.reports" if side == "ours" else "pandas")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, cpu = time.perf_counter(), time.process_time()
    answer = SIDES[side](packed)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": round(seconds, 4),
        "cpu_seconds": round(cpu_seconds, 4),
        "peak_mb": round(peak, 1),
        "above_mb": round(peak - before, 1),
        "answer": answer,
    }


def dispatch_file() -> None:
    """Time one report of five regions from packed bytes to prices; the genuine one."""
    from manta.mms.dispatchis import prices_in

    figure = {"figure": "one DISPATCHIS file to prices"}
    if not REPORT.exists():
        print(json.dumps(figure | {"not_run": f"{REPORT.name} is not there"}))
        return
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(REPORT, REPORT.name)
    body, times, cpu_times = packed.getvalue(), [], []
    for _ in range(300):
        began, cpu = time.perf_counter(), time.process_time()
        prices = prices_in(f"{REPORT.stem}.zip", body)
        times.append((time.perf_counter() - began) * 1e3)
        cpu_times.append((time.process_time() - cpu) * 1e3)
    p50, p99 = (sorted(times)[place] for place in (150, 297))
    figures = {"prices": len(prices), "p50_ms": round(p50, 2), "p99_ms": round(p99, 2)}
    figures |= {"least_ms": round(min(times), 2), "cpu_p50_ms": round(sorted(cpu_times)[150], 2)}
    print(json.dumps(figure | figures | {"as_promised": p50 <= PROMISED_MS}))


if __name__ == "__main__":
    main()
