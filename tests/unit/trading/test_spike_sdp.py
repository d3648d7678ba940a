"""Uncertain prices: certain ones give the exact programme, spikes make energy worth keeping."""

import numpy as np
import pytest
from tests.unit.trading.oracle import some_sites

from manta.trading.columns import Chances, Refusal
from manta.trading.curves import flat
from manta.trading.slope_merge import plan_fleet
from manta.trading.spike_sdp import plan_chances


def chances(outlook, offsets_per_mwh, move):
    """Make prices uncertain: at each node they are higher by an offset."""
    price = np.repeat(outlook.price[:, :, None], len(offsets_per_mwh), axis=2)
    for name in ("import_per_mwh", "export_per_mwh"):
        price[name] += offsets_per_mwh
    moves = np.broadcast_to(move, (len(outlook.step_hours), *np.shape(move))).copy()
    rest = (outlook.limit, outlook.limit_no, outlook.home)
    return Chances(outlook.step_hours, price, outlook.price_no, *rest, moves)


def test_with_one_node_the_cells_hold_the_exact_programmes_mean_values():
    sites, outlook = some_sites(np.random.default_rng(41), 30, 30)
    end = flat(sites, 60.0)

    exact = plan_fleet(sites, outlook, end)
    cells = plan_chances(sites, chances(outlook, [0.0], [[1.0]]), end, cells=400).at(np.zeros(30, np.int32))

    for i in np.flatnonzero(~exact.is_kinked):
        width_kwh, value = exact.curves.of(i)
        fine_kwh, fine = cells.of(i)
        assert fine @ fine_kwh == pytest.approx(value @ width_kwh, rel=0.01, abs=20)


def test_a_chance_of_spikes_makes_stored_energy_worth_more():
    sites, outlook = some_sites(np.random.default_rng(42), 50, 30)
    calm = chances(outlook, [0.0, 5_000.0], [[1.0, 0.0], [1.0, 0.0]])
    wild = chances(outlook, [0.0, 5_000.0], [[0.95, 0.05], [0.5, 0.5]])
    end = flat(sites, 60.0)

    safe, risky = (plan_chances(sites, each, end).value_per_mwh[:, 0] for each in (calm, wild))

    assert (risky.sum(axis=1) > safe.sum(axis=1)).all()


def test_values_fall_as_the_battery_fills():
    sites, outlook = some_sites(np.random.default_rng(43), 40, 30)
    odds = np.random.default_rng(1).dirichlet(np.ones(4), 4)

    value = plan_chances(
        sites, chances(outlook, [-50.0, 0, 80, 3_000], odds), flat(sites, 60.0)
    ).value_per_mwh

    assert (np.diff(value, axis=2) <= 1e-6).all()
    assert np.isfinite(value).all()


def test_the_same_chances_give_the_same_values_to_the_bit():
    sites, outlook = some_sites(np.random.default_rng(44), 300, 20)
    both = chances(outlook, [0.0, 900.0], [[0.9, 0.1], [0.4, 0.6]])
    end = flat(sites, 60.0)

    one, two = plan_chances(sites, both, end), plan_chances(sites, both, end, threads=2)

    assert one.value_per_mwh.tobytes() == two.value_per_mwh.tobytes()


def test_odds_that_do_not_add_up_are_refused():
    _, outlook = some_sites(np.random.default_rng(45), 3, 5)

    with pytest.raises(ValueError, match="add up to 1"):
        chances(outlook, [0.0, 10.0], [[0.9, 0.2], [0.5, 0.5]])


def test_a_site_that_makes_no_sense_has_no_values_and_the_others_have():
    sites, outlook = some_sites(np.random.default_rng(46), 3, 5)
    sites[1]["discharge_efficiency"] = 0.0

    plan = plan_chances(sites, chances(outlook, [0.0], [[1.0]]), flat(sites, 60.0))

    assert plan.refused.tolist() == [0, Refusal.EFFICIENCY, 0]
    assert np.isnan(plan.value_per_mwh[1]).all()
    assert len(plan.at(np.zeros(3, np.int32)).of(1)[0]) == 0
    assert len(plan.at(np.zeros(3, np.int32)).of(2)[0]) == 32


def test_who_comes_after_the_deadline_is_late():
    sites, outlook = some_sites(np.random.default_rng(47), 3, 5)

    late = plan_chances(sites, chances(outlook, [0.0], [[1.0]]), flat(sites, 60.0), lambda: True)

    assert (late.refused == Refusal.LATE).all()
