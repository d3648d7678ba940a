import multiprocessing
import os
import signal
import tempfile
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.marketdata.published import (
    FIVE,
    TURN,
    keep_parts,
    nem,
    predispatch,
    price,
    prices,
    rows_of,
)

from manta.marketdata import files, monthfile
from manta.marketdata.history import ALL, MarketData
from manta.marketdata.merging import Kept
from manta.marketdata.monthfile import DamagedHistoryError
from manta.marketdata.months import Month, by_month
from manta.mms.catalogue import PREDISPATCH_PRICE, PRICE, UNIT_SCADA
from manta.mms.rows import Rows, upsert

START, END = nem(2023, 12, 1), nem(2024, 4, 1)


def listed(market, table=PRICE):
    return market.read(table, nem(2000, 1, 1), nem(2100, 1, 1)).columns.to_pylist()


@contextmanager
def small_files():
    """Let files fold and split after a few rows, as they do after many."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(monthfile, "FEW_ROWS", 3)
        patch.setattr(monthfile, "GROUP_ROWS", 2)
        patch.setattr(files.os, "fsync", lambda _: None)
        yield MarketData(Path(folder))


def test_rows_without_a_column_of_the_key_are_refused(tmp_path):
    lacking = Rows(PRICE, prices(price(TURN, 1.0)).columns.drop_columns("REGIONID"))

    with pytest.raises(ValueError, match="no column REGIONID"):
        MarketData(tmp_path).keep(lacking)
    assert not list(tmp_path.iterdir())


def test_a_row_without_its_date_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no SETTLEMENTDATE"):
        MarketData(tmp_path).keep(prices(price(TURN, 1.0), price(TURN, 2.0) | {"SETTLEMENTDATE": None}))


def test_a_value_that_its_column_cannot_hold_is_refused(tmp_path):
    rows = prices(price(TURN, 1.0))
    words = rows.columns.drop_columns("RRP").append_column("RRP", pa.array(["dear"]))

    with pytest.raises(ValueError, match="dear"):
        MarketData(tmp_path).keep(Rows(PRICE, words))


def test_a_damaged_file_is_named_with_its_remedy(tmp_path):
    market = MarketData(tmp_path)
    market.keep(prices(price(TURN, 1.0)))
    path = market.month(PRICE, Month(2024, 1)).settled
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(DamagedHistoryError, match=r"2024-01.parquet is damaged .* import the month again"):
        listed(market)


def test_what_was_never_kept_is_empty_and_no_error(tmp_path):
    market = MarketData(tmp_path / "not" / "there")

    assert [len(market.read(table, START, END)) for table in ALL] == [0] * len(ALL)
    assert market.read(PRICE, START, END).numbers("INTERVENTION").tolist() == []
    assert market.coverage(END) == []
    assert market.keep(prices()) == Kept()
    assert not (tmp_path / "not").exists()


def test_an_interval_is_in_the_month_in_which_it_lies(tmp_path):
    market = MarketData(tmp_path)
    market.keep(prices(price(TURN, 1.0), price(TURN + FIVE, 2.0)))

    assert market.months(PRICE) == [Month(2024, 1), Month(2024, 2)]
    assert market.month(PRICE, Month(2024, 1)).read().numbers("RRP").tolist() == [1.0]
    assert Month.holding(TURN) == Month(2024, 1)
    assert Month(2023, 12).next == Month(2024, 1)


def test_a_span_holds_the_intervals_that_lie_in_it(tmp_path):
    market = MarketData(tmp_path)
    market.keep(prices(*(price(TURN + n * FIVE, float(n)) for n in range(-3, 4))))

    within = market.read(PRICE, TURN - FIVE, TURN + FIVE)

    assert within.numbers("RRP").tolist() == [0.0, 1.0]
    assert len(market.read(PRICE, TURN, TURN)) == 0


def test_columns_and_regions_are_those_asked_for(tmp_path):
    market = MarketData(tmp_path)
    market.keep(prices(price(TURN, 1.0), price(TURN, 2.0, "SA1"), price(TURN, 3.0, "VIC1")))

    found = market.read(PRICE, START, END, ("RRP",), ("SA1", "VIC1"))

    assert set(found.columns.column_names) == {*PRICE.key, "RRP"}
    assert found.numbers("RRP").tolist() == [2.0, 3.0]


def test_a_later_change_wins_and_what_is_known_changes_nothing(tmp_path):
    market = MarketData(tmp_path)
    first, revised = price(TURN, 300.0), price(TURN, 310.0, changed=TURN + FIVE)

    assert market.keep(prices(first)) == Kept(added=1)
    assert market.keep(prices(revised, price(TURN, 5.0, "SA1"))) == Kept(added=1, changed=1)
    assert market.keep(prices(first, revised)) == Kept(unchanged=1)
    assert market.read(PRICE, START, END).numbers("RRP").tolist() == [310.0, 5.0]


def test_a_report_does_not_rewrite_the_month_and_many_do(tmp_path, monkeypatch):
    monkeypatch.setattr(monthfile, "FEW_ROWS", 3)
    market = MarketData(tmp_path)
    market.keep(prices(price(TURN, 0.0)))
    month = market.month(PRICE, Month(2024, 1))
    seen = month.settled.stat().st_ino

    for n in range(1, 4):
        market.keep(prices(price(TURN - n * FIVE, float(n))))
        assert month.settled.stat().st_ino == seen
    assert month.fresh.exists()

    market.keep(prices(price(TURN - 4 * FIVE, 4.0)))

    assert not month.fresh.exists()
    assert market.read(PRICE, START, END).numbers("RRP").tolist() == [4.0, 3.0, 2.0, 1.0, 0.0]


def test_a_column_that_comes_later_is_unknown_before(tmp_path):
    market = MarketData(tmp_path)
    market.keep(prices(price(TURN, 1.0)))
    market.keep(prices(price(TURN - FIVE, 2.0, NEW="as it is", RAISE1SECRRP=0.5)))

    rows = market.read(PRICE, START, END)

    assert rows.texts("NEW") == ["as it is", None]
    assert rows.columns["RAISE1SECRRP"].to_pylist() == [0.5, None]


def test_pre_dispatch_is_filed_by_what_it_is_about_and_ordered_by_run(tmp_path):
    market = MarketData(tmp_path)
    market.keep(predispatch(2024013140, TURN - timedelta(minutes=30), 1.0, 2.0, 3.0))
    market.keep(predispatch(2024013139, TURN - timedelta(minutes=60), 4.0, 5.0))

    assert market.months(PREDISPATCH_PRICE) == [Month(2024, 1), Month(2024, 2)]
    january = market.month(PREDISPATCH_PRICE, Month(2024, 1)).read()
    assert january.numbers("RRP").tolist() == [4.0, 5.0, 1.0, 2.0]


def test_groups_of_a_file_share_no_interval_so_that_a_report_reads_few(tmp_path, monkeypatch):
    monkeypatch.setattr(monthfile, "GROUP_ROWS", 4)
    market = MarketData(tmp_path)
    units = [{"DUID": f"U{u}", "SCADAVALUE": 1.0} for u in range(3)]
    times = [TURN - n * FIVE for n in range(8)]
    market.keep(rows_of(UNIT_SCADA, [unit | {"SETTLEMENTDATE": at} for at in times for unit in units]))

    with pq.ParquetFile(market.month(UNIT_SCADA, Month(2024, 1)).settled) as written:
        groups = [written.read_row_group(n)["SETTLEMENTDATE"] for n in range(written.num_row_groups)]

    assert len(groups) > 4
    seen = [set(group.to_pylist()) for group in groups]
    assert sum(map(len, seen)) == len(set().union(*seen)) == 8


heard = st.lists(
    st.builds(
        price,
        st.integers(-4, 4).map(lambda n: TURN + n * FIVE),
        st.sampled_from((-1_000.0, 0.0, 300.0)),
        st.sampled_from(("NSW1", "SA1")),
        st.integers(0, 3).map(lambda n: TURN + n * FIVE),
        NOTE=st.sampled_from((None, "a", "b")),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=20, deadline=None)
@given(parts=st.lists(heard, min_size=1, max_size=5), data=st.data())
def test_any_order_and_repetition_of_parts_comes_to_the_same(parts, data):
    again = data.draw(st.permutations(parts + data.draw(st.lists(st.sampled_from(parts), max_size=3))))
    expected = upsert(PRICE, [prices(*part) for part in parts])
    kept = Kept()

    with small_files() as market:
        for part in again:
            before = len(listed(market))
            came = market.keep(prices(*part))
            assert len(listed(market)) - before == came.added
            keys = {(row["SETTLEMENTDATE"], row["REGIONID"]) for row in part}
            assert came.new + came.unchanged == len(keys)
            kept += came
        assert listed(market) == expected.columns.to_pylist()
        assert kept.added == len(expected)
        assert all(market.keep(prices(*part)).new == 0 for part in parts)


class Killed(BaseException):
    """The process is gone."""


def killed_after(patch, steps):
    """Let a process die before one of its steps on the disk."""
    left = [steps]

    def counted(real):
        def step(*given, **named):
            if not left[0]:
                raise Killed
            left[0] -= 1
            return real(*given, **named)

        return step

    for owner, name in (
        (Path, "replace"),
        (Path, "unlink"),
        (os, "fsync"),
        (pq.ParquetWriter, "write_table"),
    ):
        patch.setattr(owner, name, counted(getattr(owner, name)))
    return left


@pytest.mark.parametrize("count", [2, 8], ids=["beside the month", "into the month"])
def test_killed_at_any_step_nothing_is_lost_and_nothing_doubled(count):
    before = [price(TURN - n * FIVE, float(n)) for n in range(3)]
    coming = [price(TURN - n * FIVE, -float(n), changed=TURN) for n in range(2, 2 + count)]
    whole = upsert(PRICE, [prices(*before), prices(*coming)]).columns.to_pylist()
    steps, died = 0, True

    while died:
        with small_files() as market:
            market.keep(prices(*before[:2]))
            market.keep(prices(*before[2:]))
            had = listed(market)
            with pytest.MonkeyPatch.context() as patch:
                left = killed_after(patch, steps)
                try:
                    market.keep(prices(*coming))
                except Killed:
                    assert not left[0]
                died = not left[0]
            assert listed(market) in (had, whole)
            market.keep(prices(*coming))
            assert listed(market) == whole
            assert not list(market.root.rglob("*.new.parquet")) or count == 2
        steps += 1
    assert steps > 2


def test_writers_at_once_lose_nothing_of_each_other_and_a_killed_one_blocks_nobody(tmp_path):
    context = multiprocessing.get_context("spawn")
    heard_of, pipe = context.Pipe(duplex=False)
    other = context.Process(target=keep_parts, args=(str(tmp_path), "NSW1", 10_000, pipe))
    other.start()
    with heard_of, pipe:
        assert heard_of.recv() == 0
        keep_parts(tmp_path, "SA1", 8)
        os.kill(other.pid, signal.SIGKILL)
        other.join()
        heard = [0]
        while heard_of.poll():
            heard.append(heard_of.recv())
    keep_parts(tmp_path, "VIC1", 2)

    regions = MarketData(tmp_path).read(PRICE, START, END).texts("REGIONID")

    assert other.exitcode == -signal.SIGKILL
    assert len(heard) <= regions.count("NSW1") <= len(heard) + 1
    assert regions.count("TAS1") == max(8, regions.count("NSW1"))
    assert (regions.count("SA1"), regions.count("VIC1")) == (8, 2)


def test_rows_are_told_apart_by_month_without_losing_one():
    rows = prices(*(price(TURN + n * timedelta(days=20), float(n)) for n in range(-3, 4)))

    parts = list(by_month(rows))

    assert [str(month) for month, _ in parts] == ["2023-12", "2024-01", "2024-02", "2024-03"]
    assert sum(len(part) for _, part in parts) == len(rows)
