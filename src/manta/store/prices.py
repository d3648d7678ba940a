"""Prices: the newest word on each region and interval, and every word before it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite

import asyncpg

from manta.domain.market import Price, PriceStatus, Region
from manta.domain.time import DispatchInterval
from manta.store.pool import Client, Pool

EARLIEST = datetime.min.replace(tzinfo=UTC)
COLUMNS = "region, interval_end, per_mwh, status, changed_at, heard_at"
UPSERT = f"""
with won as (
    insert into record.price as p ({COLUMNS})
    select * from unnest($1::text[], $2::timestamptz[], $3::numeric[], $4::text[], $5::timestamptz[],
                         $6::timestamptz[])
    on conflict (region, interval_end) do update set
        per_mwh = excluded.per_mwh, status = excluded.status,
        changed_at = excluded.changed_at, heard_at = excluded.heard_at
    where coalesce(p.changed_at, '-infinity') < coalesce(excluded.changed_at, '-infinity')
    returning {COLUMNS}
), kept as (
    insert into record.price_revision ({COLUMNS}) select {COLUMNS} from won
)
select {COLUMNS} from won order by interval_end, region
"""  # noqa: S608 - our own column names


def exact(per_mwh: float) -> Decimal:
    """Return a price with the five places that AEMO publishes, from the shortest decimal of the float."""
    if not isfinite(per_mwh):
        raise ValueError(f"a price is a finite number of dollars, was {per_mwh}")
    return Decimal(repr(per_mwh)).quantize(Decimal("0.00001"))


class Prices:
    """The prices of every region; they belong to no tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def save(self, prices: Sequence[Price]) -> Sequence[Price]:
        """Keep each price whose LASTCHANGED is later than the one we have; return those, oldest first."""
        newest = _newest(prices)
        if not newest:
            return []
        async with self._pool.acquire() as conn:
            rows = await conn.fetch(
                UPSERT,
                [p.region for p in newest],
                [p.interval.end for p in newest],
                [exact(p.per_mwh) for p in newest],
                [p.status for p in newest],
                [p.changed_at for p in newest],
                [p.heard_at for p in newest],
            )
        return [_price(row) for row in rows]

    async def at(self, region: Region, interval: DispatchInterval) -> Price | None:
        """Read the price of one interval as it stands now."""
        async with self._pool.acquire() as conn:
            return await read(conn, region, interval)

    async def latest(self) -> Mapping[Region, Price]:
        """Read each region's newest interval."""
        rows = await self._pool.fetch(
            f"select distinct on (region) {COLUMNS} from record.price order by region, interval_end desc"  # noqa: S608
        )
        return {Region(row["region"]): _price(row) for row in rows}

    async def between(self, region: Region, start: datetime, end: datetime) -> Sequence[Price]:
        """Read the prices of the intervals that end after ``start`` and not after ``end``, oldest first."""
        rows = await self._pool.fetch(
            f"select {COLUMNS} from record.price "  # noqa: S608
            "where region = $1 and interval_end > $2 and interval_end <= $3 order by interval_end",
            region,
            start,
            end,
        )
        return [_price(row) for row in rows]

    async def revisions(self, region: Region, interval: DispatchInterval) -> Sequence[Price]:
        """Read every price that an interval has had, in the order we took them."""
        rows = await self._pool.fetch(
            f"select {COLUMNS} from record.price_revision "  # noqa: S608
            "where region = $1 and interval_end = $2 order by no",
            region,
            interval.end,
        )
        return [_price(row) for row in rows]


async def read(conn: Client, region: Region, interval: DispatchInterval) -> Price | None:
    """Read the price of one interval as it stands now, within the caller's transaction."""
    row = await conn.fetchrow(
        f"select {COLUMNS} from record.price where region = $1 and interval_end = $2",  # noqa: S608
        region,
        interval.end,
    )
    return _price(row) if row else None


def _newest(prices: Sequence[Price]) -> Sequence[Price]:
    """Return one price for each region and interval: of several in hand, the one changed last."""
    chosen: dict[tuple[Region, DispatchInterval], Price] = {}
    for price in prices:
        other = chosen.get((price.region, price.interval))
        if other is None or (other.changed_at or EARLIEST) < (price.changed_at or EARLIEST):
            chosen[price.region, price.interval] = price
    return list(chosen.values())


def _price(row: asyncpg.Record) -> Price:
    return Price(
        Region(row["region"]),
        DispatchInterval(row["interval_end"]),
        float(row["per_mwh"]),
        PriceStatus(row["status"]),
        row["changed_at"],
        row["heard_at"],
    )
