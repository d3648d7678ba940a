"""VPPs as columns: the sites of one region that trade as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manta.domain.identity import TenantId, VppId
from manta.domain.market import REGIONS, Region
from manta.domain.site import DEVICE_KINDS, DeviceKind
from manta.wire.batches import DeviceTable, SiteTable

BATTERY = DEVICE_KINDS.index(DeviceKind.BATTERY)


@dataclass(frozen=True, slots=True)
class Vpp:
    """The sites of one VPP that have a battery to trade with."""

    id: VppId
    tenant: TenantId
    region: Region
    site_no: NDArray[np.int32]


def vpps_of(sites: SiteTable, devices: DeviceTable) -> Iterator[Vpp]:
    """Group sites into VPPs; one that reaches over regions or tenants trades in each on its own."""
    stores = np.zeros(len(sites.ids), np.bool_)
    stores[devices.site_no[devices.kind == BATTERY]] = True
    member = np.flatnonzero((sites.vpp_no >= 0) & stores)
    key = np.stack([sites.vpp_no[member], sites.tenant_no[member], sites.region[member]])
    groups, of_site = np.unique(key, axis=1, return_inverse=True)
    for group, (vpp_no, tenant_no, region) in enumerate(groups.T.tolist()):
        yield Vpp(
            VppId(sites.vpps[vpp_no]),
            TenantId(sites.tenants[tenant_no]),
            REGIONS[region],
            member[of_site.ravel() == group].astype(np.int32),
        )
