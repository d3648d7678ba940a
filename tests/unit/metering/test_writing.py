"""What is written here is read back the same by this reader and by two that others wrote."""

import io
import logging
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import aemo_mdff_reader
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nemreader import NEMFile

from manta.domain.identity import Nmi
from manta.domain.time import NEM_TIME, epoch_ms
from manta.metering.codes import Quality, flow_of
from manta.metering.columns import NO_TIME_MS, Header, IntervalColumns, Stream
from manta.metering.nem12 import read_nem12
from manta.metering.write import write_nem12

HEADER = Header(datetime(2024, 1, 3, 4, 5, tzinfo=UTC), "MDP1", "RET1")
SCALE = {"Wh": 1_000, "kWh": 1, "MWh": 0.001}
MIDNIGHT = datetime(2024, 1, 1, tzinfo=NEM_TIME)


def marks():
    return st.one_of(
        st.just((Quality.ACTUAL, 0, -1, "")),
        st.just((Quality.NULL, 0, -1, "")),
        st.tuples(st.just(Quality.ESTIMATED), st.integers(1, 99), st.just(-1), st.just("")),
        st.tuples(
            st.sampled_from([Quality.SUBSTITUTED, Quality.FINAL]),
            st.integers(1, 99),
            st.integers(0, 109),
            st.sampled_from(["", "by hand", 'a "quoted", text']),
        ),
    )


def values():
    return st.one_of(
        st.integers(0, 10**7).map(lambda thousandths: thousandths / 1000),
        st.floats(0, 1e6, allow_subnormal=False).filter(lambda value: value == 0 or value > 1e-9),
    )


@st.composite
def streams(draw, number):
    suffix = f"{draw(st.sampled_from('EB'))}{number + 1}"
    return Stream(
        nmi=Nmi(draw(st.sampled_from(["4123456789", "NMI1234567"]))),
        suffix=suffix,
        register=str(number),
        unit=draw(st.sampled_from(list(SCALE))),
        flow=flow_of(suffix),
        length=draw(st.sampled_from([5, 15, 30])),
        configuration="E1B1",
        meter=draw(st.sampled_from(["", "M1"])),
        next_read=draw(st.sampled_from([None, date(2024, 4, 1)])),
    )


@st.composite
def metered(draw):
    """Draw whole days of a few registers, with quality that changes within a day."""
    registers = [draw(streams(number)) for number in range(draw(st.integers(1, 3)))]
    columns = {name: [] for name in ("no", "end", "value", "mark", "updated")}
    for number, register in enumerate(registers):
        count = 1440 // register.length
        for day in range(draw(st.integers(1, 2))):
            few = draw(st.lists(values(), min_size=1, max_size=5))
            spans = draw(st.lists(st.tuples(marks(), st.integers(1, 200)), min_size=1, max_size=4))
            spread = [mark for mark, length in spans for _ in range(length)]
            spread += [spread[-1]] * count
            begins = MIDNIGHT + timedelta(days=day)
            updated = draw(st.sampled_from([NO_TIME_MS, epoch_ms(MIDNIGHT)]))
            for place in range(count):
                columns["no"].append(number)
                columns["end"].append(epoch_ms(begins + timedelta(minutes=register.length * (place + 1))))
                columns["value"].append(few[place % len(few)])
                columns["mark"].append(spread[place])
                columns["updated"].append(updated)
    return in_columns(registers, columns)


def in_columns(registers, columns):
    quality, method, reason, notes = zip(*columns["mark"], strict=True)
    known = list(dict.fromkeys(["", *notes]))
    value = np.array(columns["value"])
    value[np.array(quality) == Quality.NULL] = np.nan
    return IntervalColumns(
        tuple(registers),
        tuple(known),
        np.array(columns["no"], np.int32),
        np.array(columns["end"], np.int64),
        value,
        np.array(quality, np.uint8),
        np.array(method, np.uint8),
        np.array(reason, np.int16),
        np.array([known.index(note) for note in notes], np.int32),
        np.array(columns["updated"], np.int64),
    )


def local(end_ms):
    return datetime.fromtimestamp(end_ms / 1000, NEM_TIME).replace(tzinfo=None)


def in_file_units(columns):
    """Return each interval as the other readers name it: without a zone, in the unit of the file."""
    found: dict[tuple[str, str], list[tuple[datetime, float, str]]] = {}
    for row in range(len(columns)):
        stream = columns.streams[columns.stream_no[row]]
        quality = Quality(int(columns.quality[row])).letter
        method = f"{columns.method[row]:02d}" if columns.method[row] else ""
        value = 0.0 if np.isnan(columns.value[row]) else columns.value[row] * SCALE[stream.unit]
        interval = (local(columns.end_ms[row]), pytest.approx(value, rel=1e-14, abs=1e-30), quality + method)
        found.setdefault((stream.nmi, stream.suffix), []).append(interval)
    return found


@settings(deadline=None, max_examples=60)
@given(metered())
def test_what_is_written_is_read_back_the_same_here(columns):
    again = read_nem12("f", write_nem12(HEADER, columns))

    assert again.header == HEADER
    assert again.columns.streams == columns.streams
    for name in ("stream_no", "end_ms", "value", "quality", "method", "reason", "updated_ms"):
        assert np.array_equal(getattr(again.columns, name), getattr(columns, name), equal_nan=True), name
    written = [columns.notes[number] for number in columns.note_no]
    assert [again.columns.notes[number] for number in again.columns.note_no] == written


@settings(deadline=None, max_examples=25)
@given(metered())
def test_nemreader_reads_back_the_same(columns):
    logging.disable(logging.CRITICAL)
    body = io.StringIO(write_nem12(HEADER, columns).decode(), newline="")
    readings = NEMFile("f").parse_nem_file(body).readings
    logging.disable(logging.NOTSET)

    theirs = {
        (nmi, suffix): [(each.t_end, each.read_value, each.quality_method) for each in found]
        for nmi, suffixes in readings.items()
        for suffix, found in suffixes.items()
    }
    assert theirs == in_file_units(columns)


@settings(deadline=None, max_examples=25)
@given(metered())
def test_aemo_mdff_reader_reads_back_the_same(columns):
    body = write_nem12(HEADER, columns).decode()
    quality = {
        (event.nmi, event.register_id, event.interval_date, place): event.quality_method
        for event in aemo_mdff_reader.parse_events(io.StringIO(body, newline=""))
        for place in range(event.start_interval, event.end_interval + 1)
    }

    theirs: dict[tuple[str, str], list[tuple[datetime, float, str]]] = {}
    for each in aemo_mdff_reader.parse(io.StringIO(body, newline="")):
        key = (each.nmi, each.register_id, each.interval_date, each.interval_index)
        found = (each.interval_end, each.value, quality.get(key, each.quality_method))
        theirs.setdefault((each.nmi, each.nmi_suffix), []).append(found)
    assert theirs == in_file_units(columns)
    assert not aemo_mdff_reader.validate_file(io.StringIO(body, newline=""))


def one_day(value=1.0, unit="kWh"):
    register = Stream(Nmi("4123456789"), "E1", "1", unit, flow_of("E1"), 30, "E1")
    ends = [epoch_ms(MIDNIGHT + timedelta(minutes=30 * (place + 1))) for place in range(48)]
    mark = (Quality.ACTUAL, 0, -1, "")
    return in_columns(
        [register],
        {
            "no": [0] * 48,
            "end": ends,
            "value": [value] * 48,
            "mark": [mark] * 48,
            "updated": [NO_TIME_MS] * 48,
        },
    )


@pytest.mark.parametrize(
    ("unit", "kwh", "text"),
    [
        ("MWh", 1234.567, "1.234567"),
        ("Wh", 1.2345, "1234.5"),
        ("kWh", 0.1, "0.1"),
        ("MWh", 1e-7, "0.0000000001"),
    ],
)
def test_a_value_is_written_in_the_unit_of_its_register(unit, kwh, text):
    assert f"300,20240101,{text},{text}," in write_nem12(HEADER, one_day(kwh, unit)).decode()


def test_a_day_that_is_not_whole_is_not_written():
    whole = one_day()
    for rows in (np.arange(47), np.arange(1, 48), np.array([*range(48), 3])):
        with pytest.raises(ValueError, match="is not 48 intervals"):
            write_nem12(HEADER, whole.take(rows))


def test_what_no_file_can_hold_is_not_written():
    for value in (np.inf, 1e300, 1e-300):
        with pytest.raises(ValueError, match="not a value that a meter data file can hold"):
            write_nem12(HEADER, one_day(value))
    with pytest.raises(ValueError, match="cannot stand in a meter data file"):
        write_nem12(replace(HEADER, sender="a\nb"), one_day())
