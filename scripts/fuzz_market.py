"""Throw damaged market files at the readers: nothing but a refusal or rows may come out, and soon.

    python scripts/fuzz_market.py 1000000 7

Half of the inputs go to the reader of dispatch prices, half to those of whole tables. Prints as JSON how many
ran, how long it took, how many were accepted and how many causes of refusal there were, then the causes. An
input that raises anything else, or takes longer than its limit, is printed and fails the run.
"""

import io
import json
import random
import re
import resource
import signal
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable

from manta.mms.catalogue import TABLES
from manta.mms.dispatchis import prices_in
from manta.mms.lines import MarketFileError
from manta.mms.reports import archived_tables
from manta.mms.rows import upsert
from manta.mms.tables import parquet_rows, price_and_demand

SECONDS_EACH = 2.0
MOST_MEMORY = 4 * 2**30
"""Of address space; more is refused by the system and ends in a MemoryError, which fails the run."""
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|[-+]?[\d,]*\.?\d+")
_TOKENS = (
    *("", "0", "-1", "1e9", "1e999", "nan", "-inf", "1_0", "0x1", "9" * 40, "20250820170", "\u0661", "\x00"),
    *('"2025/02/30 00:00:00"', "2025/08/20 24:00:00", "2025/08/20", "0000/01/01 00:00:00", "9999/12/31"),
    *("NSW1", "VIC2", "FIRM", "NOT FIRM", "DISPATCH", "PRICE", "TRADING", "RRP", "REGIONID", "I", "D", "C"),
    *(
        '"',
        '""',
        '"a""b"',
        '"open',
        "\ufeff",
        "a" * 300,
        "1," * 20,
        "\u2028",
        "1\r2",
        '"1\n2"',
        "END OF REPORT",
    ),
)
_PRICE = "SETTLEMENTDATE,RUNNO,REGIONID,INTERVENTION,RRP,APCFLAG,MARKETSUSPENDEDFLAG,LASTCHANGED,PRICE_STATUS"


def report(*lines: str, of: str = "DISPATCHIS") -> bytes:
    """Return a whole report."""
    head = f"C,NEMP.WORLD,{of},AEMO,PUBLIC,2025/08/20,18:05:13,1,{of},1"
    return "\r\n".join((head, *lines, f'C,"END OF REPORT",{len(lines) + 2}', "")).encode()


def price(region: str, changed: str = "18:05:07", more: str = "FIRM") -> str:
    """Return a row of dispatch prices."""
    return (
        f'D,DISPATCH,PRICE,5,"2025/08/20 18:10:00",1,{region},0,242.65268,0,0,"2025/08/20 {changed}",{more}'
    )


SEEDS = [
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
    report(
        "I,TRADING,PRICE,3,SETTLEMENTDATE,RUNNO,REGIONID,PERIODID,RRP,LASTCHANGED",
        "D,TRADING,PRICE,3,2026/04/01 00:05:00,1,NSW1,1,65.01,2026/04/01 00:10:07",
        "I,ROOFTOP,ACTUAL,2,INTERVAL_DATETIME,REGIONID,POWER,LASTCHANGED,TYPE,QI",
        "D,ROOFTOP,ACTUAL,2,2026/04/01 00:30:00,NSW1,0,2026/04/01 00:49:15,MEASUREMENT,1",
        "I,BID,BIDDAYOFFER_D,3,SETTLEMENTDATE,DUID,BIDTYPE,DIRECTION,OFFERDATE,REBIDEXPLANATION,PRICEBAND1",
        'D,BID,BIDDAYOFFER_D,3,2026/04/01,AGLHAL,ENERGY,GEN,2026/03/31 11:00:00,"a, ""b""",-966.3',
        of="MIXED",
    ),
]
_HALF_HOUR = (
    b"REGION,SETTLEMENTDATE,TOTALDEMAND,RRP,PERIODTYPE\r\nNSW1,2024/01/01 00:05:00,7100.5,81.2,TRADE\r\n"
)


def flip(body: bytes, luck: random.Random) -> bytes:
    """Change some bytes."""
    some = bytearray(body)
    for _ in range(luck.randint(1, 4)):
        some[luck.randrange(len(some))] = luck.randrange(256)
    return bytes(some)


def cut(body: bytes, luck: random.Random) -> bytes:
    """Leave a piece out, or the end."""
    first = luck.randrange(len(body))
    last = luck.choice((len(body), min(len(body), first + luck.randint(1, 40))))
    return body[:first] + body[last:]


def repeat(body: bytes, luck: random.Random) -> bytes:
    """Say a piece twice, or put a piece of another file in."""
    other = luck.choice((body, luck.choice(SEEDS)))
    first, at = luck.randrange(len(other)), luck.randrange(len(body))
    return body[:at] + other[first : first + luck.randint(1, 400)] + body[at:]


def swap_fields(body: bytes, luck: random.Random) -> bytes:
    """Put a word where another was."""
    rows = [row.split(",") for row in body.decode("latin-1").split("\r\n")]
    for _ in range(luck.randint(1, 3)):
        row = luck.choice(rows)
        row[luck.randrange(len(row))] = luck.choice(_TOKENS)
    return "\r\n".join(map(",".join, rows)).encode("utf-8", "replace")


def swap_rows(body: bytes, luck: random.Random) -> bytes:
    """Shuffle, repeat and drop rows, and count them anew."""
    rows = body.split(b"\r\n")
    luck.shuffle(rows) if luck.random() < 0.1 else rows.insert(luck.randrange(len(rows)), luck.choice(rows))
    if luck.random() < 0.5:
        rows.pop(luck.randrange(len(rows)))
    return recount(b"\r\n".join(rows), luck)


def recount(body: bytes, _luck: random.Random) -> bytes:
    """Make the footer true, so that what lies deeper is reached."""
    return re.sub(rb'(OF REPORT"?,)\d+', lambda m: m[1] + str(body.count(b"\n")).encode(), body)


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(flip, cut, repeat, swap_fields, swap_fields, swap_rows, recount),
)


def pack(body: bytes, luck: random.Random) -> bytes:
    """Put it into a zip, or a zip in a zip, and damage that too, now and then."""
    for _ in range(luck.choice((1, 1, 2, 3))):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", luck.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            archive.writestr("one.csv", body)
        body = packed.getvalue()
    return flip(body, luck) if luck.random() < 0.8 else body


def mutate(seeds: list[bytes], luck: random.Random) -> bytes:
    """Return a damaged file."""
    body = luck.choice(seeds)
    for _ in range(luck.choice((1, 1, 2, 3))):
        body = luck.choice(MUTATIONS)(body, luck) or b","
    if luck.random() < 0.5:
        body = recount(body, luck)
    return pack(body, luck) if luck.random() < 0.05 else body


def tables(body: bytes) -> None:
    """Read every table, fold each into itself, and look at every column."""
    for _, found in archived_tables("fuzz", body):
        for table, rows in found.items():
            assert len(upsert(table, [rows, rows])) <= len(rows)
            for column in table.instants & set(rows.columns.column_names):
                rows.instants(column)


def parquet_seed() -> bytes:
    """Return a small parquet copy."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    written = io.BytesIO()
    row = {
        "SETTLEMENTDATE": ["2021/01/01 00:05:00"],
        "REGIONID": ["NSW1"],
        "INTERVENTION": [0],
        "RRP": [39.5],
    }
    pq.write_table(pa.table(row), written)
    return written.getvalue()


def too_long(_signal: int, _frame: object) -> None:
    """End an input that hangs."""
    raise TimeoutError(f"more than {SECONDS_EACH} s")


def cases(luck: random.Random, parquet: bytes) -> tuple[str, bytes, Callable[[bytes], object]]:
    """Return an input and the reader that it is for."""
    match luck.random():
        case share if share < 0.45:
            return "dispatch prices", mutate(SEEDS[:2], luck), lambda body: prices_in("fuzz", body)
        case share if share < 0.92:
            return "tables", mutate(SEEDS, luck), tables
        case share if share < 0.97:
            body = luck.choice((flip, cut, swap_fields))(_HALF_HOUR, luck)
            return "price and demand", body, lambda body: price_and_demand("fuzz", body)
        case _:
            return "parquet", flip(parquet, luck), lambda body: parquet_rows("fuzz", body, TABLES[0])


def run(count: int, seed: int) -> int:
    """Run this many inputs; 1 if any of them did what it must not."""
    luck = random.Random(seed)
    causes: Counter[str] = Counter()
    ran: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    worst, failed, parquet = 0.0, 0, parquet_seed()
    signal.signal(signal.SIGALRM, too_long)
    began = time.perf_counter()
    for _ in range(count):
        reader, body, read = cases(luck, parquet)
        ran[reader] += 1
        signal.setitimer(signal.ITIMER_REAL, SECONDS_EACH)
        since = time.perf_counter()
        try:
            read(body)
            accepted[reader] += 1
        except MarketFileError as error:
            causes[_VARYING.sub("#", error.cause)[:40]] += 1
        except Exception as error:  # noqa: BLE001  # this is what is looked for
            failed += 1
            print(f"{reader}: {type(error).__name__}: {error}\n  {body!r}"[:3_000], file=sys.stderr)
        worst = max(worst, time.perf_counter() - since)
        signal.setitimer(signal.ITIMER_REAL, 0)
    figures = {
        "executions": dict(ran),
        "accepted": dict(accepted),
        "seconds": round(time.perf_counter() - began, 1),
        "distinct_causes": len(causes),
        "worst_ms": round(worst * 1e3, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "failed": failed,
    }
    print(json.dumps(figures, indent=1))
    for cause, times in causes.most_common(25):
        print(f"{times:9,}  {cause}")
    return int(failed > 0)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    sys.exit(run(int(sys.argv[1]), int(sys.argv[2])))
