"""The tables that AEMO publishes and the directories where they appear: plain facts, one line a thing.

Column names are AEMO's. What is not named here is still read, as the text that was published, so that a
column AEMO adds tomorrow loses nothing and breaks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from manta.domain.market import Service
from manta.domain.time import NEM_TIME


class Kind(Enum):
    """What a column holds."""

    INSTANT = "instant"
    """A time of the market, UTC+10 in the file and UTC in our hands."""
    NUMBER = "number"
    """64-bit floating point, exact for every identifier and price that AEMO publishes; unknown is NaN."""
    NAME = "name"
    """A text of few different values: a region, a unit, a status."""
    TEXT = "text"
    """Anything else, as published."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what it is called, what makes a row of it one of a kind, and what its columns hold."""

    group: str
    name: str
    monthly: str
    """What the monthly archive calls it."""
    key: tuple[str, ...]
    instants: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    newest_by: tuple[str, ...] = ("LASTCHANGED",)
    """Of two rows with one key the later one counts; by the first of these, then the second."""
    may_lack: frozenset[str] = frozenset()
    """Columns of the key that came later than the table did."""

    def kind(self, column: str) -> Kind:
        """Return what a column holds."""
        if column in self.instants:
            return Kind.INSTANT
        if column in self.numbers:
            return Kind.NUMBER
        return Kind.NAME if column in self.names else Kind.TEXT

    def __str__(self) -> str:
        return f"{self.group} {self.name}"


_INSTANTS = frozenset(
    (
        *("SETTLEMENTDATE", "LASTCHANGED", "INTERVAL_DATETIME", "RUN_DATETIME", "DATETIME", "OFFERDATE"),
        *("BIDSETTLEMENTDATE", "VERSION_DATETIME", "GENCONID_EFFECTIVEDATE", "PREDISPATCH_RUN_DATETIME"),
    )
)
_NAMES = frozenset(
    (
        *("REGIONID", "DUID", "INTERCONNECTORID", "CONSTRAINTID", "CONNECTIONPOINTID", "PARTICIPANTID"),
        *("BIDTYPE", "DIRECTION", "TYPE", "PRICE_STATUS", "OCD_STATUS", "MII_STATUS", "ENTRYTYPE"),
        *("CASESUBTYPE", "SPDVERSION", "EXPORTGENCONID", "IMPORTGENCONID", "NORMALSTATUS", "REGION"),
        *("PERIODTYPE", "SOURCE_TABLE_VERSION"),
    )
)
_COUNTS = ("RUNNO", "INTERVENTION", "DISPATCHINTERVAL", "PERIODID", "PREDISPATCHSEQNO", "VERSIONNO")
_SHORT = ("RAISE6", "RAISE60", "RAISE5MIN", "RAISEREG", "LOWER6", "LOWER60", "LOWER5MIN", "LOWERREG")
_CAPPED = ("ENERGY", *_SHORT, "RAISE1", "LOWER1")
"""How AEMO shortens the services in the names of prices before administration."""


def _each(pattern: str, names: Iterable[str] = tuple(Service)) -> tuple[str, ...]:
    return tuple(pattern.format(str(name)) for name in names)


def _ten(name: str) -> tuple[str, ...]:
    return tuple(f"{name}{band}" for band in range(1, 11))


_PRICES = ("RRP", "EEP", "ROP", *_each("{}RRP"), *_each("{}ROP"))
_DEMAND = (
    *("TOTALDEMAND", "AVAILABLEGENERATION", "AVAILABLELOAD", "DEMANDFORECAST", "DISPATCHABLEGENERATION"),
    *("DISPATCHABLELOAD", "NETINTERCHANGE", "EXCESSGENERATION", "INITIALSUPPLY", "CLEAREDSUPPLY"),
    *("AGGREGATEDISPATCHERROR", "TOTALINTERMITTENTGENERATION", "DEMAND_AND_NONSCHEDGEN", "UIGF"),
    *("SEMISCHEDULE_CLEAREDMW", "SS_SOLAR_UIGF", "SS_WIND_UIGF", "SS_SOLAR_CLEAREDMW", "SS_WIND_CLEAREDMW"),
    *("BDU_ENERGY_STORAGE", "BDU_MIN_AVAIL", "BDU_MAX_AVAIL", "BDU_CLEAREDMW_GEN", "BDU_CLEAREDMW_LOAD"),
    *("AGGEGATEDISPATCHERROR", "LORSURPLUS", "LRCSURPLUS", "BDU_INITIAL_ENERGY_STORAGE"),
    *("SEMISCHEDULE_COMPLIANCEMW", "SS_SOLAR_COMPLIANCEMW", "SS_WIND_COMPLIANCEMW"),
    *("SS_SOLAR_AVAILABILITY", "SS_WIND_AVAILABILITY", "WDR_INITIALMW", "WDR_AVAILABLE", "WDR_DISPATCHED"),
    *(*_each("{}LOCALDISPATCH"), *_each("{}DISPATCH"), *_each("{}IMPORT"), *_each("{}ACTUALAVAILABILITY")),
    *(*_each("{}REQ"), *_each("{}LOCALREQ"), *_each("{}PRICE"), *_each("{}LOCALPRICE")),
    *(*_each("{}SUPPLYPRICE"), *_each("{}VIOLATION"), *_each("{}LOCALVIOLATION")),
)
_UNIT = (
    *("TRADETYPE", "DISPATCHMODE", "AGCSTATUS", "INITIALMW", "TOTALCLEARED", "RAMPDOWNRATE", "RAMPUPRATE"),
    *("AVAILABILITY", "SEMIDISPATCHCAP", "CONFORMANCE_MODE", "UIGF", "INITIAL_ENERGY_STORAGE"),
    *("ENERGY_STORAGE", "MIN_AVAILABILITY", *Service, *_each("{}FLAGS"), *_each("{}ACTUALAVAILABILITY")),
)
_FLOW = (
    *(
        "METEREDMWFLOW",
        "MWFLOW",
        "MWLOSSES",
        "MARGINALVALUE",
        "VIOLATIONDEGREE",
        "EXPORTLIMIT",
        "IMPORTLIMIT",
    ),
    *("MARGINALLOSS", "FCASEXPORTLIMIT", "FCASIMPORTLIMIT"),
    *("LOCAL_PRICE_ADJUSTMENT_EXPORT", "LOCALLY_CONSTRAINED_EXPORT"),
    *("LOCAL_PRICE_ADJUSTMENT_IMPORT", "LOCALLY_CONSTRAINED_IMPORT"),
)
_VIOLATIONS = (
    *("AREAGEN", "INTERCONNECTOR", "GENERIC", "RAMPRATE", "UNITMWCAPACITY", "5MIN", "REG", "6SEC", "60SEC"),
    *("ASPROFILE", "FASTSTART", "ENERGYOFFER"),
)
_OFFER = (*_ten("PRICEBAND"), "DAILYENERGYCONSTRAINT", "MINIMUMLOAD", "T1", "T2", "T3", "T4", "MR_FACTOR")
_OFFERED = (
    *("MAXAVAIL", "FIXEDLOAD", "ROCUP", "ROCDOWN", "ENABLEMENTMIN", "ENABLEMENTMAX", "LOWBREAKPOINT"),
    *(
        "HIGHBREAKPOINT",
        *_ten("BANDAVAIL"),
        "PASAAVAILABILITY",
        "MR_CAPACITY",
        "ENERGYLIMIT",
        "RECALL_PERIOD",
    ),
)


def _table(group: str, name: str, monthly: str, key: str, numbers: Iterable[str]) -> Table:
    return Table(group, name, monthly, tuple(key.split()), _INSTANTS, frozenset((*_COUNTS, *numbers)), _NAMES)


def _bids(name: str, key: str, numbers: Iterable[str]) -> Table:
    return Table(
        *("BID", name, name, tuple(key.split()), _INSTANTS, frozenset((*_COUNTS, *numbers)), _NAMES),
        newest_by=("LASTCHANGED", "OFFERDATE"),
        may_lack=frozenset(("DIRECTION",)),
    )


PRICE = _table(
    *("DISPATCH", "PRICE", "DISPATCHPRICE", "SETTLEMENTDATE REGIONID INTERVENTION"),
    (
        *(*_PRICES, "APCFLAG", "MARKETSUSPENDEDFLAG", *_each("{}APCFLAG")),
        *(*_each("PRE_AP_{}_PRICE", _CAPPED), *_each("CUMUL_PRE_AP_{}_PRICE", _CAPPED)),
    ),
)
REGIONSUM = _table(
    "DISPATCH", "REGIONSUM", "DISPATCHREGIONSUM", "SETTLEMENTDATE REGIONID INTERVENTION", _DEMAND
)
UNIT_SCADA = _table("DISPATCH", "UNIT_SCADA", "DISPATCH_UNIT_SCADA", "SETTLEMENTDATE DUID", ("SCADAVALUE",))
UNIT_SOLUTION = _table("DISPATCH", "UNIT_SOLUTION", "DISPATCHLOAD", "SETTLEMENTDATE DUID INTERVENTION", _UNIT)
LOCAL_PRICE = _table(
    *("DISPATCH", "LOCAL_PRICE", "DISPATCH_LOCAL_PRICE", "SETTLEMENTDATE DUID"),
    ("LOCAL_PRICE_ADJUSTMENT", "LOCALLY_CONSTRAINED"),
)
CONSTRAINT = _table(
    *("DISPATCH", "CONSTRAINT", "DISPATCHCONSTRAINT", "SETTLEMENTDATE CONSTRAINTID INTERVENTION"),
    ("RHS", "LHS", "MARGINALVALUE", "VIOLATIONDEGREE", "GENCONID_VERSIONNO"),
)
INTERCONNECTOR = _table(
    *("DISPATCH", "INTERCONNECTORRES", "DISPATCHINTERCONNECTORRES"),
    *("SETTLEMENTDATE INTERCONNECTORID INTERVENTION", _FLOW),
)
CASE_SOLUTION = _table(
    *("DISPATCH", "CASE_SOLUTION", "DISPATCHCASESOLUTION", "SETTLEMENTDATE INTERVENTION"),
    ("SOLUTIONSTATUS", "NONPHYSICALLOSSES", "TOTALOBJECTIVE", *_each("TOTAL{}VIOLATION", _VIOLATIONS)),
)
TRADING_PRICE = _table(
    "TRADING", "PRICE", "TRADINGPRICE", "SETTLEMENTDATE REGIONID", (*_PRICES, "INVALIDFLAG")
)
P5MIN = _table(
    *("P5MIN", "REGIONSOLUTION", "P5MIN_REGIONSOLUTION"),
    *("RUN_DATETIME INTERVAL_DATETIME REGIONID INTERVENTION", (*_PRICES, *_DEMAND)),
)
PREDISPATCH_PRICE = _table(
    *("PREDISPATCH", "REGION_PRICES", "PREDISPATCHPRICE", "PREDISPATCHSEQNO DATETIME REGIONID INTERVENTION"),
    (*_PRICES, *_each("RRP{}", "12345678"), *_each("EEP{}", "12345678")),
)
PREDISPATCH_REGION = _table(
    *("PREDISPATCH", "REGION_SOLUTION", "PREDISPATCHREGIONSUM"),
    *("PREDISPATCHSEQNO DATETIME REGIONID INTERVENTION", (*_PRICES, *_DEMAND)),
)
ROOFTOP_ACTUAL = _table(
    "ROOFTOP", "ACTUAL", "ROOFTOP_PV_ACTUAL", "INTERVAL_DATETIME REGIONID TYPE", ("POWER", "QI")
)
ROOFTOP_FORECAST = _table(
    *("ROOFTOP", "FORECAST", "ROOFTOP_PV_FORECAST", "VERSION_DATETIME INTERVAL_DATETIME REGIONID"),
    ("POWERMEAN", "POWERPOE50", "POWERPOELOW", "POWERPOEHIGH"),
)
DAY_OFFER = _bids("BIDDAYOFFER_D", "SETTLEMENTDATE DUID BIDTYPE DIRECTION", _OFFER)
PERIOD_OFFER = _bids("BIDPEROFFER_D", "INTERVAL_DATETIME DUID BIDTYPE DIRECTION", _OFFERED)
PRICE_AND_DEMAND = _table(
    "PRICE_AND_DEMAND", "", "PRICE_AND_DEMAND", "SETTLEMENTDATE REGION", ("TOTALDEMAND", "RRP")
)
"""Not of the report format: one header, no footer, a region a file."""

TABLES = (
    *(PRICE, REGIONSUM, UNIT_SCADA, UNIT_SOLUTION, LOCAL_PRICE, CONSTRAINT, INTERCONNECTOR, CASE_SOLUTION),
    *(TRADING_PRICE, P5MIN, PREDISPATCH_PRICE, PREDISPATCH_REGION, ROOFTOP_ACTUAL, ROOFTOP_FORECAST),
    *(DAY_OFFER, PERIOD_OFFER),
)
"""Those of the report format."""

_NAMED = {(table.group, table.name): table for table in TABLES}
_MONTHLY = {table.monthly: table for table in TABLES}
_MONTHLY_FILE = re.compile(
    r"PUBLIC_(?:DVD_(?P<old>[A-Z0-9_]+?)|ARCHIVE(?:#|%23)(?P<new>[A-Z0-9_]+)(?:#|%23).*)_?\d{8,12}\.\w+",
    re.IGNORECASE,
)


def table_named(group: str, name: str) -> Table | None:
    """Return the table that a header names; None if it is one that we do not know."""
    return _NAMED.get((group, name))


def table_of_month(file: str) -> Table | None:
    """Return the table that a monthly file is named for; None if its name is another."""
    match = _MONTHLY_FILE.fullmatch(file)
    return _MONTHLY.get((match["old"] or match["new"]).upper()) if match else None


@dataclass(frozen=True, slots=True)
class Feed:
    """A directory of NEMWEB: which files appear in it, how often, and what they hold."""

    directory: str
    """Below Reports/Current/ and, where AEMO keeps it longer, Reports/Archive/."""
    prefix: str
    """Of each file's name, before the time that it is named for."""
    every: timedelta
    tables: tuple[Table, ...]
    archived: bool = True

    @property
    def file_name(self) -> re.Pattern[str]:
        """The pattern of a current file's name; its first group is the time it is named for, UTC+10."""
        return re.compile(
            rf"PUBLIC_{self.prefix}_(\d{{8}}|\d{{12}}|\d{{14}})_\w+\.(?:zip|csv)", re.IGNORECASE
        )

    @property
    def archive_name(self) -> re.Pattern[str]:
        """The pattern of an archive's name; its first group is its first day."""
        return re.compile(rf"PUBLIC_{self.prefix}_(\d{{8}})(?:_\d{{8}})?\.zip", re.IGNORECASE)

    def missed(self, since: datetime, current: Iterable[str], archived: Iterable[str]) -> list[str]:
        """Return the files to read after an outage, by their names: archives first, each list oldest first.

        Archives are taken for what has left the current directory, the one before it too, since a day's
        archive may begin at 00:05 or at 04:05. Nothing is left out; what comes twice, upsert makes one.
        """
        named = _by_time(self.file_name, current)
        packed = _by_time(self.archive_name, archived)
        first = f"{since.astimezone(NEM_TIME):%Y%m%d%H%M%S}"
        before = [time for time, _ in packed if time <= first]
        begins = before[-2:][0] if before else ""
        ends = named[0][0] if named else "9"
        return [
            *(name for time, name in packed if begins <= time <= ends and first < ends),
            *(name for time, name in named if time >= first),
        ]


def _by_time(pattern: re.Pattern[str], names: Iterable[str]) -> list[tuple[str, str]]:
    return sorted((match[1].ljust(14, "0"), name) for name in names if (match := pattern.fullmatch(name)))


_FIVE_MINUTES, _HALF_HOUR, _DAY = timedelta(minutes=5), timedelta(minutes=30), timedelta(days=1)
_DISPATCH = (PRICE, REGIONSUM, LOCAL_PRICE, CONSTRAINT, INTERCONNECTOR, CASE_SOLUTION)

FEEDS = (
    Feed("DispatchIS_Reports", "DISPATCHIS", _FIVE_MINUTES, _DISPATCH),
    Feed("TradingIS_Reports", "TRADINGIS", _FIVE_MINUTES, (TRADING_PRICE,)),
    Feed("P5_Reports", "P5MIN", _FIVE_MINUTES, (P5MIN,)),
    Feed("PredispatchIS_Reports", "PREDISPATCHIS", _HALF_HOUR, (PREDISPATCH_PRICE, PREDISPATCH_REGION)),
    Feed("Dispatch_SCADA", "DISPATCHSCADA", _FIVE_MINUTES, (UNIT_SCADA,)),
    Feed("ROOFTOP_PV/ACTUAL", "ROOFTOP_PV_ACTUAL_MEASUREMENT", _HALF_HOUR, (ROOFTOP_ACTUAL,)),
    Feed("ROOFTOP_PV/FORECAST", "ROOFTOP_PV_FORECAST", _HALF_HOUR, (ROOFTOP_FORECAST,)),
    Feed("Next_Day_Dispatch", "NEXT_DAY_DISPATCH", _DAY, (UNIT_SOLUTION,)),
    Feed("Bidmove_Complete", "BIDMOVE_COMPLETE", _DAY, (DAY_OFFER, PERIOD_OFFER)),
)
"""Confidence H for the directories; M for the names of rooftop, SCADA, next-day and bid files."""
