"""A home's schedule by EMHASS's own optimization class, set up anew for every home as its REST call does.

Run by ``bench_planner.py`` in an interpreter that has EMHASS.
"""

import logging
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")
here = str(Path(__file__).parent)
sys.path = [path for path in sys.path if path != here]
import pandas as pd  # noqa: E402
from emhass.optimization import Optimization  # noqa: E402

sys.path.append(here)
import numpy as np  # noqa: E402
from problem import run  # noqa: E402

ZONE = "Australia/Brisbane"


def settings(given: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return EMHASS's three dictionaries for a home with roof and battery."""
    battery, grid = given["battery"], given["grid"]
    house = {
        "optimization_time_step": pd.to_timedelta(round(given["hours"] * 60), "minutes"),
        "time_zone": ZONE,
        "sensor_power_photovoltaics": "pv",
        "sensor_power_load_no_var_loads": "load",
    }
    how = {
        "delta_forecast_daily": pd.Timedelta(hours=24),
        "num_threads": 1,
        "set_use_battery": True,
        "set_use_pv": True,
        "set_total_pv_sell": False,
        "set_nocharge_from_grid": False,
        "set_nodischarge_to_grid": False,
        "set_battery_dynamic": False,
        "set_battery_first_priority": False,
        "battery_dynamic_max": 0.9,
        "battery_dynamic_min": -0.9,
        "weight_battery_discharge": 0.0,
        "weight_battery_charge": 0.0,
        "battery_soc_deficit_threshold": 0.2,
        "battery_soc_deficit_cost": 0.0,
        "battery_soc_surplus_threshold": 0.9,
        "battery_soc_surplus_cost": 0.0,
        "number_of_deferrable_loads": 0,
        "nominal_power_of_deferrable_loads": [],
        "treat_deferrable_load_as_semi_cont": [],
        "set_deferrable_load_single_constant": [],
        "set_deferrable_startup_penalty": [],
        "operating_hours_of_each_deferrable_load": [],
        "start_timesteps_of_each_deferrable_load": [],
        "end_timesteps_of_each_deferrable_load": [],
        "lp_solver_timeout": 60,
        "lp_solver_mip_rel_gap": 0.0,
    }
    plant = {
        "inverter_is_hybrid": False,
        "compute_curtailment": bool(given["curtail"]),
        "maximum_power_from_grid": 1000 * grid["import_max_kw"],
        "maximum_power_to_grid": 1000 * grid["export_max_kw"],
        # EMHASS limits discharge at the cells: what reaches the terminals is the rating.
        "battery_discharge_power_max": 1000 * battery["p_discharge_max_kw"] / battery["eta_discharge"],
        "battery_charge_power_max": 1000 * battery["p_charge_max_kw"],
        "battery_minimum_state_of_charge": battery["soc_min"],
        "battery_maximum_state_of_charge": battery["soc_max"],
        "battery_target_state_of_charge": battery["soc_final"],
        "battery_nominal_energy_capacity": 1000 * battery["energy_kwh"],
        "battery_discharge_efficiency": battery["eta_discharge"],
        "battery_charge_efficiency": battery["eta_charge"],
        "battery_stress_cost": 0.0,
        "battery_stress_segments": 10,
    }
    return house, how, plant


def solve(given: dict[str, Any], home: int) -> tuple[np.ndarray, np.ndarray]:
    """Set EMHASS up, optimize one home, and read its schedule."""
    quiet = logging.getLogger("quiet")
    quiet.handlers, quiet.propagate = [logging.NullHandler()], False
    folders = {"root_path": Path(), "data_path": Path()}
    names = "unit_load_cost", "unit_prod_price"
    made = Optimization(*settings(given), *names, "profit", folders, quiet, opt_time_delta=24)
    minutes = round(given["hours"] * 60)
    index = pd.date_range("2026-01-15", periods=given["steps"], freq=f"{minutes}min", tz=ZONE)
    frame = pd.DataFrame({names[0]: given["import"], names[1]: given["export"]}, index=index)
    pv, load = 1000 * given["pv"][home], 1000 * given["load"][home]
    ends = {"soc_init": given["battery"]["soc_init"], "soc_final": given["battery"]["soc_final"]}
    done = made.perform_optimization(frame, pv, load, given["import"], given["export"], **ends)
    spill = done["P_PV_curtailment"] if "P_PV_curtailment" in done else np.zeros(given["steps"])
    return np.asarray(done["P_batt"], float) / 1000, np.asarray(spill, float) / 1000


if __name__ == "__main__":
    run(version("emhass"), solve, homes=3)
