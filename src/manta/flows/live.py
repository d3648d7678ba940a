"""The fleet as the page shows it: one snapshot a tenant, summed by region, from what was heard last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import numpy as np
import structlog
from numpy.typing import NDArray

from manta.domain.market import REGIONS
from manta.domain.time import epoch_ms
from manta.fleet.view import FleetView
from manta.flows.ports import Clock
from manta.wire.events import FleetSnapshot, RegionNow

log = structlog.get_logger()


def snapshots(view: FleetView, at: datetime, leased_until_ms: NDArray[np.int64]) -> list[FleetSnapshot]:
    """Sum the fleet up by tenant and region; a silent site counts as a site and as nothing else.

    ``leased_until_ms`` says of each device until when it has accepted a lease.
    """
    sites, at_ms = view.sites, epoch_ms(at)
    every = np.arange(len(sites.ids), dtype=np.int32)
    group = sites.tenant_no * len(REGIONS) + sites.region
    groups = len(sites.tenants) * len(REGIONS)
    heard = view.is_heard(every, at)
    rooms = view.look(every, at)
    leased = np.zeros(len(every), np.bool_)
    leased[view.devices.site_no[leased_until_ms > at_ms]] = True

    def total(column: NDArray[np.float64]) -> NDArray[np.float64]:
        counted = np.where(heard, np.nan_to_num(column), 0.0)
        return np.bincount(group, weights=counted, minlength=groups)

    capacity_kwh = np.bincount(
        view.devices.site_no, weights=np.nan_to_num(view.devices.capacity_kwh), minlength=len(every)
    )
    enrolled = np.bincount(group, minlength=groups)
    columns = zip(
        enrolled.tolist(),
        np.bincount(group[heard], minlength=groups).tolist(),
        total(view.site_power_kw).tolist(),
        total(view.battery_kw).tolist(),
        total(view.pv_kw).tolist(),
        total(view.load_kw).tolist(),
        total(view.stored_kwh).tolist(),
        total(capacity_kwh).tolist(),
        total(rooms.ceiling_kw).tolist(),
        total(-rooms.floor_kw).tolist(),
        np.bincount(group[leased], minlength=groups).tolist(),
        strict=True,
    )
    rows = [RegionNow(REGIONS[number % len(REGIONS)], *row) for number, row in enumerate(columns)]
    return [
        FleetSnapshot(tenant, at_ms, [row for row in _of_tenant(rows, number) if row.sites])
        for number, tenant in enumerate(sites.tenants)
    ]


def _of_tenant(rows: Sequence[RegionNow], tenant_no: int) -> Sequence[RegionNow]:
    return rows[tenant_no * len(REGIONS) : (tenant_no + 1) * len(REGIONS)]


async def show_live(
    clock: Clock,
    look: Callable[[datetime], list[FleetSnapshot]],
    publish: Callable[[FleetSnapshot], Awaitable[None]],
    every: timedelta = timedelta(seconds=1),
) -> None:
    """Publish what ``look`` sees, once a period, for ever; a bus that is away costs the picture, no more."""
    while True:
        began = clock.now()
        try:
            for snapshot in look(began):
                await publish(snapshot)
        except Exception as failure:  # the page goes without; decisions do not depend on it
            log.warning("fleet not shown", because=repr(failure))
        await clock.sleep_until(max(began + every, clock.now()))
