"""Every offer that stood in the NEM on 31 December 2021, as the market published it."""

from collections import defaultdict
from datetime import date, datetime
from decimal import ROUND_UP, Decimal
from pathlib import Path

import pytest
from tests.offers import MW

from manta.domain.market import Region, Service
from manta.domain.offer import (
    DispatchableUnit,
    EnergyOffer,
    EnergyPeriod,
    FastStart,
    ServiceOffer,
    ServicePeriod,
    Trapezium,
)
from manta.domain.reference import cap_per_mwh
from manta.domain.time import NEM_TIME, DispatchInterval, TradingDay
from manta.rules.offers import problems

BIDS = Path(__file__).parents[4] / "shared" / "data" / "bids"
HEADS = [BIDS / f"PUBLIC_DVD_BIDDAYOFFER_D_202112{day}.parquet" for day in (29, 30, 31)]
PERIODS = BIDS / "PUBLIC_DVD_BIDPEROFFER_D_20211231.parquet"
pytestmark = pytest.mark.skipif(
    not all(path.exists() for path in (*HEADS, PERIODS)),
    reason="the genuine offers are not beside this checkout",
)
BANDS = range(1, 11)
GREATEST_MLF = Decimal("1.06")


def rows(path):
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


def kw(text):
    return float(text) * MW


def period_of(row):
    at = datetime.strptime(row["INTERVAL_DATETIME"], "%Y/%m/%d %H:%M:%S").replace(tzinfo=NEM_TIME)
    number = TradingDay(date(2021, 12, 31)).period_of(DispatchInterval(at))
    bands = tuple(kw(row[f"BANDAVAIL{i}"]) for i in BANDS)
    if row["BIDTYPE"] == "ENERGY":
        rates = kw(row["ROCUP"]), kw(row["ROCDOWN"])
        return EnergyPeriod(
            number, kw(row["MAXAVAIL"]), bands, *rates, pasa_avail_kw=kw(row["PASAAVAILABILITY"])
        )
    edges = ("ENABLEMENTMIN", "LOWBREAKPOINT", "HIGHBREAKPOINT", "ENABLEMENTMAX")
    return ServicePeriod(number, bands, Trapezium(kw(row["MAXAVAIL"]), *(kw(row[edge]) for edge in edges)))


def offer_of(row, periods=()):
    day = TradingDay(datetime.strptime(row["SETTLEMENTDATE"], "%Y/%m/%d %H:%M:%S").date())  # noqa: DTZ007 - a date
    prices = tuple(Decimal(row[f"PRICEBAND{i}"]) for i in BANDS)
    if row["BIDTYPE"] != "ENERGY":
        return ServiceOffer(row["DUID"], day, Service(row["BIDTYPE"]), prices, tuple(periods))
    starts = [row[name] for name in ("T1", "T2", "T3", "T4")]
    start = (
        FastStart(kw(row["MINIMUMLOAD"]), *map(int, starts)) if all(starts) and row["MINIMUMLOAD"] else None
    )
    return EnergyOffer(row["DUID"], day, prices, tuple(periods), fast_start=start)


def unit_of(offer):
    """Return a unit with the least loss factor that its prices allow, in four digits: no file states it."""
    cap = Decimal(cap_per_mwh(offer.day.interval(1)))
    if isinstance(offer, ServiceOffer):
        mlf = Decimal(1)
    else:
        least = max(offer.prices[-1] / cap, -offer.prices[0] / 1_000, Decimal("0.0001"))
        mlf = least.quantize(Decimal("0.0001"), ROUND_UP)
    assert mlf < GREATEST_MLF
    return DispatchableUnit(offer.duid, Region.NSW, mlf, mlf)


@pytest.mark.parametrize("path", HEADS, ids=lambda path: path.stem[-8:])
def test_all_prices_of_a_day_are_sound(path):
    offers = [offer_of(row) for row in rows(path)]

    assert len(offers) == 1_289
    for offer in offers:
        found = {problem.field for problem in problems(offer, unit_of(offer))}
        assert found == {"periods"}, offer  # the day's amounts are in another file


def test_every_amount_of_every_offer_is_sound():
    periods = defaultdict(list)
    for row in rows(PERIODS):
        periods[row["DUID"], row["BIDTYPE"]].append(period_of(row))
    offers = [offer_of(row, periods.pop((row["DUID"], row["BIDTYPE"]))) for row in rows(HEADS[-1])]

    assert not periods
    assert (len(offers), sum(len(offer.periods) for offer in offers)) == (1_289, 61_872)
    for offer in offers:
        found = [(problem.field, problem.cause) for problem in problems(offer, unit_of(offer))]
        # The file holds the last four hours of the trading day.
        assert found == [("periods", "periods 1-240 missing")], offer
