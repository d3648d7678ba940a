"""FCAS as NEMDE has it; GEN01 is the worked example of AEMO's "FCAS Model in NEMDE", appendix A."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from manta.domain.envelope import Envelope
from manta.domain.market import Service
from manta.domain.offer import Trapezium
from manta.rules.fcas import Blocked, Unit, availability_kw, blocked, is_trapped, joint_ramp, violations
from manta.rules.trapezium import (
    Agc,
    at_most,
    effective,
    energy_while_enabled,
    lower_slope,
    scaled_by_forecast,
    upper_slope,
    within,
)

RREG, LREG = Service.RAISE_REGULATION, Service.LOWER_REGULATION
R5, L5 = Service.RAISE_DELAYED, Service.LOWER_DELAYED
MW = 1_000.0
REACH = Envelope(0, 700 * MW)
BANDS = (10 * MW,) * 10


def shape(most, *edges):
    return Trapezium(most * MW, *(edge * MW for edge in edges))


GEN01 = Unit(
    services={
        R5: shape(66, 290, 300, 624, 690),
        RREG: shape(100, 300, 300, 590, 680),
        L5: shape(76, 290, 366, 690, 690),
        LREG: shape(100, 300, 400, 690, 690),
    },
    initial_kw=450 * MW,
    agc=Agc(lower_kw=280 * MW, upper_kw=670 * MW, up_kw_per_min=3 * MW, down_kw_per_min=2 * MW),
)
LOAD = Unit(
    services={RREG: shape(20, -130, -130, -86, -66), R5: shape(30, -130, -130, -30, 0)},
    initial_kw=-100 * MW,
    agc=Agc(up_kw_per_min=2 * MW, down_kw_per_min=2 * MW),
)

edges_mw = st.tuples(*[st.integers(0, 700)] * 4).map(sorted)
trapezia = st.builds(lambda most, edges: shape(most, *edges), st.integers(0, 200), edges_mw)


def enabled(rreg=10, lreg=10, r5=50, l5=50):
    return {RREG: rreg * MW, LREG: lreg * MW, R5: r5 * MW, L5: l5 * MW}


@pytest.mark.parametrize(
    ("given", "service", "because"),
    [
        ({"initial_kw": 680 * MW}, RREG, Blocked.STRANDED),  # AGC has pulled the edge in to 670
        ({"initial_kw": 299 * MW}, LREG, Blocked.STRANDED),
        ({"agc": Agc(is_on=False)}, RREG, Blocked.AGC_OFF),
        ({"services": {R5: shape(0, 290, 300, 624, 690)}}, R5, Blocked.NO_AVAILABILITY),
        ({"services": {R5: shape(66, 701, 710, 720, 730)}}, R5, Blocked.ENERGY_OUT_OF_REACH),
        ({"services": {R5: shape(66, -90, -80, -20, -10)}}, R5, Blocked.ENERGY_OUT_OF_REACH),
    ],
)
def test_what_cannot_be_enabled_says_why(given, service, because):
    assert blocked(replace(GEN01, **given), service, BANDS, REACH) is because


def test_an_offer_without_megawatts_is_not_enabled():
    assert blocked(GEN01, R5, (0.0,) * 10, REACH) is Blocked.NO_BAND


def test_predispatch_enables_only_what_the_day_has_energy_for():
    assert blocked(GEN01, R5, BANDS, REACH, remaining_kwh=145 * MW) is Blocked.OUT_OF_ENERGY
    assert blocked(GEN01, R5, BANDS, REACH, remaining_kwh=145.1 * MW) is None


@pytest.mark.parametrize("service", [R5, RREG, L5, LREG])
def test_gen01_at_450_may_be_enabled_for_all_it_offers(service):
    assert blocked(GEN01, service, BANDS, REACH) is None


def test_gen01_regulation_is_scaled_as_in_the_document():
    up, down = GEN01.effective(RREG), GEN01.effective(LREG)

    assert up == shape(15, 300, 300, 656.5, 670)
    assert (down.max_avail_kw, down.enablement_min_kw, down.low_breakpoint_kw) == (
        10 * MW,
        300 * MW,
        310 * MW,
    )
    assert GEN01.effective(R5) is GEN01.services[R5]


def test_gen01_availability_is_as_in_the_document():
    found = {service: availability_kw(GEN01, service, enabled(), 455 * MW) / MW for service in GEN01.services}

    assert found == {RREG: 10, LREG: 10, R5: 66, L5: 76}


def test_gen01_scenario_1_is_a_solution_and_nothing_more_fits_beside_it():
    solution = enabled(rreg=0, lreg=10, r5=66, l5=76)

    assert violations(GEN01, solution, 465 * MW) == []
    assert violations(GEN01, solution | {RREG: 1.0}, 465 * MW) == ["joint ramping, raise"]
    assert violations(GEN01, solution | {R5: 67 * MW}, 465 * MW) == [
        "RAISE5MIN above its maximum availability"
    ]
    assert violations(GEN01, solution, 465.1 * MW) == ["joint ramping, raise"]


def test_regulation_and_contingency_share_the_room_under_the_edge():
    unit = replace(GEN01, agc=Agc(), initial_kw=620 * MW)

    assert violations(unit, enabled(rreg=4, lreg=0, r5=66, l5=0), 620 * MW) == []
    assert violations(unit, enabled(rreg=5, lreg=0, r5=66, l5=0), 620 * MW) == [
        "joint capacity RAISE5MIN, upper"
    ]
    assert availability_kw(unit, R5, enabled(rreg=20, lreg=0), 620 * MW) == 50 * MW
    assert availability_kw(unit, RREG, enabled(rreg=0, lreg=0, r5=66), 620 * MW) == 4 * MW


def test_a_load_that_regulates_raises_by_taking_less():
    assert joint_ramp(LOAD) == Envelope(-110 * MW, -90 * MW)
    assert availability_kw(LOAD, RREG, {RREG: 0.0, R5: 0.0}, -95 * MW) == 5 * MW
    assert availability_kw(LOAD, R5, {RREG: 10 * MW, R5: 0.0}, -20 * MW) == 10 * MW


def test_trapped_is_held_at_an_edge_of_what_is_enabled():
    assert is_trapped(GEN01, {R5: 1.0}, 290 * MW)
    assert not is_trapped(GEN01, {R5: 1.0}, 455 * MW)
    assert not is_trapped(GEN01, {}, 290 * MW)
    assert energy_while_enabled(GEN01.services[R5]) == Envelope(290 * MW, 690 * MW)


def test_a_provider_without_energy_offer_is_enabled_on_its_offer_alone():
    vpp = Unit({R5: shape(5, 0, 0, 0, 0)}, is_energy_offered=False)

    assert blocked(vpp, R5, BANDS, Envelope(0, 0)) is None
    assert availability_kw(vpp, R5, {R5: 5 * MW}, energy_kw=-3 * MW) == 5 * MW
    assert violations(vpp, {R5: 5 * MW}, -3 * MW) == []
    assert violations(vpp, {R5: 6 * MW}, -3 * MW) == ["RAISE5MIN above its maximum availability"]


@pytest.mark.parametrize("nothing", [None, 0.0])
def test_limits_and_rates_of_zero_narrow_nothing(nothing):
    offered = GEN01.services[RREG]

    assert effective(offered, Agc(lower_kw=nothing, upper_kw=nothing), nothing) == offered


def test_no_more_than_the_wind():
    assert scaled_by_forecast(shape(66, 290, 300, 624, 690), 500 * MW) == shape(66, 290, 300, 434, 500)


@given(trapezium=trapezia, most=st.integers(0, 300), low=st.integers(-50, 700), high=st.integers(0, 800))
def test_scaling_keeps_slopes_and_only_narrows_and_once_is_enough(trapezium, most, low, high):
    scaled = at_most(within(trapezium, lower_kw=low * MW, upper_kw=high * MW), most * MW)

    assert scaled.max_avail_kw <= trapezium.max_avail_kw
    assert scaled.enablement_min_kw >= trapezium.enablement_min_kw
    assert scaled.enablement_max_kw <= trapezium.enablement_max_kw
    if scaled.max_avail_kw > 0:
        assert upper_slope(scaled) == pytest.approx(upper_slope(trapezium), abs=1e-9)
        assert lower_slope(scaled) == pytest.approx(lower_slope(trapezium), abs=1e-9)
    again = at_most(within(scaled, lower_kw=low * MW, upper_kw=high * MW), most * MW)
    assert again.edges_kw == pytest.approx(scaled.edges_kw)


@st.composite
def units(draw):
    agc = Agc(
        lower_kw=draw(st.none() | st.integers(0, 300)) or None,
        upper_kw=draw(st.none() | st.integers(300, 700).map(lambda mw: mw * MW)),
        up_kw_per_min=draw(st.integers(0, 20)) * MW,
        down_kw_per_min=draw(st.integers(0, 20)) * MW,
    )
    services = draw(st.dictionaries(st.sampled_from(Service), trapezia, min_size=1))
    return Unit(services, draw(st.integers(0, 700)) * MW, agc)


@given(unit=units(), energy_mw=st.floats(-100, 800), data=st.data())
def test_availability_is_never_negative_nor_above_the_offer_nor_greater_beside_more(unit, energy_mw, data):
    beside = {s: data.draw(st.floats(0, 100)) * MW for s in unit.services}
    more = {s: kw + data.draw(st.floats(0, 50)) * MW for s, kw in beside.items()}
    for service in unit.services:
        there_is = availability_kw(unit, service, beside, energy_mw * MW)
        assert 0 <= there_is <= unit.effective(service).max_avail_kw
        assert availability_kw(unit, service, more, energy_mw * MW) <= there_is


def test_where_agc_and_the_offer_have_nothing_in_common_no_regulation_is_available():
    apart = replace(GEN01, agc=replace(GEN01.agc, lower_kw=100 * MW, upper_kw=200 * MW))

    assert energy_while_enabled(apart.effective(RREG)) is None
    for energy_mw in (150, 250, 450):
        assert availability_kw(apart, RREG, {}, energy_mw * MW) == 0.0


@given(unit=units(), energy_mw=st.floats(0, 700), data=st.data())
def test_what_is_available_alone_can_be_enabled_alone(unit, energy_mw, data):
    service = data.draw(st.sampled_from(sorted(unit.services)))
    held = energy_while_enabled(unit.effective(service))
    assume(held is not None and held.floor_kw <= energy_mw * MW <= held.ceiling_kw)
    if service.regulates:
        assume(joint_ramp(unit).floor_kw <= energy_mw * MW <= joint_ramp(unit).ceiling_kw)
    enough = availability_kw(unit, service, {service: 0.0}, energy_mw * MW)

    assert violations(unit, {service: enough}, energy_mw * MW) == []


@given(unit=units(), data=st.data())
def test_the_order_of_services_means_nothing(unit, data):
    order = data.draw(st.permutations(sorted(unit.services)))
    turned = replace(unit, services={service: unit.services[service] for service in order})
    beside = {service: 10 * MW for service in unit.services}
    for service in order:
        assert availability_kw(turned, service, {s: beside[s] for s in order}, 400 * MW) == availability_kw(
            unit, service, beside, 400 * MW
        )
