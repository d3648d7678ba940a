"""What the ledger says of the homes: earnings over a time, one home's entries, a region's revenue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from manta.domain.identity import SiteId, TenantId
from manta.domain.ledger import LedgerEntry
from manta.domain.market import REGIONS, Region
from manta.domain.time import DispatchInterval
from manta.store.ledger import ENERGY, home, market
from manta.store.pool import Client, Pool, connect_for

MOST_BINS = 24
TOP = 10
OF_THE_TIME = """
    t.tenant_id = $1 and t.kind = $2 and t.interval_end > $3 and t.interval_end <= $4
    and ($5::text is null or t.region = $5)
"""
HOMES = f"""
select substr(e.account, 6) as site, sum(e.micro_aud)::bigint as micro_aud,
       sum(e.watt_hours)::bigint as watt_hours
from ledger.txn t join ledger.entry e on e.txn = t.id
where {OF_THE_TIME} and e.account like 'home/%'
group by e.account order by micro_aud desc, e.account
"""  # noqa: S608 - our own words
ENTRIES = f"""
select t.interval_end, t.price_per_mwh, t.revision, e.micro_aud, e.watt_hours
from ledger.txn t join ledger.entry e on e.txn = t.id
where {OF_THE_TIME} and e.account = $6 and t.reverses is null
  and not exists (select from ledger.txn r where r.reverses = t.id)
order by t.interval_end
"""  # noqa: S608
REVENUE = f"""
select t.region, -sum(e.micro_aud)::bigint as micro_aud
from ledger.txn t join ledger.entry e on e.txn = t.id
where {OF_THE_TIME} and e.account = any($6::text[]) group by t.region
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class HomeEarnings:
    """What one home earned (positive) or cost, and its net energy toward the grid."""

    site: SiteId
    name: str
    amount_aud: Decimal
    energy_kwh: float


@dataclass(frozen=True, slots=True)
class EarningsBin:
    """How many homes earned between two amounts; the lower one is included."""

    from_aud: Decimal
    to_aud: Decimal
    homes: int


@dataclass(frozen=True, slots=True)
class FleetEarnings:
    """What a tenant's homes earned together; mean, least and most are None while nothing is settled."""

    homes: int
    settled_intervals: int
    total_aud: Decimal
    energy_kwh: float
    mean_aud: Decimal | None
    min_aud: Decimal | None
    max_aud: Decimal | None
    histogram: Sequence[EarningsBin]
    top: Sequence[HomeEarnings]


@dataclass(frozen=True, slots=True)
class PricedEntry:
    """A ledger entry as it stands after revisions, with the price it was settled at."""

    entry: LedgerEntry
    price_per_mwh: Decimal


class Earnings:
    """The ledger as its pages read it. A time holds the intervals that lie in it whole."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of_fleet(
        self, tenant: TenantId, start: datetime, end: datetime, region: Region | None = None
    ) -> FleetEarnings:
        """Sum up what each home earned, exactly."""
        async with connect_for(self._pool, tenant) as conn:
            homes = await conn.fetch(HOMES, tenant, ENERGY, start, end, region)
            intervals = await conn.fetchval(
                f"select count(distinct t.interval_end) from ledger.txn t where {OF_THE_TIME}",  # noqa: S608
                tenant,
                ENERGY,
                start,
                end,
                region,
            )
            names = await _names(conn, [row["site"] for row in homes[:TOP]])
        amounts = [row["micro_aud"] for row in homes]
        return FleetEarnings(
            homes=len(homes),
            settled_intervals=intervals,
            total_aud=aud(sum(amounts)),
            energy_kwh=sum(row["watt_hours"] for row in homes) / 1_000,
            mean_aud=aud(round(Decimal(sum(amounts)) / len(amounts))) if amounts else None,
            min_aud=aud(amounts[-1]) if amounts else None,
            max_aud=aud(amounts[0]) if amounts else None,
            histogram=histogram(amounts),
            top=[
                HomeEarnings(
                    SiteId(row["site"]),
                    names.get(row["site"], row["site"]),
                    aud(row["micro_aud"]),
                    row["watt_hours"] / 1_000,
                )
                for row in homes[:TOP]
            ],
        )

    async def of_site(
        self, tenant: TenantId, site: SiteId, start: datetime, end: datetime
    ) -> Sequence[PricedEntry] | None:
        """Read one home's entries as they stand, oldest first; None if the tenant has no such site."""
        async with connect_for(self._pool, tenant) as conn:
            if not await _names(conn, [site]):
                return None
            rows = await conn.fetch(ENTRIES, tenant, ENERGY, start, end, None, home(site))
        return [
            PricedEntry(
                LedgerEntry(
                    site,
                    DispatchInterval(row["interval_end"]),
                    row["watt_hours"] / 1_000,
                    aud(row["micro_aud"]),
                    row["revision"],
                ),
                row["price_per_mwh"],
            )
            for row in rows
        ]

    async def by_region(self, tenant: TenantId, start: datetime, end: datetime) -> Mapping[Region, Decimal]:
        """Read what each region earned; a region with nothing settled is not in it."""
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch(REVENUE, tenant, ENERGY, start, end, None, [market(r) for r in REGIONS])
        return {Region(row["region"]): aud(row["micro_aud"]) for row in rows}


def aud(micro_aud: int) -> Decimal:
    """Return micro-dollars as dollars, exactly, with six places."""
    return Decimal(micro_aud).scaleb(-6).quantize(Decimal("0.000001"))


def histogram(micro_aud: Sequence[int]) -> Sequence[EarningsBin]:
    """Count homes by what they earned, in even bins whose width is 1, 2 or 5 of some power of ten.

    At most MOST_BINS of them, empty ones between included, so that they can be drawn side by side.
    """
    if not micro_aud:
        return []
    least, most = min(micro_aud), max(micro_aud)
    width = next(w for w in _widths() if most // w - least // w < MOST_BINS)
    counts = [0] * (most // width - least // width + 1)
    for amount in micro_aud:
        counts[amount // width - least // width] += 1
    lowest = least // width * width
    return [
        EarningsBin(aud(lowest + i * width), aud(lowest + (i + 1) * width), homes)
        for i, homes in enumerate(counts)
    ]


def _widths() -> Sequence[int]:
    """Return bin widths from a cent upward, in micro-dollars."""
    return [step * 10**power for power in range(4, 20) for step in (1, 2, 5)]


async def _names(conn: Client, sites: Sequence[str]) -> Mapping[str, str]:
    rows = await conn.fetch("select id, name from record.site where id = any($1::text[])", sites)
    return {row["id"]: row["name"] for row in rows}
