"""The parsers of meter data as ``fuzzing`` sees them: a NEM12 file of two registers and a NEM13 file."""

from scripts.fuzz_changes import ROWS
from scripts.fuzzing import Parser

from manta.metering.archive import read_meter_files
from manta.metering.nem12 import read_nem12
from manta.metering.nem13 import read_nem13
from manta.metering.rows import MeterFileError


def day(date: str, count: int, tail: str) -> str:
    """Return a 300 record."""
    return f"300,{date},{','.join(f'{0.001 * place:.3f}' for place in range(count))},{tail}"


_SEEDS = tuple(
    "\r\n".join(lines).encode()
    for lines in (
        (
            "100,NEM12,202401010000,MDP1,RET1",
            "200,4123456789,E1B1,1,E1,N1,M1,kWh,30,20240401",
            day("20240101", 48, "A,,,20240102000000,20240102010000"),
            "200,4123456789,E1B1,2,B1,N1,M1,Wh,30,",
            day("20240101", 48, "V,,,20240102000000,"),
            "400,1,20,F14,76,",
            "400,21,48,S14,1,by hand",
            "500,N,ORDER1,20240101120000,001123.5",
            "900",
        ),
        (
            "100,NEM12,202401010000,MDP1,",
            "200,4123456789,E1,1,E1,N1,M1,MWh,30",
            day("20240101", 48, "A,,,,"),
            day("20240102", 48, 'S51,0,"free, text",20240103000000'),
            "900",
        ),
        (
            "100,NEM13,202401010000,MDP1,RET1",
            "250,4123456789,11,1,11,11,M1,E,006342.8,20231005093055,A,,,007654.9,20240107100333,A,,,1312.1,kWh,"
            "20240407,20240108100333,20240108091133",
            "250,4123456789,41,2,41,41,M1,I,1,20231005093055,A,,,2,20240107100333,E64,,,1,Wh,,20240108100333,",
            "550,N,,E,",
            "900",
        ),
    )
)
NEM12, NEM13 = _SEEDS[:2], _SEEDS[2:]

METERING = (
    Parser("nem12", lambda body: read_nem12("fuzz", body), MeterFileError, NEM12, ROWS),
    Parser("nem13", lambda body: read_nem13("fuzz", body), MeterFileError, NEM13, ROWS),
    Parser(
        "meter-archive",
        lambda body: list(read_meter_files("fuzz", body)),
        *(MeterFileError, (*NEM12, *NEM13), ROWS),
        packs=0.8,
    ),
)
