"""The other reports and forecasts: genuine names, directories, delays and columns; errors that grow."""

import re
from datetime import datetime, timedelta

import httpx
import numpy as np
import pytest

from manta.domain.market import Region
from manta.domain.time import FIVE_MINUTES, HALF_HOUR, NEM_TIME, DispatchInterval
from manta.mms.archive import csv_files
from manta.mms.lines import read_table
from manta.nemsim.fitted_days import FittedDays
from manta.nemsim.forecasts import Forecaster, predispatch_ends
from manta.nemsim.market import SimulatedMarket
from manta.nemsim.nemweb import Publisher, application
from manta.nemsim.reports import cents
from manta.nemsim.stories import story

NOON = datetime(2027, 1, 14, 12, 0, tzinfo=NEM_TIME)
MARKET = SimulatedMarket(1, (), FittedDays())


class Fixed:
    def now(self):
        return NOON + timedelta(minutes=2, seconds=30)


async def newest(directory):
    """Return the name and the bytes of the newest file of a directory, and how many there are."""
    app = application(Publisher(lambda: MARKET, Fixed(), 1))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://nemweb.test") as client:
        listing = await client.get(f"/Reports/Current/{directory}/")
        paths = re.findall(r'HREF="(/REPORTS/CURRENT/[^"]+\.zip)"', listing.text)
        answer = await client.get(paths[-1])
    assert answer.status_code == 200
    return paths[-1].rpartition("/")[2], answer.content, len(paths)


async def rows(directory, report, group, table):
    name, body, _ = await newest(directory)
    ((inner, csv),) = csv_files(name, body)
    return name, read_table(inner, csv, report=report, group=group, table=table)


async def test_trading_prices_are_those_of_dispatch_to_the_cent():
    name, prices = await rows("TradingIS_Reports", "TRADINGIS", "TRADING", "PRICE")
    interval = DispatchInterval(NOON - FIVE_MINUTES)

    assert name.startswith("PUBLIC_TRADINGIS_202701141155_")
    assert {row["REGIONID"]: row["RRP"] for row in prices} == {
        r: cents(MARKET.per_mwh(r, interval)) for r in Region
    }
    assert {row["PERIODID"] for row in prices} == {"143"}


@pytest.mark.parametrize(
    ("per_mwh", "spelled"),
    [(116.865, "116.87"), (-26.825, "-26.83"), (65.0, "65"), (-0.001, "-0"), (12_500.0, "12500")],
)
def test_cents_are_rounded_half_away_from_zero(per_mwh, spelled):
    assert cents(per_mwh) == spelled


async def test_a_five_minute_run_foresees_an_hour_and_begins_with_the_dispatch_price():
    name, prices = await rows("P5_Reports", "P5MIN", "P5MIN", "REGIONSOLUTION")
    nsw = [row for row in prices if row["REGIONID"] == "NSW1"]

    assert name.startswith("PUBLIC_P5MIN_202701141205_")
    assert (len(prices), len(nsw)) == (60, 12)
    assert nsw[0]["RUN_DATETIME"] == nsw[0]["INTERVAL_DATETIME"] == "2027/01/14 12:05:00"
    assert nsw[-1]["INTERVAL_DATETIME"] == "2027/01/14 13:00:00"
    assert float(nsw[0]["RRP"]) == MARKET.per_mwh(Region.NSW, DispatchInterval(NOON + FIVE_MINUTES))


async def test_a_pre_dispatch_run_is_numbered_and_published_as_aemos_is():
    name, prices = await rows("PredispatchIS_Reports", "PREDISPATCHIS", "PREDISPATCH", "REGION_PRICES")

    assert name.startswith("PUBLIC_PREDISPATCHIS_202701141230_")
    assert {row["PREDISPATCHSEQNO"] for row in prices} == {"2027011417"}
    assert prices[0]["DATETIME"] == "2027/01/14 12:30:00"
    assert prices[-1]["DATETIME"] == "2027/01/15 04:00:00"
    assert "2027/01/14 12:00:50" <= prices[0]["LASTCHANGED"] <= "2027/01/14 12:02:16"


async def test_roofs_are_measured_twenty_minutes_later():
    name, power = await rows("ROOFTOP_PV/ACTUAL", "ROOFTOP_PV_ACTUAL", "ROOFTOP", "ACTUAL")

    assert name.startswith("PUBLIC_ROOFTOP_PV_ACTUAL_MEASUREMENT_20270114113000_")
    assert all(float(row["POWER"]) > 0 for row in power)


@pytest.mark.parametrize(
    ("first", "hours"),
    [("12:30", 15.5), ("13:00", 39.0), ("00:00", 28.0), ("04:00", 24.0), ("04:30", 23.5)],
)
def test_the_next_trading_day_joins_with_the_run_of_13_00(first, hours):
    hour, minute = map(int, first.split(":"))
    run = NOON.replace(hour=hour, minute=minute)

    assert predispatch_ends(run)[-1] - run == timedelta(hours=hours)


def test_errors_grow_with_the_horizon_and_a_run_says_the_same_again():
    forecaster = Forecaster(MARKET)
    ends = [NOON + n * HALF_HOUR for n in range(48 * 10)]

    def misses(ahead):
        found = []
        for end in ends:
            intervals = (DispatchInterval(end - n * FIVE_MINUTES) for n in range(6))
            came = np.mean([MARKET.per_mwh(Region.VIC, each) for each in intervals])
            seen = forecaster.half_hour_per_mwh(Region.VIC, end - ahead, end)
            found.append(abs(np.arcsinh(seen / 50) - np.arcsinh(came / 50)))
        return np.median(found)

    near, later, far = (misses(timedelta(hours=hours)) for hours in (0.5, 4, 24))

    assert 0 < near < later < far
    assert misses(timedelta(hours=4)) == later


def test_most_spikes_are_not_seen_coming():
    seen = []
    for n in range(40):
        at = NOON + timedelta(days=n)
        market = SimulatedMarket(1, (story("spike", at),))
        seen.append(Forecaster(market).half_hour_per_mwh(Region.NSW, at - timedelta(hours=1), at + HALF_HOUR))

    assert 0.7 < np.mean(np.array(seen) < 1_000) < 1
    assert max(seen) <= 23_200
