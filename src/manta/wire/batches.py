"""A decision for many devices as one packed, hashed batch, and the tables its columns point into."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manta.domain.identity import BatchId, TenantId, VppId
from manta.domain.market import Region
from manta.domain.time import DispatchInterval


@dataclass(frozen=True, slots=True)
class SiteTable:
    """Every site as columns; ``site_no`` is the row, dense from 0, given once and never reused."""

    ids: Sequence[str]
    tenant_no: NDArray[np.int32]
    vpp_no: NDArray[np.int32]
    """-1 while a site belongs to none."""
    region: NDArray[np.int8]
    """Place in domain.market.REGIONS."""
    feeder_no: NDArray[np.int32]
    import_limit_kw: NDArray[np.float64]
    """What the connection agreement permits, magnitudes."""
    export_limit_kw: NDArray[np.float64]
    tenants: Sequence[str]
    vpps: Sequence[str]


@dataclass(frozen=True, slots=True)
class DeviceTable:
    """Every device as columns; ``device_no`` is the row, dense from 0, given once and never reused."""

    ids: Sequence[str]
    site_no: NDArray[np.int32]
    kind: NDArray[np.int8]
    """Place in domain.site.DEVICE_KINDS."""
    charge_kw: NDArray[np.float64]
    """Rated, a magnitude; 0 for what cannot take power in."""
    discharge_kw: NDArray[np.float64]
    capacity_kwh: NDArray[np.float64]
    """NaN for what stores nothing."""
    reserve_soc: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class IntentBatch:
    """What the engine wants of one VPP, in the record before anyone acts on it."""

    id: BatchId
    tenant: TenantId
    vpp: VppId
    region: Region
    interval: DispatchInterval
    cycle: int
    price_per_mwh: float
    price_status: str
    because: str
    trace: str
    created_at: datetime
    rows: NDArray[Any]
    """INTENT columns."""


@dataclass(frozen=True, slots=True)
class LeaseBatch:
    """What the governor signed of an intent batch, and what it refused."""

    id: BatchId
    intents: BatchId
    tenant: TenantId
    vpp: VppId
    region: Region
    interval: DispatchInterval
    epoch: int
    sequence: int
    """Rises with every batch of a region and epoch; the devices' high-water mark."""
    trace: str
    expires_at: datetime
    """When the last lease in it has ended."""
    created_at: datetime
    rows: NDArray[Any]
    """LEASE columns."""
    refusals: NDArray[Any]
    """REFUSAL columns."""
    signature: bytes
    """Ed25519 over the digest of both packed bodies."""
