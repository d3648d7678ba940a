"""Network tariffs: as the library prices them, dated, whole or refused; and a retailer's prices in SA."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import aemo_to_tariff
import numpy as np
import pytest
from aemo_to_tariff import energex, sapower

from manta.domain.market import Region
from manta.domain.tariff import DemandUnit, LossFactors, UnknownTariffError
from manta.domain.time import DispatchInterval, epoch_ms, from_epoch_ms
from manta.metering.network_tariffs import NetworkTariffs
from manta.tariffs.book import Supply, price_over
from manta.tariffs.clock import FIVE_MINUTES_MS
from manta.tariffs.pricing import price

BOOK = NetworkTariffs()
LATE_2025, LATE_2026 = date(2025, 11, 1), date(2026, 11, 1)
WITHOUT_GST = ("tasnetworks", "powercor", "united", "jemena", "ausnet")
"""Networks to whose prices the library adds no GST."""
WHOLE = [
    (network, code, on)
    for on in (LATE_2025, LATE_2026)
    for network in BOOK.networks()
    for code in BOOK.codes(network, on)
    if (network, code) != ("energex", "7200")
]


def ends_of(first, count):
    return epoch_ms(first) + np.arange(1, count + 1) * FIVE_MINUTES_MS


def test_networks_regions_and_zones_are_known():
    assert len(BOOK.networks()) == 12
    assert {BOOK.region(network) for network in BOOK.networks()} == set(Region)
    assert BOOK.zone("sapn") == "Australia/Adelaide"


@pytest.mark.parametrize("on", [date(2025, 6, 30), date(2027, 7, 1)])
def test_a_day_without_tables_is_refused_with_the_days_that_have_them(on):
    with pytest.raises(UnknownTariffError, match="known: 2025-07-01 until 2027-07-01"):
        BOOK.tariff("sapn", "RTOU", on)


def test_what_is_not_known_is_refused_with_what_is():
    with pytest.raises(UnknownTariffError, match="no network is called 'victoria'; known: ausgrid, ausnet"):
        BOOK.tariff("victoria", "VICR_TOU", LATE_2026)
    with pytest.raises(UnknownTariffError, match="sapn has no tariff 'NONE' on 2026-11-01; known: B2R, RELE"):
        BOOK.tariff("sapn", "NONE", LATE_2026)
    with pytest.raises(UnknownTariffError, match="for energy sent on 2026-11-01; known: EA029"):
        BOOK.tariff("ausgrid", "EA025", LATE_2026, "EA030")
    with pytest.raises(UnknownTariffError, match="tasnetworks TAS87 of 2026 is not believed"):
        BOOK.tariff("tasnetworks", "TAS87", LATE_2026)
    with pytest.raises(UnknownTariffError, match="energex 7200 of 2026 has no whole table: .* 13:01"):
        BOOK.tariff("energex", "7200", LATE_2026)


@pytest.mark.parametrize(("network", "code", "on"), WHOLE)
def test_every_tariff_prices_a_day_of_each_season_as_the_library_does(network, code, on):
    terms = BOOK.tariff(network, code, on)
    zone = ZoneInfo(terms.zone)
    gst = 1.1 if network in WITHOUT_GST else 1.0

    for month, day in ((7, 8), (9, 12), (12, 4), (4, 11)):  # workdays and Saturdays
        year = terms.since.year if month >= 7 else terms.until.year
        ends_ms = ends_of(datetime(year, month, day, tzinfo=zone).astimezone(UTC), 288)
        prices = price(terms, ends_ms, np.zeros(288))
        ends = [from_epoch_ms(int(at)).astimezone(zone) for at in ends_ms]
        theirs = [aemo_to_tariff.spot_to_tariff(end, network, code, 0.0) for end in ends]
        assert prices.import_per_mwh / 10 == pytest.approx(np.array(theirs) * gst, abs=1e-6)


@pytest.mark.parametrize(
    ("network", "code", "export_code"),
    [
        ("sapn", "RESELE", None),
        ("sapn", "RTOU", "B2R"),
        ("endeavour", "N71", "N61"),
        ("essential", "BLNRSS2", "BLNREX2"),
        ("powercor", "PRCER", None),
        ("energex", "96200", None),
        ("evoenergy", "017", "026"),
    ],
)
def test_energy_sent_earns_what_the_library_says(network, code, export_code):
    terms = BOOK.tariff(network, code, LATE_2026, export_code)
    zone = ZoneInfo(terms.zone)
    for first in (datetime(2026, 11, 2, tzinfo=zone), datetime(2027, 6, 5, tzinfo=zone)):
        ends_ms = ends_of(first.astimezone(UTC), 288)
        ends = [from_epoch_ms(int(at)).astimezone(zone) for at in ends_ms]
        theirs = [
            aemo_to_tariff.spot_to_feed_in_tariff(end, network, export_code or code, 90.0, 1.0, 1.0, 1.0)
            for end in ends
        ]
        ours = price(terms, ends_ms, np.full(288, 90.0)).export_per_mwh
        assert ours / 10 == pytest.approx(np.array(theirs), abs=1e-9)


def test_ausgrid_s_export_windows_begin_on_the_hour_where_the_library_is_five_minutes_early():
    terms = BOOK.tariff("ausgrid", "EA025", LATE_2026, "EA029")

    assert [(w.hours.begins, w.hours.ends, w.adder_per_mwh) for w in terms.export_windows] == [
        (time(0), time(10), 0.0),
        (time(10), time(15), -12.3),
        (time(15), time(16), 0.0),
        (time(16), time(21), 38.5),
        (time(21), time(0), 0.0),
    ]


def test_the_windows_of_sa_power_networks():
    terms = BOOK.tariff("sapn", "RTOU", LATE_2026)

    assert [(w.name, w.hours.begins, w.hours.ends, w.adder_per_mwh) for w in terms.import_windows] == [
        ("Off-peak", time(0), time(6), 106.7),
        ("Peak", time(6), time(10), 213.3),
        ("Solar Sponge", time(10), time(16), 53.5),
        ("Peak", time(16), time(0), 213.3),
    ]
    assert (terms.daily_aud, terms.demand) == (Decimal("0.6553"), ())


def test_a_retailer_s_prices_in_south_australia_fall_apart_into_spot_and_windows():
    """In c/kWh, as found in 35,712 real ones (their spot is not at hand; any will do).

    General = 1.1105 × spot with GST + what the window adds; feed-in = −1.1105 × spot without.
    """
    retail = {"Peak": 25.5642, "Off-peak": 13.2112, "Solar Sponge": 9.0862}
    network = BOOK.tariff("sapn", "RTOU", LATE_2026)
    terms = replace(
        network,
        losses=LossFactors(dlf_scale=1.1105),
        import_windows=tuple(
            replace(window, adder_per_mwh=retail[window.name] * 10 / 1.1) for window in network.import_windows
        ),
    )
    ends_ms = ends_of(datetime(2026, 9, 1, tzinfo=UTC), 35_712)
    spot_per_mwh = np.random.default_rng(6).normal(90, 400, len(ends_ms)).round(2)
    prices = price(terms, ends_ms, spot_per_mwh)

    periods = sapower.get_periods("RTOU", datetime(2026, 9, 1, tzinfo=UTC))
    local = [from_epoch_ms(int(at) - FIVE_MINUTES_MS).astimezone(ZoneInfo(terms.zone)) for at in ends_ms]
    adder = [
        next(retail[n] for n, begins, ends, _, _ in periods if begins <= at.time() < (ends or time.max) or
             (ends == time(0) and at.time() >= begins))
        for at in local
    ]  # fmt: skip
    general = 1.1105 * (spot_per_mwh * 1.1 / 10) + np.array(adder)
    feed_in = -1.1105 * (spot_per_mwh / 10)
    assert np.abs(prices.import_per_mwh / 10 - general).max() < 1e-9
    assert np.abs(-prices.export_per_mwh / 10 - feed_in).max() < 1e-9


def test_demand_is_charged_where_its_terms_are_known_and_unknown_where_not():
    (peak,) = BOOK.tariff("energex", "3900", LATE_2026).demand
    assert (peak.name, peak.monthly_aud, peak.unit) == ("Peak", Decimal("7.0"), DemandUnit.KW)
    assert [(hours.begins, hours.ends) for hours in peak.hours] == [(time(17), time(20))]
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert float(peak.monthly_aud) * 4.2 == pytest.approx(
        energex.calculate_demand_fee("3900", 4.2, 30, interval_time=noon)
    )

    (any_time,) = BOOK.tariff("energex", "8100", LATE_2026).demand
    assert (any_time.unit, any_time.hours[0].ends) == (DemandUnit.KVA, time(0))
    assert BOOK.tariff("energex", "6900", LATE_2026).demand == ()
    for network, code in (
        ("ausgrid", "EA116"),
        ("sapn", "RPRO"),
        ("tasnetworks", "TAS97"),
        ("powercor", "NDD"),
    ):
        assert BOOK.tariff(network, code, LATE_2026).demand is None


@pytest.mark.parametrize("network", BOOK.networks())
def test_no_interval_of_the_two_years_that_are_known_is_without_a_price(network):
    zone = ZoneInfo(BOOK.zone(network))
    first, last = (datetime(year, 7, 1, tzinfo=zone).astimezone(UTC) for year in (2025, 2027))
    ends_ms = ends_of(first, (last - first) // timedelta(minutes=5))
    both = set(BOOK.codes(network, LATE_2025)) & set(BOOK.codes(network, LATE_2026)) - {"7200"}
    supply = Supply(network, sorted(both)[-1], losses=LossFactors(1.05, 0.99))

    prices = price_over(BOOK, supply, ends_ms, np.full(len(ends_ms), 77.7))

    assert not np.isnan(prices.import_per_mwh).any()
    assert not np.isnan(prices.export_per_mwh).any()
    for row in range(0, len(ends_ms), 9_973):
        interval = DispatchInterval(from_epoch_ms(int(ends_ms[row])))
        terms = supply.on(BOOK, interval.start.astimezone(zone).date())
        assert prices.import_per_mwh[row] == terms.import_per_mwh(interval, 77.7)
        assert prices.export_per_mwh[row] == terms.export_per_mwh(interval, 77.7)
    turn = (datetime(2026, 7, 1, tzinfo=zone).astimezone(UTC) - first) // timedelta(minutes=5)
    after = BOOK.tariff(network, supply.code, date(2026, 7, 1)).with_losses(supply.losses)
    assert prices.import_per_mwh[turn] == after.import_per_mwh(
        DispatchInterval(from_epoch_ms(int(ends_ms[turn]))), 77.7
    )
