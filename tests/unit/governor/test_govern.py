"""Whatever is asked: no lease beyond a limit, nothing lost, nothing by chance."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.governor.towns import INTERVAL, NEVER_MS, NOW, RELEASE, Town, power_of, refused

from manta.domain.market import REGIONS, PriceStatus, Region
from manta.domain.time import NEM_TIME, DispatchInterval, epoch_ms
from manta.governor.enrolled import Enrolled
from manta.governor.govern import govern
from manta.governor.guards import GUARD_NAMES
from manta.governor.limits import Limits
from manta.governor.state import GovernorState, SiteSight
from manta.wire.columns import INTENT, pack

HOMES = 8
odd_floats = st.one_of(st.floats(-30, 30), st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e300, -1e-300]))
devices = st.one_of(st.sampled_from(range(0, 4 * HOMES, 4)), st.integers(-2, 40))


def every_home(values):
    return st.lists(values, min_size=HOMES, max_size=HOMES)


WHERE = [("nsw", Region.NSW), ("sa", Region.SA)]
anything = st.fixed_dictionaries(
    {
        "rows": st.lists(st.tuples(devices, odd_floats, odd_floats), max_size=12),
        "after_s": st.integers(0, 400),
        "where": st.sampled_from([*WHERE, *WHERE, *WHERE, ("nsw", Region.SA), ("other", Region.TAS)]),
        "tenant": st.sampled_from(["harbour"] * 8 + ["rival", "nobody"]),
        "status": st.sampled_from(["firm"] * 10 + ["not_firm"] * 5 + [*PriceStatus, "?"]),
        "per_mwh": st.one_of(st.floats(-1_000, 23_200), st.sampled_from([np.nan, np.inf, 23_201.0])),
        "soc": every_home(st.sampled_from([np.nan, 0.0, 0.19, 0.2, 0.21, 0.5, 1.0])),
        "age_ms": every_home(st.sampled_from([0, 9_999, 10_001, NEVER_MS])),
        "other_kw": every_home(st.one_of(st.just(np.nan), st.floats(-2.2, 6.6))),
    }
)


def two_regions():
    return Town(HOMES, vpp=["nsw"] * 5 + ["sa"] * 3, region=[Region.NSW] * 5 + [Region.SA] * 3)


def ask(town, what):
    """Ask a town, as hypothesis wills."""
    town.wait(what["after_s"])
    town.soc[town.batteries] = what["soc"]
    town.age_ms[:] = np.repeat(what["age_ms"], 4)
    town.other_kw[:] = what["other_kw"]
    rows = np.array(
        what["rows"], dtype=[(n, INTENT[n]) for n in ("device_no", "power_kw", "export_limit_kw")]
    )
    batch = town.batch(
        rows["power_kw"], rows["device_no"], rows["export_limit_kw"],
        vpp=what["where"][0], region=what["where"][1], tenant=what["tenant"],
        price_status=what["status"], price_per_mwh=what["per_mwh"],
    )  # fmt: skip
    town.sequence += 1
    before = town.state
    governed = town.governs(batch)
    town.state = governed.state
    return batch, before, governed


@settings(max_examples=150, deadline=None)
@given(st.lists(anything, min_size=1, max_size=4))
def test_no_lease_is_ever_beyond_a_limit(asked):
    town = two_regions()
    town.limit(tenant_cap_kw={"harbour": 40.0, "rival": 40.0}, total_ramp_kw_per_min=15.0)
    for what in asked:
        batch, _, governed = ask(town, what)
        leases, enrolled = governed.leases, town.state.enrolled
        device, site = leases["device_no"], enrolled.site_no[leases["device_no"]]
        held = leases[~np.isnan(leases["power_kw"])]

        assert sorted([*device, *governed.refusals["device_no"]]) == sorted(batch.rows["device_no"])
        assert len(np.unique(device)) == len(device)
        assert (town.devices.kind[device] == 0).all()
        assert (governed.refusals["guard"] < len(GUARD_NAMES)).all()

        for name in ("export_limit_kw", "ramp_kw_per_min"):
            assert np.isfinite(leases[name]).all()
        assert (leases["export_limit_kw"] <= 10.0).all()
        assert (leases["ramp_kw_per_min"] > 0).all()
        assert (leases["until_ms"] <= epoch_ms(town.now) + 15 * 60_000).all()
        assert (np.abs(held["power_kw"]) <= 11.04).all()

        other = np.nan_to_num(town.other_kw[site], nan=0.0)
        flows = np.nan_to_num(leases["power_kw"]) + other
        assert (flows <= np.maximum(10.0, other) + 1e-9).all()
        assert (flows >= np.minimum(-15.0, other) - 1e-9).all()
        assert not (held["power_kw"] > 0)[town.soc[held["device_no"]] <= 0.2].any()
        assert np.nansum(np.abs(town.state.power_kw[town.state.until_ms > epoch_ms(town.now)])) <= 40.0 + 1e-6


@settings(max_examples=120, deadline=None)
@given(st.lists(anything, min_size=1, max_size=5))
def test_whatever_leases_live_the_devices_ramps_add_up_to_no_more_than_the_fleet_may(asked):
    town = two_regions()
    town.limit(total_ramp_kw_per_min=15.0)
    for what in asked:
        ask(town, what)
        enrolled, now_ms = town.state.enrolled, epoch_ms(town.now)
        ramps = np.where(town.state.home_ms > now_ms, town.state.ramp_kw_per_min, 0.0)
        assert ramps.sum() <= 15.0 + 1e-6
        for region in (Region.NSW, Region.SA):
            there = enrolled.region == REGIONS.index(region)
            assert ramps[there].sum() <= min(0.2, 15.0 / enrolled.kw.sum()) * enrolled.kw[there].sum() + 1e-6


@settings(max_examples=100, deadline=None)
@given(anything)
def test_releases_of_known_devices_always_pass(what):
    town = two_regions()
    town.asks(6.0, [0, 4, 8, 12, 16])
    what = what | {"where": ("nsw", Region.NSW), "tenant": "harbour"}
    what["rows"] = [
        (device, RELEASE, limit)
        for device, (_, _, limit) in zip([0, 4, 8, 12, 16], what["rows"], strict=False)
    ]
    _, _, governed = ask(town, what)
    assert set(power_of(governed)) == {row[0] for row in what["rows"]}


@settings(max_examples=100, deadline=None)
@given(anything)
def test_the_same_question_has_the_same_answer_to_the_byte(what):
    batch, before, governed = ask(town := two_regions(), what)
    town.state = before
    again = town.governs(batch)
    assert pack(again.leases) == pack(governed.leases)
    assert pack(again.refusals) == pack(governed.refusals)


@settings(max_examples=50, deadline=None)
@given(anything)
def test_the_state_is_a_value_and_is_not_changed(what):
    town = two_regions()
    town.asks(5.0, [0, 4])
    kept = {
        n: getattr(town.state, n).copy() for n in ("power_kw", "until_ms", "ramp_kw_per_min", "reversals_ms")
    }
    _, before, _ = ask(town, what)
    for name, column in kept.items():
        np.testing.assert_array_equal(getattr(before, name), column)


def test_a_release_passes_with_stale_news_a_bad_price_and_out_of_its_interval():
    town = Town(2)
    town.asks(5.0)
    town.age_ms[:] = NEVER_MS
    town.wait(900)
    governed = town.asks(RELEASE, price_per_mwh=np.nan, price_status="suspended", interval=INTERVAL)
    assert power_of(governed) == {0: None, 4: None}
    assert (governed.leases["until_ms"] > epoch_ms(town.now)).all()


def test_a_release_can_still_arrive_when_the_lease_that_it_ends_is_long():
    town = Town(30)
    until_ms = town.asks(5.0).leases["until_ms"]
    town.wait(10)
    assert (town.asks(RELEASE).leases["until_ms"] >= until_ms).all()


def test_who_is_heard_again_is_raised_again():
    town = Town(1)
    town.age_ms[:] = NEVER_MS
    assert refused(town.asks(5.0)) == {"freshness": 1}
    town.age_ms[:] = 10_000
    assert power_of(town.asks(5.0)) == {0: 5.0}


def test_a_lease_for_the_interval_about_to_begin_waits_for_it():
    town = Town(1)
    town.now = INTERVAL.start - timedelta(seconds=60)
    governed = town.asks(5.0, interval=INTERVAL)
    assert governed.leases["not_before_ms"] == epoch_ms(INTERVAL.start)


def test_a_price_at_the_floor_and_at_the_cap_is_a_price():
    for per_mwh in (-1_000.0, 23_200.0):
        assert power_of(Town(1).asks(5.0, price_per_mwh=per_mwh)) == {0: 5.0}


def test_the_cap_changes_with_the_market_year():
    limits = Limits()

    def cap(text):
        start = NOW.fromisoformat(text).replace(tzinfo=NEM_TIME)
        return limits.price_cap_per_mwh(DispatchInterval(start + timedelta(minutes=5)))

    assert cap("2026-06-30 23:55") == 20_300.0
    assert cap("2026-07-01 00:00") == 23_200.0
    assert cap("2020-07-01 00:00") == 15_000.0
    assert np.isnan(cap("2018-06-30 23:55"))


def test_all_homes_move_within_the_time_that_the_ramp_gives_them():
    """Story 1: from covering 2 kW of load to 8.7 kW more takes 4.4 minutes at ten megawatts a minute."""
    town = Town(5_000)
    lease = town.asks(10.7, export_limit_kw=8.7).leases
    assert abs(lease["ramp_kw_per_min"].sum() - 10_000.0) < 1e-6
    assert abs(8.7 / lease["ramp_kw_per_min"][0] - 4.35) < 1e-9


def test_what_was_signed_before_a_restart_is_known_after_it():
    town = Town(4)
    first = town.asks(5.0)
    town.wait(120)
    second = town.asks(-5.0, price_per_mwh=-50.0)
    state = GovernorState.empty(town.state.enrolled, 6)
    state = state.remember(first.leases, epoch_ms(NOW), Region.NSW, 1, 1)
    state = state.remember(second.leases, epoch_ms(town.now), Region.NSW, 1, 2)
    for name in (
        "power_kw",
        "until_ms",
        "home_ms",
        "direction",
        "turned_ms",
        "reversals_ms",
        "epoch",
        "sequence",
    ):
        np.testing.assert_array_equal(getattr(state, name), getattr(town.state, name))


def test_an_empty_batch_and_an_empty_fleet_are_no_trouble():
    assert len(Town(2).asks(5.0, []).leases) == 0
    assert refused(Town(0, vpp=[], region=[]).asks(5.0, [0, 7])) == {"known_device": 2}


def test_a_sight_shorter_than_the_enrolment_is_of_homes_not_heard_yet():
    town = Town(2)
    seen = SiteSight(town.soc[:4], np.full(4, epoch_ms(NOW)), town.other_kw[:1])
    governed = govern(town.state, town.batch(5.0), seen, town.limits, epoch_ms(NOW), 1, 1)
    assert refused(governed) == {"freshness": 1}


def test_how_many_leases_were_lowered_is_said():
    town = Town(4)
    town.other_kw[:2] = 6.0
    assert town.asks(9.0).lowered == {"envelope": 2}


def test_growing_the_enrolment_keeps_what_is_known():
    town = Town(2)
    town.asks(5.0)
    grown = town.state.enrolling(Enrolled.of(*Town(3).tables))
    np.testing.assert_array_equal(grown.power_kw[:8], town.state.power_kw[:8])
    assert np.isnan(grown.power_kw[8:]).all()
    assert grown.epoch.tolist() == town.state.epoch.tolist()


def test_a_rating_or_limit_that_is_not_known_permits_nothing():
    town = Town(1)
    sites = replace(town.sites, export_limit_kw=np.array([np.nan]))
    town.state = GovernorState.empty(Enrolled.of(sites, town.devices), 6)
    town.other_kw[:] = 0.0
    assert refused(town.asks(5.0)) == {"envelope": 1}
