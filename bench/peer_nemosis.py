"""Read a month with NEMOSIS as its users do, run by a Python that has it: the project does not depend on it.

    python bench/peer_nemosis.py MONTH.zip COLUMN,COLUMN,…

The file is unpacked beside itself, where NEMOSIS finds it and downloads nothing; it reads the columns named,
writes its feather cache and infers types. Prints time and memory as JSON.
"""

import importlib.metadata
import json
import logging
import resource
import sys
import time
import zipfile
from pathlib import Path

import nemosis
from nemosis import data_fetch_methods


def main() -> None:
    """Read it once, the libraries already loaded."""
    packed, columns = Path(sys.argv[1]), sys.argv[2].split(",")
    logging.disable(logging.CRITICAL)
    data_fetch_methods._download_data = lambda *_: None  # it looks for the months on both sides
    before, began, cpu = peak_mb(), time.perf_counter(), time.process_time()
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(packed.parent)
    frame = nemosis.dynamic_data_compiler(
        *("2021/01/01 00:00:00", "2021/02/01 00:00:00", "DISPATCHPRICE", str(packed.parent)),
        select_columns=columns,
        rebuild=True,
    )
    energy = frame.loc[frame["INTERVENTION"] == 0, "RRP"]
    answer = [len(frame), round(float(energy.sum()), 3)]
    figures = {
        "seconds": round(time.perf_counter() - began, 4),
        "cpu_seconds": round(time.process_time() - cpu, 4),
        "peak_mb": round(peak_mb(), 1),
        "above_mb": round(peak_mb() - before, 1),
        "answer": answer,
        "version": importlib.metadata.version("nemosis"),
    }
    print(json.dumps(figures))


def peak_mb() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
