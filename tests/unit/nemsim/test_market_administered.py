"""Administered pricing that no story tells of: a week of prices brings it and ends it by the rules."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manta.domain.market import PriceStatus, Region
from manta.domain.reference import administered_cap_per_mwh, threshold_per_mwh
from manta.domain.time import FIVE_MINUTES, INTERVALS_PER_DAY, NEM_TIME, DispatchInterval, TradingDay
from manta.mms.dispatchis import prices_in
from manta.mms.lines import read_table
from manta.nemsim.dispatchis import report
from manta.nemsim.fitted_days import FittedDays
from manta.nemsim.market import SimulatedMarket
from manta.nemsim.nemweb import Publisher
from manta.nemsim.stories import Standing, story
from manta.nemsim.summer_days import SERVICES, SummerDays
from manta.rules.administered import administered_over
from manta.rules.cumulative import cumulative

NOON = datetime(2027, 1, 14, 12, 0, tzinfo=NEM_TIME)
THRESHOLD = threshold_per_mwh(DispatchInterval(NOON))
CAP = administered_cap_per_mwh(DispatchInterval(NOON))
DAY_OF_NOON = 20_832


@dataclass(frozen=True)
class Dear(SummerDays):
    """Days at one price, and dear ones among them."""

    usual: float = 80.0
    times: tuple[tuple[int, int, float], ...] = ()
    """(first interval counted from the noon's midnight, how many, $/MWh)."""
    service: tuple[int, int, float] | None = None
    """The same for RAISEREG, $/MW/h."""

    def prices(self, region, day, seed):
        return self._made(day, self.usual, self.times)

    def services(self, service, region, day, seed):
        told = (self.service,) if self.service and service == "RAISEREG" else ()
        return self._made(day, 2.0, told)

    def _made(self, day, usual, times):
        prices = np.full(INTERVALS_PER_DAY, usual)
        numbers = np.arange(INTERVALS_PER_DAY) + (day - DAY_OF_NOON) * INTERVALS_PER_DAY
        for first, count, per_mwh in times:
            prices[(numbers >= first) & (numbers < first + count)] = per_mwh
        return prices


def intervals(first, count):
    return [DispatchInterval(first + n * FIVE_MINUTES) for n in range(count)]


DEAR = Dear(times=((0, 100, 23_000.0),))
"""From 00:00 of the noon's day over a hundred intervals: more than two million within a morning."""
MARKET = SimulatedMarket(1, (), DEAR)
MORNING = intervals(NOON.replace(hour=0), 3 * INTERVALS_PER_DAY)


def test_it_begins_with_the_interval_after_the_one_that_crosses_and_lasts_to_the_trading_days_end():
    last_weeks, todays = (110 - 2_016, 90, 22_000.0), (100, 8, 20_000.0)
    market = SimulatedMarket(1, (), Dear(times=(last_weeks, todays)))
    above = [i for i in MORNING if market.cumulative_per_mwh(Region.SA, i) > THRESHOLD]
    held = [i for i in MORNING if market.standing(Region.SA, i) is Standing.ADMINISTERED]

    assert len(above) < 12, "what was dear a week ago leaves the sum soon after"
    assert held == intervals(above[0].end + FIVE_MINUTES, len(held))
    assert held[-1].end == TradingDay.of(above[0]).end == NOON.replace(hour=4) + timedelta(days=1)
    assert market.per_mwh(Region.SA, above[0]) == 20_000.0
    assert market.per_mwh(Region.SA, held[0]) == CAP


def test_it_goes_on_for_as_many_days_as_the_week_stays_above_and_then_the_market_opens_again():
    week = intervals(NOON.replace(hour=0), 9 * INTERVALS_PER_DAY)
    held = [MARKET.standing(Region.NSW, i) is Standing.ADMINISTERED for i in week]
    above = [MARKET.cumulative_per_mwh(Region.NSW, i) > THRESHOLD for i in week]

    last = max(n for n, each in enumerate(above) if each)
    assert TradingDay.of(week[max(n for n, each in enumerate(held) if each)]) == TradingDay.of(
        DispatchInterval(week[last].end + FIVE_MINUTES)
    )
    assert not held[-1]
    assert sum(held) > 6 * INTERVALS_PER_DAY


def test_while_it_lasts_prices_are_within_the_administered_bounds_and_the_files_say_so():
    inside = MORNING[99]
    assert MARKET.standing(Region.QLD, inside) is Standing.ADMINISTERED

    body = report(MARKET, inside, inside.start + timedelta(seconds=20), 7)
    (row,) = (
        row
        for row in read_table("f", body, report="DISPATCHIS", group="DISPATCH", table="PRICE")
        if row["REGIONID"] == "QLD1"
    )

    assert {(p.per_mwh, p.status) for p in prices_in("f", body)} == {(CAP, PriceStatus.ADMINISTERED)}
    assert (row["ROP"], row["PRE_AP_ENERGY_PRICE"], row["APCFLAG"]) == ("23000", "23000", "1")
    assert (
        float(row["CUMUL_PRE_AP_ENERGY_PRICE"]) == MARKET.cumulative_per_mwh(Region.QLD, inside) > THRESHOLD
    )
    assert (row["RAISEREGAPCFLAG"], float(row["CUMUL_PRE_AP_RAISEREG_PRICE"])) == ("1", 2_016 * 2.0)


def test_the_administered_floor_holds_too():
    low = SimulatedMarket(1, (), Dear(times=((0, 120, 20_000.0), (130, 10, -900.0))))

    assert {low.per_mwh(Region.VIC, i) for i in intervals(NOON - timedelta(minutes=65), 8)} == {-CAP}


def test_the_price_of_a_service_binds_services_alone():
    market = SimulatedMarket(1, (), Dear(service=(0, 130, 18_000.0)))
    inside = intervals(NOON.replace(hour=0), 130)[-1]

    assert market.holds_services(Region.NSW, inside)
    assert market.service_per_mw("RAISEREG", Region.NSW, inside) == CAP
    assert market.uncapped_service_per_mw("RAISEREG", Region.NSW, inside) == 18_000.0
    assert market.cumulative_service_per_mw("RAISEREG", Region.NSW, inside) > THRESHOLD
    assert market.standing(Region.NSW, inside) is Standing.OPEN
    assert market.per_mwh(Region.NSW, inside) == 80.0


def test_enough_spikes_in_a_week_bring_it_on_and_the_next_spike_is_capped():
    times = [NOON - timedelta(hours=6 * n) for n in range(27)]
    market = SimulatedMarket(1, tuple(story("spike", at) for at in times))
    first, last = (intervals(at + FIVE_MINUTES, 1)[0] for at in (times[-1], times[0]))

    assert (market.per_mwh(Region.NSW, first), market.standing(Region.NSW, first)) == (
        12_500.0,
        Standing.OPEN,
    )
    assert market.cumulative_per_mwh(Region.NSW, last) < THRESHOLD, "27 spikes a week are not enough"
    more = SimulatedMarket(
        1, market.stories + tuple(story("cap", at - timedelta(hours=3)) for at in times[:8])
    )
    assert more.cumulative_per_mwh(Region.NSW, last) > THRESHOLD
    assert (more.per_mwh(Region.NSW, last), more.standing(Region.NSW, last)) == (CAP, Standing.ADMINISTERED)
    assert more.standing(Region.TAS, last) is Standing.OPEN


def test_the_fitted_days_have_weeks_that_bring_it_on_by_themselves():
    market = SimulatedMarket(10, (), FittedDays())
    days = intervals(datetime(2027, 5, 25, 4, 5, tzinfo=NEM_TIME), 4 * INTERVALS_PER_DAY)
    standing = [market.standing(Region.QLD, i) for i in days]

    held = [i for i, now in zip(days, standing, strict=True) if now is Standing.ADMINISTERED]
    assert held == intervals(held[0].end, len(held))
    assert held[-1].end == TradingDay.of(held[-1]).end
    assert max(abs(market.per_mwh(Region.QLD, i)) for i in held) <= CAP
    assert max(market.uncapped_per_mwh(Region.QLD, i) for i in held) > CAP
    assert {market.standing(Region.TAS, i) for i in days} == {Standing.OPEN}


def test_a_publisher_that_starts_anew_publishes_the_same(tmp_path):
    class At:
        def now(self):
            return NOON + timedelta(minutes=2)

    one, again = (Publisher(lambda: MARKET, At(), 1, offered=timedelta(minutes=20)) for _ in range(2))

    assert [one.body(file) for file in one.files()] == [again.body(file) for file in reversed(again.files())][
        ::-1
    ]


plateaus = st.lists(
    st.tuples(
        st.integers(-2_300, 600), st.integers(1, 400), st.floats(-1_000, 23_200).map(lambda p: round(p, 5))
    ),
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(st.floats(-50, 900).map(lambda p: round(p, 5)), plateaus)
def test_sums_and_standings_are_those_of_the_markets_own_rules(usual, times):
    days = Dear(usual=usual, times=tuple(times))
    market = SimulatedMarket(1, (), days)
    first = DAY_OF_NOON - 10
    column = np.concatenate([days.prices(Region.NSW, first + n, 1) for n in range(12)])
    ends = intervals(NOON.replace(hour=0) - timedelta(days=10), len(column))
    expected = cumulative(column)
    held = administered_over(ends[0], expected, np.full(len(column), THRESHOLD))

    for n in (
        *range(9 * INTERVALS_PER_DAY, 12 * INTERVALS_PER_DAY, 37),
        10 * INTERVALS_PER_DAY + 48,
        len(ends) - 1,
    ):
        assert market.cumulative_per_mwh(Region.NSW, ends[n]) == pytest.approx(expected[n], abs=1e-6)
        assert (market.standing(Region.NSW, ends[n]) is Standing.ADMINISTERED) == held[n], ends[n]


def test_every_service_has_a_sum_of_its_own():
    market = SimulatedMarket(3)
    at = DispatchInterval(NOON)
    week = [DispatchInterval(NOON - n * FIVE_MINUTES) for n in range(2_016)]

    for service in SERVICES:
        total = sum(market.service_per_mw(service, Region.TAS, each) for each in week)
        assert market.cumulative_service_per_mw(service, Region.TAS, at) == pytest.approx(total)
