"""How long the governor takes: to check 10,000 intents, to sign them, to seal and encode the leases.

Run ``PYTHONPATH=src:. python bench/bench_governor.py [SITES]``; prints a JSON line a figure, in milliseconds.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable

import numpy as np
from tests.unit.governor.towns import NOW, Town

from manta.bus.leases import LeaseSender
from manta.bus.signing import BatchSigner, verify_batch
from manta.domain.time import from_epoch_ms
from manta.fleet.view import FleetView
from manta.flows.leasing import sight
from manta.wire.batches import LeaseBatch

MASTER = bytes(range(32))


class Nowhere:
    """A bus that ends here."""

    async def publish(self, subject: str, body: bytes) -> None:
        """Take a message and do nothing with it."""


def measure(name: str, sites: int, step: Callable[[], object], rounds: int = 30) -> None:
    """Run a step often and print how long it takes."""
    step()
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        step()
        took.append((time.perf_counter() - began) * 1_000)
    middle, worst = np.percentile(took, [50, 99])
    print(json.dumps({"bench": name, "sites": sites, "p50_ms": round(middle, 2), "p99_ms": round(worst, 2)}))


def main(sites: int) -> None:
    """Measure each step on a fleet of so many homes."""
    town = Town(sites)
    view = FleetView(town.sites, town.devices)
    batch = town.batch(10.7, export_limit_kw=8.7)
    town.sequence = 1
    measure("governor.sight", sites, lambda: sight(view, NOW))
    measure("governor.govern", sites, lambda: town.governs(batch))
    town.asks(9.0)
    town.sequence = 3
    measure("governor.govern, all under leases", sites, lambda: town.governs(batch))

    signer, governed = BatchSigner(MASTER), town.governs(batch)
    assert len(governed.leases) == sites
    leases = LeaseBatch(
        id=batch.id,
        intents=batch.id,
        tenant=batch.tenant,
        vpp=batch.vpp,
        region=batch.region,
        interval=batch.interval,
        epoch=1,
        sequence=3,
        trace=batch.trace,
        expires_at=from_epoch_ms(int(governed.leases["until_ms"].max())),
        created_at=NOW,
        rows=governed.leases,
        refusals=governed.refusals,
        signature=b"",
    )
    measure("governor.sign", sites, lambda: signer.sign(leases))
    measure("governor.verify", sites, lambda: verify_batch(signer.public_key, leases))

    sender = LeaseSender(Nowhere(), MASTER)
    sender.enrol(town.sites, town.devices)
    with asyncio.Runner() as runner:
        measure("governor.seal and encode", sites, lambda: runner.run(sender.send(leases)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
