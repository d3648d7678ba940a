import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.twin.days import CAPACITY_KWH, SLOTS, at, but, lived

from manta.simulators.homes import ONE_WAY
from manta.twin.balance import PARTS, balance, residual
from manta.twin.columns import first_slot, longest_run
from manta.twin.storage import round_trip, soc_drift
from manta.twin.sun import Roofs, clear_sky

DAY = slice(0, SLOTS)
powers = st.floats(-20.0, 20.0)


@given(powers, powers, powers)
def test_a_site_that_adds_up_leaves_nothing_over_and_each_kilowatt_missed_is_left_over(pv, battery, load):
    parts = [np.array([[kw]]) for kw in (pv, battery, load)]
    export = np.array([[pv + battery + load]])
    assert residual(*parts, export)[0, 0] == pytest.approx(0.0, abs=1e-9)
    assert residual(*parts, export - 1.0)[0, 0] == pytest.approx(1.0)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(PARTS), st.integers(1, 5))
def test_the_part_that_is_blamed_is_the_one_that_was_turned(part, seed):
    day = lived(4, seed)
    seen = balance(but(day, **{f"{part}_kw": at(2, DAY, lambda kw: -kw)}))
    assert seen.inverted.tolist() == [-1, -1, PARTS.index(part), -1]
    assert seen.broken.tolist() == [False, False, True, False]


def test_the_round_trip_of_the_simulated_cells_is_found_again_by_counters_alone():
    assert round_trip(lived()) == pytest.approx(np.full(8, ONE_WAY**2), abs=1e-9)


def test_a_battery_that_hardly_moved_is_not_judged():
    day = lived()
    little = but(day, discharged_kwh=lambda kwh: kwh[:, :1] + [[0.0, 0.1 * CAPACITY_KWH]])
    assert np.isnan(round_trip(little)).all()


def test_energy_counted_at_the_batterys_own_efficiency_does_not_drift():
    day = lived()
    drift, _ = soc_drift(day, round_trip(day))
    assert drift.max() < 1e-6


def test_a_day_with_a_fifth_of_the_powers_unknown_says_nothing_of_drift():
    gaps = but(lived(), battery_kw=at(1, slice(0, 60), np.nan))
    drift, _ = soc_drift(gaps, round_trip(gaps))
    assert np.isnan(drift[1])
    assert not np.isnan(drift[0])


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=12), min_size=1, max_size=4))
def test_runs_are_counted_as_a_person_would(rows):
    width = min(map(len, rows))
    flags = np.array([row[:width] for row in rows])
    for row, run, first in zip(flags, longest_run(flags), first_slot(flags), strict=True):
        told = "".join("x" if flag else " " for flag in row)
        assert run == max(map(len, told.split(" ")))
        assert first == (told.index("x") if "x" in told else width - 1)


def test_a_clear_sky_is_dark_at_night_highest_at_solar_noon_and_turned_by_the_roofs_direction():
    sydney = Roofs(
        latitude=np.full(3, -33.87),
        longitude=np.full(3, 151.21),
        tilt=np.full(3, 22.0),
        azimuth=np.array([0.0, 90.0, 270.0]),
        rated_kw=np.array([6.6, 6.6, 6.6]),
    )
    midsummer_ms = 1_768_399_200_000  # 2026-01-15 00:00, market time
    ends_ms = midsummer_ms + 300_000 * np.arange(1, 289)
    north, east, west = clear_sky(sydney, ends_ms)
    hours = np.arange(1, 289) / 12 - 1 / 24
    night = (hours < 4.5) | (hours > 19.5)
    assert north[night].max() == 0.0
    # solar noon: the equation of time, and 1.2° of longitude
    assert hours[north.argmax()] == pytest.approx(12.1, abs=0.35)
    assert hours[east.argmax()] < 11.5 < 12.5 < hours[west.argmax()]
    assert 40.0 < north.sum() / 12 < 52.0  # 6 to 8 kWh a kW: what a clear January day gives


@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_clear_sky_power_goes_with_the_plate(scale):
    roofs = Roofs(*(np.array([each]) for each in (-27.5, 153.0, 15.0, 350.0, 5.0)))
    scaled = Roofs(*(np.array([each]) for each in (-27.5, 153.0, 15.0, 350.0, 5.0 * scale)))
    ends_ms = 1_768_399_200_000 + 1_800_000 * np.arange(1, 49)
    assert clear_sky(scaled, ends_ms) == pytest.approx(scale * clear_sky(roofs, ends_ms))
