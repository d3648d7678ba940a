"""Throw damaged meter data files at the readers: nothing but a refusal or a file may come out, and soon.

    python scripts/fuzz_metering.py 1000000 7

Prints how many inputs ran, how long it took, how many were accepted and the distinct causes of refusal. An
input that raises anything else, or takes longer than its limit, is printed and fails the run.
"""

import io
import random
import re
import resource
import signal
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable

from manta.metering.archive import read_meter_files
from manta.metering.rows import MeterFileError

SECONDS_EACH = 2.0
MOST_MEMORY = 2 * 2**30
"""Of address space; more is refused by the system and ends in a MemoryError, which fails the run."""
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|[-+]?[\d,]*\.?\d+")
_TOKENS = (
    *("", "0", "-1", "1e9", "nan", "inf", "1_0", "99999999999999999999", "00000000", "20230229", "20231301"),
    *("20240101", "202401012460", "V", "A", "S14", "F", "E99", "N", "Z", "100", "200", "250", "300", "400"),
    *(
        "500",
        "550",
        "900",
        "kWh",
        "MWH",
        "kVArh",
        "pf",
        "E1",
        "B1",
        "Q1",
        "5",
        "15",
        "30",
        "7",
        "1440",
        "0.0.1",
    ),
    *(" 1", "\u0661", "\x00", '"', '""', "\ufeff", "a" * 300, "1," * 20, "\u2028", "1\r2"),
)


def day(date: str, count: int, tail: str) -> str:
    """Return a 300 record."""
    return f"300,{date},{','.join(f'{0.001 * place:.3f}' for place in range(count))},{tail}"


SEEDS = [
    "\r\n".join(lines).encode()
    for lines in (
        (
            "100,NEM12,202401010000,MDP1,RET1",
            "200,4123456789,E1B1,1,E1,N1,M1,kWh,30,20240401",
            day("20240101", 48, "A,,,20240102000000,20240102010000"),
            "200,4123456789,E1B1,2,B1,N1,M1,Wh,30,",
            day("20240101", 48, "V,,,20240102000000,"),
            "400,1,20,F14,76,",
            "400,21,48,S14,1,by hand",
            "500,N,ORDER1,20240101120000,001123.5",
            "900",
        ),
        (
            "100,NEM12,202401010000,MDP1,",
            "200,4123456789,E1,1,E1,N1,M1,MWh,30",
            day("20240101", 48, "A,,,,"),
            day("20240102", 48, 'S51,0,"free, text",20240103000000'),
            "900",
        ),
        (
            "100,NEM13,202401010000,MDP1,RET1",
            "250,4123456789,11,1,11,11,M1,E,006342.8,20231005093055,A,,,007654.9,20240107100333,A,,,1312.1,kWh,"
            "20240407,20240108100333,20240108091133",
            "250,4123456789,41,2,41,41,M1,I,1,20231005093055,A,,,2,20240107100333,E64,,,1,Wh,,20240108100333,",
            "550,N,,E,",
            "900",
        ),
    )
]


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
    first = luck.randrange(len(other))
    at = luck.randrange(len(body))
    return body[:at] + other[first : first + luck.randint(1, 400)] + body[at:]


def swap_fields(body: bytes, luck: random.Random) -> bytes:
    """Put a word where another was."""
    rows = [row.split(",") for row in body.decode("latin-1").split("\r\n")]
    for _ in range(luck.randint(1, 3)):
        row = luck.choice(rows)
        row[luck.randrange(min(len(row), luck.choice((10, 400))))] = luck.choice(_TOKENS)
    return "\r\n".join(map(",".join, rows)).encode("utf-8", "replace")


def swap_rows(body: bytes, luck: random.Random) -> bytes:
    """Shuffle, repeat and drop records."""
    rows = body.split(b"\r\n")
    luck.shuffle(rows) if luck.random() < 0.2 else rows.insert(luck.randrange(len(rows)), luck.choice(rows))
    if luck.random() < 0.5:
        rows.pop(luck.randrange(len(rows)))
    return b"\r\n".join(rows)


def pack(body: bytes, luck: random.Random) -> bytes:
    """Put it into a zip, and damage that too, now and then."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", luck.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        archive.writestr("one.csv", body)
    return flip(packed.getvalue(), luck) if luck.random() < 0.8 else packed.getvalue()


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip, cut, repeat, swap_fields, swap_rows)


def mutate(luck: random.Random) -> bytes:
    """Return a damaged file."""
    body = luck.choice(SEEDS)
    for _ in range(luck.choice((1, 1, 2, 3))):
        body = luck.choice(MUTATIONS)(body, luck) or b","
    return pack(body, luck) if luck.random() < 0.05 else body


def too_long(_signal: int, _frame: object) -> None:
    """End an input that hangs."""
    raise TimeoutError(f"more than {SECONDS_EACH} s")


def run(count: int, seed: int) -> int:
    """Run this many inputs; 1 if any of them did what it must not."""
    luck = random.Random(seed)
    causes: Counter[str] = Counter()
    worst = accepted = failed = 0.0
    signal.signal(signal.SIGALRM, too_long)
    began = time.perf_counter()
    for _ in range(count):
        body = mutate(luck)
        signal.setitimer(signal.ITIMER_REAL, SECONDS_EACH)
        since = time.perf_counter()
        try:
            list(read_meter_files("fuzz", body))
            accepted += 1
        except MeterFileError as error:
            causes[_VARYING.sub("#", error.cause)[:70]] += 1
        except Exception as error:  # noqa: BLE001  # this is what is looked for
            failed += 1
            print(f"{type(error).__name__}: {error}\n  {body!r}", file=sys.stderr)
        signal.setitimer(signal.ITIMER_REAL, 0)
        worst = max(worst, time.perf_counter() - since)
    report(count, time.perf_counter() - began, accepted, worst, causes)
    return int(failed > 0)


def report(count: int, seconds: float, accepted: float, worst: float, causes: Counter[str]) -> None:
    """Print what came of it."""
    for cause, times in causes.most_common():
        print(f"{times:9,}  {cause}")
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = count / seconds
    print(f"{count:,} executions in {seconds:.1f} s, {rate:,.0f} a second, worst {worst * 1e3:.1f} ms")
    print(f"{accepted:,.0f} accepted, {len(causes)} distinct causes of refusal, {megabytes:.0f} MB at most")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    sys.exit(run(int(sys.argv[1]), int(sys.argv[2])))
