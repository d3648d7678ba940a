"""The shared homes as every peer reads them, and the check that every peer's schedule must pass."""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def read(folder: str, res: str, case: str) -> dict[str, Any]:
    """Return the problem of one resolution and case as plain arrays, kW and $/kWh."""
    problem = json.loads((Path(folder) / "problem.json").read_text())
    how = problem["cases"][case]
    prices = np.genfromtxt(
        Path(folder) / f"prices_{res}.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
    )
    homes = np.genfromtxt(Path(folder) / f"homes_{res}.csv", delimiter=",", names=True)
    steps = len(prices)
    return {
        "steps": steps,
        "hours": 24 / steps,
        "import": prices[f"imp_{how['prices']}"],
        "export": prices[f"exp_{how['prices']}"],
        "pv": homes["pv_kw"].reshape(-1, steps),
        "load": homes["load_kw"].reshape(-1, steps),
        "curtail": how["curtail"],
        "battery": problem["battery"],
        "grid": problem["grid"],
    }


def earned(given: dict[str, Any], home: int, battery_kw: np.ndarray, spill_kw: np.ndarray) -> float:
    """Value a schedule by itself: the power at the meter follows from the balance. Positive is income."""
    meter_kw = given["pv"][home] - spill_kw - given["load"][home] + battery_kw
    price = np.where(meter_kw >= 0, given["export"], given["import"])
    return float((meter_kw * price).sum() * given["hours"])


def run(
    version: str, solve: Callable[[dict[str, Any], int], tuple[np.ndarray, np.ndarray]], homes: int
) -> None:
    """Solve some homes with ``solve(given, home) -> battery kW, spilled kW`` and print what it took."""
    given = read(*sys.argv[1:4])
    solve(given, 0)
    cpu, money = [], []
    for home in range(homes):
        began = time.process_time()
        battery_kw, spill_kw = solve(given, home)
        cpu.append((time.process_time() - began) * 1e3)
        money.append(earned(given, home, battery_kw, spill_kw))
    print(json.dumps({"version": version, "cpu_ms": statistics.median(cpu), "net_aud": money}))
