"""Ways to damage a file: its bytes, its rows and cells, its numbers and dates, its JSON, its zip."""

import io
import random
import re
import zipfile
from collections.abc import Callable, Sequence

type Change = Callable[[bytes, random.Random], bytes]

TOKENS = (
    *(
        "",
        "0",
        "-1",
        "1e9",
        "1e308",
        "1e309",
        "-1e999",
        "1e-400",
        "nan",
        "NaN",
        "-inf",
        "Infinity",
        "1_0",
        "0x1",
    ),
    *(
        "9" * 40,
        "0." + "3" * 40,
        "99999999999999999999",
        "1,5",
        " 1",
        "1 ",
        "+1",
        "-0",
        "00",
        ".",
        "\u0661",
        "\x00",
    ),
    *('"2025/02/30 00:00:00"', "2025/08/20 24:00:00", "2025/08/20 23:59:60", "2025/08/20", "2025/13/01"),
    *(
        "0000/01/01 00:00:00",
        "9999/12/31 23:59:59",
        "1970/01/01 00:00:00",
        "2025-08-20T18:10:00",
        "20250820170",
    ),
    *("00000000", "20230229", "20231301", "20240101", "202401012460", "20240101000000", "99991231235959"),
    *("NSW1", "VIC2", "FIRM", "NOT FIRM", "DISPATCH", "PRICE", "TRADING", "RRP", "REGIONID", "I", "D", "C"),
    *("V", "A", "S14", "F", "E99", "N", "Z", "100", "200", "250", "300", "400", "500", "550", "900", "NEM13"),
    *("kWh", "MWH", "kVArh", "pf", "E1", "B1", "Q1", "5", "15", "30", "7", "1440", "END OF REPORT"),
    *(
        '"',
        '""',
        '"a""b"',
        '"open',
        'a"b',
        '"a"b',
        "'",
        "\ufeff",
        "\u2028",
        "\x1a",
        "\x85",
        "1\r2",
        '"1\n2"',
        "\r",
    ),
    *("a" * 300, "1," * 20, "-" * 50, "%s%n", "\ud7ff", "é" * 50),
)
JSON_TOKENS = (
    *(
        "null",
        "true",
        "0",
        "-1",
        "1e308",
        "1e400",
        "-1e400",
        "1e-400",
        "NaN",
        "9" * 400,
        "0.1" + "0" * 300,
        "-0",
    ),
    *('""', '"a"', '"2021-10-06T15:00:00"', '"9999-12-31T23:59:59"', '"0001-01-01T00:00:00"', '"23:59:59"'),
    *('"24:00:00"', '"12:30:00+99:00"', '"\\ud800"', '"\\u0000"', '"2024-02-30"', '"NSW1"', '"FORECAST"'),
    *(
        '"RAISE6SEC"',
        '"LOAD"',
        "[]",
        "{}",
        "[[]]",
        "[null]",
        '{"a":1,"A":2}',
        '"' + "a" * 500 + '"',
        "1E+99999",
    ),
)
_SCALAR = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[\[\]{}:,]')


def flip(body: bytes, luck: random.Random) -> bytes:
    """Change some bytes."""
    some = bytearray(body or b"0")
    for _ in range(luck.randint(1, 4)):
        some[luck.randrange(len(some))] = luck.randrange(256)
    return bytes(some)


def cut(body: bytes, luck: random.Random) -> bytes:
    """Leave a piece out, or the end."""
    first = luck.randrange(len(body) + 1)
    return body[:first] + body[luck.choice((len(body), first + luck.randint(1, 40))) :]


def repeat(body: bytes, luck: random.Random) -> bytes:
    """Say a piece again somewhere, now and then many times."""
    first, at = luck.randrange(len(body) + 1), luck.randrange(len(body) + 1)
    piece = body[first : first + luck.randint(1, 400)]
    return body[:at] + piece * luck.choice((1, 1, 1, 1, 2, 50)) + body[at:]


def swap_cells(body: bytes, luck: random.Random) -> bytes:
    """Put another cell, or a likely word, where one was."""
    rows = [row.split(b",") for row in body.split(b"\n")]
    for _ in range(luck.randint(1, 3)):
        row = luck.choice(rows)
        word = luck.choice(luck.choice(rows)) if luck.random() < 0.3 else _word(luck)
        row[luck.randrange(min(len(row), luck.choice((10, 400))))] = word
    return b"\n".join(map(b",".join, rows))


def change_columns(body: bytes, luck: random.Random) -> bytes:
    """Add or drop a cell in one row, or the same one in all that are as long."""
    rows = [row.split(b",") for row in body.split(b"\n")]
    row = luck.choice(rows)
    place, length, word = luck.randrange(len(row)), len(row), luck.choice((None, _word(luck)))
    for other in rows if luck.random() < 0.5 else [row]:
        if len(other) == length:
            other[place : place + 1] = [] if word is None else [other[place], word]
    return b"\n".join(map(b",".join, rows))


def swap_rows(body: bytes, luck: random.Random) -> bytes:
    """Shuffle, repeat and drop rows."""
    rows = body.split(b"\n")
    if luck.random() < 0.15:
        luck.shuffle(rows)
    at, times = luck.randrange(len(rows)), luck.choice((1, 1, 1, 2, 20))
    rows[at:at] = [luck.choice(rows)] * times
    if luck.random() < 0.5:
        rows.pop(luck.randrange(len(rows)))
    return b"\n".join(rows)


def requote(body: bytes, luck: random.Random) -> bytes:
    """Quote a cell that was not, unquote one that was, or open a quotation that nothing closes."""
    rows = [row.split(b",") for row in body.split(b"\n")]
    row = luck.choice(rows)
    at = luck.randrange(len(row))
    row[at] = luck.choice((b'"%b"' % row[at], row[at].strip(b'"'), b'"' + row[at], row[at] + b'"'))
    return b"\n".join(map(b",".join, rows))


def recode(body: bytes, luck: random.Random) -> bytes:
    """Write it as another system would: other characters, other ends of line."""
    match luck.randrange(8):
        case 0:
            return body.decode("latin-1").encode("utf-16")
        case 1:
            return b"\xef\xbb\xbf" + body
        case 2:
            return body.replace(b"\r\n", b"\n")
        case 3:
            return body.replace(b"\n", b"\r\n")
        case 4:
            return body.replace(b"\r\n", b"\r")
        case 5:
            return body.replace(b"\n", b"\n\n", luck.randint(1, 3))
        case 6:
            return body.replace(b",", b";", luck.choice((1, 1_000)))
        case _:
            return body.replace(b"1", "é".encode(luck.choice(("latin-1", "utf-8"))), luck.randint(1, 3))


def lengthen(body: bytes, luck: random.Random) -> bytes:
    """Make a cell or a row very long, as seldom as that is slow."""
    at = luck.randrange(len(body) + 1)
    piece = luck.choice((b"9", b"a", b",", b'"', b"\n", b" ", b"1,", b"\x00", b"[", b'{"a":'))
    most = 30 if luck.random() < 0.95 else 120_000
    return body[:at] + piece * luck.randint(2, most) + body[at:]


def recount(body: bytes, _luck: random.Random) -> bytes:
    """Make a report's footer true, so that what lies deeper is reached."""
    return re.sub(rb'(OF REPORT"?,)\d+', lambda m: m[1] + str(body.count(b"\n")).encode(), body)


def swap_scalars(body: bytes, luck: random.Random) -> bytes:
    """Put another value, a name or a bracket where one was."""
    one, other = _scalar(body, luck), _scalar(body, luck)
    word = luck.choice((luck.choice(JSON_TOKENS).encode(), body[other]))
    return body[: one.start] + word + body[one.stop :]


def nest(body: bytes, luck: random.Random) -> bytes:
    """Put a value into many others."""
    deep = luck.choice((900, 1_100, 5_000)) if luck.random() < 0.1 else luck.randint(1, 20)
    opening, closing = luck.choice(((b"[", b"]"), (b'{"a":', b"}")))
    one = _scalar(body, luck) if luck.random() < 0.8 else slice(0, len(body))
    closes = closing * (deep if luck.random() < 0.9 else 0)
    return body[: one.start] + opening * deep + body[one] + closes + body[one.stop :]


def _scalar(body: bytes, luck: random.Random) -> slice:
    """Return where some value or bracket stands, or what a cut left of one."""
    found = _SCALAR.search(body, luck.randrange(len(body) + 1))
    return slice(found.start(), found.end()) if found else slice(0, 0)


def pack(body: bytes, luck: random.Random) -> bytes:
    """Put it into a zip, or a zip in a zip, under an odd name, and damage that too, now and then."""
    for _ in range(luck.choice((1, 1, 1, 2, 3))):
        packed = io.BytesIO()
        method = luck.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        with zipfile.ZipFile(packed, "w", method) as archive:
            for number in range(luck.choice((0, 1, 1, 1, 1, 2, 3))):
                name = luck.choice(("one.csv", "../one", "a/", "\u2028", "x" * 200, "e\x01", "z.zip"))
                archive.writestr(zipfile.ZipInfo(f"{number}{name}"), body, method)
        body = packed.getvalue()
    return luck.choice((flip, lie, cut))(body, luck) if luck.random() < 0.8 else body


def lie(body: bytes, luck: random.Random) -> bytes:
    """Make a zip's headers say something else of sizes, offsets, methods and flags."""
    some = bytearray(body)
    places = [at.start() for at in re.finditer(rb"PK(?:\x01\x02|\x03\x04|\x05\x06)", body)]
    at = luck.choice(places or [0]) + luck.randrange(4, 46)
    value = luck.choice((0, 1, 8, 9, 12, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFE, luck.randrange(1 << 32)))
    width = luck.choice((2, 4))
    some[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
    return bytes(some)


def _word(luck: random.Random) -> bytes:
    return luck.choice(TOKENS).encode()


OCTETS: Sequence[Change] = (flip, flip, cut, repeat)
ROWS: Sequence[Change] = (
    *(flip, cut, repeat, swap_cells, swap_cells, swap_cells),
    *(change_columns, swap_rows, requote, recode, lengthen),
)
REPORT: Sequence[Change] = (*ROWS, recount, recount, recount)
JSON: Sequence[Change] = (
    flip,
    cut,
    repeat,
    swap_scalars,
    swap_scalars,
    swap_scalars,
    swap_scalars,
    nest,
    lengthen,
)
ZIP: Sequence[Change] = (flip, cut, repeat, lie, lie, lie, lie)
