"""How long the twin takes to judge a fleet's day, and pvlib to make its clear sky.

PYTHONPATH=src:. python bench/bench_twin.py [sites]
"""

import sys
import time
from dataclasses import fields

import numpy as np
from tests.unit.twin.days import SLOTS, lived

from manta.twin.columns import DAILY, SLOTTED, FleetDay, Plates
from manta.twin.findings import findings
from manta.twin.sun import Roofs, clear_sky

HOMES = 8


def fleet(sites: int) -> FleetDay:
    """Return a lived day, repeated."""
    day, rows = lived(HOMES), np.arange(sites) % HOMES
    plates = Plates(*(getattr(day.plates, field.name)[rows] for field in fields(Plates)))
    columns = {name: getattr(day, name)[rows] for name in (*SLOTTED, *DAILY)}
    return FleetDay(np.arange(sites), day.ends_ms, plates=plates, **columns)


def main(sites: int) -> None:
    """Print both figures."""
    day = fleet(sites)
    began = time.perf_counter()
    found = findings(day)
    judged_s = time.perf_counter() - began
    random = np.random.default_rng(1)
    roofs = Roofs(
        *(random.uniform(*ends, sites) for ends in ((-43, -17), (138, 154), (5, 35), (0, 360), (3, 13)))
    )
    began = time.perf_counter()
    clear_sky(roofs, day.ends_ms)
    sunny_s = time.perf_counter() - began
    print(f"twin: {sites} sites x {SLOTS} slots judged in {judged_s:.2f} s, {len(found)} findings; ", end="")
    print(f"clear sky of each in {sunny_s:.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
