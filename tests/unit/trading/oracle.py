"""The same site problem as a linear or mixed-integer programme, solved by HiGHS; and sites to try it on."""

import highspy
import numpy as np

from manta.trading.columns import HOME, LIMIT, PRICE, SITE, Outlook

COLUMNS = (
    "charge",
    "discharge",
    "take",
    "send",
    "spill",
    "over",
    "up",
    "down",
    "energy",
    "charging",
    "taking",
)


def solved(site, hours, price, limit, home, end_width_kwh, end_value_per_mwh, *, whole=False, setup=None):
    """Return the best schedule's objective in $ and columns by name; whole forbids both ways at once."""
    solver = highspy.Highs() if setup is None else setup
    lp, slices = build(site, hours, price, limit, home, (end_width_kwh, end_value_per_mwh), whole=whole)
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("mip_rel_gap", 0.0)
    for tolerance in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
        solver.setOptionValue(tolerance, 1e-10)
    solver.passModel(lp)
    solver.run()
    assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal, solver.getModelStatus()
    values = np.asarray(solver.getSolution().col_value)
    objective = -float(np.asarray(lp.col_cost_) @ values) / 1_000
    return objective, {name: values[at] for name, at in slices.items()}


def build(site, hours, price, limit, home, end, *, whole):
    """Write the programme down; the last columns are the stretches of the end's value."""
    n, k = len(hours), len(end[0])
    count = (11 if whole else 9) * n + k
    at = {name: slice(j * n, (j + 1) * n) for j, name in enumerate(COLUMNS[: 11 if whole else 9])}
    at["end"] = slice(count - k, count)
    floor = min(site["reserve_kwh"], site["stored_kwh"])
    high, cost = np.full(count, np.inf), np.zeros(count)
    high[at["charge"]], high[at["discharge"]] = site["charge_kw"], site["discharge_kw"]
    high[at["take"]], high[at["send"]] = limit["import_kw"], limit["export_kw"]
    high[at["spill"]] = home["pv_kw"] if site["curtails"] else 0.0
    high[at["up"]], high[at["down"]] = site["raise_kw"], site["lower_kw"]
    high[at["energy"]] = site["capacity_kwh"] - floor
    high[at["end"]] = end[0]
    cost[at["take"]] = price["import_per_mwh"] * hours
    cost[at["send"]] = -price["export_per_mwh"] * hours
    cost[at["over"]] = price["peak_per_mwh"] * hours
    cost[at["up"]], cost[at["down"]] = -price["raise_per_mwh"] * hours, -price["lower_per_mwh"] * hours
    cost[at["discharge"]] = site["wear_per_mwh"] * hours / site["discharge_efficiency"]
    cost[at["end"]] = -np.asarray(end[1])
    if whole:
        high[at["charging"]] = high[at["taking"]] = 1.0
    rows = Rows(count)
    t = np.arange(n)
    col = {name: np.arange(piece.start, piece.stop) for name, piece in at.items()}
    net = -home["load_kw"] - home["pv_kw"]
    rows.add(
        [col[c] for c in ("take", "discharge", "send", "charge", "spill")], [1, 1, -1, -1, -1], (net, net)
    )
    gain = [-hours * site["charge_efficiency"], hours / site["discharge_efficiency"]]
    start = np.where(t == 0, site["stored_kwh"] - floor, 0.0)
    before = np.where(t > 0, -1.0, 0.0)
    rows.add(
        [col["charge"], col["discharge"], col["energy"], np.maximum(col["energy"] - 1, col["energy"][0])],
        [*gain, 1.0, before], (start, start),
    )  # fmt: skip
    rows.add([col["take"], col["over"]], [1, -1], (-np.inf, np.minimum(site["peak_kw"], 1e9)))
    rows.add([col["up"], col["discharge"], col["charge"]], [1, 1, -1], (-np.inf, site["discharge_kw"]))
    rows.add([col["down"], col["charge"], col["discharge"]], [1, 1, -1], (-np.inf, site["charge_kw"]))
    if np.isfinite(site["inverter_kw"]):
        spare = site["inverter_kw"]
        through = [col["discharge"], col["charge"], col["spill"]]
        rows.add(through, [1, -1, -1], (-spare - home["pv_kw"], spare - home["pv_kw"]))
    if whole:
        rows.add([col["charge"], col["charging"]], [1, -site["charge_kw"]], (-np.inf, 0))
        rows.add(
            [col["discharge"], col["charging"]], [1, site["discharge_kw"]], (-np.inf, site["discharge_kw"])
        )
        rows.add([col["take"], col["taking"]], [1, -limit["import_kw"]], (-np.inf, 0))
        rows.add([col["send"], col["taking"]], [1, limit["export_kw"]], (-np.inf, limit["export_kw"]))
    rows.link(col["energy"][-1], col["end"])
    lp = rows.model(cost, high)
    if whole:
        kinds = [highspy.HighsVarType.kContinuous] * count
        for name in ("charging", "taking"):
            kinds[at[name]] = [highspy.HighsVarType.kInteger] * n
        lp.integrality_ = kinds
    return lp, at


class Rows:
    """Constraints, gathered row by row for all steps at once."""

    def __init__(self, columns):
        self.columns, self.parts, self.low, self.high, self.count = columns, [], [], [], 0

    def add(self, columns, weights, between):
        n = len(columns[0])
        row = np.arange(self.count, self.count + n)
        for column, weight in zip(columns, weights, strict=True):
            self.parts.append((row, column, np.broadcast_to(np.asarray(weight, float), n)))
        self.low.append(np.broadcast_to(np.asarray(between[0], float), n))
        self.high.append(np.broadcast_to(np.asarray(between[1], float), n))
        self.count += n

    def link(self, energy, ends):
        row = np.full(len(ends) + 1, self.count)
        self.parts.append((row, np.append(ends, energy), np.append(np.ones(len(ends)), -1.0)))
        self.low.append(np.zeros(1))
        self.high.append(np.zeros(1))
        self.count += 1

    def model(self, cost, high):
        row, column, weight = (np.concatenate([part[k] for part in self.parts]) for k in range(3))
        used = weight != 0
        row, column, weight = row[used], column[used], weight[used]
        order = np.lexsort((column, row))
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self.columns, self.count
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, np.zeros(self.columns), high
        lp.row_lower_, lp.row_upper_ = np.concatenate(self.low), np.concatenate(self.high)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.searchsorted(row[order], np.arange(self.count + 1))
        lp.a_matrix_.index_, lp.a_matrix_.value_ = column[order], weight[order]
        return lp


def some_sites(rng, count, steps, *, kinked=False, services=True):
    """Make sites and outlooks of every kind up, none like another; concave unless kinks are wanted."""
    sites = np.zeros(count, SITE)
    sites["capacity_kwh"] = rng.uniform(2, 30, count)
    sites["reserve_kwh"] = sites["capacity_kwh"] * rng.choice([0, 0.1, 0.2, 0.5], count)
    share = rng.uniform(0, 1, count)
    sites["stored_kwh"] = sites["reserve_kwh"] + share * (sites["capacity_kwh"] - sites["reserve_kwh"])
    sites["charge_kw"] = rng.choice([0.0, 2.5, 5.0, 10.0], count, p=[0.04, 0.32, 0.32, 0.32])
    sites["discharge_kw"] = rng.choice([2.5, 5.0, 10.0], count)
    sites["charge_efficiency"] = rng.uniform(0.85, 1, count)
    sites["discharge_efficiency"] = rng.uniform(0.85, 1, count)
    sites["wear_per_mwh"] = rng.choice([0, 20, 60], count)
    sites["inverter_kw"] = rng.choice([np.inf, 12.0, 5.0], count, p=[0.6, 0.2, 0.2])
    sites["peak_kw"] = rng.choice([np.inf, 1.0, 4.0], count, p=[0.6, 0.2, 0.2])
    if services:
        sites["raise_kw"] = rng.choice([0.0, 2.0, 5.0], count)
        sites["lower_kw"] = rng.choice([0.0, 2.0, 5.0], count)
    sites["curtails"] = rng.random(count) < 0.8
    home = np.zeros((count, steps), HOME)
    home["pv_kw"] = np.maximum(rng.normal(1, 2, (count, steps)), 0) * (rng.random((count, 1)) < 0.8)
    home["load_kw"] = -np.minimum(rng.gamma(2, 0.6, (count, steps)), 4.5)
    price = np.zeros((count, steps), PRICE)
    spot = rng.normal(80, 90, (count, steps)) + 3_000 * (rng.random((count, steps)) < 0.05)
    if kinked:
        spot = np.where(rng.random((count, steps)) < 0.4, rng.uniform(-1_000, -100, (count, steps)), spot)
    price["import_per_mwh"] = (spot * 1.06 + rng.choice([20, 100], (count, 1))) * (1.1 if kinked else 1)
    price["export_per_mwh"] = spot
    if not kinked:
        # Below this burning energy would pay, and the linear programme would do it.
        price["import_per_mwh"] = np.maximum(price["import_per_mwh"], 0)
        price["export_per_mwh"] = np.minimum(price["export_per_mwh"], price["import_per_mwh"])
    price["peak_per_mwh"] = rng.choice([0, 500], (count, 1))
    if services:
        price["raise_per_mwh"] = rng.choice([0, 5, 40], (count, steps))
        price["lower_per_mwh"] = rng.choice([0, 5, 40], (count, steps))
    limit = np.zeros((count, steps), LIMIT)
    limit["import_kw"] = rng.choice([6.0, 14.0], (count, 1))
    limit["export_kw"] = rng.choice([1.5, 5.0, 10.0], (count, steps))
    roof_kw = np.where(sites["curtails"][:, None], 0, home["pv_kw"] + home["load_kw"])
    limit["export_kw"] = np.maximum(limit["export_kw"], roof_kw)
    sites["inverter_kw"] = np.maximum(
        sites["inverter_kw"], np.where(sites["curtails"], 0, home["pv_kw"].max(axis=1))
    )
    hours = np.where(np.arange(steps) < 12, 1 / 12, 0.5)
    each = np.arange(count, dtype=np.int32)
    return sites, Outlook(hours, price, each, limit, each.copy(), home)
