"""The exact programme: equal to HiGHS where that is exact, refused where it makes no sense, in time."""

import numpy as np
import pytest
from tests.unit.trading.oracle import solved, some_sites

from manta.trading.columns import Outlook, Refusal
from manta.trading.curves import flat, target
from manta.trading.slope_merge import plan_fleet, trace_fleet
from manta.trading.stage import BREACH_PER_MWH


def outlook_like(outlook, **changed):
    """Return the outlook with some of its columns exchanged."""
    columns = ("step_hours", "price", "price_no", "limit", "limit_no", "home")
    return Outlook(**{name: changed.get(name, getattr(outlook, name)) for name in columns})


def test_every_site_earns_what_the_linear_programme_says_it_can():
    rng = np.random.default_rng(11)
    sites, outlook = some_sites(rng, 60, 24)
    end = flat(sites, rng.uniform(0, 150, 60))

    trace = trace_fleet(sites, outlook, end)

    for i in range(60):
        best, _ = solved(
            sites[i], outlook.step_hours, outlook.price[i], outlook.limit[i], outlook.home[i], *end.of(i)
        )
        assert trace.net_aud[i] + trace.end_aud[i] == pytest.approx(best, rel=1e-9, abs=1e-9)


def test_where_burning_energy_would_pay_the_integer_programme_is_matched():
    rng = np.random.default_rng(12)
    sites, outlook = some_sites(rng, 12, 14, kinked=True)
    end = flat(sites, rng.uniform(0, 150, 12))

    trace = trace_fleet(sites, outlook, end)

    assert plan_fleet(sites, outlook, end).is_kinked.all()
    for i in range(12):
        steps = outlook.step_hours, outlook.price[i], outlook.limit[i], outlook.home[i]
        best, _ = solved(sites[i], *steps, *end.of(i), whole=True)
        assert trace.net_aud[i] + trace.end_aud[i] == pytest.approx(best, abs=1e-6)


def test_no_schedule_leaves_what_site_and_network_permit():
    sites, outlook = some_sites(np.random.default_rng(13), 300, 40)

    trace = trace_fleet(sites, outlook, flat(sites, 60.0))

    assert (trace.battery_kw <= sites["discharge_kw"][:, None] + 1e-9).all()
    assert (trace.battery_kw >= -sites["charge_kw"][:, None] - 1e-9).all()
    assert (trace.stored_kwh >= sites["reserve_kwh"][:, None] - 1e-9).all()
    assert (trace.stored_kwh <= sites["capacity_kwh"][:, None] + 1e-9).all()
    assert (trace.meter_kw <= outlook.limit["export_kw"] + 1e-9).all()
    assert (trace.meter_kw >= -outlook.limit["import_kw"] - 1e-9).all()


def test_the_same_fleet_gets_the_same_plan_to_the_bit_on_any_number_of_threads():
    sites, outlook = some_sites(np.random.default_rng(14), 1_200, 30)
    end = flat(sites, 80.0)

    one, two = plan_fleet(sites, outlook, end), plan_fleet(sites, outlook, end, threads=2)

    assert one.curves.first.tobytes() == two.curves.first.tobytes()
    assert one.curves.value_per_mwh.tobytes() == two.curves.value_per_mwh.tobytes()
    assert one.curves.width_kwh.tobytes() == two.curves.width_kwh.tobytes()


def test_a_curve_falls_and_covers_all_that_the_cells_hold_above_the_reserve():
    sites, outlook = some_sites(np.random.default_rng(15), 200, 40)

    curves = plan_fleet(sites, outlook, flat(sites, 80.0)).curves

    for i in range(200):
        width_kwh, value_per_mwh = curves.of(i)
        assert (np.diff(value_per_mwh) <= 0).all()
        assert width_kwh.sum() == pytest.approx(sites[i]["capacity_kwh"] - sites[i]["reserve_kwh"], abs=1e-9)


@pytest.mark.parametrize(
    ("column", "nonsense", "reason"),
    [
        ("stored_kwh", np.nan, Refusal.NOT_A_NUMBER),
        ("capacity_kwh", 0.0, Refusal.NO_CAPACITY),
        ("charge_efficiency", 0.0, Refusal.EFFICIENCY),
        ("discharge_efficiency", 1.01, Refusal.EFFICIENCY),
        ("reserve_kwh", 1e3, Refusal.LIMITS_CROSS),
        ("discharge_kw", -1.0, Refusal.LIMITS_CROSS),
        ("stored_kwh", -0.1, Refusal.STORED),
        ("wear_per_mwh", np.inf, Refusal.NOT_A_NUMBER),
    ],
)
def test_a_site_that_makes_no_sense_is_refused_and_the_others_go_on(column, nonsense, reason):
    sites, outlook = some_sites(np.random.default_rng(16), 5, 6)
    before = plan_fleet(sites, outlook, flat(sites, 50.0)).curves
    sites[2][column] = nonsense

    plan = plan_fleet(sites, outlook, flat(sites, 50.0))

    assert plan.refused.tolist() == [0, 0, reason, 0, 0]
    assert len(plan.curves.of(2)[0]) == 0
    assert np.array_equal(plan.curves.of(3)[1], before.of(3)[1])
    assert np.isnan(trace_fleet(sites, outlook, flat(sites, 50.0)).battery_kw[2]).all()


@pytest.mark.parametrize(
    ("column", "nonsense", "reason"),
    [
        ("load_kw", 0.5, Refusal.SIGN),
        ("pv_kw", -0.5, Refusal.SIGN),
        ("pv_kw", np.nan, Refusal.NOT_A_NUMBER),
    ],
)
def test_a_home_that_flows_the_wrong_way_or_is_unknown_is_refused(column, nonsense, reason):
    sites, outlook = some_sites(np.random.default_rng(17), 3, 6)
    outlook.home[column][1, 4] = nonsense

    assert plan_fleet(sites, outlook, flat(sites, 50.0)).refused.tolist() == [0, reason, 0]


def test_an_unknown_price_refuses_those_who_have_it():
    sites, outlook = some_sites(np.random.default_rng(18), 3, 6)
    outlook.price["export_per_mwh"][0, 5] = np.nan

    assert plan_fleet(sites, outlook, flat(sites, 50.0)).refused.tolist() == [Refusal.NOT_A_NUMBER, 0, 0]


def test_an_outlook_whose_columns_do_not_fit_is_refused():
    _, outlook = some_sites(np.random.default_rng(18), 3, 6)

    with pytest.raises(ValueError, match="steps of its layout"):
        outlook_like(outlook, price=outlook.price[:, :5])
    with pytest.raises(ValueError, match="does not name a row"):
        outlook_like(outlook, price_no=np.array([0, 1, 3], np.int32))
    with pytest.raises(ValueError, match="of some length"):
        outlook_like(outlook, step_hours=np.zeros(6))


def test_whoever_has_no_turn_before_the_deadline_is_late_and_the_rest_is_planned():
    sites, outlook = some_sites(np.random.default_rng(19), 1_100, 6)
    looks = iter([False, False, True])

    plan = plan_fleet(sites, outlook, flat(sites, 50.0), lambda: next(looks))

    assert (plan.refused[:1_024] == 0).all()
    assert (plan.refused[1_024:] == Refusal.LATE).all()
    assert len(plan.curves) == 1_100


def test_a_battery_below_its_reserve_is_filled_and_never_sold():
    sites, outlook = some_sites(np.random.default_rng(20), 40, 24, services=False)
    sites["reserve_kwh"], sites["stored_kwh"] = 0.6 * sites["capacity_kwh"], 0.3 * sites["capacity_kwh"]
    sites["charge_kw"], sites["inverter_kw"] = 5.0, np.inf

    trace = trace_fleet(sites, outlook, flat(sites, 50.0))

    assert (trace.stored_kwh >= sites["stored_kwh"][:, None] - 1e-9).all()
    assert (trace.stored_kwh[:, -1] >= sites["reserve_kwh"] - 1e-6).all()


def test_an_end_can_be_asked_to_hold_a_stored_energy():
    sites, outlook = some_sites(np.random.default_rng(21), 20, 40, services=False)
    sites["charge_kw"], sites["inverter_kw"], sites["capacity_kwh"] = 5.0, np.inf, 10.0
    sites["reserve_kwh"], sites["stored_kwh"] = 0.0, 2.0

    trace = trace_fleet(sites, outlook, target(sites, 5.0, BREACH_PER_MWH / 2))

    assert trace.stored_kwh[:, -1] == pytest.approx(5.0, abs=1e-6)


def test_a_dearer_import_above_the_months_peak_flattens_what_is_taken():
    sites, outlook = some_sites(np.random.default_rng(22), 60, 40, services=False)
    sites["peak_kw"] = 2.0
    outlook.price["peak_per_mwh"] = 0
    free = trace_fleet(sites, outlook, flat(sites, 90.0)).meter_kw
    outlook.price["peak_per_mwh"] = 2_000

    tiered = trace_fleet(sites, outlook, flat(sites, 90.0)).meter_kw

    above = [np.maximum(-meter_kw - 2.0, 0).sum() for meter_kw in (free, tiered)]
    assert above[1] < 0.5 * above[0]
