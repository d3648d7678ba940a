"""Five-minute intervals are named by their end, in a market without daylight saving."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.domain.time import NEM_TIME, DispatchInterval, epoch_ms, from_epoch_ms

instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def nem(text):
    return datetime.fromisoformat(text).replace(tzinfo=NEM_TIME)


@pytest.mark.parametrize(
    ("instant", "named"),
    [
        ("2024-07-01 00:00:00", "2024/07/01 00:05"),  # an interval holds its start
        ("2024-07-01 00:04:59", "2024/07/01 00:05"),
        ("2024-07-01 00:05:00", "2024/07/01 00:10"),  # and not its end
        ("2024-10-06 02:30:00", "2024/10/06 02:35"),  # Sydney has no 02:30 that day; the NEM has
        ("2024-04-07 02:30:00", "2024/04/07 02:35"),  # and here Sydney has two
    ],
)
def test_an_instant_falls_in_the_interval_that_ends_after_it(instant, named):
    assert str(DispatchInterval.containing(nem(instant))) == named


def test_intervals_are_kept_in_utc():
    assert DispatchInterval(nem("2024-07-01 00:05")).end == datetime(2024, 6, 30, 14, 5, tzinfo=UTC)


def test_a_naive_time_is_refused():
    naive = datetime(2024, 7, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="aware"):
        DispatchInterval(naive)
    with pytest.raises(ValueError, match="aware"):
        epoch_ms(naive)


@pytest.mark.parametrize("end", ["2024-07-01 00:04", "2024-07-01 00:05:01"])
def test_an_interval_ends_on_a_five_minute_mark(end):
    with pytest.raises(ValueError, match="five-minute"):
        DispatchInterval(nem(end))


@given(at=instants)
def test_every_instant_is_in_exactly_the_interval_that_contains_it(at):
    interval = DispatchInterval.containing(at)

    assert at in interval
    assert interval.end not in interval


@given(at_ms=st.integers(0, 4_000_000_000_000))
def test_milliseconds_and_instants_are_two_spellings_of_one_thing(at_ms):
    assert epoch_ms(from_epoch_ms(at_ms)) == at_ms
