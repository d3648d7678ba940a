"""Trading days never change length; local days do, twice a year, and nothing is lost or counted twice."""

import csv
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.domain.market import Region
from manta.domain.reference import zone_of
from manta.domain.time import (
    FIVE_MINUTES,
    HALF_HOUR,
    NEM_TIME,
    DispatchInterval,
    TariffDay,
    TradingDay,
    predispatch_number,
    predispatch_run,
)

GENUINE = Path(__file__).parents[4] / "shared" / "data" / "nem"
DISPATCH = GENUINE / "PUBLIC_DISPATCHIS_202508201810_0000000477155219.CSV"
PREDISPATCH = GENUINE / "PUBLIC_DVD_PREDISPATCHPRICE_202101010000.parquet"

FIRST, DAYS = date(2024, 1, 1), 3 * 365 + 1
"""2024 to 2026."""
BACK = {date(2024, 4, 7), date(2025, 4, 6), date(2026, 4, 5)}
FORWARD = {date(2024, 10, 6), date(2025, 10, 5), date(2026, 10, 4)}
WITHOUT = {Region.QLD}
intervals = st.integers(0, DAYS * 288 - 1).map(
    lambda n: DispatchInterval(datetime(2024, 1, 1, tzinfo=NEM_TIME) + (n + 1) * FIVE_MINUTES)
)
dates = st.integers(0, DAYS - 1).map(lambda n: FIRST + timedelta(days=n))


def nem(text):
    return DispatchInterval(datetime.fromisoformat(text).replace(tzinfo=NEM_TIME))


@pytest.mark.parametrize("period", [0, 289, -1])
def test_a_period_beyond_the_day_is_refused(period):
    with pytest.raises(ValueError, match="1 to 288"):
        TradingDay(FIRST).interval(period)
    with pytest.raises(ValueError, match="1 to 288"):
        DispatchInterval.from_number(20240101000 + period if period >= 0 else 20240101289)


def test_an_interval_of_another_day_has_no_number_in_this_one():
    with pytest.raises(ValueError, match="not of the trading day"):
        TradingDay(FIRST).period_of(nem("2024-01-01 04:00"))


def test_a_predispatch_run_is_named_by_a_half_hour():
    with pytest.raises(ValueError, match="half-hour"):
        predispatch_number(nem("2024-01-01 04:05").end)
    with pytest.raises(ValueError, match="1 to 48"):
        predispatch_run(2024010149)


@pytest.mark.parametrize(
    ("label", "number", "calendar"),
    [
        ("2025-08-20 18:10", 20250820170, (date(2025, 8, 20), 218)),
        ("2025-08-20 04:05", 20250820001, (date(2025, 8, 20), 49)),
        ("2025-08-21 04:00", 20250820288, (date(2025, 8, 21), 48)),
        ("2025-08-21 00:00", 20250820240, (date(2025, 8, 20), 288)),
        ("2025-08-21 00:05", 20250820241, (date(2025, 8, 21), 1)),
    ],
)
def test_an_interval_is_numbered_as_aemo_numbers_it(label, number, calendar):
    assert nem(label).number == number
    assert nem(label).calendar_period == calendar


@pytest.mark.parametrize(
    ("run", "number"),
    [("2021-01-01 04:30", 2021010101), ("2021-01-02 04:00", 2021010148), ("2021-01-02 00:00", 2021010140)],
)
def test_a_predispatch_run_is_numbered_as_aemo_numbers_it(run, number):
    assert predispatch_number(nem(run).end) == number
    assert predispatch_run(number) == nem(run).end


@pytest.mark.skipif(not DISPATCH.exists(), reason="the genuine DISPATCHIS file is not beside this checkout")
def test_the_genuine_file_has_our_numbers():
    table, seen = {}, set()
    for row in csv.reader(DISPATCH.read_text().splitlines()):
        if row[0] == "I":
            table = {name: i for i, name in enumerate(row)}
        elif row[0] == "D" and "DISPATCHINTERVAL" in table:
            at = datetime.strptime(row[table["SETTLEMENTDATE"]], "%Y/%m/%d %H:%M:%S").replace(tzinfo=NEM_TIME)
            seen.add((DispatchInterval(at).number, int(row[table["DISPATCHINTERVAL"]])))
    assert seen == {(20250820170, 20250820170)}


@pytest.mark.skipif(
    not PREDISPATCH.exists(), reason="the genuine pre-dispatch month is not beside this checkout"
)
def test_every_genuine_predispatch_run_has_our_number():
    import pyarrow.parquet as pq

    table = pq.read_table(PREDISPATCH, columns=["PREDISPATCHSEQNO", "PREDISPATCH_RUN_DATETIME"])
    runs = set(zip(*(table.column(i).to_pylist() for i in range(2)), strict=True))

    assert len(runs) > 1_000
    assert all(predispatch_number(at.replace(tzinfo=NEM_TIME)) == int(number) for number, at in runs)


def test_three_years_of_trading_days_follow_each_other_without_gap():
    day = TradingDay(FIRST)
    for _ in range(DAYS):
        following = TradingDay(day.starts_on + timedelta(days=1))
        assert day.end == following.start
        assert day.interval(1).start == day.start
        assert day.interval(288).end == day.end
        assert day.start.astimezone(NEM_TIME).time() == time(4)
        day = following


@given(interval=intervals)
def test_an_interval_and_its_place_in_the_trading_day_are_two_spellings_of_one_thing(interval):
    day = TradingDay.of(interval)

    assert day.interval(day.period_of(interval)) == interval == DispatchInterval.from_number(interval.number)
    assert day.start < interval.end <= day.end
    on, period = interval.calendar_period
    assert datetime.combine(on, time(), NEM_TIME) + period * FIVE_MINUTES == interval.end


@given(half_hours=st.integers(0, DAYS * 48))
def test_a_predispatch_run_and_its_number_are_two_spellings_of_one_thing(half_hours):
    run = TradingDay(FIRST).start + (half_hours + 1) * HALF_HOUR

    assert predispatch_run(predispatch_number(run)) == run


@pytest.mark.parametrize("region", Region)
def test_three_years_of_tariff_days_follow_each_other_and_change_length_with_the_clocks(region):
    zone = zone_of(region)
    total = timedelta()
    for n in range(DAYS):
        day = TariffDay(FIRST + timedelta(days=n), zone)
        following = TariffDay(day.on + timedelta(days=1), zone)
        hours = 24
        if region not in WITHOUT:
            hours += (day.on in BACK) - (day.on in FORWARD)
        assert day.lasts == timedelta(hours=hours)
        assert day.end == following.start
        assert TariffDay.of(DispatchInterval(day.start + FIVE_MINUTES), zone) == day
        assert TariffDay.of(DispatchInterval(day.end), zone) == day
        assert TariffDay.of(DispatchInterval(day.end + FIVE_MINUTES), zone) == following
        total += day.lasts
    assert total == TariffDay(FIRST + timedelta(days=DAYS), zone).start - TariffDay(FIRST, zone).start


@given(interval=intervals, region=st.sampled_from(Region))
def test_every_interval_is_in_exactly_one_tariff_day_of_its_region(interval, region):
    zone = zone_of(region)
    day = TariffDay.of(interval, zone)

    assert day.start <= interval.start < interval.end <= day.end
    assert day.clock_time(interval) == interval.start.astimezone(zone).time()


@given(on=dates, region=st.sampled_from(Region))
def test_a_tariff_day_is_made_of_its_intervals(on, region):
    day = TariffDay(on, zone_of(region))
    within = day.intervals

    assert len(within) * FIVE_MINUTES == day.lasts
    assert (within[0].start, within[-1].end) == (day.start, day.end)
    assert all(before.end == after.start for before, after in zip(within, within[1:], strict=False))


@pytest.mark.parametrize("region", sorted(set(Region) - WITHOUT))
def test_two_in_the_morning_happens_twice_in_april_and_never_in_october(region):
    zone = zone_of(region)

    def times_of(on):
        day = TariffDay(on, zone)
        return [day.clock_time(interval) for interval in day.intervals]

    assert times_of(date(2026, 4, 5)).count(time(2, 30)) == 2
    assert times_of(date(2026, 10, 4)).count(time(2, 30)) == 0
    assert len(times_of(date(2026, 4, 5))) == 300
    assert len(times_of(date(2026, 10, 4))) == 276


def test_queensland_keeps_market_time():
    assert TariffDay(date(2026, 1, 1), zone_of(Region.QLD)).start == datetime(2025, 12, 31, 14, tzinfo=UTC)
