"""Sharing a target: exact in sum, fair by energy, never beyond anyone's headroom."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.fleet.allocation import allocate
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
