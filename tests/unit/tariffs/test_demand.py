from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manta.domain.tariff import DemandCharge, Hours
from manta.domain.time import epoch_ms, from_epoch_ms
from manta.tariffs.clock import FIVE_MINUTES_MS
from manta.tariffs.demand import assess

SYDNEY = "Australia/Sydney"
EVENING = DemandCharge("peak", (Hours(time(17), time(20), weekdays=frozenset(range(5))),), Decimal("7.00"))


def days(first, count, zone=SYDNEY):
    begins = epoch_ms(datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone)).astimezone(UTC))
    ends = begins + (1 + np.arange(count * 288)) * FIVE_MINUTES_MS
    return ends, np.zeros(len(ends))


def local(end_ms, zone=SYDNEY):
    return [from_epoch_ms(int(at) - FIVE_MINUTES_MS).astimezone(ZoneInfo(zone)) for at in end_ms]


def sydney(*parts):
    return datetime(*parts, tzinfo=ZoneInfo(SYDNEY))


def draw_kw(ends, import_kwh, at, power_kw, minutes=30):
    for row, begins in enumerate(local(ends)):
        if at <= begins < at + timedelta(minutes=minutes):
            import_kwh[row] = power_kw / 12


def test_the_highest_half_hour_within_the_hours_of_a_month_is_charged():
    ends, import_kwh = days(date(2026, 8, 1), 31)
    draw_kw(ends, import_kwh, sydney(2026, 8, 4, 18), 4.0)
    draw_kw(ends, import_kwh, sydney(2026, 8, 5, 19, 30), 6.5)
    draw_kw(ends, import_kwh, sydney(2026, 8, 6, 20), 50.0)  # after hours
    draw_kw(ends, import_kwh, sydney(2026, 8, 8, 18), 50.0)  # a Saturday

    (august,) = assess(EVENING, SYDNEY, ends, import_kwh)

    assert (august.month, august.peak_kw) == (date(2026, 8, 1), pytest.approx(6.5))
    assert august.at == datetime(2026, 8, 5, 9, 30, tzinfo=UTC)
    assert (august.amount_aud, august.incomplete) == (Decimal("45.50"), 0)


def test_five_minutes_at_full_power_are_a_sixth_of_a_half_hour():
    ends, import_kwh = days(date(2026, 8, 3), 1)
    draw_kw(ends, import_kwh, sydney(2026, 8, 3, 17, 10), 12.0, minutes=5)

    assert assess(EVENING, SYDNEY, ends, import_kwh)[0].peak_kw == pytest.approx(2.0)


def test_each_local_month_has_its_own_maximum():
    ends, import_kwh = days(date(2026, 9, 28), 14)  # clocks go forward on 4 October
    draw_kw(ends, import_kwh, sydney(2026, 9, 30, 17), 3.0)
    draw_kw(ends, import_kwh, sydney(2026, 10, 6, 17), 5.0)

    september, october = assess(EVENING, SYDNEY, ends, import_kwh)

    assert (september.month, september.peak_kw) == (date(2026, 9, 1), pytest.approx(3.0))
    assert (october.month, october.peak_kw) == (date(2026, 10, 1), pytest.approx(5.0))
    assert october.at == datetime(2026, 10, 6, 6, tzinfo=UTC)


def test_what_is_missing_or_unknown_takes_no_part_and_is_counted():
    ends, import_kwh = days(date(2026, 8, 3), 1)
    draw_kw(ends, import_kwh, sydney(2026, 8, 3, 17), 4.0)
    draw_kw(ends, import_kwh, sydney(2026, 8, 3, 18), 6.0)
    begins = local(ends)
    import_kwh[[at.hour == 18 and at.minute == 20 for at in begins]] = np.nan
    kept = np.array([not (at.hour == 19 and at.minute < 30) for at in begins])

    (august,) = assess(EVENING, SYDNEY, ends[kept], import_kwh[kept])

    assert (august.peak_kw, august.incomplete) == (pytest.approx(4.0), 2)


def test_nothing_metered_is_no_month_and_an_interval_twice_is_refused():
    assert assess(EVENING, SYDNEY, np.array([], np.int64), np.array([])) == ()
    with pytest.raises(ValueError, match="twice"):
        assess(EVENING, SYDNEY, np.full(2, 10**12), np.zeros(2))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from([SYDNEY, "Australia/Adelaide", "Australia/Brisbane"]))
def test_the_maximum_is_what_a_loop_over_half_hours_finds(seed, zone):
    ends, _ = days(date(2026, 3, 30), 10, zone)  # clocks go back on 5 April
    import_kwh = np.random.default_rng(seed).uniform(0, 1, len(ends))

    halves: dict[datetime, float] = {}
    for begins, energy_kwh in zip(local(ends, zone), import_kwh.tolist(), strict=True):
        half = begins.astimezone(UTC).replace(minute=begins.astimezone(UTC).minute // 30 * 30)
        halves[half] = halves.get(half, 0.0) + energy_kwh
    best: dict[date, float] = {}
    for half, energy_kwh in halves.items():
        at = half.astimezone(ZoneInfo(zone))
        if EVENING.holds(at):
            best[at.date().replace(day=1)] = max(best.get(at.date().replace(day=1), 0.0), energy_kwh * 2)

    assert {
        each.month: pytest.approx(each.peak_kw) for each in assess(EVENING, zone, ends, import_kwh)
    } == best
