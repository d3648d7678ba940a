"""A box at a home, a second at a time: limits, ramps, silence, release."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.edge.home import Home, Street
from tests.unit.edge.leases import NOON_MS, lease, packed

from manta.domain.der import Running
from manta.domain.envelope import Envelope
from manta.edge.limits import BatteryLimits, SiteLimits, of_battery, permitted


@pytest.fixture
def streets(tmp_path):
    """Makes homes with boxes, and closes them."""
    made = []

    def make(*given, **limits):
        made.append(Street(tmp_path, *given, **limits))
        return made[-1]

    yield make
    for street in made:
        street.close()


@pytest.fixture
def street(streets):
    return streets()


async def test_a_lease_is_reached_by_its_ramp_answered_and_left_by_it(street):
    await street.live(2)
    street.box.hear(packed(lease(power_kw=4.0, ramp_kw_per_min=6.0)))
    assert street.house.answers == []  # the device answers first

    moved, before = [], street.home.battery_kw

    def watch():
        nonlocal before
        moved.append(abs(street.home.battery_kw - before))
        before = street.home.battery_kw

    await street.live(60, watch)
    assert street.home.battery_kw == pytest.approx(4.0)
    assert [answer.outcome for answer in street.house.answers] == ["accepted"]
    await street.live(300, watch)
    assert street.home.forced_kw is None
    assert not street.battery.hand.is_undo_due
    assert max(moved) <= 0.1 + 0.1 + 1e-9  # a second of ramp, and the smallest step worth a write


async def test_nothing_is_held_after_the_leases_end_and_the_ramp(street):
    street.box.hear(packed(lease(power_kw=5.0, ramp_kw_per_min=10.0)))
    await street.live(299)
    until_home_s = 0
    while street.home.forced_kw is not None:
        await street.live(1)
        until_home_s += 1
    assert until_home_s <= 1 + 60 * 4.5 / 10.0 + 2


async def test_the_connections_limits_win_each_second_over_the_lease(streets):
    street = streets(Home(pv_kw=0.0, load_kw=-2.0), export_kw=2.0, import_kw=4.0)
    street.box.hear(packed(lease(power_kw=5.0, ramp_kw_per_min=600.0)))
    await street.live(5)
    assert street.home.meter_kw == pytest.approx(2.0)
    street.home.pv_kw = 3.0  # the sun comes out
    await street.live(2)
    assert street.home.meter_kw == pytest.approx(2.0)
    street.home.pv_kw, street.home.load_kw = 6.5, 0.0  # so much that the battery has to take it in
    await street.live(2)
    assert street.home.meter_kw == pytest.approx(2.0)
    assert street.home.battery_kw == pytest.approx(-4.5)


async def test_the_leases_export_limit_binds_when_it_is_the_lower(street):
    street.box.hear(packed(lease(power_kw=5.0, export_limit_kw=1.0, ramp_kw_per_min=600.0)))
    await street.live(5)
    assert street.home.meter_kw == pytest.approx(1.0)


async def test_the_householders_reserve_is_kept(street):
    street.box.hear(packed(lease(power_kw=5.0, ramp_kw_per_min=600.0)))
    await street.live(5)
    assert street.home.battery_kw > 4.0
    street.home.soc = 0.2
    await street.live(2)
    assert street.home.battery_kw <= 0.0


async def test_two_sites_worth_of_limits_are_never_broken_by_a_charge_lease(streets):
    street = streets(Home(pv_kw=0.0, load_kw=-3.0), import_kw=5.0)
    street.box.hear(packed(lease(power_kw=-5.0, ramp_kw_per_min=600.0)))
    await street.live(5)
    assert street.home.meter_kw == pytest.approx(-5.0)


async def test_equal_powers_are_not_written_again_but_for_the_refresh(street):
    street.box.hear(packed(lease(power_kw=3.0, ramp_kw_per_min=600.0)))
    await street.live(5)
    before = len(street.home.orders)
    await street.live(180)
    assert len(street.home.orders) - before == 3  # once a minute


async def test_the_undo_is_on_the_disk_before_the_device_hears_anything(street):
    seen = []
    street.home.before_write = lambda: seen.append(
        msgspec.json.decode((street.folder / "leases.json").read_bytes())["h-box-battery1"]["is_undo_due"]
    )
    street.box.hear(packed(lease()))
    await street.live(1)
    assert seen == [True]


async def test_a_box_that_starts_after_a_crash_releases_first_and_takes_no_old_lease(street):
    street.box.hear(packed(lease(power_kw=4.0, ramp_kw_per_min=600.0)))
    await street.live(10)
    assert street.home.forced_kw == pytest.approx(4.0)
    street.start()  # nothing was let go
    await street.live(1)
    assert street.home.forced_kw is None
    street.box.hear(packed(lease(power_kw=4.0)))
    await street.live(2)
    assert street.home.forced_kw is None
    assert street.house.answers[-1].because == "sequence"


async def test_a_device_that_is_silent_is_asked_ever_less_often_and_released_when_it_is_back(street):
    street.box.hear(packed(lease(power_kw=4.0, ramp_kw_per_min=600.0)))
    await street.live(5)
    asked = []
    street.home.is_dead = True
    street.home.before_write = lambda: asked.append(street.hands.s)
    await street.live(400)  # the lease ends meanwhile
    assert 20 <= len(asked) <= 50  # the undo is tried each ten seconds at the latest
    assert street.home.forced_kw == pytest.approx(4.0)
    street.home.is_dead = False
    await street.live(35)
    assert street.home.forced_kw is None
    assert not street.battery.hand.is_undo_due


async def test_a_lease_for_a_silent_device_gets_no_answer(street):
    street.home.is_dead = True
    street.box.hear(packed(lease()))
    await street.live(30)
    assert street.house.answers == []


async def test_a_device_that_says_no_is_an_answer_with_its_reason(street):
    street.home.refuses = "not in remote mode"
    street.box.hear(packed(lease()))
    await street.live(2)
    assert [(a.outcome, a.because) for a in street.house.answers] == [
        ("refused", "device: not in remote mode")
    ]


async def test_an_islanded_site_refuses_and_lets_go(street):
    street.box.hear(packed(lease(1, power_kw=4.0, ramp_kw_per_min=600.0)))
    await street.live(5)
    street.home.running = Running.ISLANDED
    await street.live(2)
    assert street.home.forced_kw is None
    street.box.hear(packed(lease(2)))
    assert street.house.answers[-1].because == "island"
    street.home.running = Running.RUNNING
    street.hands.go(400.0)
    await street.live(5)
    assert street.home.forced_kw is None


async def test_a_wall_that_is_set_back_an_hour_holds_nothing_longer(street):
    street.box.hear(packed(lease(power_kw=4.0, ramp_kw_per_min=600.0)))
    await street.live(100)
    street.hands.at = street.hands.at.replace(hour=street.hands.at.hour - 1)
    await street.live(205)
    assert street.home.forced_kw is None
    assert street.box.clock.jumps == 1
    assert street.box.clock.last_jump_s == pytest.approx(-3_600.0)


async def test_forged_foreign_and_unreadable_messages_move_nothing(street):
    other = lease(1, device="h-elsewhere-battery1")
    for payload in (b"", b"\xff\x00", packed(lease(), b"x" * 32), packed(other)):
        street.box.hear(payload)
    await street.live(5)
    assert street.home.orders == []
    assert [answer.because for answer in street.house.answers] == ["seal", "device"]
    assert street.box.unreadable == 2


async def test_a_box_that_ends_lets_go(street):
    street.box.hear(packed(lease(power_kw=4.0, ramp_kw_per_min=600.0)))
    await street.live(5)
    await street.box.let_go()
    assert street.home.forced_kw is None


powers_kw = st.floats(-30.0, 30.0)


@settings(deadline=None)
@given(
    powers_kw,
    st.none() | st.floats(0.0, 1.0),
    st.floats(0, 15),
    st.floats(0, 15),
    st.none() | st.floats(0, 9),
)
def test_what_is_permitted_lies_within_the_plate_and_where_possible_within_the_connection(
    rest_kw, soc, import_kw, export_kw, lease_kw
):
    own = of_battery(BatteryLimits(5.0, 5.0, 0.2), soc)
    may = permitted(own, SiteLimits(import_kw, export_kw), rest_kw, lease_kw)
    assert -5.0 <= may.floor_kw <= may.ceiling_kw <= 5.0
    assert soc is not None or may.ceiling_kw <= 0.0
    most_kw = export_kw if lease_kw is None else min(export_kw, lease_kw)
    reachable = Envelope(-import_kw, most_kw).less(rest_kw)
    if reachable.floor_kw <= own.ceiling_kw and reachable.ceiling_kw >= own.floor_kw:
        for power_kw in (may.floor_kw, may.ceiling_kw):
            assert -import_kw - 1e-9 <= rest_kw + power_kw <= most_kw + 1e-9


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-6, 6), st.floats(-6, 0), st.floats(0, 8), st.integers(1, 15)),
        min_size=1,
        max_size=6,
    )
)
async def test_whatever_is_leased_and_whatever_the_home_does_the_next_second_keeps_the_limits(
    tmp_path_factory, steps
):
    street = Street(tmp_path_factory.mktemp("box"), export_kw=3.0, import_kw=6.0)
    for no, (power_kw, load_kw, pv_kw, seconds) in enumerate(steps, start=1):
        begins = NOON_MS + int((street.hands.s - 1_000.0) * 1e3)
        street.box.hear(
            packed(
                lease(
                    no,
                    power_kw=power_kw,
                    not_before_ms=begins,
                    until_ms=begins + 60_000,
                    ramp_kw_per_min=60.0,
                )
            )
        )
        street.home.load_kw, street.home.pv_kw = load_kw, pv_kw
        await street.live(seconds)
        if street.home.forced_kw is not None:
            may = permitted(of_battery(street.battery._limits, 0.8), street.limits, pv_kw + load_kw, None)
            assert may.floor_kw - 0.03 <= street.home.forced_kw <= may.ceiling_kw + 0.03
    street.close()
