"""Rows of market tables as a test wants them: instants as market time, everything else as given."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from manta.domain.time import NEM_TIME
from manta.marketdata.history import MarketData
from manta.mms.catalogue import P5MIN, PREDISPATCH_PRICE, PRICE, PRICE_AND_DEMAND
from manta.mms.rows import TYPES, Rows

FIVE = timedelta(minutes=5)


def nem(*when):
    return datetime(*when, tzinfo=NEM_TIME).astimezone(UTC)


TURN = nem(2024, 2, 1)
"""An interval that ends at the turn of January and February."""


def rows_of(table, listed):
    names = sorted({name for row in listed for name in row} | set(table.key))
    schema = pa.schema([(name, TYPES[table.kind(name)]) for name in names])
    return Rows(table, pa.Table.from_pylist(listed, schema=schema))


def price(end, per_mwh, region="NSW1", changed=None, **more):
    row = {"SETTLEMENTDATE": end, "REGIONID": region, "INTERVENTION": 0.0, "RRP": per_mwh}
    return row | {"LASTCHANGED": changed or end - FIVE} | more


def prices(*listed):
    return rows_of(PRICE, listed)


def settled(*listed):
    return rows_of(
        PRICE_AND_DEMAND, [{"SETTLEMENTDATE": end, "REGION": "NSW1", "RRP": rrp} for end, rrp in listed]
    )


def p5min(run, *per_mwh, changed=None):
    ends = [run + n * FIVE for n in range(len(per_mwh))]
    return rows_of(
        P5MIN,
        [
            {"RUN_DATETIME": run, "INTERVAL_DATETIME": end, "REGIONID": "NSW1", "INTERVENTION": 0.0}
            | {"RRP": rrp, "LASTCHANGED": changed}
            for end, rrp in zip(ends, per_mwh, strict=True)
        ],
    )


def predispatch(number, first, *per_mwh, changed=None):
    ends = [first + n * timedelta(minutes=30) for n in range(len(per_mwh))]
    return rows_of(
        PREDISPATCH_PRICE,
        [
            {"PREDISPATCHSEQNO": float(number), "DATETIME": end, "REGIONID": "NSW1", "INTERVENTION": 0.0}
            | {"RRP": rrp, "LASTCHANGED": changed}
            for end, rrp in zip(ends, per_mwh, strict=True)
        ],
    )


def keep_parts(root, region, parts, pipe=None):
    """Keep prices as a process of its own does, some of them the same as every other one's."""
    market = MarketData(Path(root))
    for n in range(parts):
        at = TURN - n * FIVE
        market.keep(prices(price(at, float(n), region), price(at, float(n), "TAS1")))
        if pipe:
            pipe.send(n)
