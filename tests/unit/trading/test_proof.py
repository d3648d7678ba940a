"""What is published is proved; what is not falls back, and says so."""

import numpy as np
import pytest
from tests.unit.trading.oracle import some_sites

from manta.trading.curves import flat
from manta.trading.plans import Origin, Plans
from manta.trading.proof import Care, Fault, prove
from manta.trading.slope_merge import plan_fleet, trace_fleet

SITES, OUTLOOK = some_sites(np.random.default_rng(51), 200, 30)
END = flat(SITES, 60.0)
TRACE = trace_fleet(SITES, OUTLOOK, END)


def care(fuse_kw=63.0, throughput_kwh=np.inf):
    return Care(np.full(len(SITES), fuse_kw), np.full(len(SITES), throughput_kwh))


def proof_with(at, column, value, given=None):
    """Prove the true plan with one number of one site exchanged."""
    columns = {"battery_kw": TRACE.battery_kw.copy(), "meter_kw": TRACE.meter_kw.copy()}
    columns[column][at] = value
    return prove(columns["battery_kw"], columns["meter_kw"], SITES, OUTLOOK, given or care())


def test_every_plan_of_the_planner_is_proved():
    proof = prove(TRACE.battery_kw, TRACE.meter_kw, SITES, OUTLOOK, care())

    assert proof.holds.all()
    assert proof.worst_kw.max() < 1e-6
    assert proof.worst_kwh.max() < 1e-6


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("battery_kw", np.nan, Fault.UNKNOWN),
        ("battery_kw", 40.0, Fault.POWER),
        ("meter_kw", 12.0, Fault.ENVELOPE),
        ("meter_kw", 70.0, Fault.FUSE),
        ("meter_kw", -70.0, Fault.FUSE),
    ],
)
def test_one_wrong_number_fails_its_site_and_no_other(column, value, fault):
    proof = proof_with((7, 3), column, value)

    assert Fault(int(proof.fault[7])) & fault
    assert np.delete(proof.holds, 7).all()


def test_selling_the_householders_reserve_is_found():
    battery_kw = np.repeat(SITES["discharge_kw"][:, None], 30, axis=1)

    proof = prove(battery_kw, TRACE.meter_kw, SITES, OUTLOOK, care())

    assert ((proof.fault & Fault.RESERVE) > 0).all()


def test_a_warranty_that_is_used_up_stops_the_plan():
    drawn = (TRACE.battery_kw > 0.1).any(axis=1)

    proof = prove(TRACE.battery_kw, TRACE.meter_kw, SITES, OUTLOOK, care(throughput_kwh=0.0))

    assert ((proof.fault[drawn] & Fault.WARRANTY) > 0).all()
    assert drawn.any()


def test_a_plan_that_fails_is_replaced_by_the_last_good_one_and_then_by_self_consumption():
    plan = plan_fleet(SITES, OUTLOOK, END)
    good = prove(TRACE.battery_kw, TRACE.meter_kw, SITES, OUTLOOK, care())
    bad = proof_with((7, 3), "battery_kw", 40.0)
    begun = Plans.none(len(SITES))
    assert (begun.origin == Origin.SELF_CONSUMPTION).all()

    first = begun.follow(plan.curves, plan.refused, good, oldest=2)
    assert (first.origin == Origin.NEW).all()
    origins = []
    held = first
    for _ in range(3):
        held = held.follow(plan.curves, plan.refused, bad, oldest=2)
        origins.append(Origin(held.origin[7]))
        assert held.fault[7] & Fault.POWER
        assert (np.delete(held.origin, 7) == Origin.NEW).all()

    assert origins == [Origin.LAST_GOOD, Origin.LAST_GOOD, Origin.SELF_CONSUMPTION]
    assert len(held.curves.of(7)[0]) == 0
    assert np.array_equal(held.curves.of(8)[1], plan.curves.of(8)[1])


def test_whoever_is_late_keeps_the_last_good_plan():
    plan = plan_fleet(SITES, OUTLOOK, END)
    good = prove(TRACE.battery_kw, TRACE.meter_kw, SITES, OUTLOOK, care())
    held = Plans.none(len(SITES)).follow(plan.curves, plan.refused, good, oldest=2)

    late = plan_fleet(SITES, OUTLOOK, END, lambda: True)
    after = held.follow(late.curves, late.refused, good, oldest=2)

    assert (after.origin == Origin.LAST_GOOD).all()
    assert np.array_equal(after.curves.value_per_mwh, held.curves.value_per_mwh)
