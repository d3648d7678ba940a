import contextlib
import csv
import io
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.mms.files import DATA, GENUINE, zipped

from manta.domain.time import NEM_TIME
from manta.mms.catalogue import (
    DAY_OFFER,
    FEEDS,
    PRICE,
    PRICE_AND_DEMAND,
    TABLES,
    TRADING_PRICE,
    UNIT_SCADA,
    Kind,
    table_of_month,
)
from manta.mms.lines import MarketFileError
from manta.mms.reports import archived_tables, sections_of, tables_in
from manta.mms.rows import TYPES, Rows, upsert
from manta.mms.tables import parquet_rows, price_and_demand

FILES = sorted(
    path for path in (*DATA.glob("*"), *DATA.with_name("bids").glob("*")) if path.suffix != ".json"
)
needs_data = pytest.mark.skipif(not FILES, reason="the genuine files are not beside this checkout")
HEADER = "I,DISPATCH,PRICE,5,SETTLEMENTDATE,REGIONID,INTERVENTION,RRP,LASTCHANGED"
ROW = 'D,DISPATCH,PRICE,5,"2025/08/20 18:10:00",NSW1,0,242.65268,"2025/08/20 18:05:07"'
SCADA = "I,DISPATCH,UNIT_SCADA,1,SETTLEMENTDATE,DUID,SCADAVALUE,LASTCHANGED"


def report(*lines, end=None):
    lines = ("C,NEMP.WORLD,DISPATCHIS,AEMO,PUBLIC", *lines)
    return "\r\n".join((*lines, f'C,"END OF REPORT",{end or len(lines) + 1}', "")).encode()


def prices(*lines):
    return tables_in("f", report(*lines), (PRICE,))[PRICE]


def refusal(*lines, end=None):
    with pytest.raises(MarketFileError) as caught:
        tables_in("f", report(*lines, end=end), TABLES)
    return caught.value


@needs_data
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_genuine_file_is_read_to_its_last_row(path):
    body = path.read_bytes()
    if path.suffix == ".parquet":
        table = table_of_month(path.name) or (PRICE if "DISPATCHPRICE" in path.name else PRICE_AND_DEMAND)
        rows, other = parquet_rows(path.name, body, table), pd.read_parquet(path)
        assert len(rows) == len(other)
        assert set(rows.columns.column_names) == {name for name in other if not name.startswith("__")}
        for column in set(rows.columns.column_names) & table.numbers if len(rows) else ():
            np.testing.assert_allclose(rows.numbers(column), pd.to_numeric(other[column]), rtol=1e-12)
    elif path.name.startswith("PRICE_AND_DEMAND"):
        rows, other = price_and_demand(path.name, body), list(csv.DictReader(io.StringIO(body.decode())))
        assert rows.texts("REGION") == [row["REGION"] for row in other]
        assert rows.numbers("RRP").tolist() == [float(row["RRP"]) for row in other]
    else:
        counted = [row[1:4] for row in csv.reader(io.StringIO(body.decode())) if row[0] == "D"]
        sections = sections_of(path.name, body)
        for section in sections:
            assert section.rows == counted.count([section.group, section.name, section.version])
        assert 2 + sum(1 + section.rows for section in sections) == len(body.splitlines())


@pytest.mark.skipif(not GENUINE.exists(), reason="the genuine DISPATCHIS file is not beside this checkout")
def test_the_genuine_report_holds_what_another_reader_finds_in_it():
    found = tables_in(GENUINE.name, GENUINE.read_bytes(), TABLES)
    rows = list(csv.reader(io.StringIO(GENUINE.read_text())))

    assert len(found) == 6
    for table, read in found.items():
        (header,) = [row for row in rows if row[0] == "I" and row[1:3] == [table.group, table.name]]
        data = [row for row in rows if row[0] == "D" and row[1:3] == [table.group, table.name]]
        for place, column in enumerate(header[4:], start=4):
            said = [row[place] for row in data]
            if table.kind(column) is Kind.NUMBER:
                expected = [float(text) if text else np.nan for text in said]
                np.testing.assert_array_equal(read.numbers(column), expected)
            elif table.kind(column) is Kind.INSTANT:
                at = np.array([text.replace("/", "-").replace(" ", "T") for text in said], "datetime64[ms]")
                np.testing.assert_array_equal(read.instants(column), at - np.timedelta64(10, "h"))
            else:
                assert read.texts(column) == [text or None for text in said]


def test_columns_come_by_name_wherever_they_stand_and_times_are_utc():
    turned = "I,DISPATCH,PRICE,5,LASTCHANGED,RRP,INTERVENTION,REGIONID,SETTLEMENTDATE,NEW"
    row = 'D,DISPATCH,PRICE,5,"2025/08/20 18:05:07",-1.5,0,SA1,"2025/08/20 18:10:00",as it is'

    rows = prices(HEADER, ROW, turned, row)

    assert rows.texts("REGIONID") == ["NSW1", "SA1"]
    assert rows.numbers("RRP").tolist() == [242.65268, -1.5]
    assert rows.texts("NEW") == [None, "as it is"]
    assert rows.instants("SETTLEMENTDATE")[1].item() == datetime(2025, 8, 20, 8, 10)  # noqa: DTZ001


def test_unknown_is_never_zero():
    rows = prices(HEADER, ROW.replace("242.65268", "").replace('"2025/08/20 18:05:07"', ""))

    assert np.isnan(rows.numbers("RRP")[0])
    assert np.isnat(rows.instants("LASTCHANGED")[0])


@pytest.mark.parametrize(
    ("lines", "line", "cause"),
    [
        ((HEADER, ROW, ROW + ",1"), 4, "Expected 9 columns, got 10"),
        ((HEADER, ROW, ROW.replace("242.65268", "dear")), 4, "invalid value 'dear'"),
        ((HEADER, ROW.replace("242.65268", "nan")), 3, "RRP: it is not a finite number"),
        (
            (HEADER, ROW, ROW.replace("08/20 18:10", "02/30 18:10")),
            4,
            "SETTLEMENTDATE: '2025/02/30 18:10:00'",
        ),
        ((HEADER, ROW, ROW.replace("18:10:00", "24:00:00")), 4, "is not a time such as"),
        ((HEADER, ROW.replace("NSW1", "")), 3, "REGIONID: it is empty, and of the key"),
        (
            (HEADER, ROW, ROW.replace("PRICE", "PRIZE")),
            4,
            "stands where rows of 'D,DISPATCH,PRICE,5,' should",
        ),
        ((HEADER, ROW, "C,AEMO"), 4, "stands where rows of"),
        ((HEADER, ROW.replace("NSW1", '"NSW1')), None, ""),
        ((HEADER, ROW.replace("NSW1", '"NS\nW1"')), 5, "it says '4' rows and has 5"),
        ((HEADER, ROW.replace("NSW1", "NS\rW1")), None, "1 carriage returns end no row"),
        ((HEADER.replace("RRP", "REGIONID"), ROW), 2, "names a column twice"),
        ((HEADER.replace("REGIONID", "REGION"), ROW), 2, "has no column REGIONID"),
        ((ROW, HEADER), 2, "there is neither a header nor the last row"),
    ],
)
def test_what_cannot_be_believed_is_refused_with_line_and_cause(lines, line, cause):
    error = refusal(*lines)

    assert cause in error.cause
    assert line is None or error.line == line


def test_the_footer_is_compared_even_where_nobody_wants_the_table():
    assert "it says '9' rows and has 4" in refusal(HEADER, ROW, end=9).cause
    with pytest.raises(MarketFileError, match="cut short"):
        tables_in("f", report(HEADER, ROW)[:-20], ())


def test_archives_of_archives_give_every_report_and_a_deeper_one_is_refused():
    day = zipped(report(HEADER, ROW))

    assert [len(found[PRICE]) for _, found in archived_tables("a.zip", zipped(day, "b.zip"))] == [1]
    with pytest.raises(MarketFileError, match="zips in zips in zips"):
        list(archived_tables("a.zip", zipped(zipped(day, "b.zip"), "c.zip")))


def test_only_the_columns_asked_for_and_the_key_are_read():
    found = tables_in("f", report(HEADER, ROW), (PRICE,), ("RRP",))

    assert found[PRICE].columns.column_names == ["SETTLEMENTDATE", "REGIONID", "INTERVENTION", "RRP"]


def test_a_table_without_rows_is_there_and_empty():
    assert len(tables_in("f", report(SCADA), TABLES)[UNIT_SCADA]) == 0


@pytest.mark.parametrize(
    ("file", "table"),
    [
        ("PUBLIC_DVD_DISPATCHPRICE_202101010000.zip", PRICE),
        ("PUBLIC_ARCHIVE%23TRADINGPRICE%23FILE01%23202501010000.zip", TRADING_PRICE),
        ("PUBLIC_ARCHIVE#BIDDAYOFFER_D#FILE01#202501010000.zip", DAY_OFFER),
        ("PUBLIC_DVD_SETTLEMENTS_202101010000.zip", None),
        ("anything", None),
    ],
)
def test_a_monthly_file_is_known_by_its_name(file, table):
    assert table_of_month(file) is table


def test_every_table_is_named_once_and_its_key_and_change_have_kinds():
    assert len({(table.group, table.name) for table in TABLES}) == len(TABLES)
    assert len({table.monthly for table in TABLES}) == len(TABLES)
    for table in TABLES:
        assert all(table.kind(column) is not Kind.TEXT for column in (*table.key, *table.newest_by))


def test_a_feed_knows_its_files():
    dispatch = FEEDS[0]

    assert dispatch.file_name.fullmatch(GENUINE.name)[1] == "202508201810"
    assert dispatch.archive_name.fullmatch("PUBLIC_DISPATCHIS_20250820.zip")[1] == "20250820"
    assert not dispatch.file_name.fullmatch("PUBLIC_TRADINGIS_202508201810_1.zip")


@given(
    since=st.integers(0, 20 * 288),
    outage=st.integers(0, 10 * 288),
    turn=st.sampled_from((0, 4)),
)
@settings(max_examples=40, deadline=None)
def test_after_an_outage_no_publication_is_left_out(since, outage, turn):
    begin = datetime(2025, 8, 1, 0, 5, tzinfo=NEM_TIME)
    times = [begin + n * timedelta(minutes=5) for n in range(since + outage + 1)]
    last_archived = (times[-1] - timedelta(days=1)).date()
    days = {at: (at - timedelta(hours=turn, minutes=5)).date() for at in times}
    archived = {f"PUBLIC_DISPATCHIS_{day:%Y%m%d}.zip": day for day in days.values() if day < last_archived}
    current = {f"PUBLIC_DISPATCHIS_{at:%Y%m%d%H%M}_1.zip": at for at in times[-3 * 288 :]}

    names = FEEDS[0].missed(times[since], [*current, "other"], [*archived, "other"])

    read = {current[name] for name in names if name in current}
    read |= {at for at in times if days[at] in {archived[name] for name in names if name in archived}}
    assert read >= set(times[since:])
    assert len(names) == len(set(names))


def price_rows(rows):
    kinds = {name: TYPES[PRICE.kind(name)] for name in (*PRICE.key, "RRP", "LASTCHANGED", "NOTE")}
    at = datetime(2025, 1, 1, tzinfo=UTC)
    listed = [
        dict(
            zip(
                kinds, (at.replace(hour=hour), region, 0.0, rrp, at.replace(minute=minute), note), strict=True
            )
        )
        for hour, region, rrp, minute, note in rows
    ]
    return Rows(PRICE, pa.Table.from_pylist(listed, schema=pa.schema(kinds)))


published = st.tuples(
    st.integers(0, 2),
    st.sampled_from(("NSW1", "SA1")),
    st.sampled_from((None, -1_000.0, 0.0, 300.0)),
    st.integers(0, 3),
    st.sampled_from((None, "a", "b")),
)


@settings(max_examples=60, deadline=None)
@given(heard=st.lists(published, min_size=1, max_size=12), data=st.data())
def test_any_order_and_repetition_of_publications_comes_to_the_same(heard, data):
    again = data.draw(st.permutations(heard + data.draw(st.lists(st.sampled_from(heard), max_size=5))))
    split = data.draw(st.integers(0, len(again)))
    once = upsert(PRICE, [price_rows(heard)])

    both = upsert(PRICE, [price_rows(again[:split]), price_rows(again[split:])])
    stepwise = upsert(PRICE, [upsert(PRICE, [price_rows(again[:split])]), price_rows(again[split:])])

    assert once.columns.to_pylist() == both.columns.to_pylist() == stepwise.columns.to_pylist()
    assert len(once) == len({row[:2] for row in heard})
    newest = {}
    for hour, region, _, minute, _ in heard:
        newest[hour, region] = max(minute, newest.get((hour, region), 0))
    changed = once.instants("LASTCHANGED").tolist()
    assert [at.minute for at in changed] == [newest[key] for key in sorted(newest)]


def test_a_later_change_wins_an_earlier_one_changes_nothing():
    first, revised = price_rows([(0, "NSW1", 300.0, 1, None)]), price_rows([(0, "NSW1", 310.0, 2, None)])

    assert upsert(PRICE, [first, revised]).numbers("RRP").tolist() == [310.0]
    assert upsert(PRICE, [revised, first]).numbers("RRP").tolist() == [310.0]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_mutation_makes_it_fail_in_any_other_way(data):
    body = bytearray(report(HEADER, ROW, ROW, SCADA, 'D,DISPATCH,UNIT_SCADA,1,"2025/12/27",A,0.2,'))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9)) or b"\n"
    counted = re.sub(rb'REPORT",\d+', b'REPORT",%d' % body.count(b"\n"), bytes(body))
    with contextlib.suppress(MarketFileError):
        tables_in("f", counted, TABLES)
