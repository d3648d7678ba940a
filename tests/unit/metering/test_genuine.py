"""Files that distributors and the makers of other readers exchange: read whole, or refused with the cause."""

import logging

import aemo_mdff_reader
import numpy as np
import pytest
from nemreader import NEMFile
from tests.unit.metering.meter_files import EXAMPLES, INVALID, beside

from manta.metering.archive import read_meter_files
from manta.metering.columns import AccumulationFile
from manta.metering.rows import MeterFileError
from manta.metering.write import write_nem12

REFUSED = {
    "Example_NEM12_15min_200_30min_300.csv": (3, "a day of 15-minute intervals has 96 values"),
    "Example_NEM12_15min_200_30min_400.csv": (5, "ranges end at interval 48, the day has 96"),
    "Example_NEM12_30min_200_15min_300.csv": (3, "no quality is called '480'"),
    "Example_NEM12_30min_200_15min_400.csv": (3, "no quality is called '480'"),
    "Example_NEM12_empty.csv": (2, "there is no metering data between header and end"),
    "Example_NEM12_incomplete_interval.csv": (3, "a day of 30-minute intervals has 48 values"),
    "Example_NEM12_missing_header.csv": (1, "an empty row"),
    "Example_NEM12_powercor.csv": (1, "an empty row"),
    "Example_NEM12_powercor.csv.zip": (1, "an empty row"),
    "Example_NEM12_powercor_missing_fields.csv": (1, "an empty row"),
    "Example_empty_file.csv": (1, "the file is empty"),
}


def by_nemreader(path):
    """Count the readings of each NMI and suffix, in the file's own unit."""
    logging.disable(logging.CRITICAL)
    with path.open(newline="") as opened:
        data = NEMFile(path.name).parse_nem_file(opened)
    logging.disable(logging.NOTSET)
    return {
        (nmi, suffix): [reading.read_value for reading in readings]
        for nmi, suffixes in data.readings.items()
        for suffix, readings in suffixes.items()
    }


def by_us(columns):
    """Do the same with what was read here, in the file's own unit again."""
    scale = {"Wh": 1e3, "VArh": 1e3, "MWh": 1e-3}
    found: dict[tuple[str, str], list[float]] = {}
    for stream_no, value in zip(columns.stream_no.tolist(), columns.value.tolist(), strict=True):
        stream = columns.streams[stream_no]
        found.setdefault((stream.nmi, stream.suffix), []).append(value * scale.get(stream.unit, 1))
    return found


@beside
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_read_as_two_other_readers_read_it(path):
    (read,) = read_meter_files(path.name, path.read_bytes())
    theirs = by_nemreader(path)

    ours = by_us(read.columns)
    assert {key: len(values) for key, values in ours.items()} == {k: len(v) for k, v in theirs.items()}
    for key, values in ours.items():
        assert values == pytest.approx(theirs[key], rel=1e-12), key

    kind = (
        aemo_mdff_reader.parse_accumulations if isinstance(read, AccumulationFile) else aemo_mdff_reader.parse
    )
    rows = path.read_text().replace(", ", ",").splitlines()  # a stray space stops that reader
    assert len(read.columns) == sum(1 for _ in kind(rows))
    if not isinstance(read, AccumulationFile):
        assert read.days == sum(row.startswith("300,") for row in rows)
        assert read.events == sum(row.startswith("400,") for row in rows)


@beside
@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.name)
def test_every_invalid_file_is_refused_with_file_line_and_cause(path):
    with pytest.raises(MeterFileError) as caught:
        list(read_meter_files(path.name, path.read_bytes()))

    line, cause = REFUSED[path.name]
    assert caught.value.file.startswith(path.name)
    assert (caught.value.line, caught.value.cause[: len(cause)]) == (line, cause)


@beside
@pytest.mark.parametrize(
    "path", [path for path in EXAMPLES if "NEM13" not in path.name.upper()], ids=lambda path: path.name
)
def test_every_interval_example_survives_being_written(path):
    (first,) = read_meter_files(path.name, path.read_bytes())
    (again,) = read_meter_files("again", write_nem12(first.header, first.columns))

    assert again.header == first.header
    assert again.columns.streams == first.columns.streams
    for name in ("stream_no", "end_ms", "value", "quality", "method", "reason", "updated_ms"):
        assert np.array_equal(getattr(again.columns, name), getattr(first.columns, name), equal_nan=True), (
            name
        )
