"""Tariffs of the distribution networks, from aemo-to-tariff, as windows of ours.

The library prices one interval at a time. It is asked what it adds to spot in each half hour of each weekday
of each month, and the answers become windows. Where it would fall back on an approximation, which it does
without saying so, and where its table is known to be wrong, the tariff is refused. Its prices are transcribed
from the networks' price lists by its authors; nobody has audited them here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import ModuleType

from aemo_to_tariff import (  # type: ignore[import-untyped]  # it has no types
    ausgrid,
    ausnet,
    endeavour,
    energex,
    ergon,
    essential,
    evoenergy,
    jemena,
    powercor,
    sapower,
    tasnetworks,
    united,
)

from manta.domain.market import Region
from manta.domain.tariff import Tariff, UnknownTariffError
from manta.metering.tariff_terms import daily_aud, demand_charges
from manta.metering.tariff_windows import Period, Question, read_windows


@dataclass(frozen=True, slots=True)
class _Network:
    """A distribution network, and what is peculiar to the library's module of it."""

    region: Region
    module: ModuleType
    grosses_up: bool
    """Whether the module's import prices hold GST; published network prices do not."""
    exports: tuple[str, ...] = ()
    """Tariffs for energy sent that its code knows and its tables do not name."""


_NETWORKS = {
    "ausgrid": _Network(Region.NSW, ausgrid, grosses_up=True, exports=("EA029",)),
    "ausnet": _Network(Region.VIC, ausnet, grosses_up=False),
    "endeavour": _Network(Region.NSW, endeavour, grosses_up=True),
    "energex": _Network(Region.QLD, energex, grosses_up=True, exports=("96200",)),
    "ergon": _Network(Region.QLD, ergon, grosses_up=True),
    "essential": _Network(Region.NSW, essential, grosses_up=True),
    "evoenergy": _Network(Region.NSW, evoenergy, grosses_up=True),
    "jemena": _Network(Region.VIC, jemena, grosses_up=False),
    "powercor": _Network(Region.VIC, powercor, grosses_up=False),
    "sapn": _Network(Region.SA, sapower, grosses_up=True),
    "tasnetworks": _Network(Region.TAS, tasnetworks, grosses_up=False),
    "united": _Network(Region.VIC, united, grosses_up=False),
}
"""The library's module ``victoria`` is left out: its prices are examples, undated."""

_YEARS = ((date(2025, 7, 1), date(2026, 7, 1)), (date(2026, 7, 1), date(2027, 7, 1)))
"""Local days for which the library has a table; it would price any other day with the nearest one."""

_QUARTER = timedelta(days=91)

_IN_DOLLARS = "some of its prices are in dollars where cents are meant"
_DEMAND_AS_ENERGY = "its energy prices are those of its demand charge"
_DOUBTED = "the library's own note calls its prices suspect"
_WRONG = {
    ("energex", "7200", 2025): _IN_DOLLARS,
    ("energex", "8300", 2025): _IN_DOLLARS,
    ("ergon", "6900", 2025): _IN_DOLLARS,
    ("ergon", "MRTOUET4", 2025): _IN_DOLLARS,
    ("evoenergy", "015", 2026): _DOUBTED,
    ("evoenergy", "016", 2026): _DOUBTED,
    ("evoenergy", "026", 2026): _DOUBTED,
    ("tasnetworks", "TAS87", 2025): _DEMAND_AS_ENERGY,
    ("tasnetworks", "TAS87", 2026): _DEMAND_AS_ENERGY,
    ("tasnetworks", "TAS88", 2025): _DEMAND_AS_ENERGY,
    ("tasnetworks", "TAS88", 2026): _DEMAND_AS_ENERGY,
}
"""By network, code and the year in which the table begins; found by reading the library's tables."""


class NetworkTariffs:
    """The dated tariffs of the distribution networks."""

    def networks(self) -> tuple[str, ...]:
        """Return the networks that are known."""
        return tuple(_NETWORKS)

    def region(self, network: str) -> Region:
        """Return the market region of a network."""
        return _network(network).region

    def zone(self, network: str) -> str:
        """Return the time zone in which a network's days begin."""
        return str(_network(network).module.time_zone())

    def codes(self, network: str, on: date) -> tuple[str, ...]:
        """Return the codes of the tariffs for energy taken that are known and believed on a local day."""
        since, _ = _year(on)
        known = _network(network).module.get_tariffs(_noon(network, since))
        return tuple(sorted(code for code in known if (network, code, since.year) not in _WRONG))

    def export_codes(self, network: str, on: date) -> tuple[str, ...]:
        """Return the codes of the tariffs for energy sent; with any other, spot passes through as it is."""
        module, noon = _network(network).module, _noon(network, _year(on)[0])
        tables: Callable[[datetime], dict[str, object]] = getattr(module, "get_feed_in_tariffs", lambda _: {})
        return tuple(sorted({*tables(noon), *_network(network).exports}))

    def tariff(self, network: str, code: str, on: date, export_code: str | None = None) -> Tariff:
        """Return the tariff that holds on a local day, or refuse with what is known instead."""
        since, _ = _year(on)
        if cause := _WRONG.get((network, code, since.year)):
            raise UnknownTariffError(f"{network} {code} of {since.year} is not believed: {cause}")
        if code not in (codes := self.codes(network, on)):
            raise UnknownTariffError(f"{network} has no tariff {code!r} on {on}; known: {', '.join(codes)}")
        if export_code is not None and export_code not in (codes := self.export_codes(network, on)):
            known = ", ".join(codes) or "none"
            raise UnknownTariffError(
                f"{network} has no tariff {export_code!r} for energy sent on {on}; known: {known}"
            )
        return _tariff(network, code, export_code or code, since)


@lru_cache(maxsize=512)
def _tariff(network: str, code: str, export_code: str, since: date) -> Tariff:
    place, noon = _network(network), _noon(network, since)
    module, until = place.module, _year(since)[1]
    name = str(module.get_tariffs(noon)[code]["name"])
    imports = Question(module.convert, code, str(module.time_zone()), since.year, gst=place.grosses_up)
    exports = Question(module.convert_feed_in_tariff, export_code, imports.zone, since.year, gst=False)
    try:
        return Tariff(
            network=network,
            code=code if export_code == code else f"{code}/{export_code}",
            name=name,
            zone=imports.zone,
            since=since,
            until=until,
            import_windows=read_windows(imports, _periods(module, code, noon)),
            export_windows=read_windows(exports, None),
            daily_aud=daily_aud(module, code, noon),
            demand=demand_charges(network, module, code, noon, name),
        )
    except ValueError as error:
        raise UnknownTariffError(f"{network} {code} of {since.year} has no whole table: {error}") from error


def _periods(module: ModuleType, code: str, noon: datetime) -> list[Period]:
    """Return the rows of the library's table, of whatever seasons it has."""
    seasons = [module.get_periods(code, noon + quarter * _QUARTER) for quarter in range(4)]
    return [Period.of(row) for rows in seasons for row in rows]


def _network(network: str) -> _Network:
    if (place := _NETWORKS.get(network)) is None:
        raise UnknownTariffError(f"no network is called {network!r}; known: {', '.join(_NETWORKS)}")
    return place


def _year(on: date) -> tuple[date, date]:
    for since, until in _YEARS:
        if since <= on < until:
            return since, until
    raise UnknownTariffError(f"no tariffs are known for {on}; known: {_YEARS[0][0]} until {_YEARS[-1][1]}")


def _noon(network: str, day: date) -> datetime:
    """Return an instant of a local day, with which the library picks its table."""
    zone = _network(network).module.PRICE_TRANSITION_DATE.tzinfo
    return datetime(day.year, day.month, day.day, 12, tzinfo=zone)
