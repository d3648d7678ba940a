"""What each guard promises, as scenarios: they hold with the guard and fail without it.

A scenario takes a way to build a town, so that the same lines run with every guard and with one taken out.
"""

from datetime import timedelta

import numpy as np
from tests.unit.governor.towns import INTERVAL, NEVER_MS, NOW, RATED_KW, RELEASE, power_of, refused

from manta.domain.market import Region
from manta.domain.time import DispatchInterval, epoch_ms
from manta.governor.guards import GUARD_NAMES


def fencing_a_paused_governor_signs_nothing(town):
    t = town()
    t.epoch = 2
    t.asks(5.0)
    t.epoch, t.sequence = 1, 100
    assert refused(t.asks(8.0)) == {"fencing": 10}


def fencing_a_sequence_is_used_once(town):
    t = town()
    t.asks(5.0)
    t.sequence = 0
    assert refused(t.asks(RELEASE)) == {"fencing": 10}


def finite_infinite_power_is_refused(town):
    governed = town(2).asks([np.inf, 5.0])
    assert refused(governed) == {"finite": 1}
    assert power_of(governed) == {4: 5.0}


def finite_a_limit_below_zero_is_refused(town):
    assert refused(town(2).asks(5.0, export_limit_kw=[-1.0, np.inf])) == {"finite": 2}


def known_device_another_tenants_battery_is_refused(town):
    t = town(3, vpp=["nsw", "rival", "nsw"])
    governed = t.asks(5.0)
    assert refused(governed) == {"known_device": 1}
    assert set(power_of(governed)) == {0, 8}


def known_device_another_vpps_battery_is_refused_even_its_release(town):
    assert refused(town(2, vpp=["nsw", "nsw2"]).asks(RELEASE)) == {"known_device": 1}


def known_device_another_region_is_refused(town):
    assert refused(town(2).asks(5.0, region=Region.SA)) == {"known_device": 2}


def known_device_an_unknown_tenant_has_no_devices(town):
    assert refused(town(2).asks(RELEASE, tenant="nobody")) == {"known_device": 2}


def known_device_only_batteries_are_leased(town):
    assert refused(town(1).asks(RELEASE, [0, 1, 2, 3])) == {"known_device": 3}


def known_device_named_twice_is_no_decision(town):
    assert refused(town(2).asks([3.0, 9.0, 5.0], [0, 0, 4])) == {"known_device": 2}


def interval_the_past_is_not_dispatched(town):
    t = town()
    t.now = INTERVAL.end + timedelta(seconds=1)
    assert refused(t.asks(5.0, interval=INTERVAL)) == {"interval": 10}


def interval_the_far_future_is_not_dispatched(town):
    t = town()
    assert refused(t.asks(5.0, interval=DispatchInterval(INTERVAL.end + timedelta(minutes=5)))) == {
        "interval": 10
    }


def price_above_the_cap_in_force_is_an_error(town):
    assert refused(town().asks(5.0, price_per_mwh=23_200.01)) == {"price": 10}


def price_below_the_floor_is_an_error(town):
    assert refused(town().asks(-5.0, price_per_mwh=-1_000.01)) == {"price": 10}


def price_that_is_no_number_is_an_error(town):
    assert refused(town().asks(5.0, price_per_mwh=np.nan)) == {"price": 10}


def price_of_a_suspended_market_moves_nothing(town):
    for status in ("suspended", "administered", "suspect", "no such status"):
        governed = town(2).asks([5.0, RELEASE], price_status=status)
        assert refused(governed) == {"price": 1}
        assert power_of(governed) == {4: None}


def expiry_no_lease_is_long(town):
    t = town()
    t.limit(longest_ms=120_000)
    assert t.asks(5.0).leases["until_ms"].max() <= epoch_ms(NOW) + 120_000


def expiry_not_all_homes_let_go_at_once(town):
    until_ms = town(200).asks(5.0).leases["until_ms"]
    assert len(np.unique(until_ms)) > 190
    after_ms = until_ms - epoch_ms(INTERVAL.end)
    assert after_ms.min() >= 30_000
    assert after_ms.max() <= 150_000


def freshness_a_silent_home_is_not_raised(town):
    t = town(3)
    t.age_ms[[4, 8]] = 10_001, NEVER_MS
    governed = t.asks(5.0)
    assert refused(governed) == {"freshness": 2}
    assert set(power_of(governed)) == {0}


def freshness_news_from_the_future_is_no_news(town):
    t = town(1)
    t.age_ms[:] = -3_600_000
    assert refused(t.asks(5.0)) == {"freshness": 1}


def freshness_a_silent_home_is_kept_at_no_power_for_longer(town):
    t = town(1)
    before = t.asks(8.0).leases["until_ms"]
    t.wait(240)
    t.age_ms[:] = 60_000
    after = t.asks(6.0)
    assert power_of(after) == {0: 6.0}
    assert after.leases["until_ms"] <= before


def envelope_the_rating_is_kept(town):
    assert power_of(town(2).asks([99.0, -99.0])) == {0: RATED_KW, 4: -RATED_KW}


def envelope_the_connection_is_kept_beside_sun_and_load(town):
    t = town(3)
    t.other_kw[:] = 3.0, 0.0, -7.0
    assert power_of(t.asks([11.0, 11.0, -11.0])) == {0: 7.0, 4: 10.0, 8: -8.0}


def envelope_the_intents_own_export_limit_is_kept(town):
    governed = town(1).asks(11.0, export_limit_kw=6.0)
    assert power_of(governed) == {0: 8.0}
    assert governed.leases["export_limit_kw"] == 6.0


def envelope_what_is_not_known_is_taken_at_its_worst(town):
    t = town(2)
    t.other_kw[:] = np.nan
    assert power_of(t.asks([11.0, -15.0])) == {0: 3.4, 4: -RATED_KW}
    assert t.asks(11.0).leases["export_limit_kw"].tolist() == [10.0, 10.0]


def envelope_two_batteries_share_one_connection(town):
    t = town(1, batteries=2)
    t.other_kw[:] = 0.0
    assert sum(power_of(t.asks(11.0)).values()) <= 10.0


def reserve_is_the_householders(town):
    t = town(2)
    t.soc[[0, 4]] = 0.2, 0.9
    governed = t.asks(5.0)
    assert refused(governed) == {"reserve": 1}
    assert power_of(governed) == {4: 5.0}


def reserve_is_not_reached_before_the_lease_ends(town):
    t = town(1)
    t.soc[0] = 0.22
    lease = t.asks(11.0).leases
    hours = (lease["until_ms"] - epoch_ms(NOW)) / 3_600_000
    assert 0.0 < lease["power_kw"] * hours <= 0.02 * 13.5


def reserve_an_unknown_charge_is_none(town):
    t = town(1)
    t.soc[0] = np.nan
    assert refused(t.asks(5.0)) == {"reserve": 1}


def reserve_once_reached_the_home_is_released(town):
    t = town(1)
    t.asks(5.0)
    t.soc[0] = 0.2
    assert power_of(t.asks(5.0)) == {0: None}


def firmness_an_unconfirmed_spike_moves_a_fifth(town):
    t = town()
    moved = t.asks(9.0, price_status="not_firm").leases["power_kw"].sum()
    assert moved <= 0.2 * t.enrolled_kw + 1e-9


def firmness_is_of_the_vpp_not_of_the_batch(town):
    t = town()
    t.asks(9.0, t.batteries[:5], price_status="not_firm")
    t.asks(9.0, t.batteries[5:], price_status="not_firm")
    assert np.nansum(np.abs(t.state.power_kw)) <= 0.2 * t.enrolled_kw + 1e-9


def tenant_cap_is_over_all_that_the_tenant_has(town):
    t = town(10, vpp=["nsw"] * 5 + ["sa"] * 5, region=[Region.NSW] * 5 + [Region.SA] * 5)
    t.limit(tenant_cap_kw={"harbour": 30.0})
    t.asks(5.0, t.batteries[:5])
    t.asks(5.0, t.batteries[5:], vpp="sa", region=Region.SA)
    assert np.nansum(np.abs(t.state.power_kw)) <= 30.0 + 1e-9


def tenant_cap_unknown_permits_nothing(town):
    t = town(2)
    t.limit(tenant_cap_kw={})
    assert refused(t.asks(5.0)) == {"tenant_cap": 2}


def reversal_has_to_dwell(town):
    t = town(1)
    t.asks(5.0)
    t.wait(59)
    assert power_of(t.asks(-5.0, price_per_mwh=-100.0)) == {0: None}
    t.wait(2)
    assert power_of(t.asks(-5.0, price_per_mwh=-100.0)) == {0: -5.0}


def reversal_happens_six_times_an_hour(town):
    t = town(1)
    way = 5.0
    for _ in range(7):
        t.asks(way)
        t.wait(120)
        way = -way
    assert power_of(t.asks(way)) == {0: None}
    t.wait(3_600)
    assert power_of(t.asks(way)) == {0: way}


def ramp_of_a_region_is_a_fifth_a_minute(town):
    t = town()
    governed = t.asks(9.0)
    assert _ramps(governed) <= 0.2 * t.enrolled_kw + 1e-9


def ramp_of_all_regions_together_is_bounded(town):
    t = town(10, vpp=["nsw"] * 5 + ["sa"] * 5, region=[Region.NSW] * 5 + [Region.SA] * 5)
    t.limit(total_ramp_kw_per_min=4.0)
    one = t.asks(9.0, t.batteries[:5])
    other = t.asks(9.0, t.batteries[5:], vpp="sa", region=Region.SA)
    assert _ramps(one) + _ramps(other) <= 4.0 + 1e-9


def ramp_of_a_feeder_is_bounded(town):
    t = town(10)
    t.limit(feeder_ramp_kw_per_min=3.0)
    ramps = t.asks(9.0).leases["ramp_kw_per_min"]
    assert ramps[:5].sum() <= 3.0 + 1e-9
    assert ramps[5:].sum() <= 3.0 + 1e-9


def ramp_promised_to_some_is_not_promised_to_others(town):
    t = town(2)
    t.limit(total_ramp_kw_per_min=2.0)
    t.asks(9.0)
    t.enrols(3)
    assert refused(t.asks(9.0, [8])) == {"ramp": 1}


def ramp_of_a_release_is_bounded_too(town):
    t = town()
    t.asks(9.0)
    assert _ramps(t.asks(RELEASE)) <= 0.2 * t.enrolled_kw + 1e-9


def _ramps(governed):
    return float(governed.leases["ramp_kw_per_min"].sum())


def _of(guard):
    return [s for name, s in globals().items() if name.startswith(f"{guard}_") and callable(s)]


PROMISES = [(guard, scenario) for guard in GUARD_NAMES for scenario in _of(guard)]
