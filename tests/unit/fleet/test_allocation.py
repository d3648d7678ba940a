"""Sharing a target: exact in sum, fair by energy, never beyond anyone's headroom."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.fleet.allocation import Weights, allocate
from manta.fleet.headroom import Rooms

kw = st.floats(-100, 100).map(lambda x: round(x, 6))
kwh = st.one_of(st.just(0.0), st.floats(1e-12, 50))
home = st.tuples(kw, kw, kwh, kwh)


def rooms(*homes):
    """Build from (floor, ceiling, spare, room) of each home."""
    columns = np.array(homes, float).reshape(-1, 4).T
    return Rooms(np.arange(len(homes), dtype=np.int32), *columns)


def ordered(homes):
    return rooms(*((min(a, b), max(a, b), spare, room) for a, b, spare, room in homes))


for up_or_down_kw in (1.0, -1.0):  # compiled once, before anybody counts the time an example takes
    allocate(up_or_down_kw, rooms((-5, 5, 1, 1), (-5, 5, 2, 2)))


@pytest.mark.parametrize("column", ["floor_kw", "ceiling_kw", "spare_kwh", "room_kwh"])
@pytest.mark.parametrize("nonsense", [np.nan, np.inf])
def test_a_home_whose_headroom_is_unknown_carries_nothing(column, nonsense):
    broken = rooms((-5, 5, 1, 1), (-5, 5, 1, 1))
    getattr(broken, column)[1] = nonsense

    with pytest.raises(ValueError, match="unknown"):
        allocate(3, broken)


def test_disjoint_limits_are_refused():
    with pytest.raises(ValueError, match="floor is above"):
        allocate(3, rooms((5, 4, 1, 1)))


@pytest.mark.parametrize("target_kw", [np.nan, np.inf, -np.inf])
def test_a_target_that_is_no_power_is_refused(target_kw):
    with pytest.raises(ValueError, match="finite"):
        allocate(target_kw, rooms((-5, 5, 1, 1)))


@given(target_kw=st.floats(-2_000, 2_000), homes=st.lists(home, max_size=40))
def test_shares_and_shortfall_make_up_the_target(target_kw, homes):
    allocation = allocate(target_kw, ordered(homes))

    assert allocation.shares_kw.sum() + allocation.shortfall_kw == pytest.approx(target_kw, abs=1e-6)


@given(target_kw=st.floats(-2_000, 2_000), homes=st.lists(home, max_size=40))
def test_no_share_leaves_its_headroom(target_kw, homes):
    band = ordered(homes)

    shares_kw = allocate(target_kw, band).shares_kw

    assert (band.floor_kw <= shares_kw).all()
    assert (shares_kw <= band.ceiling_kw).all()


@given(homes=st.lists(home, max_size=40))
def test_what_all_can_do_together_is_carried_in_full(homes):
    band = ordered(homes)

    assert np.array_equal(allocate(float(band.ceiling_kw.sum()), band).shares_kw, band.ceiling_kw)
    assert np.array_equal(allocate(float(band.floor_kw.sum()), band).shares_kw, band.floor_kw)


def test_shares_follow_the_energy_that_each_can_spare():
    band = rooms((-5, 10, 9, 1), (-5, 10, 3, 2))

    assert allocate(8, band).shares_kw == pytest.approx([6, 2])
    assert allocate(-6, band).shares_kw == pytest.approx([-2, -4])


def test_who_reaches_a_bound_stays_there_and_the_others_carry_the_rest():
    band = rooms((-5, 2, 9, 1), (-5, 10, 3, 1))

    assert allocate(8, band).shares_kw == pytest.approx([2, 6])


def test_homes_without_headroom_leave_the_whole_target_short():
    allocation = allocate(8, rooms((0, 0, 0, 0), (0, 0, 5, 5)))

    assert allocation.shares_kw.tolist() == [0, 0]
    assert allocation.shortfall_kw == 8


def test_nobody_at_all_leaves_the_whole_target_short():
    assert allocate(-8, rooms()).shortfall_kw == -8


def test_who_may_not_rest_at_zero_starts_where_it_may():
    allocation = allocate(0, rooms((2, 5, 1, 1), (-5, 5, 1, 1)))

    assert allocation.shares_kw == pytest.approx([2, -2])
    assert allocation.shortfall_kw == 0


def test_given_weights_share_in_their_proportion_instead_of_energy():
    band = rooms((-5, 10, 9, 1), (-5, 10, 3, 2))

    by_value = allocate(8, band, Weights(up=np.array([1.0, 3.0]), down=np.array([1.0, 1.0])))

    assert by_value.shares_kw == pytest.approx([2, 6])


def test_nobody_is_asked_for_less_than_its_inverter_can_hold():
    band = rooms(*((-5, 5, spare, 1) for spare in (9, 8, 1, 0.5)))

    shared = allocate(3.0, band, least_kw=1.0)

    assert shared.shares_kw == pytest.approx([3 * 9 / 17, 3 * 8 / 17, 0, 0])
    assert shared.shortfall_kw == 0


def test_a_target_too_small_for_any_inverter_is_a_shortfall():
    shared = allocate(0.4, rooms((-5, 5, 9, 1), (-5, 5, 8, 1)), least_kw=0.5)

    assert shared.shares_kw.tolist() == [0, 0]
    assert shared.shortfall_kw == 0.4


@given(target_kw=st.floats(-200, 200), homes=st.lists(home, max_size=20), least_kw=st.floats(0.01, 5))
def test_with_a_dead_band_shares_and_shortfall_still_make_up_the_target(target_kw, homes, least_kw):
    band = ordered(homes)

    shared = allocate(target_kw, band, least_kw=least_kw)

    assert shared.shares_kw.sum() + shared.shortfall_kw == pytest.approx(target_kw, abs=1e-6)
    assert (band.floor_kw <= shared.shares_kw).all()
    assert (shared.shares_kw <= band.ceiling_kw).all()
    free = (band.floor_kw <= 0) & (band.ceiling_kw >= 0)
    assert ((shared.shares_kw[free] == 0) | (abs(shared.shares_kw[free]) >= least_kw * (1 - 1e-9))).all()


def test_a_million_random_homes_keep_their_headroom_and_the_sum():
    rng = np.random.default_rng(5)
    count = 1_000_000
    one, two = rng.uniform(-10, 10, count), rng.uniform(-10, 10, count)
    band = Rooms(
        np.arange(count, dtype=np.int32),
        np.minimum(one, two),
        np.maximum(one, two),
        rng.uniform(0, 9, count),
        rng.uniform(0, 9, count),
    )
    target_kw = 0.5 * float(band.ceiling_kw.sum())

    shares_kw = allocate(target_kw, band).shares_kw

    assert np.isfinite(shares_kw).all()
    assert ((band.floor_kw <= shares_kw) & (shares_kw <= band.ceiling_kw)).all()
    assert shares_kw.sum() == pytest.approx(target_kw, rel=1e-12)
