"""NEM12 and NEM13, rule by rule; what is refused comes first."""

import io
import zipfile
from datetime import UTC, datetime

import numpy as np
import pytest
from tests.unit.metering.meter_files import HEADER, REGISTER, day, nem12, read, refusal

from manta.domain.time import epoch_ms
from manta.metering import archive, rows
from manta.metering.archive import read_meter_files
from manta.metering.codes import Flow, Quality
from manta.metering.columns import NO_TIME_MS
from manta.metering.nem13 import read_nem13

ACCUMULATED = (
    "250,4123456789,1141,1,11,11,M1,{direction},950,20231005093055,A,,,1000,20240107100333,{quality},,,"
    "{quantity},{unit},20240407,20240108100333,"
)


def nem13(**given):
    fields = {"direction": "E", "quality": "A", "quantity": "50", "unit": "kWh"} | given
    return nem12(ACCUMULATED.format(**fields), header=HEADER.replace("NEM12", "NEM13"))


@pytest.mark.parametrize(
    ("body", "line", "cause"),
    [
        (b"", 1, "the file is empty"),
        (b"\xff\xfe", 1, "byte 0 is not text"),
        (nem12(REGISTER, day(), end="901"), 4, "a NEM12 file has no record '901' here"),
        (nem12(REGISTER, day(), end=""), 4, "an empty row"),
        (nem12(REGISTER, day())[:-5], 3, "the file was cut short: there is no end of data (900)"),
        (nem12(REGISTER, day(), end="900\r\n900"), 5, "a row stands after the end of data (900)"),
        (nem12(REGISTER, day(), header="100,NEM12,,A,B"), 1, "time of the header is missing"),
        (nem12(REGISTER, day(), header="100,NEM14,202401020304"), 1, "it is not NEM12 but 'NEM14'"),
        (nem12(day()), 2, "a day (300) stands before any register (200)"),
        (nem12(REGISTER), 2, "no day (300) follows this register (200)"),
        (nem12(REGISTER, REGISTER, day()), 2, "no day (300) follows this register (200)"),
        (nem12(REGISTER.replace(",30,", ",10,"), day()), 2, "energy has intervals of 5, 15 or 30"),
        (nem12(REGISTER.replace("kWh", ""), day()), 2, "register E1 counts energy, not what has no unit"),
        (nem12(REGISTER.replace("kWh", "kW"), day()), 2, "register E1 counts energy, not kW"),
        (nem12(REGISTER.replace("kWh", "kJ"), day()), 2, "no unit is called 'kJ'"),
        (nem12(REGISTER.replace("4123456789", "41234567893"), day()), 2, "NMI 4123456789 does not have"),
        (nem12(REGISTER, day("20240230")), 3, "date of the day is not a date: '20240230'"),
        (nem12(REGISTER, day(values="-1")), 3, "value 1 is not a number from zero up: '-1'"),
        (nem12(REGISTER, day(values=["1"] * 47 + ['"2,3"'])), 3, "value 48 is not a number from zero up"),
        (nem12(REGISTER, day(values=["1"] * 47 + [""])), 3, "value 48 is not a number from zero up: ''"),
        (nem12(REGISTER, day(values=["1"] * 5 + ["nan"] * 43)), 3, "value 6 is not a number"),
        (nem12(REGISTER, day(quality="S14,,")), 3, "quality S needs a reason code"),
        (nem12(REGISTER, day(quality="A14,,")), 3, "quality A has no method, this one has 14"),
        (nem12(REGISTER, day(quality="V,,")), 3, "quality V needs ranges of intervals (400), none follow"),
        (nem12(REGISTER, day(quality="V,,"), "400,1,47,A,,"), 4, "ranges end at interval 47, the day has 48"),
        (nem12(REGISTER, day(quality="V,,"), "400,2,48,A,,"), 4, "ranges leave a gap from interval 1 to 1"),
        (nem12(REGISTER, day(quality="V,,"), "400,1,9,A,,", "400,9,48,A,,"), 5, "interval 9 has been"),
        (nem12(REGISTER, day(quality="V,,"), "400,1,49,A,,"), 4, "intervals 1 to 49 are not within 1 to 48"),
        (nem12(REGISTER, day(quality="V,,"), "400,1,48,V,,"), 4, "a range of intervals (400) cannot"),
        (nem12(REGISTER, "400,1,48,A,,", day()), 3, "an event (400) does not follow a day (300)"),
        (nem12(REGISTER, day(updated="20240102")), 3, "update time is not a time: '20240102'"),
        (nem12(REGISTER, day() + ",x"), 3, "a 300 record has 55 fields, this one has 56"),
        (nem12(REGISTER, '300,"' + day()[4:]), 3, "not a row of fields: unexpected end of data"),
        (nem13(direction="N"), 2, "a direction is I or E, was 'N'"),
        (nem13(quality="V"), 2, "a register that is read by hand cannot have quality V"),
        (nem13(quantity="1e3"), 2, "quantity is not a number: '1e3'"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_refused_with_its_line_and_cause(body, line, cause):
    assert refusal(body)[0] == line
    assert refusal(body)[1].startswith(cause)


def test_the_first_interval_of_a_day_ends_half_an_hour_after_midnight_in_market_time():
    columns = read(nem12(REGISTER, day())).columns

    assert columns.end_ms[0] == epoch_ms(datetime(2023, 12, 31, 14, 30, tzinfo=UTC))
    assert columns.end_ms[-1] == epoch_ms(datetime(2024, 1, 1, 14, tzinfo=UTC))
    assert len(columns) == 48


@pytest.mark.parametrize(("suffix", "sign"), [("E1", -1), ("B1", 1), ("Q1", np.nan)])
def test_import_is_negative_export_positive_and_reactive_energy_is_none(suffix, sign):
    unit = "kVArh" if suffix == "Q1" else "kWh"
    register = REGISTER.replace(",E1,", f",{suffix},").replace("kWh", unit)
    columns = read(nem12(register, day(values="2.5"))).columns

    assert columns.value[0] == 2.5
    assert np.array_equal(columns.energy_kwh, np.full(48, 2.5 * sign), equal_nan=True)


@pytest.mark.parametrize(
    ("unit", "text", "kwh"),
    [("Wh", "1234.5", 1.2345), ("wh", ".7", 0.0007), ("KWH", "0.1", 0.1), ("MWH", "1.234567", 1234.567)],
)
def test_units_in_any_case_become_kwh_without_rounding(unit, text, kwh):
    assert read(nem12(REGISTER.replace("kWh", unit), day(values=text))).columns.value[0] == kwh


@pytest.mark.parametrize("length", [5, 15, 30])
def test_each_interval_length_makes_up_a_day(length):
    count = 1440 // length
    columns = read(nem12(REGISTER.replace(",30,", f",{length},"), day(count=count))).columns

    assert len(columns) == count
    assert set(np.diff(columns.end_ms)) == {length * 60_000}


def test_ranges_carry_quality_method_reason_and_description():
    body = nem12(REGISTER, day(quality="V,,"), "400,1,20,F14,76,", "400,21,47,S,1,by hand", "400,48,48,N,,")
    columns = read(body).columns

    assert columns.quality.tolist() == [Quality.FINAL] * 20 + [Quality.SUBSTITUTED] * 27 + [Quality.NULL]
    assert (columns.method[0], columns.reason[0], columns.method[20]) == (14, 76, 0)
    assert columns.notes[columns.note_no[20]] == "by hand"
    assert columns.qualities() == {Quality.NULL: 1, Quality.SUBSTITUTED: 27, Quality.FINAL: 20}


def test_a_null_interval_is_not_zero():
    columns = read(nem12(REGISTER, day(values="0", quality="N,,"))).columns

    assert np.isnan(columns.value).all()
    assert np.isnan(columns.energy_kwh).all()


def test_a_day_that_does_not_say_when_it_was_made_is_older_than_any_other():
    assert set(read(nem12(REGISTER, day(updated=""))).columns.updated_ms) == {NO_TIME_MS}


def test_the_checksum_of_an_nmi_is_checked_and_dropped():
    (stream,) = read(nem12(REGISTER.replace("4123456789", "20018882140"[:10]), day())).columns.streams
    from aemo_mdff_reader import nmi_checksum

    eleven = f"2001888214{nmi_checksum('2001888214')}"
    (other,) = read(nem12(REGISTER.replace("4123456789", eleven), day())).columns.streams
    assert stream.nmi == other.nmi == "2001888214"


def test_a_register_read_by_hand_has_its_direction_seen_from_the_grid():
    taken = read_nem13("f", nem13(direction="E")).columns
    sent = read_nem13("f", nem13(direction="I", unit="MWh", quantity="0.05")).columns

    assert (taken.energy_kwh.tolist(), sent.energy_kwh.tolist()) == ([-50.0], [50.0])
    assert taken.streams[0].flow is Flow.IMPORT
    assert taken.current_ms[0] == epoch_ms(datetime(2024, 1, 7, 0, 3, 33, tzinfo=UTC))
    assert (taken.previous_read[0], taken.current_read[0]) == (950, 1000)


def zipped(*bodies, packing=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", packing) as file:
        for number, body in enumerate(bodies):
            file.writestr(f"{number}.csv", body)
    return packed.getvalue()


def test_an_archive_is_read_file_by_file_and_a_wrong_one_is_named():
    good = nem12(REGISTER, day())
    files = list(read_meter_files("f.zip", zipped(good, nem13())))

    assert [file.file for file in files] == ["f.zip!0.csv", "f.zip!1.csv"]
    assert refusal(zipped(good, b"x")) == (1, "a file begins with its header (100), not 'x'")


def test_an_archive_is_held_to_its_limits(monkeypatch):
    monkeypatch.setattr(archive, "MOST_UNPACKED", 1_000)
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)

    assert refusal(zipped(b"0" * 100_000)) == (1, "more than 1,000 bytes")
    assert refusal(zipped(*[b"x"] * 4)) == (1, "4 files in the archive, 1 to 3 are read")
    assert refusal(zipped())[0] == 1
    assert refusal(zipped(b"x", packing=zipfile.ZIP_LZMA)) == (1, "packed in a way that is not read")
    assert refusal(b"PK\x03\x04 and no more")[1].startswith("not an archive that can be opened")


def test_a_file_is_held_to_its_limits(monkeypatch):
    body = nem12(REGISTER, day())
    monkeypatch.setattr(rows, "MOST_ROWS", 3)
    assert refusal(body) == (4, "more than 3 rows")
    monkeypatch.setattr(rows, "LONGEST_ROW", 100)
    assert refusal(body) == (3, f"a row of {len(day()) + 1} characters, 100 at most")
    monkeypatch.setattr(rows, "MOST_BYTES", 10)
    assert refusal(body) == (1, f"{len(body)} bytes, 10 at most")
