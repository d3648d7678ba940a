"""DISPATCHIS reports of the simulated market, in AEMO's own columns and order."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from manta.domain.market import Region
from manta.domain.reference import cap_per_mwh
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval
from manta.nemsim.market import SimulatedMarket
from manta.nemsim.stories import Standing

NOT_FIRM, FIRM = "NOT FIRM", "FIRM"

_OLD = (
    "RAISE6SEC",
    "RAISE60SEC",
    "RAISE5MIN",
    "RAISEREG",
    "LOWER6SEC",
    "LOWER60SEC",
    "LOWER5MIN",
    "LOWERREG",
)
_NEW = ("RAISE1SEC", "LOWER1SEC")
_SHORT = {"RAISE6SEC": "RAISE6", "RAISE60SEC": "RAISE60", "LOWER6SEC": "LOWER6", "LOWER60SEC": "LOWER60"}
_SHORT |= {"RAISE1SEC": "RAISE1", "LOWER1SEC": "LOWER1"}
_RUN = ("SETTLEMENTDATE", "RUNNO", "REGIONID", "DISPATCHINTERVAL", "INTERVENTION")

CASE_SOLUTION = (
    *("SETTLEMENTDATE", "RUNNO", "INTERVENTION", "CASESUBTYPE", "SOLUTIONSTATUS", "SPDVERSION"),
    *("NONPHYSICALLOSSES", "TOTALOBJECTIVE", "TOTALAREAGENVIOLATION", "TOTALINTERCONNECTORVIOLATION"),
    *("TOTALGENERICVIOLATION", "TOTALRAMPRATEVIOLATION", "TOTALUNITMWCAPACITYVIOLATION"),
    *("TOTAL5MINVIOLATION", "TOTALREGVIOLATION", "TOTAL6SECVIOLATION", "TOTAL60SECVIOLATION"),
    *("TOTALASPROFILEVIOLATION", "TOTALFASTSTARTVIOLATION", "TOTALENERGYOFFERVIOLATION", "LASTCHANGED"),
    *("SWITCHRUNINITIALSTATUS", "SWITCHRUNBESTSTATUS", "SWITCHRUNBESTSTATUS_INT"),
)


def _short(service: str) -> str:
    return _SHORT.get(service, service)


def _priced(services: Sequence[str]) -> list[str]:
    return [service + column for service in services for column in ("RRP", "ROP", "APCFLAG")]


PRICE = (
    *_RUN,
    *("RRP", "EEP", "ROP", "APCFLAG", "MARKETSUSPENDEDFLAG", "LASTCHANGED"),
    *_priced(_OLD),
    *("PRICE_STATUS", "PRE_AP_ENERGY_PRICE"),
    *(f"PRE_AP_{_short(s)}_PRICE" for s in _OLD),
    *_priced(_NEW),
    *(f"PRE_AP_{_short(s)}_PRICE" for s in _NEW),
    *("CUMUL_PRE_AP_ENERGY_PRICE", *(f"CUMUL_PRE_AP_{_short(s)}_PRICE" for s in _OLD + _NEW)),
    *("OCD_STATUS", "MII_STATUS"),
)

_SIDES = ("LOWER5MIN", "LOWER60SEC", "LOWER6SEC", "RAISE5MIN", "RAISE60SEC", "RAISE6SEC")
_FLOWS = ("DISPATCH", "IMPORT", "LOCALDISPATCH", "LOCALPRICE", "LOCALREQ", "PRICE", "REQ", "SUPPLYPRICE")
_VIOLATIONS = ("RAISE5MIN", "RAISEREG", "RAISE60SEC", "RAISE6SEC")
_VIOLATED = _VIOLATIONS + tuple(service.replace("RAISE", "LOWER") for service in _VIOLATIONS)

REGIONSUM = (
    *_RUN,
    *("TOTALDEMAND", "AVAILABLEGENERATION", "AVAILABLELOAD", "DEMANDFORECAST", "DISPATCHABLEGENERATION"),
    *("DISPATCHABLELOAD", "NETINTERCHANGE", "EXCESSGENERATION"),
    *(side + flow for side in _SIDES for flow in _FLOWS),
    *("AGGEGATEDISPATCHERROR", "AGGREGATEDISPATCHERROR", "LASTCHANGED", "INITIALSUPPLY", "CLEAREDSUPPLY"),
    *(s + flow for s in ("LOWERREG", "RAISEREG") for flow in ("IMPORT", "LOCALDISPATCH", "LOCALREQ", "REQ")),
    *(service + "LOCALVIOLATION" for service in _VIOLATED),
    *(service + "VIOLATION" for service in _VIOLATED),
    *(service + "ACTUALAVAILABILITY" for service in _OLD),
    *("LORSURPLUS", "LRCSURPLUS", "TOTALINTERMITTENTGENERATION", "DEMAND_AND_NONSCHEDGEN", "UIGF"),
    *("SEMISCHEDULE_CLEAREDMW", "SEMISCHEDULE_COMPLIANCEMW", "SS_SOLAR_UIGF", "SS_WIND_UIGF"),
    *("SS_SOLAR_CLEAREDMW", "SS_WIND_CLEAREDMW", "SS_SOLAR_COMPLIANCEMW", "SS_WIND_COMPLIANCEMW"),
    *("WDR_INITIALMW", "WDR_AVAILABLE", "WDR_DISPATCHED"),
    *(s + column for column in ("LOCALDISPATCH", "ACTUALAVAILABILITY") for s in _NEW),
    *(
        "SS_SOLAR_AVAILABILITY",
        "SS_WIND_AVAILABILITY",
        "BDU_ENERGY_STORAGE",
        "BDU_MIN_AVAIL",
        "BDU_MAX_AVAIL",
    ),
    *("BDU_CLEAREDMW_GEN", "BDU_CLEAREDMW_LOAD", "BDU_INITIAL_ENERGY_STORAGE"),
)


def report(
    market: SimulatedMarket,
    interval: DispatchInterval,
    solved_at: datetime,
    number: int,
    standing: str = FIRM,
) -> bytes:
    """Write the report of one dispatch run as AEMO does, rows ended by CR LF."""
    local = solved_at.astimezone(NEM_TIME)
    run = {
        "SETTLEMENTDATE": _instant(interval.end),
        "RUNNO": "1",
        "DISPATCHINTERVAL": _run_of_trading_day(interval),
        "INTERVENTION": "0",
        "LASTCHANGED": _instant(solved_at - timedelta(seconds=6)),
        "PRICE_STATUS": standing,
    }
    rows = [f"C,NEMP.WORLD,DISPATCHIS,AEMO,PUBLIC,{local:%Y/%m/%d},{local:%H:%M:%S},{number:016d},"]
    rows[0] += f"DISPATCHIS,{number - 1:016d}"
    rows += _table("CASE_SOLUTION", 2, CASE_SOLUTION, [run | _CASE])
    rows += _table("PRICE", 5, PRICE, [run | _prices(market, region, interval) for region in Region])
    rows += _table("REGIONSUM", 9, REGIONSUM, [run | _sums(market, region, interval) for region in Region])
    rows.append(f'C,"END OF REPORT",{len(rows) + 1}')
    return "".join(row + "\r\n" for row in rows).encode("ascii")


def packed(name: str, body: bytes, at: datetime) -> bytes:
    """Zip a report under its name; the same bytes for the same arguments."""
    buffer = io.BytesIO()
    local = at.astimezone(NEM_TIME)
    entry = zipfile.ZipInfo(
        name, (local.year, local.month, local.day, local.hour, local.minute, local.second)
    )
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, body)
    return buffer.getvalue()


_OVERRIDDEN, _AT_THE_CAP = "1", "4"
"""Bits of APCFLAG."""
_CASE = {"SOLUTIONSTATUS": "0", "NONPHYSICALLOSSES": "0", "TOTALOBJECTIVE": "0"}
_CASE |= {"SWITCHRUNINITIALSTATUS": "1", "SWITCHRUNBESTSTATUS": "1"}


def _prices(market: SimulatedMarket, region: Region, interval: DispatchInterval) -> dict[str, str]:
    per_mwh = market.per_mwh(region, interval)
    energy, uncapped = _decimal(per_mwh), _decimal(market.uncapped_per_mwh(region, interval))
    standing = market.standing(region, interval)
    flag = _OVERRIDDEN if standing is Standing.ADMINISTERED else ""
    flag = flag or (_AT_THE_CAP if per_mwh >= cap_per_mwh(interval) else "0")
    row = {"REGIONID": region.value, "RRP": energy, "EEP": "0", "ROP": uncapped, "APCFLAG": flag}
    row |= {"MARKETSUSPENDEDFLAG": "1" if standing is Standing.SUSPENDED else "0"}
    row |= {"PRE_AP_ENERGY_PRICE": uncapped}
    row |= {"CUMUL_PRE_AP_ENERGY_PRICE": _decimal(market.cumulative_per_mwh(region, interval))}
    for service in _OLD + _NEW:
        row |= _service(market, service, region, interval)
    return row | {"OCD_STATUS": "NOT_OCD", "MII_STATUS": "NOT_MII"}


def _service(
    market: SimulatedMarket, service: str, region: Region, interval: DispatchInterval
) -> dict[str, str]:
    uncapped = market.uncapped_service_per_mw(service, region, interval)
    flag = _AT_THE_CAP if uncapped >= cap_per_mwh(interval) else "0"
    flag = _OVERRIDDEN if market.holds_services(region, interval) else flag
    total = market.cumulative_service_per_mw(service, region, interval)
    return {
        f"{service}RRP": _decimal(market.service_per_mw(service, region, interval)),
        f"{service}ROP": _decimal(uncapped),
        f"{service}APCFLAG": flag,
        f"PRE_AP_{_short(service)}_PRICE": _decimal(uncapped),
        f"CUMUL_PRE_AP_{_short(service)}_PRICE": _decimal(total),
    }


def _sums(market: SimulatedMarket, region: Region, interval: DispatchInterval) -> dict[str, str]:
    demand = market.demand_mw(region, interval)
    before = market.demand_mw(region, DispatchInterval(interval.start))
    return {
        "REGIONID": region.value,
        "TOTALDEMAND": _decimal(demand),
        "AVAILABLEGENERATION": _decimal(demand * 1.4),
        "DEMANDFORECAST": _decimal(demand - before),
        "DISPATCHABLEGENERATION": _decimal(demand),
        "DISPATCHABLELOAD": "0",
        "NETINTERCHANGE": "0",
        "EXCESSGENERATION": "0",
        "INITIALSUPPLY": _decimal(before),
        "CLEAREDSUPPLY": _decimal(demand),
        "DEMAND_AND_NONSCHEDGEN": _decimal(demand * 1.014),
    }


def _table(name: str, version: int, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return a table's header and its rows; what is not given stays empty, as in AEMO's own."""
    table = f"DISPATCH,{name},{version}"
    header = ",".join(("I", table, *columns))
    return [header, *(",".join(("D", table, *(row.get(c, "") for c in columns))) for row in rows)]


def _instant(at: datetime) -> str:
    return f'"{at.astimezone(NEM_TIME):%Y/%m/%d %H:%M:%S}"'


def _run_of_trading_day(interval: DispatchInterval) -> str:
    """Spell an interval as YYYYMMDDPPP of the trading day, which runs from 04:05 to 04:00."""
    local = interval.start.astimezone(NEM_TIME) - timedelta(hours=4)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return f"{local:%Y%m%d}{(local - midnight) // FIVE_MINUTES + 1:03d}"


def _decimal(value: float) -> str:
    """Spell a number with at most five decimals and no zeros behind, as AEMO does."""
    return f"{value:.5f}".rstrip("0").rstrip(".")
