"""Tariffs for tests: one region's clock each, built by name."""

from datetime import date, time

from manta.domain.tariff import Hours, Tariff, Window

ZONES = {
    "NSW1": "Australia/Sydney",
    "QLD1": "Australia/Brisbane",
    "SA1": "Australia/Adelaide",
    "TAS1": "Australia/Hobart",
    "VIC1": "Australia/Melbourne",
}


def window(begins, ends, adder_per_mwh=0.0, name="", **days):
    return Window(name, Hours(time(begins), time(ends % 24), **days), adder_per_mwh)


SPOT = window(0, 24)


def tariff(*windows, zone="Australia/Sydney", exports=(SPOT,), since=date(2000, 1, 1), **terms):
    return Tariff("net", "T1", "Test", zone, since, date(2100, 1, 1), windows, tuple(exports), **terms)


def seasonal(zone):
    """Return a tariff whose windows differ by hour, season and weekday."""
    summer, winter = frozenset({11, 12, 1, 2, 3}), frozenset({4, 5, 6, 7, 8, 9, 10})
    workdays, weekend = frozenset(range(5)), frozenset({5, 6})
    return tariff(
        window(0, 2, 10.0, "night"),
        window(2, 3, 20.0, "the hour that comes and goes"),
        window(3, 15, 30.0, "day"),
        window(15, 21, 250.0, "peak", months=summer, weekdays=workdays),
        window(15, 21, 50.0, "weekend", months=summer, weekdays=weekend),
        window(15, 21, 150.0, "winter peak", months=winter),
        window(21, 24, 10.0, "night"),
        zone=zone,
        exports=(window(0, 10), window(10, 16, -10.0, "charge"), window(16, 24, 120.0, "credit")),
    )
