"""Who takes part, as the guards need it: one row a device and one a site, from the enrolment tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manta.domain.site import DEVICE_KINDS, DeviceKind
from manta.wire.batches import DeviceTable, SiteTable

_BATTERY = DEVICE_KINDS.index(DeviceKind.BATTERY)
_PV = DEVICE_KINDS.index(DeviceKind.PV)
_LOAD = DEVICE_KINDS.index(DeviceKind.LOAD)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Devices and sites as columns; the last row of each is nobody, and a number we do not know leads there.

    A rating or a limit that the enrolment does not know is 0: what is unknown permits nothing.
    """

    tenants: Sequence[str]
    vpps: Sequence[str]

    site_no: NDArray[Any]
    """By device from here on."""
    kw: NDArray[Any]
    """The larger rating of a battery that belongs to a VPP, else 0: what shares in ramps and tranches."""
    charge_kw: NDArray[Any]
    discharge_kw: NDArray[Any]
    capacity_kwh: NDArray[Any]
    reserve_soc: NDArray[Any]
    tenant_no: NDArray[Any]
    vpp_no: NDArray[Any]
    region: NDArray[Any]
    feeder_no: NDArray[Any]
    site_share: NDArray[Any]
    """What part of its site's connection is this battery's."""

    import_limit_kw: NDArray[Any]
    """By site from here on."""
    export_limit_kw: NDArray[Any]
    pv_kw: NDArray[Any]
    """Rated PV: the most that can flow out beside the battery."""
    load_kw: NDArray[Any]
    """Rated load: the most that can flow in beside it."""

    @classmethod
    def of(cls, sites: SiteTable, devices: DeviceTable) -> Enrolled:
        """Derive the columns from the enrolment; once a change of it, not once a batch."""
        site_no = np.append(devices.site_no, len(sites.ids))
        kind = np.append(devices.kind, -1)
        charge_kw, discharge_kw = _known(devices.charge_kw), _known(devices.discharge_kw)
        vpp_no = np.append(sites.vpp_no, -1)[site_no]
        rated_kw = np.where(kind == _BATTERY, np.maximum(charge_kw, discharge_kw), 0.0)
        kw = np.where(vpp_no >= 0, rated_kw, 0.0)

        def by_site(of_device: NDArray[Any]) -> NDArray[Any]:
            return np.bincount(site_no, of_device, len(sites.ids) + 1)

        batteries_kw = by_site(rated_kw)[site_no]
        return cls(
            sites.tenants, sites.vpps,
            site_no, kw, charge_kw, discharge_kw,
            _known(devices.capacity_kwh),
            np.append(np.nan_to_num(devices.reserve_soc, nan=1.0), 1.0),
            np.append(sites.tenant_no, -1)[site_no],
            vpp_no,
            np.append(sites.region, -1)[site_no],
            np.append(sites.feeder_no, -1)[site_no],
            np.divide(rated_kw, batteries_kw, out=np.zeros_like(rated_kw), where=batteries_kw > 0),
            _known(sites.import_limit_kw),
            _known(sites.export_limit_kw),
            by_site(np.where(kind == _PV, discharge_kw, 0.0)),
            by_site(np.where(kind == _LOAD, charge_kw, 0.0)),
        )  # fmt: skip

    def feeder_kw(self) -> NDArray[Any]:
        """Return the enrolled kW on each device's feeder."""
        feeder = self.feeder_no + 1
        by_feeder: NDArray[Any] = np.bincount(feeder, self.kw)
        return np.asarray(by_feeder[feeder])


def _known(column: NDArray[Any]) -> NDArray[Any]:
    return np.append(np.nan_to_num(np.asarray(column, float), nan=0.0), 0.0)
