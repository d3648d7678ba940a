import io
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.marketdata.published import nem
from tests.unit.mms.files import DATA, csv, price_row, zipped

from manta.marketdata import imports
from manta.marketdata.history import MarketData
from manta.marketdata.imports import Entry, Importer, note, read_log
from manta.marketdata.merging import Kept
from manta.marketdata.reading import rows_in
from manta.mms.catalogue import PREDISPATCH_PRICE, PRICE, PRICE_AND_DEMAND
from manta.mms.lines import MarketFileError

NOW = nem(2027, 1, 15)
BODY = csv(price_row(), price_row(REGIONID="SA1"))
LATER = csv(price_row(LASTCHANGED='"2027/01/14 18:10:00"', RRP="99"))
DEMAND = b"REGION,SETTLEMENTDATE,TOTALDEMAND,RRP,PERIODTYPE\nNSW1,2024/01/01 00:05:00,6574.92,57.98,TRADE\n"


@pytest.fixture
def market(tmp_path):
    return MarketData(tmp_path / "market")


@pytest.fixture
def put(tmp_path):
    def put(name, body):
        path = tmp_path / "files" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
        return path

    return put


def take(market, *paths):
    importer = Importer(market, NOW)
    taken = [each for path in paths for each in importer.take(path, path.name)]
    importer.finish()
    return taken, importer.totals


def archive(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, body in members.items():
            opened.writestr(name, body)
    return buffer.getvalue()


def copy(name, columns, **types):
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return rows_in(name, buffer.getvalue())


@pytest.mark.parametrize(
    ("name", "body", "cause"),
    [
        ("empty.csv", b"", "0 bytes"),
        ("words.csv", b"dear reader,\n", "neither a report of AEMO"),
        ("cut.csv", BODY[: BODY.index(b'C,"END')], "cut short"),
        ("footer.csv", BODY.replace(b'REPORT",5', b'REPORT",7'), "it says '7' rows and has 5"),
        (
            "unknown.csv",
            BODY.replace(b"DISPATCH,PRICE", b"DISPATCH,PRIZE"),
            "no table that Manta keeps: DISPATCH PRIZE",
        ),
        ("cut.parquet", b"PAR1 and no more", "no parquet file"),
        ("cut.zip", zipped(BODY)[:-30], "damaged zip"),
        ("nothing.zip", archive(), "there is nothing in it"),
        ("deep.zip", zipped(zipped(zipped(BODY))), "zips in zips in zips"),
        ("dashboard.json", b'{"5MIN":[]}', "5MIN is empty"),
        ("demand.csv", DEMAND.replace(b"57.98", b"dear"), "dear"),
    ],
)
def test_what_cannot_be_believed_is_refused_and_leaves_nothing(market, put, name, body, cause):
    (taken,), totals = take(market, put(name, body))

    assert cause in str(taken.refusal)
    assert name in str(taken.refusal)
    assert not totals
    assert not list(market.root.rglob("*.parquet"))
    assert not read_log(market.root).files


def test_a_file_that_is_not_there_or_too_large_is_refused(market, put, tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "ARCHIVE_PACKED", 10)

    (absent, large), _ = take(market, tmp_path / "nowhere.csv", put("large.csv", BODY))

    assert "No such file" in str(absent.refusal)
    assert "it should have 1 to 10" in str(large.refusal)


def test_a_copy_whose_table_cannot_be_told_or_that_lacks_a_key_is_refused():
    with pytest.raises(MarketFileError, match="say of which table"):
        copy("prices.parquet", {"SETTLEMENTDATE": ["2024/01/01 00:05:00"], "PRICE": [1.0]})
    with pytest.raises(MarketFileError, match="have no column INTERVENTION"):
        copy(
            "PUBLIC_DVD_DISPATCHPRICE_202401010000.parquet",
            {"SETTLEMENTDATE": ["2024/01/01 00:05:00"], "REGIONID": ["NSW1"]},
        )


def test_a_copy_is_known_by_its_name_or_its_columns():
    dated = {"SETTLEMENTDATE": ["2024/01/01 00:05:00"], "RRP": [1.0]}
    keyed = dated | {"REGIONID": ["NSW1"], "INTERVENTION": [0]}
    foreseen = {"PREDISPATCHSEQNO": ["2024010101"], "DATETIME": ["2024/01/01 04:30:00"]} | keyed

    assert copy("some_dispatchprice_2024.parquet", keyed)[0].table is PRICE
    assert copy("my_PREDISPATCHPRICE.parquet", foreseen)[0].table is PREDISPATCH_PRICE
    assert copy("any.parquet", dated | {"REGION": ["NSW1"]})[0].table is PRICE_AND_DEMAND


def test_a_refused_file_in_an_archive_keeps_no_other_out_and_is_tried_again(market, put):
    path = put("day.zip", archive(a=BODY, b=b"words", c=LATER))

    taken, totals = take(market, path)
    again, _ = take(market, path)

    assert [each.refusal is None for each in taken] == [True, False, True]
    assert str(taken[1].refusal).startswith("day.zip: b: neither")
    assert totals[PRICE].kept.added == 2
    assert [each.known for each in again] == [False, False, False]


def test_names_in_a_zip_lead_nowhere(market, put, tmp_path):
    path = put("sly.zip", archive(**{"../../../escaped.csv": BODY, "/escaped.csv": LATER}))

    taken, _ = take(market, path)

    assert [each.refusal for each in taken] == [None, None]
    written = {each.name for each in tmp_path.rglob("*") if each.is_file()}
    assert written == {"sly.zip", ".lock", "2027-01.parquet", "imported.json"}


def test_what_was_read_is_not_read_again_whatever_it_is_called(market, put):
    _, first = take(market, put("a.csv", BODY))
    (taken,), second = take(market, put("b.csv", BODY))

    assert first[PRICE].kept == Kept(added=2)
    assert taken.known
    assert not second


def test_what_was_read_with_less_knowledge_is_read_again(market, put):
    path = put("a.csv", BODY)
    take(market, path)
    ((digest, entry),) = read_log(market.root).files.items()
    note(market.root, files={digest: Entry(entry.file, "older", entry.rows, NOW)})

    (taken,), totals = take(market, path)

    assert not taken.known
    assert totals[PRICE].kept == Kept(unchanged=2)


def test_broken_off_it_goes_on_and_comes_to_the_same(market, put):
    paths = [
        put(f"{n}.csv", csv(price_row(REGIONID=region))) for n, region in enumerate(("NSW1", "SA1", "VIC1"))
    ]
    broken = Importer(market, NOW)
    for path in paths[:2]:
        list(broken.take(path, path.name))
        broken.finish()
    list(broken.take(paths[2], "2.csv"))  # and then it was gone

    taken, totals = take(market, *paths)

    assert [each.known for each in taken] == [True, True, False]
    assert totals[PRICE].kept == Kept(added=1)
    assert market.read(PRICE, nem(2027, 1, 1), nem(2027, 2, 1)).texts("REGIONID") == ["NSW1", "SA1", "VIC1"]


def test_many_reports_are_kept_as_one_and_never_more_than_was_said_wait(market, put, monkeypatch):
    monkeypatch.setattr(imports, "MOST_WAITING", 1)
    importer = Importer(market, NOW)
    path = put("day.zip", zipped(archive(a=BODY, b=LATER)))

    seen = [len(market.months(PRICE)) for _ in importer.take(path, path.name)]

    assert seen == [1, 1]
    assert importer.totals[PRICE].kept == Kept(added=2, changed=1)


def test_two_imports_note_what_they_read_in_one_log_and_a_broken_log_says_so(market):
    note(market.root, files={"a": Entry("a.csv", "r", 1, NOW)})
    note(market.root, addresses={"https://a.example/a.zip": '"1"'})

    log = read_log(market.root)

    assert (set(log.files), log.addresses) == ({"a"}, {"https://a.example/a.zip": '"1"'})
    (market.root / "imported.json").write_text(json.dumps({"files": 1}))
    with pytest.raises(ValueError, match="imported.json.*remove it"):
        read_log(market.root)


@pytest.mark.skipif(not DATA.is_dir(), reason="the genuine files are not beside this checkout")
def test_every_genuine_file_is_imported_to_its_last_row(market):
    paths = sorted(path for path in DATA.iterdir() if path.is_file())

    taken, totals = take(market, *paths)

    assert [each for each in taken if each.refusal] == []
    assert totals[PREDISPATCH_PRICE].kept == Kept(added=412_920)
    assert sum(each.rows for each in taken) == 836_354
    assert len(market.read(PRICE, nem(2020, 12, 31, 23, 59), nem(2021, 2, 1))) >= 44_640
    vic = market.read(PRICE_AND_DEMAND, nem(2022, 1, 1), nem(2025, 1, 1), ("RRP",), ("VIC1",))
    assert len(vic) == 105_120 + 105_120 + 105_408
