"""submitBids JSON: what is written is read back equal, and what is none is refused with its place."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import offers
from tests.offers import DAY, EVENING, MORNING_BEFORE, changed, energy, rebid, service

from manta.domain.market import Direction, Service
from manta.domain.offer import FastStart, Submission
from manta.domain.time import NEM_TIME
from manta.markets.bid_json import BidFormatError, fields_of
from manta.markets.bids import read, write

SERVICE_BID = {
    "tradingDate": "2026-11-23",
    "duid": "P01S01D1",
    "service": "RAISEREG",
    "direction": "LOAD",
    "prices": [10.1, 20.2, 30.3, 40.4, 50.5, 60.6, 70.7, 80.8, 90.9, 100.5],
    "fcasPeriods": [
        {
            "periodId": 1, "EnablementMin": -66, "LowBreakPoint": -66, "HighBreakPoint": -130,
            "EnablementMax": -130, "MaxAvail": 20, "BandAvail": [10] * 9 + [11],
        }
    ],
}  # fmt: skip
"""As AEMO's public example has it, the case of its names included."""


def json(**given):
    return msgspec.json.encode({"referenceId": "rrt-123"} | given)


def spoilt(**given):
    return json(fcasBids=[SERVICE_BID | given])


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"", "not JSON"),
        (b"[]", "not an object"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"referenceId": "\xff"}', "not JSON"),
        (b"{}", "referenceId"),
        (b'{"referenceId": 7}', "referenceId"),
        (b'{"referenceId": "a", "REFERENCEID": "b"}', "a name twice"),
        (spoilt(prices=["dear"]), "prices"),
        (spoilt(service="RAISE2SEC"), "service"),
        (spoilt(direction="UP"), "UP"),
        (spoilt(tradingDate="tomorrow"), "tomorrow"),
        (spoilt(fcasPeriods=[{"periodId": 1}]), "maxAvail"),
        (spoilt(fcasPeriods=[{}]), "periodId"),
        (spoilt(fcasPeriods=[SERVICE_BID["fcasPeriods"][0] | {"MaxAvail": "sNaN"}]), ""),
        (json(energyBids=[{"duid": "X", "fastStartProfile": True}]), "energyBids"),
        (b" " * 32_000_001, "bytes"),
    ],
)
def test_what_is_no_submission_is_refused(body, cause):
    with pytest.raises(BidFormatError) as refused:
        read(body, EVENING)
    assert cause in str(refused.value)


def test_a_power_that_is_not_whole_megawatts_is_not_written():
    with pytest.raises(ValueError, match="whole number of megawatts"):
        write(Submission("r", (changed(energy(), max_avail_kw=1_500.0),)))


def test_what_is_written_is_read_back_equal():
    sent = offers.submission()

    assert read(write(sent), MORNING_BEFORE) == sent


def test_all_that_an_energy_offer_can_hold_is_read_back_equal():
    full = replace(
        changed(energy(), 7, fixed_load_kw=10_000.0, energy_limit_kwh=2_000_000.0),
        daily_energy_kwh=1_234_650.0,
        fast_start=FastStart(20_000.0, 1, 2, 3, 4),
        rebid=rebid(),
    )
    sent = Submission("r", (full,), (service(rebid=rebid()),))

    assert read(write(sent), EVENING) == sent


def test_aemos_own_example_is_read_in_its_mixed_case_and_its_load_side_turned_around():
    got = read(json(fcasBids=[SERVICE_BID], mnspBids=[], somethingNew=1), MORNING_BEFORE)

    (offer,) = got.services
    (period,) = offer.periods
    assert (offer.service, offer.direction, offer.day) == (Service.RAISE_REGULATION, Direction.LOAD, DAY)
    assert offer.prices[0] == Decimal("10.1")
    assert period.trapezium.edges_kw == (-130_000, -130_000, -66_000, -66_000)
    assert period.bands_kw[9] == 11_000
    written = fields_of(write(got))["fcasBids"][0]["fcasPeriods"][0]
    assert {name.lower(): v for name, v in written.items()} == {
        name.lower(): v for name, v in SERVICE_BID["fcasPeriods"][0].items()
    }


def test_megawatts_are_written_whole_and_prices_as_they_are():
    body = fields_of(write(Submission("r", (energy(),))))

    (bid,) = body["energyBids"]
    assert bid["energyPeriods"][0]["bandAvail"] == [30, 0, 0, 20, 0, 0, 0, 0, 0, 50]
    assert bid["prices"][2] == Decimal("35.5")
    assert "fastStartProfile" not in bid
    assert b'"bandAvail":[30,0,' in write(Submission("r", (energy(),)))


def test_nested_lists_of_an_answer_are_read_as_one():
    fields = msgspec.json.decode(write(offers.submission()))
    nested = fields | {"energyBids": [fields["energyBids"]], "fcasBids": [fields["fcasBids"]]}

    assert read(msgspec.json.encode(nested), MORNING_BEFORE) == offers.submission()


def test_the_times_of_a_rebid_get_their_dates_from_their_order():
    past_midnight = datetime(2026, 11, 24, 0, 10, tzinfo=NEM_TIME)
    told = rebid(
        event_at=past_midnight - timedelta(minutes=40),
        aware_at=past_midnight - timedelta(minutes=5),
        decided_at=past_midnight - timedelta(minutes=1),
    )
    sent = Submission("r", (energy(rebid=told),))

    assert read(write(sent), past_midnight) == sent
    assert read(write(sent), past_midnight).energy[0].rebid.event_at.tzinfo is UTC


@settings(max_examples=30, deadline=None)
@given(
    prices=st.lists(st.decimals(-1_000, 23_200, places=2), min_size=10, max_size=10),
    edges=st.tuples(*[st.integers(-900, 900)] * 4).map(sorted),
    side=st.sampled_from([None, *Direction]),
    upper=st.booleans(),
)
def test_any_offer_comes_back_whatever_the_case_of_its_names(prices, edges, side, upper):
    offer = service(direction=side, edges=offers.trapezium(*edges), prices=tuple(prices))
    sent = Submission("r", (energy(side),), (offer,))
    body = _recased(msgspec.json.decode(write(sent)), str.upper if upper else str.lower)

    assert read(msgspec.json.encode(body), MORNING_BEFORE) == sent


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_mutation_makes_it_fail_in_any_other_way(data):
    body = bytearray(spoilt())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        body = body or bytearray(b"{")
    with suppress(BidFormatError):
        read(bytes(body), EVENING)


def _recased(value, case):
    if isinstance(value, dict):
        return {case(name): _recased(item, case) for name, item in value.items()}
    return [_recased(item, case) for item in value] if isinstance(value, list) else value
