"""A home's schedule in CVXPY over HiGHS: built once with parameters, solved anew for every home.

Run by ``bench_planner.py`` in an interpreter that has cvxpy, highspy and numpy.
"""

import sys
from pathlib import Path
from typing import Any

# The script's own folder holds a file of the same name: the package must be found first.
here = str(Path(__file__).parent)
sys.path = [path for path in sys.path if path != here]
import cvxpy  # noqa: E402

sys.path.append(here)
import numpy as np  # noqa: E402
from problem import run  # noqa: E402

MADE = {}


def build(given: dict[str, Any]) -> tuple[Any, ...]:
    """Write the programme down; integer where the roof must flow and prices fall below zero."""
    steps, hours, battery, grid = given["steps"], given["hours"], given["battery"], given["grid"]
    whole = not given["curtail"] and bool((given["export"] < 0).any())
    charge, discharge, take, send, stored, spill = (cvxpy.Variable(steps, nonneg=True) for _ in range(6))
    net, roof = cvxpy.Parameter(steps), cvxpy.Parameter(steps, nonneg=True)
    kwh = battery["energy_kwh"]
    gain = hours * (battery["eta_charge"] * charge - discharge / battery["eta_discharge"])
    rules = [
        charge <= battery["p_charge_max_kw"],
        discharge <= battery["p_discharge_max_kw"],
        take <= grid["import_max_kw"],
        send <= grid["export_max_kw"],
        stored >= battery["soc_min"] * kwh,
        stored <= battery["soc_max"] * kwh,
        stored[-1] == battery["soc_final"] * kwh,
        spill <= roof,
        take + discharge - send - charge - spill == net,
        stored[0] == battery["soc_init"] * kwh + gain[0],
        stored[1:] == stored[:-1] + gain[1:],
    ]
    if whole:
        charging, taking = cvxpy.Variable(steps, boolean=True), cvxpy.Variable(steps, boolean=True)
        rules += [
            charge <= battery["p_charge_max_kw"] * charging,
            discharge <= battery["p_discharge_max_kw"] * (1 - charging),
            take <= grid["import_max_kw"] * taking,
            send <= grid["export_max_kw"] * (1 - taking),
        ]
    cost = hours * (given["import"] @ take - given["export"] @ send)
    return cvxpy.Problem(cvxpy.Minimize(cost), rules), (charge, discharge, spill), (net, roof)


def solve(given: dict[str, Any], home: int) -> tuple[np.ndarray, np.ndarray]:
    """Solve one home; the compiled problem is kept, as CVXPY advises."""
    if "made" not in MADE:
        MADE["made"] = build(given)
    problem, (charge, discharge, spill), (net, roof) = MADE["made"]
    net.value = given["load"][home] - given["pv"][home]
    roof.value = given["pv"][home] if given["curtail"] else np.zeros(given["steps"])
    problem.solve(solver=cvxpy.HIGHS, mip_rel_gap=0.0, threads=1)
    return discharge.value - charge.value, spill.value


if __name__ == "__main__":
    run(cvxpy.__version__, solve, homes=3)
