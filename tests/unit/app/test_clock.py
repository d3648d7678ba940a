from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.app import hours
from manta.domain.time import NEM_TIME
from manta.settings.clock import FIRST_EVENING, ClockSetting, SimulatedClock, next_evening

instants = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
speeds = st.floats(0.1, 60)
WALL = datetime(2026, 11, 22, tzinfo=UTC)


class Hands:
    """A wall clock and a stopwatch that we turn."""

    def __init__(self, wall: datetime) -> None:
        self.at, self.ticked_s = wall, 0.0

    def wall(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.ticked_s

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.ticked_s += seconds


def clock(setting: ClockSetting, hands: Hands) -> SimulatedClock:
    return SimulatedClock(setting, hands.wall, hands.monotonic_s)


@given(instants, speeds, st.floats(0, 1e6))
def test_simulated_time_runs_at_its_speed_from_its_origin(origin, speed, passed_s):
    hands = Hands(WALL)
    simulated = clock(ClockSetting(origin, WALL, speed), hands)
    assert simulated.now() == origin
    hands.pass_s(passed_s)
    assert abs((simulated.now() - origin).total_seconds() - passed_s * speed) < 1e-3


@given(instants, speeds, st.floats(0, 1e5))
def test_a_process_that_starts_later_has_the_same_time(origin, speed, later_s):
    hands, setting = Hands(WALL), ClockSetting(origin, WALL, speed)
    first = clock(setting, hands)
    hands.pass_s(later_s)
    assert abs((clock(setting, hands).now() - first.now()).total_seconds()) < 1e-3


def test_setting_the_wall_back_does_not_turn_simulated_time_back():
    hands = Hands(WALL)
    simulated = clock(ClockSetting(FIRST_EVENING, WALL), hands)
    hands.pass_s(60)
    before = simulated.now()
    hands.at -= timedelta(hours=1)
    assert simulated.now() == before


@given(instants, instants, speeds)
def test_a_setting_is_read_as_it_was_written(origin, wall_origin, speed):
    setting = ClockSetting(origin, wall_origin, speed)
    assert ClockSetting.parse(str(setting)) == setting


@pytest.mark.parametrize(
    "text", ["", "now", "2027-01-14T07:52:00|2026-11-22T00:00:00|1", "2027-01-14T07:52:00+00:00|x|1"]
)
def test_a_setting_that_is_naive_or_cut_short_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - each says it differently
        ClockSetting.parse(text)


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_time_does_not_stand_still_or_run_back(speed):
    with pytest.raises(ValueError, match="runs forward"):
        ClockSetting(FIRST_EVENING, WALL, speed)


@given(instants)
def test_the_next_evening_is_a_later_summer_evening(after):
    evening = next_evening(after).astimezone(NEM_TIME)
    assert evening > after
    assert (evening.hour, evening.minute, evening.second, evening.microsecond) == (17, 52, 0, 0)
    assert evening.month in (12, 1, 2)
    earlier = next_evening(evening - timedelta(days=1, seconds=1)).astimezone(NEM_TIME)
    assert earlier >= evening - timedelta(days=1)


def test_the_evening_itself_is_not_after_itself():
    assert next_evening(None) == FIRST_EVENING
    assert next_evening(FIRST_EVENING) == FIRST_EVENING + timedelta(days=1)
    assert next_evening(FIRST_EVENING - timedelta(seconds=1)) == FIRST_EVENING


def test_after_the_last_of_february_comes_the_first_of_december():
    last = datetime(2027, 2, 28, 18, tzinfo=NEM_TIME)
    assert next_evening(last) == datetime(2027, 12, 1, 17, 52, tzinfo=NEM_TIME)


def test_a_house_never_simulates_an_instant_twice(tmp_path):
    origin = hours.next_origin(tmp_path)
    assert origin == FIRST_EVENING
    hours.note(tmp_path, origin + timedelta(minutes=40), speed=1)
    again = hours.next_origin(tmp_path)
    assert again == FIRST_EVENING + timedelta(days=1)
    hours.note(tmp_path, again, speed=60)
    assert hours.last_instant(tmp_path) == again + timedelta(minutes=30)


async def test_sleeping_until_a_past_instant_returns_at_once():
    simulated = clock(ClockSetting(FIRST_EVENING, WALL), Hands(WALL))
    await simulated.sleep_until(FIRST_EVENING - timedelta(days=1))


async def test_sleeping_at_speed_takes_so_much_less():
    simulated = SimulatedClock(ClockSetting(FIRST_EVENING, WALL, 1_000), lambda: WALL)
    await simulated.sleep_until(FIRST_EVENING + timedelta(seconds=20))
    assert simulated.now() >= FIRST_EVENING + timedelta(seconds=20)
