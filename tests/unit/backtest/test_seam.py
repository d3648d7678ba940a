"""The replay and the live engine answer a price alike: one plan, one look-up."""

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.backtest.markets import POWERWALL, home, prices, series

from manta.backtest.ahead import blank_steps, lay_home, lay_price, seen_by, site_rows
from manta.backtest.published import Published, own_rows
from manta.backtest.receding import Work, decided
from manta.backtest.series import STEP_HOURS
from manta.backtest.site import Case
from manta.backtest.steps import FOLLOW_KW, cells_of, permitted
from manta.trading.columns import HOME, LIMIT
from manta.trading.curves import Curves
from manta.trading.policy import TARIFF, Moment, answer
from manta.trading.stage import ROWS, SEGMENTS


def live(case, spot_per_mwh, stored_kwh, load_sun_kw, value_per_mwh):
    """What the live engine's look-up says for the same site and moment."""
    site = site_rows(case)
    site["stored_kwh"] = stored_kwh
    tariff, limit, now = np.zeros(1, TARIFF), np.zeros(1, LIMIT), np.zeros(1, HOME)
    for name in ("import_scale", "export_scale"):
        tariff[name] = getattr(case.meter, name)
    tariff["import_adder_per_mwh"] = case.meter.import_adder_per_mwh[0]
    tariff["export_adder_per_mwh"] = case.meter.export_adder_per_mwh[0]
    limit["import_kw"], limit["export_kw"] = case.meter.import_kw, case.meter.export_kw
    now["load_kw"], now["pv_kw"] = -load_sun_kw[0], load_sun_kw[1]
    width = np.full(len(value_per_mwh), POWERWALL.capacity_kwh / len(value_per_mwh))
    curves = Curves(np.array([0, len(value_per_mwh)]), width, value_per_mwh, np.zeros(1))
    none = np.zeros(1, np.int32)
    moment = Moment(STEP_HOURS, tariff, none, limit, none, now)
    return answer(spot_per_mwh, site, curves, moment).battery_kw[0]


@pytest.mark.parametrize("seed", range(40))
def test_a_replayed_decision_is_the_live_engines_look_up(seed):
    rng = np.random.default_rng(seed)
    case = Case(series(prices(1)), POWERWALL, replace(home(1), export_kw=float(rng.choice([1.5, 5.0, 10.0]))))
    value_per_mwh = np.sort(rng.uniform(-50, 400, 8))[::-1].copy()
    spot_per_mwh = float(rng.choice([-300.0, -20.0, 30.0, 120.0, 350.0, 9_000.0]))
    stored_kwh = float(rng.uniform(0, 13.5))
    load_sun_kw = float(rng.uniform(0, 3)), float(rng.uniform(0, 6))

    cells, _ = cells_of(case)
    flat = Published(np.zeros((48, 57)), *own_rows(288, 0))
    seen = seen_by(case, flat, (flat, flat), 0)
    work = Work(site_rows(case), blank_steps(case, 1), np.zeros((1, 2, 8)), np.empty((ROWS, SEGMENTS)))
    work.curves[0, 0], work.curves[0, 1] = value_per_mwh, cells.usable_kwh / 8
    lay_price(0, spot_per_mwh, 0, seen, work.steps)
    lay_home(0, *load_sun_kw, work.steps)
    power_kw = decided(stored_kwh, work.curves[0], 8, load_sun_kw, work, cells)
    if power_kw == FOLLOW_KW:
        power_kw = permitted(FOLLOW_KW, load_sun_kw[1] - load_sun_kw[0], cells)

    said_kw = live(case, spot_per_mwh, stored_kwh, load_sun_kw, value_per_mwh)
    assert power_kw == pytest.approx(said_kw, abs=1e-6)
