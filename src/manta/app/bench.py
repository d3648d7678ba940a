"""``manta bench``: runs the checkout's benchmarks one after the other and prints their figures."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

import manta
from manta.settings.clock import wall
from manta.settings.config import inherited

BENCHES = (
    "engine",
    "planner",
    "governor",
    "store",
    "market",
    "tables",
    "devices",
    "drivers",
    "edge",
    "dispatch",
    "forecast",
    "backtest",
    "house",
)
"""From quick to slow; each is ``bench/bench_<name>.py`` and prints JSON lines."""
LONGEST_S = 900.0

type Figure = Mapping[str, object]


def run(only: Sequence[str], to: Path | None, console: Console) -> int:
    """Run benchmarks, print a table each, and write every figure to a file if asked; return the exit code."""
    home = Path(manta.__file__).parents[2] / "bench"
    if not home.is_dir():
        raise FileNotFoundError("the benchmarks belong to the source: run ./manta bench in a checkout")
    unknown = sorted(set(only) - set(BENCHES))
    if unknown:
        raise ValueError(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    figures: dict[str, Sequence[Figure]] = {}
    failed: list[str] = []
    for name in [bench for bench in BENCHES if bench in only or not only]:
        with console.status(f"{name} …"):
            done = subprocess.run(  # noqa: S603 - our own script
                [sys.executable, str(home / f"bench_{name}.py")],
                cwd=home.parent,
                env=inherited() | {"PYTHONPATH": f"{home.parent / 'src'}:{home.parent}"},
                capture_output=True,
                text=True,
                timeout=LONGEST_S,
                check=False,
            )
        figures[name] = list(_figures(done.stdout))
        console.print(_table(name, figures[name]))
        if done.returncode:
            failed.append(name)
            console.print(f"[red]{name} failed[/]\n{done.stderr[-2_000:]}", markup=True, highlight=False)
    if to is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(json.dumps({"machine": _machine(), "benches": figures}, indent=1) + "\n")
        console.print(f"figures written to {to}")
    return 1 if failed else 0


def _figures(said: str) -> Iterator[Figure]:
    for line in said.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _table(name: str, figures: Sequence[Figure]) -> Table:
    table = Table(title=name, title_justify="left", show_header=False, box=None, padding=(0, 2))
    for figure in figures:
        words = [str(value) for value in figure.values() if isinstance(value, str) and value != name]
        numbers = [f"{key} {value}" for key, value in figure.items() if not isinstance(value, str)]
        table.add_row(" ".join(words), "  ".join(numbers))
    return table


def _machine() -> Figure:
    return {
        "at": wall().isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
