"""Meter data files for tests: built by name, and the genuine ones where they are beside the checkout."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[4] / "shared" / "data" / "nem12"
EXAMPLES = sorted([*SHARED.glob("examples/*"), *SHARED.glob("utilified_*")]) or [SHARED / "absent"]
INVALID = sorted(SHARED.glob("invalid/*")) or [SHARED / "absent"]
beside = pytest.mark.skipif(not SHARED.exists(), reason="the meter data files are not beside this checkout")

HEADER = "100,NEM12,202401020304,MDP1,RET1"
REGISTER = "200,4123456789,E1B1,1,E1,N1,M1,kWh,30,20240401"
UPDATED = "20240102000000"


def day(date="20240101", values="1", count=48, quality="A,,", updated=UPDATED):
    texts = values if isinstance(values, list) else [values] * count
    return f"300,{date},{','.join(texts)},{quality},{updated},"


def nem12(*rows, header=HEADER, end="900"):
    return "\r\n".join([header, *rows, end, ""]).encode()


def read(body):
    from manta.metering.nem12 import read_nem12

    return read_nem12("f", body)


def refusal(body, reader=None):
    from manta.metering.archive import read_meter_files
    from manta.metering.rows import MeterFileError

    with pytest.raises(MeterFileError) as caught:
        list(read_meter_files("f", body)) if reader is None else reader("f", body)
    assert caught.value.file.startswith("f")
    return caught.value.line, caught.value.cause
