"""Market files to read: built row by row, so that a test names what is wrong with its own."""

import io
import zipfile
from pathlib import Path

DATA = Path(__file__).parents[4] / "shared" / "data" / "nem"
GENUINE = DATA / "PUBLIC_DISPATCHIS_202508201810_0000000477155219.CSV"
NAME = "PUBLIC_DISPATCHIS_202701141805_0000000000000001.zip"

COLUMNS = (
    *("SETTLEMENTDATE", "RUNNO", "REGIONID", "DISPATCHINTERVAL", "INTERVENTION", "RRP"),
    *("APCFLAG", "MARKETSUSPENDEDFLAG", "LASTCHANGED", "PRICE_STATUS"),
)
ROW = {
    "SETTLEMENTDATE": '"2027/01/14 18:05:00"',
    "RUNNO": "1",
    "REGIONID": "NSW1",
    "DISPATCHINTERVAL": "20270114169",
    "INTERVENTION": "0",
    "RRP": "123.45678",
    "APCFLAG": "0",
    "MARKETSUSPENDEDFLAG": "0",
    "LASTCHANGED": '"2027/01/14 18:00:14"',
    "PRICE_STATUS": "FIRM",
}


def price_row(**given):
    return ROW | given


def csv(*rows, columns=COLUMNS, end=None, first="C,NEMP.WORLD,DISPATCHIS,AEMO,PUBLIC"):
    lines = [first, ",".join(("I,DISPATCH,PRICE,5", *columns))]
    lines += [",".join(("D,DISPATCH,PRICE,5", *(row[c] for c in columns))) for row in rows]
    lines.append(f'C,"END OF REPORT",{len(lines) + 1}' if end is None else end)
    return "".join(f"{line}\r\n" for line in lines if line).encode()


def zipped(body, name="PUBLIC_DISPATCHIS_202701141805_0000000000000001.CSV"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
    return buffer.getvalue()
