"""A VPP's obligation is met by one price, or its shortfall is said beforehand."""

import numpy as np
import pytest
from tests.unit.trading.oracle import some_sites

from manta.trading.curves import flat
from manta.trading.obligations import Obligation, terms, with_adder
from manta.trading.slope_merge import trace_fleet

SITES, OUTLOOK = some_sites(np.random.default_rng(61), 200, 30, services=False)
SITES["charge_kw"], SITES["inverter_kw"] = 5.0, np.inf
OUTLOOK.limit["import_kw"], OUTLOOK.limit["export_kw"] = 14.0, 10.0
OUTLOOK.price["import_per_mwh"], OUTLOOK.price["export_per_mwh"] = 180.0, 60.0
END = flat(SITES, 150.0)
EVENING = slice(14, 18)


def sent_kw(adder_per_mwh):
    trace = trace_fleet(SITES, with_adder(OUTLOOK, adder_per_mwh, EVENING), END)
    return trace.meter_kw.sum(axis=0)[EVENING].mean()


def test_what_the_sites_do_by_themselves_costs_nothing():
    alone_kw = sent_kw(0.0)

    found = terms(Obligation(alone_kw + 1.0, EVENING), SITES, OUTLOOK, END)

    assert alone_kw < -1.0
    assert found.adder_per_mwh == 0
    assert found.is_feasible


def test_one_price_makes_the_fleet_send_what_is_owed_and_hardly_more():
    owed_kw = (sent_kw(0.0) + sent_kw(30_000.0)) / 2

    found = terms(Obligation(owed_kw, EVENING), SITES, OUTLOOK, END)

    assert found.is_feasible
    assert found.adder_per_mwh > 0
    assert sent_kw(found.adder_per_mwh) >= owed_kw - 1e-6
    assert sent_kw(found.adder_per_mwh * 0.9) < owed_kw


def test_power_that_is_owed_the_other_way_is_paid_for_the_other_way():
    owed_kw = (sent_kw(0.0) + sent_kw(-30_000.0)) / 2

    found = terms(Obligation(owed_kw, EVENING), SITES, OUTLOOK, END)

    assert owed_kw < 0
    assert found.adder_per_mwh < 0
    assert sent_kw(found.adder_per_mwh) <= owed_kw + 1e-6


def test_what_nobody_can_give_is_said_with_its_size():
    most_kw = sent_kw(30_000.0)

    found = terms(Obligation(most_kw + 500.0, EVENING), SITES, OUTLOOK, END)

    assert not found.is_feasible
    assert found.shortfall_kw == pytest.approx(500.0, abs=1e-6)


@pytest.mark.parametrize("power_kw", [np.nan, np.inf])
def test_an_obligation_that_is_no_power_is_refused(power_kw):
    with pytest.raises(ValueError, match="no obligation"):
        terms(Obligation(power_kw, EVENING), SITES, OUTLOOK, END)


def test_a_window_outside_the_outlook_is_refused():
    with pytest.raises(ValueError, match="no obligation"):
        terms(Obligation(5.0, slice(40, 44)), SITES, OUTLOOK, END)
