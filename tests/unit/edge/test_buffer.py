"""Reports through outage, restart and power cut; and in which order they go up."""

import shutil
import sqlite3
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.edge.home import House
from tests.unit.edge.leases import NOON_MS

from manta.edge.buffer import KEPT_MS, Buffer
from manta.edge.outbox import AT_ONCE, Outbox
from manta.wire.device import DeviceReading, SiteReport

READINGS = [DeviceReading("h-box-meter1", -1.5), DeviceReading("h-box-battery1", 0.5, soc=0.8)]


@pytest.fixture
def open_buffer(tmp_path):
    opened = []

    def again(name="reports.sqlite", at_ms=NOON_MS, **options):
        opened.append(Buffer(tmp_path / name, at_ms, **options))
        return opened[-1]

    yield again
    for buffer in opened:
        with suppress(sqlite3.ProgrammingError):  # closed by the test itself
            buffer.close()


@pytest.fixture
def buffer(open_buffer):
    return open_buffer()


def sequences(kept):
    return [each.sequence for each in kept]


def test_a_report_comes_back_as_it_was_kept(buffer):
    kept = buffer.add(NOON_MS, READINGS)
    assert buffer.oldest(1) == [kept]
    assert msgspec.msgpack.decode(kept.body, type=SiteReport) == SiteReport(kept.sequence, NOON_MS, READINGS)


def test_numbers_rise_by_one_and_never_repeat_across_restarts(open_buffer):
    given = []
    for _ in range(4):
        buffer = open_buffer()
        given += [buffer.add(NOON_MS, READINGS).sequence for _ in range(3)]
        for sequence in given[-3:]:
            buffer.acknowledge(sequence)
    assert given == list(range(given[0], given[0] + 12))


def test_what_is_acknowledged_is_not_offered_again_and_the_rest_outlives_a_restart(open_buffer):
    buffer = open_buffer()
    given = [buffer.add(NOON_MS + n, READINGS).sequence for n in range(5)]
    buffer.acknowledge(given[1])
    assert sequences(buffer.oldest(10)) == [given[0], *given[2:]]
    buffer.close()
    again = open_buffer()
    assert (again.waiting, sequences(again.oldest(10))) == (4, [given[0], *given[2:]])


def test_a_power_cut_loses_nothing_that_was_kept(buffer, open_buffer, tmp_path):
    given = [buffer.add(NOON_MS + n, READINGS).sequence for n in range(20)]
    for ending in ("", "-wal"):  # what is on the disk while the file is open, taken away
        shutil.copy(tmp_path / f"reports.sqlite{ending}", tmp_path / f"cut.sqlite{ending}")
    assert sequences(open_buffer("cut.sqlite").oldest(100)) == given


def test_a_torn_end_is_cut_off_and_what_stands_before_it_stays_in_order(buffer, open_buffer, tmp_path):
    given = [buffer.add(NOON_MS + n, READINGS).sequence for n in range(20)]
    log = (tmp_path / "reports.sqlite-wal").read_bytes()
    for cut in range(0, len(log), max(1, len(log) // 12)):
        name = f"torn{cut}.sqlite"
        shutil.copy(tmp_path / "reports.sqlite", tmp_path / name)
        (tmp_path / f"{name}-wal").write_bytes(log[:cut])
        torn = open_buffer(name)
        left = sequences(torn.oldest(100))
        assert left == given[: len(left)]
        assert torn.add(NOON_MS, READINGS).sequence > (left[-1] if left else 0)


def test_a_file_that_is_no_database_is_put_aside_and_numbers_go_on_far_above(open_buffer, tmp_path):
    (tmp_path / "reports.sqlite").write_bytes(b"no database" * 1_000)
    buffer = open_buffer(at_ms=NOON_MS)
    assert buffer.is_begun_anew
    assert (tmp_path / "reports.sqlite.broken").exists()
    assert buffer.add(NOON_MS, READINGS).sequence == NOON_MS + 1


def test_the_oldest_are_given_up_and_counted_when_there_are_too_many(open_buffer):
    buffer = open_buffer(rows_at_most=10)
    given = [buffer.add(NOON_MS + n, READINGS).sequence for n in range(25)]
    assert sequences(buffer.oldest(100)) == given[-10:]
    assert (buffer.waiting, buffer.dropped) == (10, 15)


def test_what_is_too_old_is_given_up(buffer):
    buffer.add(NOON_MS, READINGS)
    newest = buffer.add(NOON_MS + KEPT_MS + 1, READINGS)
    assert buffer.oldest(10) == [newest]
    assert (buffer.waiting, buffer.dropped) == (1, 1)


def test_now_goes_at_once_and_history_behind_it_oldest_first_at_its_rate(buffer):
    house = House()
    outbox = Outbox(buffer, house, "manta/v1/s/h-box/up", history_per_s=4.0)
    house.connection = None
    missed = [outbox.report(NOON_MS + n, READINGS).sequence for n in range(20)]
    outbox.pump(10.0)
    assert house.reports == []
    house.connection = 2
    live = outbox.report(NOON_MS + 99, READINGS).sequence
    assert [report.sequence for report in house.reports] == [live]
    sent = [outbox.pump(11.0 + second) for second in range(6)]
    assert sent == [4, 4, 4, 4, 4, 0]
    assert [report.sequence for report in house.reports] == [live, *missed]
    assert buffer.waiting == 0


def test_what_was_under_way_when_the_connection_broke_is_sent_again(buffer):
    house = House()
    house.acknowledges = False
    outbox = Outbox(buffer, house, "manta/v1/s/h-box/up", history_per_s=4.0)
    given = [outbox.report(NOON_MS + n, READINGS).sequence for n in range(2)]
    outbox.pump(1.0)
    house.acknowledges, house.connection = True, 2
    outbox.pump(2.0)
    assert [report.sequence for report in house.reports] == given * 2
    assert buffer.waiting == 0


def test_without_acknowledgement_no_more_than_a_few_are_under_way(buffer):
    house = House()
    house.connection = None
    outbox = Outbox(buffer, house, "manta/v1/s/h-box/up", history_per_s=100.0)
    for n in range(50):
        outbox.report(NOON_MS + n, READINGS)
    house.connection, house.acknowledges = 1, False
    for second in range(10):
        outbox.pump(float(second))
    assert len(house.reports) == AT_ONCE


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["report", "cut", "mend", "pump", "deaf", "hears", "restart"]), max_size=40))
def test_whatever_breaks_every_report_arrives_in_the_end(tmp_path_factory, events):
    path, house, now_s = tmp_path_factory.mktemp("box") / "reports.sqlite", House(), 0.0
    buffer = Buffer(path, NOON_MS)
    outbox, given = Outbox(buffer, house, "a/up", 4.0), set()
    for event in [*events, "mend", "hears", *["pump"] * 60]:
        now_s += 1.0
        match event:
            case "report":
                given.add(outbox.report(NOON_MS, READINGS).sequence)
            case "cut":
                house.connection = None
            case "mend":
                house.connection = int(now_s)
            case "pump":
                outbox.pump(now_s)
            case "deaf" | "hears":
                house.acknowledges = event == "hears"
            case "restart":
                buffer.close()
                buffer = Buffer(path, NOON_MS)
                outbox = Outbox(buffer, house, "a/up", 4.0)
    assert {report.sequence for report in house.reports} == given
    assert buffer.waiting == 0
    buffer.close()
