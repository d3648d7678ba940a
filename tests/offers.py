"""Offers to test with: one sound offer of each kind, and ways to change one thing about it."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from manta.domain.market import Direction, Region, Service
from manta.domain.offer import (
    DispatchableUnit,
    EnergyOffer,
    EnergyPeriod,
    Rebid,
    ServiceOffer,
    ServicePeriod,
    Submission,
    Trapezium,
)
from manta.domain.time import NEM_TIME, TradingDay

DAY = TradingDay(date(2026, 11, 23))
MORNING_BEFORE = datetime(2026, 11, 22, 9, 0, tzinfo=NEM_TIME)
EVENING = datetime(2026, 11, 23, 18, 0, tzinfo=NEM_TIME)
BDU = DispatchableUnit(
    "BDU1", Region.SA, Decimal("0.9663"), Decimal("0.9712"), is_bidirectional=True, most_kw=130_000.0
)
WIND = DispatchableUnit("WIND1", Region.SA, Decimal("0.92"), Decimal("0.92"))
PRICES = tuple(map(Decimal, ("-900", "0", "35.5", "68", "99.95", "180", "299", "500", "9000", "15000")))
SERVICE_PRICES = tuple(map(Decimal, ("0", "0.5", "1", "2", "5", "10", "50", "300", "1000", "15000")))
MW = 1_000.0


def energy_period(number, **given):
    bands = (30 * MW, 0.0, 0.0, 20 * MW, 0.0, 0.0, 0.0, 0.0, 0.0, 50 * MW)
    made = EnergyPeriod(
        number, 100 * MW, bands, 12 * MW, 12 * MW, pasa_avail_kw=100 * MW, recall_period=24_000
    )
    return replace(made, **given)


def energy(direction=Direction.GEN, **given):
    periods = tuple(energy_period(number) for number in range(1, 289))
    return replace(EnergyOffer("BDU1", DAY, PRICES, periods, direction), **given)


def trapezium(low=0, left=20, right=80, high=100, most=40):
    return Trapezium(most * MW, low * MW, left * MW, right * MW, high * MW)


def service_period(number, **given):
    bands = (10 * MW,) * 4 + (0.0,) * 6
    return replace(ServicePeriod(number, bands, trapezium()), **given)


def service(kind=Service.RAISE_REGULATION, direction=Direction.GEN, edges=None, **given):
    shape = edges or trapezium()
    periods = tuple(service_period(number, trapezium=shape) for number in range(1, 289))
    return replace(ServiceOffer("BDU1", DAY, kind, SERVICE_PRICES, periods, direction), **given)


def both_sides():
    """Return what a bidirectional unit offers: two sides of energy and regulation, one of contingency."""
    load_side = trapezium(-100, -80, -20, 0)
    across = trapezium(-100, -60, 60, 100)
    return (energy(), energy(Direction.LOAD)), (
        service(),
        service(direction=Direction.LOAD, edges=load_side),
        service(Service.RAISE_VERY_FAST, None, across),
        service(Service.LOWER_DELAYED, None, across),
    )


def submission(reference="ref-1", offers=None, **given):
    sides, services = offers or both_sides()
    return Submission(reference, sides, services, given.pop("comments", "test"), "TOM", **given)


def rebid(**given):
    def at(hour, minute):
        return EVENING.replace(hour=hour, minute=minute)

    reason = "1745 SA price 12,500 v 180 forecast SL"
    return replace(Rebid(reason, at(17, 45), at(17, 46), at(17, 55), "A"), **given)


def changed(offer, i=0, **given):
    """Return an offer with one period changed."""
    periods = list(offer.periods)
    periods[i] = replace(periods[i], **given)
    return replace(offer, periods=tuple(periods))
