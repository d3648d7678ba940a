"""The market's parsers as ``fuzzing`` sees them: seeds small enough that a million of each is soon thrown."""

import io
import json
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pyarrow as pa
import pyarrow.parquet as pq
from scripts.fuzz_changes import JSON, OCTETS, REPORT, ROWS, ZIP
from scripts.fuzzing import Parser

from manta.markets import bids
from manta.markets.bid_json import BidFormatError, fields_of
from manta.mms.archive import archived_files, csv_files
from manta.mms.catalogue import PRICE, TABLES, Table
from manta.mms.dashboard import dashboard_rows
from manta.mms.dispatchis import prices_in
from manta.mms.lines import MarketFileError, read_table
from manta.mms.reports import archived_tables, tables_in
from manta.mms.rows import Rows, upsert
from manta.mms.tables import parquet_rows, price_and_demand

_AT = datetime(2025, 8, 20, 8, 10, tzinfo=UTC)
_PRICE = "SETTLEMENTDATE,RUNNO,REGIONID,INTERVENTION,RRP,APCFLAG,MARKETSUSPENDEDFLAG,LASTCHANGED,PRICE_STATUS"


def report(*lines: str, of: str = "DISPATCHIS") -> bytes:
    """Return a whole report."""
    head = f"C,NEMP.WORLD,{of},AEMO,PUBLIC,2025/08/20,18:05:13,1,{of},1"
    return "\r\n".join((head, *lines, f'C,"END OF REPORT",{len(lines) + 2}', "")).encode()


def price(region: str, changed: str = "18:05:07", status: str = "FIRM") -> str:
    """Return a row of dispatch prices."""
    at = '"2025/08/20 18:10:00"'
    return f'D,DISPATCH,PRICE,5,{at},1,{region},0,242.65268,0,0,"2025/08/20 {changed}",{status}'


DISPATCH = (
    report(f"I,DISPATCH,PRICE,5,{_PRICE}", *(price(r) for r in ("NSW1", "QLD1", "SA1", "TAS1", "VIC1"))),
    report(
        f"I,DISPATCH,PRICE,5,{_PRICE}",
        price("NSW1"),
        price("NSW1", "18:09:00", "NOT FIRM"),
        "I,DISPATCH,UNIT_SCADA,1,SETTLEMENTDATE,DUID,SCADAVALUE,LASTCHANGED",
        'D,DISPATCH,UNIT_SCADA,1,"2025/12/27 00:05:00",BARCSF1,0.20,"2025/12/27 00:00:22"',
        "I,DISPATCH,INTERCONNECTION,1,SETTLEMENTDATE,IRLF",
        'D,DISPATCH,INTERCONNECTION,1,"2025/12/27 00:05:00","0.95"',
    ),
)
MIXED = report(
    "I,TRADING,PRICE,3,SETTLEMENTDATE,RUNNO,REGIONID,PERIODID,RRP,LASTCHANGED",
    "D,TRADING,PRICE,3,2026/04/01 00:05:00,1,NSW1,1,65.01,2026/04/01 00:10:07",
    "I,ROOFTOP,ACTUAL,2,INTERVAL_DATETIME,REGIONID,POWER,LASTCHANGED,TYPE,QI",
    "D,ROOFTOP,ACTUAL,2,2026/04/01 00:30:00,NSW1,0,2026/04/01 00:49:15,MEASUREMENT,1",
    "I,BID,BIDDAYOFFER_D,3,SETTLEMENTDATE,DUID,BIDTYPE,DIRECTION,OFFERDATE,REBIDEXPLANATION,PRICEBAND1",
    'D,BID,BIDDAYOFFER_D,3,2026/04/01,AGLHAL,ENERGY,GEN,2026/03/31 11:00:00,"a, ""b""",-966.3',
    of="MIXED",
)
DEMAND = b"\r\n".join(
    (
        b"REGION,SETTLEMENTDATE,TOTALDEMAND,RRP,PERIODTYPE",
        b"NSW1,2024/01/01 00:05:00,7100.5,81.2,TRADE",
        b'"NSW1","2024/01/01 00:10:00",7090,-1000,TRADE',
        b"",
    )
)


def zips() -> tuple[bytes, ...]:
    """Return zips as AEMO has them, zips of zips, bombs, and one of very many files."""
    day = zipped([DISPATCH[0]])
    small = (
        *(day, zipped([MIXED, *DISPATCH]), zipped([day, day]), zipped([zipped([day])]), zipped([])),
        *(zipped([DISPATCH[1]], zipfile.ZIP_STORED), zipped([DISPATCH[1]], zipfile.ZIP_BZIP2)),
    )
    bomb = zipped([b"0" * 3_000_000])
    return (*small * 20, zipped([b"C,a\r\n"] * 1_100), bomb, zipped([bomb, day]))


def zipped(bodies: list[bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Pack files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for number, body in enumerate(bodies):
            archive.writestr(zipfile.ZipInfo(f"{number}.csv"), body, method)
    return packed.getvalue()


def parquets() -> tuple[bytes, ...]:
    """Return small parquet copies: columns of every kind, and of kinds that no copy has."""
    columns = {
        "SETTLEMENTDATE": (
            pa.array(["2021/01/01 00:05:00", None, "2021/02/30 00:00:00"]),
            pa.array([_AT, None, _AT], pa.timestamp("ns", "UTC")),
            pa.array([_AT.replace(tzinfo=None), None, None], pa.timestamp("us")),
            pa.array([-(2**62), 0, 2**62], pa.timestamp("us")),
            pa.array([b"\xff", b"2021/01/01", None]),
            pa.array([1, None, 2**62]),
            pa.array([[1], [], None]),
        ),
        "REGIONID": (
            pa.array(["NSW1", None, "VIC1"]),
            pa.array(["NSW1", None, "VIC1"]).dictionary_encode(),
            pa.array(["NSW1"] * 3, pa.large_string()),
            pa.array([True, None, False]),
            pa.array([{"a": 1}, None, {"a": 2}]),
        ),
        "RRP": (
            pa.array([39.5, None, 1e308]),
            pa.array([float("nan"), float("inf"), None]),
            pa.array([Decimal("1.25"), None, Decimal("-1.5")], pa.decimal128(38, 10)),
            pa.array(["39.5", "dear", None]),
            pa.array([1, None, 2], pa.uint8()),
            pa.nulls(3),
        ),
    }
    whole = {name: kinds[0].slice(0, 1) for name, kinds in columns.items()}
    found = [written(whole, compression=method) for method in ("none", "zstd")] * 50 + [written({})]
    for date, region, rrp in product(*columns.values()):
        found.append(written({"SETTLEMENTDATE": date, "REGIONID": region, "RRP": rrp, "__index": rrp}))
    return tuple(found)


def written(columns: dict[str, pa.Array], **options: str) -> bytes:
    """Write a parquet file."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def answers() -> tuple[bytes, ...]:
    """Return what the dashboard answers."""
    row = {"SETTLEMENTDATE": "2021-10-06T15:00:00", "REGIONID": "NSW1", "REGION": "NSW1", "RRP": 24.5}
    row |= {"TOTALDEMAND": 5941.25, "PERIODTYPE": "ACTUAL", "NETINTERCHANGE": -293.33}
    other = row | {
        "SETTLEMENTDATE": "2021-10-06T15:05:00",
        "PERIODTYPE": "FORECAST",
        "SCHEDULEDGENERATION": None,
    }
    return json.dumps({"5MIN": [row, other]}).encode(), json.dumps(
        {"5MIN": [other], "X": []}, indent=1
    ).encode()


def submissions() -> tuple[bytes, ...]:
    """Return what is sent to AEMO, and what it answers with."""
    ten = [-1_000 + 100.25 * band for band in range(10)]
    bands = {"periodId": 1, "maxAvail": 60, "bandAvail": [10] * 10}
    period = bands | {
        "rampUpRate": 3,
        "rampDownRate": 3,
        "pasaAvail": 60,
        "recallPeriod": 0,
        "fixedLoad": None,
    }
    edges = {"enablementMin": 0, "lowBreakPoint": 0, "highBreakPoint": -30, "enablementMax": -60}
    told = {"reason": "1205 A", "eventTime": "12:01:00", "awareTime": "12:02:00", "decisionTime": "12:05:00"}
    start = {"minimumLoad": 1, "t1": 0, "t2": 1, "t3": 2, "t4": 3}
    bid = {"tradingDate": "2025-08-20", "duid": "BATT1", "prices": ten}
    energy = bid | {
        "energyPeriods": [period],
        "direction": "GEN",
        "fastStartProfile": start,
        "rebidExplanation": told,
    }
    fcas = bid | {"service": "RAISE6SEC", "fcasPeriods": [bands | edges], "direction": "LOAD"}
    sent = {
        "referenceId": "r1",
        "comments": "",
        "authorisedBy": "a",
        "energyBids": [energy],
        "fcasBids": [fcas],
    }
    answered = {"ReferenceID": "r1", "ENERGYBIDS": [[energy]], "fcasbids": None, "mnspBids": []}
    return json.dumps(sent).encode(), json.dumps(answered).encode()


def looked_at(tables: dict[Table, Rows], body: bytes) -> None:
    """Look at every column, and fold each table of every eighth input into itself."""
    for table, rows in tables.items():
        columns_of(rows)
        if len(body) % 8 == 0:
            assert len(upsert(table, [rows, rows])) <= len(rows)


def columns_of(rows: Rows) -> None:
    """Look at every column by its kind."""
    for column in rows.columns.column_names:
        if column in rows.table.instants:
            rows.instants(column)
        elif column in rows.table.numbers:
            rows.numbers(column)
        else:
            rows.texts(column)


def read_archive(body: bytes) -> None:
    """Open it as what was fetched on purpose, and as what comes in the market's rhythm."""
    files = list(archived_files("fuzz", body))
    assert sum(len(content) for _, content in csv_files("fuzz", body)) == sum(
        len(content) for _, content in files
    )


MARKET = (
    Parser(
        "lines",
        lambda body: read_table("fuzz", body, report="DISPATCHIS", group="DISPATCH", table="PRICE"),
        *(MarketFileError, (*DISPATCH, MIXED), REPORT),
    ),
    Parser("dispatchis", lambda body: prices_in("fuzz", body), MarketFileError, DISPATCH, REPORT, packs=0.05),
    Parser(
        "tables",
        lambda body: looked_at(tables_in("fuzz", body, TABLES), body),
        *(MarketFileError, (*DISPATCH, MIXED), REPORT),
    ),
    Parser(
        "archived-tables",
        lambda body: [looked_at(found, body) for _, found in archived_tables("fuzz", body)],
        *(MarketFileError, (*DISPATCH, MIXED), REPORT),
        packs=0.5,
    ),
    Parser("archive", read_archive, MarketFileError, zips(), ZIP, packs=0.1),
    Parser(
        "price-and-demand",
        lambda body: columns_of(price_and_demand("fuzz", body)),
        *(MarketFileError, (DEMAND,), ROWS),
    ),
    Parser(
        "parquet",
        lambda body: columns_of(parquet_rows("fuzz", body, PRICE)),
        *(MarketFileError, parquets(), OCTETS),
    ),
    Parser("dashboard", lambda body: dashboard_rows("fuzz", body), MarketFileError, answers(), JSON),
    Parser("bid-json", fields_of, BidFormatError, submissions(), JSON),
    Parser("bids", lambda body: bids.read(body, _AT), BidFormatError, submissions(), JSON),
)
