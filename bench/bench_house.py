"""What a whole house costs: seconds until it runs, processor and memory of everything that belongs to it.

Starts `manta up` cold and, once more, warm, on a directory that goes away. CPU is the time that every process
of the tree was given, reaped children too, by the wall's seconds; memory is PSS, so that shared pages count
once. With --story the seconds that are measured are the first of the price spike. Prints JSON lines.

    PYTHONPATH=src:. python bench/bench_house.py [--homes 5000] [--settle 40] [--seconds 60] [--story]
"""

import argparse
import json
import os
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
from tests.e2e.house import House, house, name_of

from manta.domain.time import NEM_TIME

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
GIB = 2**30
SPIKE_AT = (17, 55)
"""Market time; the evening begins at 17:52."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a house has used until an instant, by process name."""

    at_s: float
    cpu_s: Counter[str]
    memory_bytes: Counter[str]


def look(place: House) -> Look:
    """Read every process of a house; one that has just ended is in its parent's account."""
    cpu_s: Counter[str] = Counter()
    memory: Counter[str] = Counter()
    for process in place.family():
        name = name_of(process)
        with suppress(OSError, psutil.Error):
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            cpu_s[name] += sum(map(int, fields[11:15])) / TICKS_A_SECOND
            memory[name] += pss_of(process)
    return Look(time.monotonic(), cpu_s, memory)


def pss_of(process: psutil.Process) -> int:
    """Return a process's fair share of memory; all that it sees where the system does not tell shares."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) * 1024
    return int(process.memory_info().rss)


def until_spike(place: House) -> None:
    """Return when the spike's first interval begins."""
    with place.signed_in() as client:
        now = datetime.fromisoformat(client.get("/api/session").json()["world"]["now"]).astimezone(NEM_TIME)
    spike = now.replace(hour=SPIKE_AT[0], minute=SPIKE_AT[1], second=0, microsecond=0)
    time.sleep(max((spike - now).total_seconds(), 0.0))


def measure(place: House, seconds: float) -> None:
    """Look twice and tell the difference."""
    before, readings, leases = look(place), of(place, "gateway", "readings"), of(place, "gateway", "leases")
    time.sleep(seconds)
    after = look(place)
    wall_s = after.at_s - before.at_s
    used = {name: (after.cpu_s[name] - before.cpu_s[name]) / wall_s for name in after.cpu_s}
    for name in sorted(used, key=lambda name: -used[name]):
        tell(process=name, cores=round(used[name], 3), gib=round(after.memory_bytes[name] / GIB, 3))
    tell(
        house="all",
        cores=round(sum(used.values()), 2),
        gib=round(after.memory_bytes.total() / GIB, 2),
        seconds=round(wall_s, 1),
        readings_a_second=round((of(place, "gateway", "readings") - readings) / wall_s),
        leases=round(of(place, "gateway", "leases") - leases),
        machine_busy_cores=round(os.getloadavg()[0], 1),
    )


def of(place: House, role: str, figure: str) -> float:
    """Return one of a role's own figures."""
    return place.figures(place.health_port(role))[f"manta_{role}_{figure}_total"]


def tell(**figures: object) -> None:
    """Print one line."""
    print(json.dumps(figures), flush=True)


def main() -> None:
    """Run one house cold, measure it, and start it once more."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--homes", type=int, default=5_000)
    parser.add_argument("--settle", type=float, default=40.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--story", action="store_true")
    options = parser.parse_args()
    with house() as place:
        tell(homes=options.homes, cold_ready_s=round(place.open(options.homes, 1.0, story_of(options)), 1))
        time.sleep(options.settle)
        if options.story:
            until_spike(place)
        measure(place, options.seconds)
        tell(stopped_s=round(place.close()[1], 1))
        tell(homes=options.homes, warm_ready_s=round(place.open(options.homes, 1.0), 1))
        place.close()


def story_of(options: argparse.Namespace) -> float:
    """Return the minutes until the spike; without one, never."""
    return 1.0 if options.story else -1.0


if __name__ == "__main__":
    main()
