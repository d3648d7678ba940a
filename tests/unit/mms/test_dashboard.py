"""The dashboard's JSON: all of a genuine answer, and everything that is none refused with its place."""

import contextlib
import json
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.mms.files import DATA

from manta.domain.time import NEM_TIME
from manta.mms.catalogue import PRICE_AND_DEMAND
from manta.mms.dashboard import FORECASTS, MOST_BYTES, MOST_ROWS, dashboard_rows
from manta.mms.lines import MarketFileError
from manta.mms.rows import upsert

ANSWER = DATA / "aemo_5min_data_20211006_08.json"
ROW = {
    "SETTLEMENTDATE": "2021-10-06T15:00:00",
    "REGIONID": "NSW1",
    "REGION": "NSW1",
    "RRP": 24.5,
    "TOTALDEMAND": 5941.25,  # MW
    "PERIODTYPE": "ACTUAL",
    "NETINTERCHANGE": -293.33,
}


def answer(*rows):
    return json.dumps({"5MIN": list(rows)}).encode()


def refusal(body):
    with pytest.raises(MarketFileError) as caught:
        dashboard_rows("f.json", body)
    return caught.value


@pytest.mark.skipif(not ANSWER.exists(), reason="the genuine answer is not beside this checkout")
def test_every_row_of_a_genuine_answer_is_read_as_an_independent_reader_reads_it():
    body = ANSWER.read_bytes()
    (rows,) = dashboard_rows(ANSWER.name, body)

    theirs = json.loads(body)["5MIN"]
    assert rows.table is PRICE_AND_DEMAND
    assert len(rows) == len(theirs) == 2_880
    assert rows.numbers("RRP").tolist() == [row["RRP"] for row in theirs]
    assert rows.numbers("TOTALDEMAND").tolist() == [row["TOTALDEMAND"] for row in theirs]
    assert rows.texts("REGION") == [row["REGIONID"] for row in theirs]
    ends = [datetime.fromisoformat(row["SETTLEMENTDATE"]).replace(tzinfo=NEM_TIME) for row in theirs]
    assert rows.instants("SETTLEMENTDATE").astype("int64").tolist() == [e.timestamp() * 1_000 for e in ends]
    assert len(upsert(rows.table, [rows, rows])) == len(rows), "the same answer twice is one"


def test_an_instant_is_the_end_of_an_interval_in_market_time():
    (rows,) = dashboard_rows("f.json", answer(ROW))

    assert rows.instants("SETTLEMENTDATE").tolist() == [datetime(2021, 10, 6, 5, 0)]  # noqa: DTZ001 - NumPy's UTC


def test_a_forecast_is_never_among_the_prices():
    later = ROW | {"SETTLEMENTDATE": "2021-10-06T15:05:00", "PERIODTYPE": "FORECAST", "RRP": 14_000.0}

    actual, forecasts = dashboard_rows("f.json", answer(later, ROW))

    assert (actual.table, actual.numbers("RRP").tolist()) == (PRICE_AND_DEMAND, [24.5])
    assert (forecasts.table, forecasts.numbers("RRP").tolist()) == (FORECASTS, [14_000.0])


@pytest.mark.parametrize(
    ("field", "value", "cause"),
    [
        ("SETTLEMENTDATE", "2021-10-06T15:01:00", "interval"),
        ("SETTLEMENTDATE", "2021/10/06 15:00:00", "does not match"),
        ("SETTLEMENTDATE", "2021-02-30T15:00:00", "day"),
        ("SETTLEMENTDATE", None, "Expected `str`"),
        ("REGIONID", "WA1", "not a region"),
        ("REGION", "VIC1", "is not NSW1"),
        ("PERIODTYPE", "GUESS", "neither"),
        ("RRP", 15_100.01, "bounds"),
        ("RRP", -1_000.01, "bounds"),
        ("RRP", "24.5", "Expected `float`"),
        ("RRP", None, "Expected `float`"),
        ("TOTALDEMAND", 1e9, "more than a region"),
    ],
)
def test_a_row_of_nonsense_is_refused_by_its_place(field, value, cause):
    refused = refusal(answer(ROW | {"REGIONID": "SA1", "REGION": "SA1"}, ROW | {field: value}))

    assert (refused.file, refused.line) == ("f.json", None)
    assert refused.cause.startswith("5MIN[1]")
    assert field in refused.cause or field.casefold() in refused.cause
    assert cause in refused.cause


def test_prices_at_the_bounds_of_their_year_are_prices():
    at_the_cap = ROW | {"RRP": 15_100.0}
    at_the_floor = ROW | {"RRP": -1_000.0, "REGION": "SA1", "REGIONID": "SA1"}

    (rows,) = dashboard_rows("f.json", answer(at_the_cap, at_the_floor))

    assert rows.numbers("RRP").tolist() == [15_100.0, -1_000.0]


def test_an_interval_that_stands_twice_is_refused():
    assert "5MIN[0] too" in refusal(answer(ROW, ROW)).cause


def test_a_row_that_lacks_a_field_is_refused():
    assert "RRP" in refusal(answer({k: v for k, v in ROW.items() if k != "RRP"})).cause.upper()


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"", "0 bytes"),
        (b"{", "no answer"),
        (b"[]", "no answer"),
        (b"{}", "no answer"),
        (b'{"5MIN":{}}', "no answer"),
        (b'{"5MIN":[]}', "empty"),
        (b'{"5MIN":[NaN]}', "no answer"),
        (b'{"5MIN":["\xff"]}', "5MIN[0]"),
        (b'{"5MIN":' + b"[" * 100_000, "no answer"),
        (b"x" * (MOST_BYTES + 1), "bytes"),
        (b'{"5MIN":[' + b"1," * MOST_ROWS + b"1]}", "rows"),
    ],
    ids=range(11),
)
def test_what_is_no_answer_is_refused_as_a_whole(body, cause):
    assert cause in str(refusal(body))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=9) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ROW, "5MIN"]), inner),
        max_leaves=12,
    ),
    st.binary(max_size=4),
    st.integers(0, 60),
)
@settings(max_examples=300, deadline=None)
def test_whatever_comes_is_read_or_refused(value, noise, at):
    body = json.dumps({"5MIN": [ROW, value]}).encode()
    for each in (body, body[:at] + noise + body[at:]):
        with contextlib.suppress(MarketFileError):
            assert sum(map(len, dashboard_rows("f", each))) > 0


@given(
    st.lists(st.tuples(st.integers(0, 500), st.floats(-1_000, 15_000), st.sampled_from(["NSW1", "SA1"]))),
)
def test_what_was_written_is_read_back(told):
    unique = {(n, region): per_mwh for n, per_mwh, region in told}
    start = datetime(2021, 10, 6, 4, tzinfo=NEM_TIME)
    written = [
        ROW | {"SETTLEMENTDATE": f"{start + n * timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}", "RRP": per_mwh}
        | {"REGION": region, "REGIONID": region}
        for (n, region), per_mwh in unique.items()
    ]  # fmt: skip
    if not written:
        assert "empty" in refusal(answer()).cause
        return
    (rows,) = dashboard_rows("f", answer(*written))

    assert np.array_equal(rows.numbers("RRP"), np.array(list(unique.values()), float))
