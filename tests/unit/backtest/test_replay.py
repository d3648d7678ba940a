from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.backtest.markets import AT_ONCE, POWERWALL, home, naive_forecasts, prices, question, series

from manta.backtest.accounts import account, settle
from manta.backtest.compare import POLICIES, PolicyError, check_policies, measured_runs, replayed
from manta.backtest.foresight import foresight
from manta.backtest.rules import passive, play
from manta.backtest.series import STEP_HOURS, SeriesError
from manta.backtest.site import Battery, Case, SiteError, Timing, delivering, grid_meter
from manta.backtest.steps import FOLLOW_KW

LIVE = ("passive", "thresholds", "spike-rule", "mpc-yesterday", "mpc-shifted", "mpc-forecast", "manta")
"""Every policy that could run live but that on pre-dispatch, which is given its runs."""
SLOW = Timing(timedelta(seconds=60), timedelta(seconds=200))


def changed_after(given_question, row):
    """The same question, every price after a row of the replay another one."""
    per_mwh = given_question.history.per_mwh.copy()
    after = given_question.first + row + 1
    per_mwh[after:] = np.round(np.random.default_rng(99).uniform(-900, 14_000, len(per_mwh) - after), 2)
    history = series(per_mwh)
    return replace(given_question, history=history, foretold=naive_forecasts(history, given_question.first))


@pytest.mark.parametrize("policy", LIVE)
@pytest.mark.parametrize("timing", [AT_ONCE, SLOW], ids=["at once", "late"])
def test_prices_after_an_interval_change_nothing_in_it_or_before(policy, timing):
    asked = question(meter=home(10), timing=timing)
    run = POLICIES[policy](asked)
    for row in (0, 101, 300):
        other = POLICIES[policy](changed_after(asked, row))
        assert (other.battery_kw[: row + 1] == run.battery_kw[: row + 1]).all()
        assert (other.asked_kw[: row + 1] == run.asked_kw[: row + 1]).all()


def test_that_test_would_find_foresight_out():
    asked = question(meter=home(10))
    other = foresight(changed_after(asked, 101).case)
    assert (other.battery_kw[:102] != foresight(asked.case).battery_kw[:102]).any()


@pytest.mark.parametrize("site", ["grid", "home"])
def test_foresight_earns_at_least_as_much_as_every_policy(site):
    meter = home(10) if site == "home" else None
    asked = question(meter=meter, per_mwh=np.maximum(prices(10), 0.0))
    comparison = measured_runs(asked, list(replayed(asked, LIVE)))
    best = comparison.of("foresight").benefit_aud
    assert best > 0
    assert all(result.benefit_aud <= best + 1e-6 for result in comparison.results)


@pytest.mark.parametrize("policy", [*LIVE, "foresight"])
def test_the_parts_add_up_to_the_cent_and_to_the_meter(policy):
    asked = question(meter=home(10, export_kw=1.5), timing=SLOW)
    case, run = asked.case, POLICIES[policy](asked)
    kept = account(case, run)
    cash_aud = settle(case, run.battery_kw).sum() - settle(case, np.zeros(len(case.series))).sum()
    wear_aud = run.discharged_kwh.sum() * case.battery.wear_per_mwh / 1_000
    assert sum(part.sum() for part in kept.parts_aud.values()) == pytest.approx(
        cash_aud - wear_aud, abs=0.005
    )
    assert kept.benefit_aud.sum() == pytest.approx(cash_aud - wear_aud, abs=0.005)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([-9.0, -5.0, -1.0, 0.0, 2.0, 5.0, 9.0, FOLLOW_KW]), min_size=288, max_size=288),
    st.integers(0, 900),
    st.integers(0, 900),
    st.floats(0.0, 4.0),
)
def test_cells_and_connection_are_never_overdrawn(setpoints, latency_s, age_s, reserve_kwh):
    battery = replace(POWERWALL, reserve_kwh=reserve_kwh)
    timing = Timing(timedelta(seconds=latency_s), timedelta(seconds=age_s))
    case = Case(series(prices(1)), battery, home(1, export_kw=2.0), timing)
    run = play(case, "any", np.array(setpoints))
    assert run.stored_kwh.min() >= 0
    assert run.stored_kwh.max() <= battery.usable_kwh
    assert (np.abs(run.battery_kw) <= 5.0 + 1e-9).all()
    assert (run.battery_kw - case.meter.load_kw <= 2.0 + 1e-9).all()
    change_kwh = np.diff(run.stored_kwh, prepend=battery.initial_kwh)
    charged_kwh = np.maximum(change_kwh + run.discharged_kwh, 0.0)
    sent_kwh = run.discharged_kwh * 0.95 - charged_kwh / 0.95
    assert run.battery_kw * STEP_HOURS == pytest.approx(sent_kwh, abs=1e-9)


def test_a_passive_battery_covers_the_load_and_keeps_the_sun():
    case = question(meter=home(10)).case
    run = passive(case)
    spare_kw = case.meter.pv_kw - case.meter.load_kw
    assert (run.battery_kw * spare_kw <= 1e-9).all()
    assert (np.abs(run.battery_kw) <= np.abs(spare_kw) + 1e-9).all()
    assert account(case, run).benefit_aud.sum() > 0


def test_a_price_that_comes_an_interval_late_is_acted_on_an_interval_later():
    spot = np.repeat([40.0, 50.0], [8 * 288, 2 * 288])
    spot[8 * 288 + 100] = 14_000.0
    battery = delivering(1_000.0, 2_000.0)
    at_once = question(per_mwh=spot, battery=battery)
    late = replace(at_once, timing=Timing(timedelta(seconds=300), timedelta()))
    powers = [POLICIES["spike-rule"](asked).battery_kw[99:103] for asked in (at_once, late)]
    assert powers[0] == pytest.approx([0, 1_000, 0, 0])
    assert powers[1] == pytest.approx([0, 0, 1_000, 0])


def test_a_minute_of_latency_leaves_a_fifth_of_the_interval_to_the_decision_before():
    spot = np.repeat([40.0, 50.0], [8 * 288, 2 * 288])
    spot[8 * 288 + 100] = 14_000.0
    battery = delivering(1_000.0, 2_000.0)
    asked = question(per_mwh=spot, battery=battery, timing=Timing(timedelta(seconds=60), timedelta()))
    assert POLICIES["spike-rule"](asked).battery_kw[99:103] == pytest.approx([0, 800, 200, 0])


def test_stale_telemetry_that_promises_energy_is_a_shortfall():
    spot = np.repeat([40.0, 50.0], [8 * 288, 2 * 288])
    spot[8 * 288 + 100 : 8 * 288 + 160] = 14_000.0
    asked = question(
        per_mwh=spot, battery=delivering(1_000.0, 1_000.0), timing=Timing(timedelta(), timedelta(minutes=20))
    )
    run = POLICIES["spike-rule"](asked)
    assert account(asked.case, run).parts_aud["shortfall"].sum() < -100
    assert run.stored_kwh[-1] == pytest.approx(0, abs=1e-9)


def test_the_same_question_has_the_same_answer_to_the_bit():
    asked = question(meter=home(10))
    for policy in ("mpc-yesterday", "manta", "foresight"):
        first, second = POLICIES[policy](asked), POLICIES[policy](asked)
        assert (first.battery_kw == second.battery_kw).all()
        assert (first.stored_kwh == second.stored_kwh).all()


def test_an_unknown_policy_is_refused_with_those_that_there_are():
    with pytest.raises(PolicyError, match="magic; there are passive, thresholds"):
        check_policies(["manta", "magic"])


def test_a_policy_without_what_it_goes_by_says_what_to_give():
    asked = replace(question(), foretold=None)
    with pytest.raises(PolicyError, match="180 days"):
        POLICIES["manta"](asked)
    with pytest.raises(PolicyError, match="PREDISPATCHPRICE"):
        POLICIES["mpc-predispatch"](asked)


def test_rules_without_a_week_before_are_refused():
    with pytest.raises(SeriesError, match="7 days of prices before"):
        POLICIES["thresholds"](question(first_day=3))


@pytest.mark.parametrize(
    "wrong",
    [
        {"capacity_kwh": 0.0},
        {"charge_kw": -1.0},
        {"discharge_efficiency": 0.0},
        {"reserve_kwh": 13.5},
        {"wear_per_mwh": float("nan")},
        {"initial_soc": 1.2},
    ],
)
def test_a_battery_that_makes_no_sense_is_refused(wrong):
    fair = {"charge_kw": 5.0, "discharge_kw": 5.0, "capacity_kwh": 13.5}
    with pytest.raises(SiteError):
        Battery(**fair | wrong)


def test_a_meter_of_another_length_than_its_prices_is_refused():
    with pytest.raises(SiteError, match="288 intervals of the site for 576"):
        Case(series(prices(2)), POWERWALL, grid_meter(288))


def test_an_unknown_load_is_refused():
    fair = home(1)
    load_kw = fair.load_kw.copy()
    load_kw[5] = np.nan
    with pytest.raises(SiteError, match="unknown for some interval"):
        replace(fair, load_kw=load_kw)
