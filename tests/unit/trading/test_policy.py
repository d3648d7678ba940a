"""A published price is answered by look-up: as the plan would, with numbers that say when it would change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.trading.oracle import some_sites

from manta.trading.columns import HOME, LIMIT
from manta.trading.curves import flat
from manta.trading.policy import TARIFF, Bound, Moment, answer, supply
from manta.trading.slope_merge import plan_fleet, trace_fleet

SITES, OUTLOOK = some_sites(np.random.default_rng(31), 400, 30)
PLAN = plan_fleet(SITES, OUTLOOK, flat(SITES, 70.0))


def moment(**changed):
    """Build the first step's moment: prices that follow the market one to one, 80 $/MWh dearer to import."""
    tariff = np.zeros(1, TARIFF)
    tariff["import_scale"] = tariff["export_scale"] = 1.0
    tariff["import_adder_per_mwh"] = 80.0
    none = np.zeros(len(SITES), np.int32)
    given = {
        "step_hours": 1 / 12,
        "tariff": tariff,
        "tariff_no": none,
        "limit": OUTLOOK.limit[:, 0],
        "limit_no": np.arange(len(SITES), dtype=np.int32),
        "home": OUTLOOK.home[:, 0],
    }
    return Moment(**(given | changed))


def test_at_the_price_that_was_expected_the_answer_is_the_plans_own():
    price = OUTLOOK.price[:, 0]
    tariff = np.zeros(len(SITES), TARIFF)
    tariff["import_adder_per_mwh"], tariff["export_adder_per_mwh"] = (
        price["import_per_mwh"],
        price["export_per_mwh"],
    )
    for name in ("peak_per_mwh", "raise_per_mwh", "lower_per_mwh"):
        tariff[name] = price[name]
    each = np.arange(len(SITES), dtype=np.int32)

    found = answer(0.0, SITES, PLAN.curves, moment(tariff=tariff, tariff_no=each))

    trace = trace_fleet(SITES, OUTLOOK, flat(SITES, 70.0))
    smooth = ~PLAN.is_kinked
    assert found.battery_kw[smooth] == pytest.approx(trace.battery_kw[smooth, 0], abs=1e-6)
    assert found.meter_kw[smooth] == pytest.approx(trace.meter_kw[smooth, 0], abs=1e-6)


def test_beyond_its_thresholds_a_site_trades_and_short_of_them_it_does_not():
    # Without roof, load and services the next unit's price is the only thing that matters.
    home, sites = np.zeros(len(SITES), HOME), SITES.copy()
    sites["inverter_kw"], sites["peak_kw"], sites["charge_kw"] = np.inf, np.inf, 5.0
    bare = moment(home=home)
    at_rest = answer(60.0, sites, PLAN.curves, bare)
    for i in range(0, 400, 7):
        below, above = at_rest.charge_below_per_mwh[i], at_rest.discharge_above_per_mwh[i]
        if np.isfinite(above) and below < above:
            assert answer(above + 0.01, sites, PLAN.curves, bare).battery_kw[i] > 0
            assert answer(above - 0.01, sites, PLAN.curves, bare).battery_kw[i] <= 0
        if np.isfinite(below) and 0 < below < above:
            assert answer(below - 0.01, sites, PLAN.curves, bare).battery_kw[i] < 0
            assert answer(below + 0.01, sites, PLAN.curves, bare).battery_kw[i] >= 0


def test_the_fleet_gives_more_the_dearer_power_is():
    batteries_kw, meters_kw = supply(
        np.array([0, 50, 100, 300, 1_000, 17_500.0]), SITES, PLAN.curves, moment()
    )

    assert (np.diff(batteries_kw) >= -1e-6).all()
    assert meters_kw[-1] > meters_kw[0]


def test_a_site_of_which_nothing_is_known_is_asked_for_nothing():
    sites = SITES.copy()
    sites[3]["stored_kwh"] = np.nan

    found = answer(500.0, sites, PLAN.curves, moment())

    assert np.isnan(found.battery_kw[3])
    assert found.bound[3] == Bound.UNKNOWN
    assert np.isfinite(np.delete(found.battery_kw, 3)).all()


def test_a_site_without_a_plan_consumes_its_own():
    sites, outlook = some_sites(np.random.default_rng(32), 2, 6)
    sites["discharge_kw"] = sites["charge_kw"] = 5.0
    sites["stored_kwh"], sites["reserve_kwh"], sites["inverter_kw"] = sites["capacity_kwh"] / 2, 0.0, np.inf
    outlook.home["pv_kw"], outlook.home["load_kw"] = [[3.0], [0.0]], [[-1.0], [-1.0]]
    sites[:]["capacity_kwh"] = np.nan  # refused by the planner
    curves = plan_fleet(sites, outlook, flat(sites, 50.0)).curves
    sites["capacity_kwh"] = 2 * sites["stored_kwh"]
    limit = np.zeros(1, LIMIT)
    limit["import_kw"], limit["export_kw"] = 14, 5
    zero = np.zeros(2, np.int32)

    found = answer(
        9_000.0, sites, curves, moment(tariff_no=zero, limit=limit, limit_no=zero, home=outlook.home[:, 0])
    )

    assert found.battery_kw == pytest.approx([-2, 1])
    assert found.meter_kw == pytest.approx([0, 0])
    assert (found.bound == Bound.NO_PLAN).all()


@pytest.mark.parametrize("price", [np.nan, np.inf])
def test_a_price_that_is_no_number_is_refused(price):
    with pytest.raises(ValueError, match="number of dollars"):
        answer(price, SITES, PLAN.curves, moment())


@settings(deadline=None, max_examples=60)
@given(price=st.floats(-1_000, 17_500), seed=st.integers(0, 10_000))
def test_no_answer_leaves_what_the_site_permits_whatever_was_heard_since(price, seed):
    rng = np.random.default_rng(seed)
    sites = SITES.copy()
    sites["stored_kwh"] = rng.uniform(0, 1, len(sites)) * sites["capacity_kwh"]
    home = np.zeros(len(sites), HOME)
    home["pv_kw"], home["load_kw"] = rng.uniform(0, 8, len(sites)), -rng.uniform(0, 8, len(sites))

    found = answer(price, sites, PLAN.curves, moment(home=home))

    assert (found.battery_kw <= sites["discharge_kw"] + 1e-9).all()
    assert (found.battery_kw >= -sites["charge_kw"] - 1e-9).all()
    out_kwh = np.maximum(found.battery_kw, 0) / sites["discharge_efficiency"] / 12
    in_kwh = np.maximum(-found.battery_kw, 0) * sites["charge_efficiency"] / 12
    spare_kwh = np.maximum(sites["stored_kwh"] - sites["reserve_kwh"], 0)
    assert (out_kwh <= spare_kwh + 1e-9).all()
    assert (in_kwh <= sites["capacity_kwh"] - sites["stored_kwh"] + 1e-9).all()
