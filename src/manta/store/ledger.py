"""The ledger: money beside energy, in integers, posted once and never changed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from manta.domain.identity import SiteId, TenantId
from manta.domain.market import Price, Region
from manta.domain.time import DispatchInterval
from manta.store import prices
from manta.store.pool import Client, Pool, connect_for

ENERGY = "energy"
"""The kind of a posting of metered energy at the spot price."""


def home(site: SiteId) -> str:
    """Return the account of a site."""
    return f"home/{site}"


def market(region: Region) -> str:
    """Return the account of a region's market, which every posting balances against."""
    return f"market/{region}"


class Books:
    """The ledger as the settler keeps it."""

    def __init__(self, pool: Pool, now: Callable[[], datetime]) -> None:
        self._pool = pool
        self._now = now

    async def post(  # noqa: PLR0913 - one fact, written once
        self,
        tenant: TenantId,
        interval: DispatchInterval,
        region: Region,
        sites: Sequence[SiteId],
        micro_aud: Sequence[int],
        watt_hours: Sequence[int],
        price: Decimal,
    ) -> UUID | None:
        """Post one interval of one region, balanced against the market; None if it stands so already.

        When it stands with other figures, that posting is reversed and the new one added, in one transaction.
        """
        if not sites or not len(sites) == len(micro_aud) == len(watt_hours):
            raise ValueError(
                f"{len(sites)} sites, {len(micro_aud)} amounts, {len(watt_hours)} energies to post"
            )
        async with connect_for(self._pool, tenant) as conn:
            txn: UUID | None = await conn.fetchval(
                "select ledger.post($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                tenant,
                ENERGY,
                region,
                interval.end,
                price,
                [*map(home, sites), market(region)],
                [*micro_aud, -sum(micro_aud)],
                [*watt_hours, -sum(watt_hours)],
                await _standing_of(conn, region, interval),
                self._now(),
            )
        return txn

    async def price(self, region: Region, interval: DispatchInterval) -> Price | None:
        """Return the price as it stands now."""
        async with self._pool.acquire() as conn:
            return await prices.read(conn, region, interval)

    async def verify(self, tenant: TenantId) -> int | None:
        """Recompute the chain and return the number of its first broken txn."""
        async with connect_for(self._pool, tenant) as conn:
            broken: int | None = await conn.fetchval("select ledger.verify($1)", tenant)
        return broken


async def _standing_of(conn: Client, region: Region, interval: DispatchInterval) -> Mapping[str, object]:
    """Say which word of the market a posting rests on."""
    price = await prices.read(conn, region, interval)
    if price is None:
        return {}
    changed_at = price.changed_at.isoformat() if price.changed_at else None
    return {"price_status": price.status, "price_changed_at": changed_at}
