"""How long the record takes over its heaviest writes, and over the reads of a settled hour. JSON lines.

Starts a PostgreSQL of its own in a directory that goes away, durable as in production.

    PYTHONPATH=src python bench/bench_store.py
"""

import asyncio
import json
import secrets
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

import numpy as np

from manta.domain.envelope import Envelope
from manta.domain.identity import BatchId, DeviceId, Nmi, SiteId, TenantId, VppId
from manta.domain.market import Region
from manta.domain.site import Device, DeviceKind, Site
from manta.domain.time import FIVE_MINUTES, DispatchInterval
from manta.store import migrate
from manta.store.acks import Acks
from manta.store.decisions import Decisions
from manta.store.earnings import Earnings
from manta.store.enrolment import Enrolment, Tenant, Vpp
from manta.store.leases import Leases
from manta.store.ledger import Books
from manta.store.pool import Pool, open_pool
from manta.supervisor import postgres
from manta.supervisor.accounts import unprivileged
from manta.supervisor.children import Child
from manta.supervisor.ports import free_port
from manta.wire.batches import IntentBatch, LeaseBatch
from manta.wire.columns import ACK, INTENT, LEASE, REFUSAL

HOMES = 10_000
SETTLED_HOMES = 5_000
ROUNDS = 12
HARBOUR = TenantId("harbour")
VPP = VppId("harbour-nsw1")
NOW = datetime(2026, 1, 15, 8, 0, 20, tzinfo=UTC)
EVENING = DispatchInterval(datetime(2026, 1, 15, 8, 5, tzinfo=UTC))
SITES = tuple(SiteId(f"h-{n}") for n in range(HOMES))


class Bench:
    """The measurements, on a record of their own."""

    def __init__(self, pools: dict[str, Pool]) -> None:
        self._pools = pools
        self._random = np.random.default_rng(1)

    async def enrol(self, _: int) -> None:
        """Enrol every home, each with a battery and a meter."""
        rating, wires = (Envelope.from_limits(import_kw=kw, export_kw=kw) for kw in (11.04, 10.0))
        homes = [
            Site(
                site,
                Nmi(f"{n:010d}"),
                site,
                Region.NSW,
                f"feeder-{n % 40}",
                wires,
                (
                    Device(DeviceId(f"{site}-battery1"), DeviceKind.BATTERY, rating, 13.5, 0.2),
                    Device(DeviceId(f"{site}-meter1"), DeviceKind.METER, wires),
                ),
            )
            for n, site in enumerate(SITES)
        ]
        await Enrolment(self._pools["manta_owner"]).enrol(
            Tenant(HARBOUR, "Harbour Energy", 1e6),
            [Vpp(VPP, "Harbour NSW", Region.NSW)],
            homes,
            dict.fromkeys(SITES, VPP),
            NOW,
        )

    async def read_tables(self, _: int) -> None:
        """Read all homes as columns."""
        await Enrolment(self._pools["manta_engine"]).tables()

    async def save_intents(self, n: int) -> None:
        """Write one intent for each home."""
        rows = np.zeros(HOMES, INTENT)
        rows["device_no"] = np.arange(0, 2 * HOMES, 2)
        rows["power_kw"] = self._random.uniform(0, 11, HOMES)
        batch = IntentBatch(
            BatchId(UUID(int=n + 1)), HARBOUR, VPP, Region.NSW, EVENING, n, 12_500.0, "firm", "", "", NOW,
            rows,
        )  # fmt: skip
        await Decisions(self._pools["manta_engine"]).save_intents(batch)

    async def write_leases(self, n: int) -> None:
        """Write one lease for each home."""
        governor = Leases(self._pools["manta_governor"])
        epoch = await governor.take(Region.NSW, "bench", timedelta(minutes=5))
        assert epoch is not None
        rows = np.zeros(HOMES, LEASE)
        rows["device_no"] = np.arange(0, 2 * HOMES, 2)
        rows["power_kw"] = self._random.uniform(0, 11, HOMES)
        batch = LeaseBatch(
            BatchId(uuid4()), BatchId(UUID(int=n + 1)), HARBOUR, VPP, Region.NSW, EVENING, epoch, n + 1, "",
            NOW + FIVE_MINUTES, NOW, rows, np.zeros(0, REFUSAL), b"s" * 64,
        )  # fmt: skip
        self._last = await governor.write(batch)

    async def save_acks(self, n: int) -> None:
        """Write a thousand answers to the last leases."""
        rows = np.zeros(1_000, ACK)
        rows["batch"] = self._last.id.bytes
        rows["device_no"] = np.arange(n * 2_000, (n + 1) * 2_000, 2) % (2 * HOMES)
        rows["at_ms"] = int(NOW.timestamp() * 1_000)
        await Acks(self._pools["manta_gateway"]).save_acks(rows)

    async def post(self, n: int) -> None:
        """Post one interval of the settled homes."""
        await self._post(n, 0)

    async def revise(self, n: int) -> None:
        """Reverse it and post it anew."""
        await self._post(n, 1)

    async def replay(self, n: int) -> None:
        """Post it again as it stands."""
        await self._post(n, 1)

    async def _post(self, n: int, more: int) -> None:
        energy = (np.arange(SETTLED_HOMES) + n).tolist()
        money = [12_500 * wh + more for wh in energy]
        books = Books(self._pools["manta_settler"], lambda: NOW)
        interval = DispatchInterval(EVENING.end + n * FIVE_MINUTES)
        await books.post(HARBOUR, interval, Region.NSW, SITES[:SETTLED_HOMES], money, energy, Decimal(12_500))

    async def earnings(self, _: int) -> None:
        """Sum up an hour of the settled homes, each interval once revised."""
        await Earnings(self._pools["manta_api"]).of_fleet(
            HARBOUR, EVENING.start, EVENING.end + ROUNDS * FIVE_MINUTES
        )

    async def one_home(self, _: int) -> None:
        """Read one home's entries of that hour."""
        end = EVENING.end + ROUNDS * FIVE_MINUTES
        await Earnings(self._pools["manta_api"]).of_site(HARBOUR, SITES[7], EVENING.start, end)

    async def revenue(self, _: int) -> None:
        """Read each region's revenue of that hour."""
        end = EVENING.end + ROUNDS * FIVE_MINUTES
        await Earnings(self._pools["manta_api"]).by_region(HARBOUR, EVENING.start, end)

    async def verify(self, _: int) -> None:
        """Recompute the chain of that hour."""
        assert await Books(self._pools["manta_settler"], lambda: NOW).verify(HARBOUR) is None


async def timed(name: str, rounds: int, work: Callable[[int], Awaitable[None]]) -> None:
    """Print how long each round took; the first is a warm-up unless it is the only one."""
    took = []
    for n in range(rounds):
        started = perf_counter()
        await work(n)
        took.append((perf_counter() - started) * 1_000)
    kept = took[1:] or took
    figures = {"p50_ms": round(statistics.median(kept), 1), "max_ms": round(max(kept), 1)}
    print(json.dumps({"bench": name, "rounds": len(kept)} | figures))


async def main(home: Path) -> None:
    """Measure everything once."""
    cluster = postgres.Cluster(home / "postgres", free_port(), secrets.token_urlsafe(12), unprivileged())
    await postgres.prepare(cluster)
    server = Child(postgres.program(cluster))
    await server.start()
    try:
        await measure(cluster)
    finally:
        await server.stop()


async def measure(cluster: postgres.Cluster) -> None:
    """Make a record and put it to work."""
    passwords = {role: secrets.token_urlsafe(12) for role in migrate.ROLES}
    await migrate.create_roles(cluster.dsn(), passwords)
    dsns = {role: cluster.dsn(role, passwords[role], migrate.DATABASE) for role in migrate.ROLES}
    await migrate.upgrade(dsns[migrate.OWNER])
    pools = {role: await open_pool(dsn, size=2) for role, dsn in dsns.items()}
    bench = Bench(pools)
    await timed(f"enrol {HOMES} homes", 1, bench.enrol)
    await timed(f"read {HOMES} homes as columns", 4, bench.read_tables)
    await timed(f"write {HOMES} intents", ROUNDS, bench.save_intents)
    await timed(f"write {HOMES} leases", ROUNDS, bench.write_leases)
    await timed("write 1000 acks", 10, bench.save_acks)
    await timed(f"post {SETTLED_HOMES} homes", ROUNDS, bench.post)
    await timed(f"reverse and repost {SETTLED_HOMES} homes", ROUNDS, bench.revise)
    await timed(f"post {SETTLED_HOMES} homes again, unchanged", ROUNDS, bench.replay)
    async with await open_pool(cluster.dsn(database=migrate.DATABASE), size=1) as superuser:
        await superuser.execute("analyze")  # as autovacuum does within a minute
    await timed("earnings of an hour", 5, bench.earnings)
    await timed("one home's hour", 20, bench.one_home)
    await timed("revenue of an hour", 20, bench.revenue)
    await timed("verify an hour", 2, bench.verify)
    for pool in pools.values():
        await pool.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="manta-bench-") as place:
        Path(place).chmod(0o711)  # the unprivileged user walks through to its private room
        asyncio.run(main(Path(place)))
