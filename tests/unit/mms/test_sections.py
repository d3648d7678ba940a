"""A report read in pieces: what comes of it does not depend on where one ends and the next begins."""

import random
import tracemalloc
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.mms.files import zipped

from manta.mms import archive
from manta.mms.archive import archived_files, archived_pieces
from manta.mms.catalogue import PRICE, TABLES
from manta.mms.lines import MarketFileError
from manta.mms.reports import archived_tables, tables_in
from manta.mms.rows import AHEAD_MS, NAME, CellError, parse_instants
from manta.mms.sections import LONGEST_DATA_ROW, stretches

HEADER = "I,DISPATCH,PRICE,5,SETTLEMENTDATE,REGIONID,INTERVENTION,RRP,LASTCHANGED"
ROW = 'D,DISPATCH,PRICE,5,"2025/08/20 18:10:00",NSW1,0,242.65268,"2025/08/20 18:05:07"'
OTHER = "I,MARKET,NOTICE,1,TEXT"


def report(*lines, end="\r\n"):
    lines = ("C,NEMP.WORLD,DISPATCHIS,AEMO,PUBLIC", *lines)
    return end.join((*lines, f'C,"END OF REPORT",{len(lines) + 1}', "")).encode()


def split(body, places):
    edges = [0, *sorted(places), len(body)]
    return [body[a:b] for a, b in zip(edges, edges[1:], strict=False)]


def seen(pieces):
    """Return what a report holds, or that it was refused."""
    try:
        found = list(stretches("f", pieces))
    except MarketFileError as error:
        return error.line, error.cause
    rows: dict[int, bytes] = {}
    for stretch in found:
        rows[stretch.section.line] = rows.get(stretch.section.line, b"") + bytes(stretch.octets)
        assert bytes(stretch.octets[: stretch.last]).count(b"\n") == max(stretch.rows - 1, 0)
    return rows


line = st.sampled_from(
    (HEADER, ROW, ROW, ROW, OTHER, "D,MARKET,NOTICE,1,x", "", "C,AEMO", "D,", 'D,"', "é", "\r")
)


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(line, max_size=8), end=st.sampled_from(("\n", "\r\n")), data=st.data())
def test_a_report_is_the_same_however_it_is_cut_into_pieces(lines, end, data):
    body = report(*lines, end=end)[: data.draw(st.sampled_from((None, None, -1, -9)))]
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=20))

    assert seen(split(body, places)) == seen([body])


@pytest.mark.parametrize("piece", [7, 64, 300, 1 << 18])
def test_a_table_is_the_same_whatever_the_size_of_a_piece(monkeypatch, piece):
    body = report(HEADER, *[ROW.replace("242.65268", str(n)) for n in range(50)], OTHER, HEADER, ROW)
    monkeypatch.setattr(archive, "_PIECE", piece)

    ((_, found),) = archived_tables("f.zip", zipped(body), TABLES)

    assert found[PRICE].numbers("RRP").tolist() == [*map(float, range(50)), 242.65268]


@pytest.mark.parametrize("piece", [64, 1 << 18])
@pytest.mark.parametrize(
    "rows",
    [
        (ROW[:-1],),  # the quotation at the end of the last row is not closed
        (ROW[:-1], ROW),
        (ROW[:-1], ROW, ROW),
        (ROW, ROW[:-1] + "\r\n" + 'D,DISPATCH,PRICE,5,2025/08/20 18:10:00,SA1,0,1,2025/08/20 18:05:07"'),
    ],
)
def test_a_quotation_that_its_row_does_not_close_is_refused_wherever_pieces_end(monkeypatch, piece, rows):
    monkeypatch.setattr(archive, "_PIECE", piece)

    with pytest.raises(MarketFileError):
        tables_in("f", report(HEADER, *rows), TABLES)


def test_a_mark_within_a_cell_is_a_letter():
    rows = tables_in("f", report(HEADER + ",NOTE", ROW + ',6" pipe'), TABLES)[PRICE]

    assert rows.texts("NOTE") == ['6" pipe']


@pytest.mark.parametrize("cause", ["it was cut short", "it says '2' rows"])
def test_that_a_file_was_cut_short_is_said_before_what_is_wrong_in_it(cause):
    body = report(HEADER, ROW.replace("242.65268", "dear"), "C,AEMO")
    body = body[:-20] if "cut" in cause else body.replace(b'REPORT",5', b'REPORT",2')

    with pytest.raises(MarketFileError, match=cause):
        tables_in("f", body, TABLES)


def test_a_row_without_an_end_is_refused_before_it_is_held():
    taken = 0

    def endless():
        nonlocal taken
        yield report(HEADER, ROW)[:-20]
        while True:
            taken += 1
            yield b"1" * 100_000

    with pytest.raises(MarketFileError, match="a row of more than"):
        list(stretches("f", endless()))
    assert taken * 100_000 < 3 * LONGEST_DATA_ROW


def test_a_header_of_long_names_over_many_short_rows_is_refused_at_once():
    header = f"I,{'A' * 99_000},PRICE,5,SETTLEMENTDATE"

    with pytest.raises(MarketFileError, match="stands where rows of"):
        tables_in("f", report(header, *["D"] * 100_000), TABLES)


def test_a_large_table_is_read_without_being_held(monkeypatch):
    monkeypatch.setattr(archive, "_PIECE", 1 << 16)
    rows = [ROW.replace("242.65268", f"{n * 7_919 % 99_991 / 7}") for n in range(60_000)]
    body = report(HEADER, *rows)
    packed = zipped(body)
    size = len(body)
    del body, rows

    tracemalloc.start()
    ((_, found),) = archived_tables("f.zip", packed, ())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found == {}
    assert most < size / 4


def test_pieces_of_a_member_are_what_the_whole_of_it_is():
    body = random.Random(1).randbytes(1_300_000)
    packed = zipped(zipped(body, "inner.zip"), "outer.zip")

    pieces = [(name, b"".join(pieces)) for name, pieces in archived_pieces("f", zipped(body))]

    assert [content for _, content in pieces] == [body]
    assert [content for _, content in archived_files("f", packed)] == [body]


within = st.tuples(*(st.integers(0, most) for most in (9999, 13, 32, 25, 61, 61)))
times = st.one_of(
    within.map(lambda parts: "{:04}/{:02}/{:02} {:02}:{:02}:{:02}".format(*parts)),
    within.map(lambda parts: "{:04}/{:02}/{:02}".format(*parts)),
    st.integers(1, 86_399).map(lambda second: f"2025/08/20 {timedelta(seconds=second)!s:0>8}"),
    st.sampled_from(("", "2025-08-20 18:10:00", "2025/08/20T18:10:00", "2025/8/20", "\u0662025/08/20")),
    st.none(),
)


def strictly(text):
    form = "%Y/%m/%d %H:%M:%S" if len(text) == 19 else "%Y/%m/%d"
    at = datetime.strptime(text, form)  # noqa: DTZ007
    if at.strftime(form) != text or at.year < 1000:
        raise ValueError(text)
    return np.datetime64(at, "ms").astype(int) - AHEAD_MS


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(times, max_size=6), cut=st.integers(0, 6))
def test_a_time_is_read_as_the_standard_library_reads_it_or_refused_with_its_row(texts, cut):
    parts = [pa.array(part, pa.string()).cast(NAME) for part in (texts[:cut], texts[cut:])]
    expected, wrong = [], None
    for row, text in enumerate(texts):
        try:
            expected.append(None if text is None else strictly(text))
        except ValueError:
            wrong = row
            break

    if wrong is not None:
        with pytest.raises(CellError) as caught:
            parse_instants(pa.chunked_array(parts))
        assert caught.value.row == wrong
    else:
        assert parse_instants(pa.chunked_array(parts)).cast(pa.int64()).to_pylist() == expected
