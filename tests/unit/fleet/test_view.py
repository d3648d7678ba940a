"""The fleet as last heard of: the newest wins, and what is unknown has no headroom."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.houses import Home, readings, tables
from tests.worlds import EVENING

from manta.domain.time import epoch_ms
from manta.fleet.headroom import ONE_WAY_EFFICIENCY, HomeLimits
from manta.fleet.view import FleetView

BATTERY, ROOF, LOAD, METER = range(4)
HERE = np.array([0], np.int32)


def home_says(sequence=1, soc=0.9, load_kw=-1.0, pv_kw=0.0, at=EVENING, **battery):
    """Let the first home report all of its devices."""
    return readings(
        {"device_no": BATTERY, "sequence": sequence, "soc": soc, "at": at} | battery,
        {"device_no": ROOF, "sequence": sequence, "power_kw": pv_kw, "at": at},
        {"device_no": LOAD, "sequence": sequence, "power_kw": load_kw, "at": at},
        {"device_no": METER, "sequence": sequence, "power_kw": load_kw + pv_kw, "at": at},
    )


def view_of(*homes):
    return FleetView(*tables(*(homes or (Home(),))))


def ceiling_kw(view, at=EVENING, limits=None):
    return view.look(HERE, at, limits).ceiling_kw[0]


def test_a_home_never_heard_from_is_unknown_and_not_idle():
    assert np.isnan(ceiling_kw(view_of()))


@pytest.mark.parametrize("after_s", [10.1, 60, 86_400])
def test_a_home_that_has_gone_silent_has_no_headroom(after_s):
    view = view_of()
    view.fold(home_says())

    assert ceiling_kw(view, EVENING + timedelta(seconds=10)) > 0
    assert np.isnan(ceiling_kw(view, EVENING + timedelta(seconds=after_s)))


def test_news_from_the_future_is_not_fresh():
    view = view_of()
    view.fold(home_says(at=EVENING + timedelta(hours=1)))

    assert np.isnan(ceiling_kw(view))


def test_one_silent_device_makes_its_whole_site_unknown():
    view = view_of()
    view.fold(home_says())
    later = EVENING + timedelta(seconds=15)
    view.fold(home_says(2, at=later)[[BATTERY, ROOF, METER]])  # the load has not reported

    assert np.isnan(ceiling_kw(view, later))


@pytest.mark.parametrize(
    "nonsense",
    [
        {"power_kw": np.nan}, {"power_kw": np.inf}, {"power_kw": -np.inf}, {"power_kw": 1e6},
        {"soc": np.nan}, {"soc": -0.01}, {"soc": 1.01}, {"soc": np.inf},
        {"quality": 2}, {"quality": 255},
    ],
)  # fmt: skip
def test_a_reading_that_cannot_be_true_gives_no_headroom(nonsense):
    view = view_of()
    view.fold(home_says(1))

    folded = view.fold(home_says(2, **nonsense))

    assert folded.unusable == 1
    assert np.isnan(ceiling_kw(view))


@pytest.mark.parametrize("device_no", [ROOF, LOAD])
def test_an_unknown_roof_or_load_makes_the_headroom_unknown(device_no):
    view, rows = view_of(), home_says()
    rows["power_kw"][device_no] = np.nan

    view.fold(rows)

    assert np.isnan(ceiling_kw(view))


def test_a_good_reading_after_a_bad_one_brings_the_home_back():
    view = view_of()
    view.fold(home_says(1, quality=2))
    view.fold(home_says(2))

    assert ceiling_kw(view) > 0


def test_devices_that_we_do_not_know_are_counted_and_change_nothing():
    view = view_of()

    folded = view.fold(readings({"device_no": -1}, {"device_no": 4}, {"device_no": 2**31 - 1}))

    assert (folded.folded, folded.strange) == (0, 3)


def test_late_repeated_and_disordered_readings_never_change_now():
    view = view_of()
    view.fold(readings({"sequence": 5, "power_kw": 5.0, "soc": 0.5}))

    late = view.fold(readings({"sequence": 3, "power_kw": 3.0, "soc": 0.3}))
    repeated = view.fold(readings({"sequence": 5, "power_kw": -5.0, "soc": 0.1}))
    mixed = view.fold(
        readings(
            {"sequence": 7, "power_kw": 7.0, "soc": 0.7},
            {"sequence": 6, "power_kw": 6.0, "soc": 0.6},
            {"sequence": 7, "power_kw": -7.0, "soc": 0.7},
        )
    )

    assert (late.folded, late.late, late.repeated) == (0, 1, 0)
    assert (repeated.folded, repeated.late, repeated.repeated) == (0, 0, 1)
    assert (mixed.folded, mixed.late, mixed.repeated) == (1, 1, 1)
    assert view.power_kw[BATTERY] == 7.0


samples = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=30)


@given(samples=samples, cuts=st.lists(st.integers(0, 30), max_size=3))
def test_however_readings_arrive_now_is_the_newest_of_each_device(samples, cuts):
    rows = readings(*({"device_no": d, "sequence": s, "power_kw": s / 10} for d, s in samples))
    rows["soc"] = 0.5
    view = view_of()

    counts = [view.fold(part) for part in np.split(rows, sorted(cuts))]

    newest = {d: max(s for other, s in samples if other == d) for d, _ in samples}
    assert all(view.sequence[d] == s for d, s in newest.items())
    assert sum(c.folded + c.late + c.repeated + c.strange for c in counts) == len(samples)


def test_a_clock_that_is_minutes_off_is_flagged_but_not_taken_for_silence():
    view = view_of()
    rows = home_says()
    rows["at_ms"] -= 3_600_000

    folded = view.fold(rows)

    assert folded.skewed == 4
    assert view.skewed.all()
    assert ceiling_kw(view) > 0


def test_the_battery_covers_the_load_on_top_of_what_the_connection_lets_out():
    view = view_of(Home(export_kw=5.0))
    view.fold(home_says(load_kw=-1.5))

    assert ceiling_kw(view) == pytest.approx(6.5)


def test_a_rules_export_cap_narrows_what_the_connection_permits():
    view = view_of()
    view.fold(home_says(load_kw=-1.5, pv_kw=0.5))

    assert ceiling_kw(view, limits=HomeLimits(export_kw=8.7)) == pytest.approx(9.7)


def test_a_roof_that_fills_the_connection_alone_sends_the_battery_charging():
    view = view_of(Home(export_kw=4.0))
    view.fold(home_says(soc=0.5, load_kw=0.0, pv_kw=6.0))

    assert ceiling_kw(view) == pytest.approx(-2.0)


def test_a_full_battery_is_not_asked_for_what_it_cannot_do():
    view = view_of(Home(export_kw=4.0))
    view.fold(home_says(soc=1.0, load_kw=0.0, pv_kw=6.0))

    assert ceiling_kw(view) == 0.0


def test_the_connection_bounds_charging_too():
    view = view_of(Home(import_kw=3.0))
    view.fold(home_says(soc=0.5, load_kw=-2.0))

    assert view.look(HERE, EVENING).floor_kw[0] == pytest.approx(-1.0)


@pytest.mark.parametrize(("soc", "own", "rules"), [(0.2, 0.2, 0.0), (0.15, 0.2, 0.0), (0.4, 0.2, 0.5)])
def test_a_reserve_is_not_for_sale(soc, own, rules):
    view = view_of(Home(reserve_soc=own))
    view.fold(home_says(soc=soc))

    assert ceiling_kw(view, limits=HomeLimits(reserve_soc=rules)) == 0.0


def test_little_energy_left_bounds_the_power_that_can_be_held_for_an_interval():
    view = view_of()
    view.fold(home_says(soc=0.21))

    assert ceiling_kw(view) == pytest.approx(0.01 * 13.5 * ONE_WAY_EFFICIENCY * 12)


def test_two_batteries_of_a_home_share_its_power_by_what_each_can_do():
    view = view_of(Home(batteries=2, rated_kw=5.0, export_kw=6.0))
    view.fold(
        readings(
            {"device_no": 0, "soc": 0.9}, {"device_no": 1, "soc": 0.21}, {"device_no": 2}, {"device_no": 3}
        )
    )
    rooms = view.look(HERE, EVENING)

    device_no, power_kw = view.split(HERE, rooms.ceiling_kw)

    assert device_no.tolist() == [0, 1]
    assert power_kw.sum() == pytest.approx(rooms.ceiling_kw[0]) == pytest.approx(6.0)
    assert (power_kw <= view.ceiling_kw[:2]).all()
    assert (power_kw > 0).all()


def test_enrolling_a_home_keeps_what_is_known_of_the_others():
    view = view_of()
    view.fold(home_says())

    view.enrol(*tables(Home(), Home()))

    assert ceiling_kw(view) > 0
    assert np.isnan(view.look(np.array([1], np.int32), EVENING).ceiling_kw[0])


def test_a_fleet_of_nobody_is_still_a_fleet():
    sites, devices = tables(Home())
    none = np.zeros(0, np.int32)
    nobody_sites = type(sites)([], none, none, none.astype(np.int8), none, np.zeros(0), np.zeros(0), [], [])
    nobody_devices = type(devices)([], none, none.astype(np.int8), *[np.zeros(0)] * 4)

    view = FleetView(nobody_sites, nobody_devices)

    assert view.fold(home_says()).strange == 4
    assert len(view.look(none, EVENING).ceiling_kw) == 0


def test_heard_time_and_device_time_are_both_kept():
    view = view_of()
    view.fold(readings({"at": EVENING, "heard_ms": epoch_ms(EVENING) + 250, "soc": 0.5}))

    assert (view.heard_ms[0] - view.at_ms[0]) == 250
