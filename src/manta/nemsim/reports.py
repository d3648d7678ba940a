"""The simulated market's other reports: trading prices, pre-dispatch, P5MIN, roofs, notices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from manta.domain.market import Region, Service
from manta.domain.time import FIVE_MINUTES, HALF_HOUR, NEM_TIME, DispatchInterval, predispatch_number
from manta.nemsim.dispatchis import FIRM
from manta.nemsim.forecasts import P5MIN_RUNS, Forecaster, predispatch_ends
from manta.nemsim.market import SimulatedMarket
from manta.nemsim.stories import Story

_OLD = (
    *("RAISE6SEC", "RAISE60SEC", "RAISE5MIN", "RAISEREG"),
    *("LOWER6SEC", "LOWER60SEC", "LOWER5MIN", "LOWERREG"),
)
_NEW = ("RAISE1SEC", "LOWER1SEC")


def _paid(services: Sequence[str]) -> list[str]:
    return [service + column for service in services for column in ("RRP", "ROP")]


TRADING_PRICE = (
    *("SETTLEMENTDATE", "RUNNO", "REGIONID", "PERIODID", "RRP", "EEP", "INVALIDFLAG", "LASTCHANGED", "ROP"),
    *_paid(_OLD),
    "PRICE_STATUS",
    *_paid(_NEW),
)
REGION_PRICES = (
    *("PREDISPATCHSEQNO", "RUNNO", "REGIONID", "PERIODID", "INTERVENTION", "RRP", "EEP"),
    *(column + str(n) for n in range(1, 9) for column in ("RRP", "EEP")),
    *("LASTCHANGED", "DATETIME"),
    *(f"{service}RRP" for service in _OLD + _NEW),
)
REGIONSOLUTION = (
    *("RUN_DATETIME", "INTERVENTION", "INTERVAL_DATETIME", "REGIONID", "RRP", "ROP", "EXCESSGENERATION"),
    *(f"{service}RRP" for service in _OLD),
    *("TOTALDEMAND", "LASTCHANGED"),
    *(f"{service}RRP" for service in _NEW),
)
"""In AEMO's order as far as EXCESSGENERATION; of what stands after it there, some, order not confirmed."""
ROOFTOP_ACTUAL = ("INTERVAL_DATETIME", "REGIONID", "POWER", "LASTCHANGED", "TYPE", "QI")


def trading(market: SimulatedMarket, interval: DispatchInterval, at: datetime, number: int) -> bytes:
    """Write the prices that are settled, to the cent, half away from zero."""
    changed = _instant(at - timedelta(seconds=6))
    rows = []
    for region in Region:
        energy = cents(market.per_mwh(region, interval))
        row = {"SETTLEMENTDATE": _instant(interval.end), "RUNNO": "1", "REGIONID": region.value}
        row |= {"PERIODID": str(interval.calendar_period[1]), "RRP": energy, "EEP": "0", "INVALIDFLAG": "0"}
        row |= {"LASTCHANGED": changed, "PRICE_STATUS": FIRM}
        row |= {"ROP": cents(market.uncapped_per_mwh(region, interval))}
        for service in _OLD + _NEW:
            row |= {f"{service}RRP": cents(market.service_per_mw(service, region, interval))}
            row |= {f"{service}ROP": cents(market.uncapped_service_per_mw(service, region, interval))}
        rows.append(row)
    return _report("TRADINGIS", at, number, _table("TRADING,PRICE,3", TRADING_PRICE, rows))


def predispatch(market: SimulatedMarket, run: datetime, at: datetime, number: int) -> bytes:
    """Write a pre-dispatch run, named by the end of its first half-hour."""
    rows = [row for region in Region for row in _half_hours(Forecaster(market), region, run, at)]
    table = _table("PREDISPATCH,REGION_PRICES,2", REGION_PRICES, rows)
    return _report("PREDISPATCHIS", at, number, table)


def five_minutes(market: SimulatedMarket, run: datetime, at: datetime, number: int) -> bytes:
    """Write a five-minute pre-dispatch run, named by the end of its first interval: an hour in twelve."""
    forecaster, begins, rows = Forecaster(market), run - FIVE_MINUTES, []
    for region in Region:
        for interval in (DispatchInterval(run + n * FIVE_MINUTES) for n in range(P5MIN_RUNS)):
            energy = _decimal(forecaster.interval_per_mwh(region, begins, interval))
            row = {"RUN_DATETIME": _instant(run), "INTERVENTION": "0", "REGIONID": region.value}
            row |= {"INTERVAL_DATETIME": _instant(interval.end), "RRP": energy, "ROP": energy}
            row |= {"EXCESSGENERATION": "0", "TOTALDEMAND": _decimal(market.demand_mw(region, interval))}
            rows.append(row | _services(forecaster, region, begins, interval) | {"LASTCHANGED": _instant(at)})
    return _report("P5MIN", at, number, _table("P5MIN,REGIONSOLUTION,10", REGIONSOLUTION, rows))


def rooftop(market: SimulatedMarket, half_hour: datetime, at: datetime, number: int) -> bytes:
    """Write what the roofs made in a half-hour, MW, as AEMO measures it."""
    rows = []
    for region in Region:
        intervals = (DispatchInterval(half_hour - n * FIVE_MINUTES) for n in range(6))
        power = sum(market.rooftop_mw(region, each) for each in intervals) / 6.0
        row = {"INTERVAL_DATETIME": _instant(half_hour), "REGIONID": region.value, "POWER": f"{power:.3f}"}
        rows.append(row | {"LASTCHANGED": _instant(at), "TYPE": "MEASUREMENT", "QI": "1"})
    return _report("ROOFTOP_PV_ACTUAL", at, number, _table("ROOFTOP,ACTUAL,2", ROOFTOP_ACTUAL, rows))


def notice(story: Story, number: int) -> bytes:
    """Write a market notice: plain text, its layout believed and not compared with a genuine one."""
    local = story.begins.astimezone(NEM_TIME)
    line = "-" * 67
    fields = {
        "Notice ID               :": str(number),
        "Notice Type ID          :": "RESERVE NOTICE",
        "Notice Type Description :": "LRC/LOR1/LOR2/LOR3",
        "Issue Date              :": f"{local:%d/%m/%Y}",
        "External Reference      :": story.notice.partition("\n")[0],
    }
    told = [f"{name:33}{value}" for name, value in fields.items()]
    created = f"Creation Date :     {local:%d/%m/%Y     %H:%M:%S}"
    text = [line, f"{'MARKET NOTICE':^67}".rstrip(), line, "", "From :              AEMO"]
    text += ["To   :              NEMITWEB1", created, "", line, "", *told, "", line, "", "Reason :", ""]
    text += [
        "AEMO ELECTRICITY MARKET NOTICE",
        "",
        *story.notice.splitlines(),
        "",
        line,
        "END OF REPORT",
        line,
    ]
    return "".join(row + "\r\n" for row in text).encode("ascii")


def cents(per_mwh: float) -> str:
    """Spell a price as it is settled: two decimals, half away from zero, of the five that were published."""
    published = Decimal(_decimal(per_mwh))
    return f"{published.quantize(Decimal('0.01'), ROUND_HALF_UP).normalize():f}"


def _half_hours(
    forecaster: Forecaster, region: Region, run: datetime, at: datetime
) -> Iterator[dict[str, str]]:
    begins = run - HALF_HOUR
    for period, end in enumerate(predispatch_ends(run), start=1):
        row = {"PREDISPATCHSEQNO": str(predispatch_number(run)), "RUNNO": "1", "REGIONID": region.value}
        energy = _decimal(forecaster.half_hour_per_mwh(region, begins, end))
        row |= {"PERIODID": str(period), "INTERVENTION": "0", "RRP": energy, "EEP": "0"}
        row |= {"LASTCHANGED": _instant(at), "DATETIME": _instant(end)}
        yield row | _services(forecaster, region, begins, DispatchInterval(end - 3 * FIVE_MINUTES))


def _services(
    forecaster: Forecaster, region: Region, run_at: datetime, interval: DispatchInterval
) -> dict[str, str]:
    return {
        f"{service.value}RRP": _decimal(forecaster.service_per_mw(service.value, region, run_at, interval))
        for service in Service
    }


def _report(name: str, at: datetime, number: int, table: Sequence[str]) -> bytes:
    local = at.astimezone(NEM_TIME)
    first = f"C,NEMP.WORLD,{name},AEMO,PUBLIC,{local:%Y/%m/%d},{local:%H:%M:%S},{number:016d}"
    first += f",{name},{number - 1:016d}"
    rows = [first, *table, f'C,"END OF REPORT",{len(table) + 2}']
    return "".join(row + "\r\n" for row in rows).encode("ascii")


def _table(name: str, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    header = ",".join(("I", name, *columns))
    return [header, *(",".join(("D", name, *(row.get(column, "") for column in columns))) for row in rows)]


def _instant(at: datetime) -> str:
    return f'"{at.astimezone(NEM_TIME):%Y/%m/%d %H:%M:%S}"'


def _decimal(value: float) -> str:
    return f"{value:.5f}".rstrip("0").rstrip(".")
