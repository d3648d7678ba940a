"""The market's pages: prices of years, forecasts with honest ranges, how each region stands."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from tests.unit.api.house import NOW, House, interval

from manta.desk.outlook import LEVELS, Spread
from manta.domain.market import Price, PriceStatus, Region
from manta.domain.time import FIVE_MINUTES, epoch_ms
from manta.rules.cumulative import WINDOW
from manta.wire.series import PRICE_STATUSES, PriceForecast, PriceSeries

FIRM = PRICE_STATUSES.index(PriceStatus.FIRM)


def series_to(end: datetime, per_mwh) -> PriceSeries:
    """Build a series whose last interval ends then."""
    per_mwh = np.asarray(per_mwh, float)
    back = np.arange(len(per_mwh) - 1, -1, -1, dtype=np.int64)
    ends_ms = epoch_ms(end) - back * 300_000
    return PriceSeries(ends_ms, per_mwh, np.full(len(per_mwh), FIRM, np.uint8), np.full(len(per_mwh), np.nan))


def run_from(first_end: datetime, per_mwh, source="P5MIN", minutes=5) -> PriceForecast:
    ends_ms = epoch_ms(first_end) + np.arange(len(per_mwh), dtype=np.int64) * minutes * 60_000
    return PriceForecast(NOW - timedelta(seconds=20), source, ends_ms, np.asarray(per_mwh, float))


async def read(house: House, path: str, **asked):
    async with house.signed_in() as client:
        return await client.get(f"/api/market/{path}", params=asked)


@pytest.mark.parametrize(
    "asked",
    [
        {"region": "WA1"},
        {},
        {"region": "NSW1", "points": 99},
        {"region": "NSW1", "points": 5_001},
        {"region": "NSW1", "start": "yesterday"},
        {"region": "NSW1", "start": "2027-01-14T08:00:00"},
        {"region": "NSW1", "start": "1999-01-01T00:00:00Z"},
        {"region": "NSW1", "start": "2027-01-14T08:00:00Z", "end": "2027-01-14T08:00:00Z"},
        {"region": "NSW1", "start": "2027-01-14T08:00:00Z", "end": "2027-01-13T08:00:00Z"},
    ],
)
async def test_a_request_out_of_bounds_is_refused_in_words(house: House, asked):
    answer = await read(house, "prices", **asked)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["errors"]


async def test_a_stranger_is_shown_nothing(house: House):
    async with house.client() as client:
        for path in ("prices?region=NSW1", "forecast?region=NSW1", "regions"):
            assert (await client.get(f"/api/market/{path}")).status_code == 401


async def test_a_spike_survives_the_thinning_of_years(house: House):
    per_mwh = np.full(100_000, 60.0)
    per_mwh[54_321], per_mwh[77_777] = 16_600.0, -1_000.0
    house.market.series[Region.SA] = series_to(interval().end, per_mwh)
    told = (await read(house, "prices", region="SA1", points=500)).json()
    assert told["intervals"] == 100_000
    assert len(told["ends_ms"]) == len(told["per_mwh"]) == len(told["status"]) <= 500
    assert (min(told["per_mwh"]), max(told["per_mwh"])) == (-1_000.0, 16_600.0)
    assert told["ends_ms"] == sorted(told["ends_ms"])
    assert told["step_s"] > 300


async def test_the_record_fills_in_what_history_lacks_at_its_end(house: House):
    house.market.series[Region.NSW] = series_to(interval(5).end, [50.0, 51.0])
    told = (await read(house, "prices", region="NSW1", start=(NOW - timedelta(hours=1)).isoformat())).json()
    assert told["per_mwh"] == [50.0, 51.0, 12_500.0]
    assert told["statuses"][told["status"][-1]] == "firm"
    assert told["last"] == "2027-01-14T08:05:00Z"
    assert told["step_s"] == 300


class NoPrices:
    """A record that has heard nothing yet."""

    async def latest(self) -> dict[Region, Price]:
        return {}

    async def between(self, region: Region, start: datetime, end: datetime) -> list[Price]:
        return []


async def test_nothing_known_is_an_empty_answer_and_no_zeros(house: House):
    house = house.rebuilt(prices=NoPrices())
    told = (await read(house, "prices", region="TAS1")).json()
    assert (told["first"], told["last"], told["intervals"], told["per_mwh"]) == (None, None, 0, [])


async def test_half_hours_before_five_minute_settlement_are_no_gaps(house: House):
    whole = series_to(interval().end, np.full(600, 40.0))
    house.market.series[Region.SA] = whole.take(np.arange(599, -1, -6)[::-1])
    told = (await read(house, "prices", region="SA1")).json()
    assert told["step_s"] == 1_800


async def test_a_forecast_has_a_range_only_where_enough_was_compared(house: House):
    house.market.runs = [
        run_from(interval().end, [80.0, 5_000.0, 90.0]),
        run_from(interval().end, [85.0], "PREDISPATCH", 30),
    ]
    runs, low, high = (
        np.zeros((2, LEVELS), np.int64),
        np.full((2, LEVELS), np.nan),
        np.full((2, LEVELS), np.nan),
    )
    runs[0, 1], low[0, 1], high[0, 1] = 288, -20.0, 45.0
    house.market.spreads = Spread(runs, low, high)
    near, far = (await read(house, "forecast", region="NSW1")).json()["runs"]
    assert (near["source"], near["minutes"], near["compared_runs"]) == ("P5MIN", 5, 288)
    assert (near["points"][0]["low_per_mwh"], near["points"][0]["high_per_mwh"]) == (60.0, 125.0)
    assert [point["low_per_mwh"] for point in near["points"][1:]] == [None, None]
    assert (far["source"], far["minutes"]) == ("PREDISPATCH", 30)


async def test_a_run_that_is_not_out_yet_is_not_shown(house: House):
    house.market.runs = [run_from(interval().end, [80.0])]
    house.clock.at = NOW - timedelta(minutes=1)
    assert (await read(house, "forecast", region="NSW1")).json()["runs"] == []


async def test_every_region_is_told_and_what_is_unknown_is_null(house: House):
    told = (await read(house, "regions")).json()["regions"]
    assert [each["region"] for each in told] == ["NSW1", "QLD1", "SA1", "TAS1", "VIC1"]
    nsw, qld = told[0], told[1]
    assert (nsw["per_mwh"], nsw["status"], nsw["age_s"], nsw["late_s"]) == (12_500.0, "firm", 30.0, None)
    assert (qld["per_mwh"], qld["status"], qld["age_s"], qld["late_s"]) == (None, None, None, None)
    assert qld["cumulative"]["per_mwh"] is None
    assert (nsw["cumulative"]["threshold_per_mwh"], nsw["cap_per_mwh"]) == (2_225_900.0, 23_200.0)
    assert nsw["cumulative"]["administered_cap_per_mwh"] == 600.0


async def test_a_price_that_is_late_is_late_and_keeps_its_figure(house: House):
    house.clock.at = interval().end + timedelta(seconds=90)
    on_time = (await read(house, "regions")).json()["regions"][0]
    house.clock.at += timedelta(seconds=31)
    late = (await read(house, "regions")).json()["regions"][0]
    assert on_time["late_s"] is None
    assert (late["late_s"], late["per_mwh"]) == (31.0, 12_500.0)


async def test_the_cumulative_price_is_the_sum_of_a_known_week(house: House):
    house.market.series[Region.VIC] = series_to(interval().end, np.full(WINDOW + 5, 900.0))
    house.market.demands[Region.VIC] = 5_123_000.0
    vic = (await read(house, "regions")).json()["regions"][4]
    assert vic["cumulative"]["per_mwh"] == 900.0 * WINDOW
    assert vic["cumulative"]["summed_intervals"] == vic["cumulative"]["window_intervals"] == WINDOW
    assert vic["cumulative"]["crosses_at"] is None
    assert (vic["per_mwh"], vic["demand_kw"]) == (900.0, 5_123_000.0)


async def test_it_says_when_the_threshold_would_be_passed(house: House):
    per_mwh = np.full(WINDOW, 800.0)
    per_mwh[-288:] = 5_000.0
    house.market.series[Region.VIC] = series_to(interval().end, per_mwh)
    crosses_at = (await read(house, "regions")).json()["regions"][4]["cumulative"]["crosses_at"]
    need = 2_225_900.0 - float(per_mwh.sum())
    assert need < 0 or crosses_at is not None
    assert need > 0 or crosses_at is None


async def test_the_spot_page_shows_what_was_published_while_nobody_listened(house: House):
    house.market.series[Region.NSW] = series_to(interval(5).end, [61.0, 62.0, 63.0])
    async with house.signed_in() as client:
        told = (await client.get("/api/spot/NSW1", params={"hours": 1})).json()["intervals"]
    assert [each["per_mwh"] for each in told[-5:]] == [None, 61.0, 62.0, 84.2, 12_500.0]


async def test_whichever_source_is_newer_is_the_price(house: House):
    later = interval().end + FIVE_MINUTES
    house.market.series[Region.NSW] = series_to(later, [70.0])
    house.clock.at = later
    nsw = (await read(house, "regions")).json()["regions"][0]
    assert nsw["per_mwh"] == 70.0
