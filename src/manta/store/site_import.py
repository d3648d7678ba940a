"""Sites in bulk, with the plates of their devices: group by group, each wholly or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from manta.domain.identity import DeviceId, SiteId, TenantId, VppId
from manta.domain.market import Region
from manta.domain.site import Site
from manta.store.enrolment import Plate, add_sites, take_turn
from manta.store.pool import Pool, connect_for


@dataclass(frozen=True, slots=True)
class Register:
    """What is there already."""

    nmis: frozenset[str]
    vpps: Mapping[VppId, Region]


class SiteImport:
    """Brings sites into the register; needs the owner's pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def register(self, tenant: TenantId) -> Register:
        """Read what a tenant has; LookupError if there is no such tenant."""
        async with connect_for(self._pool, tenant) as conn:
            if not await conn.fetchval("select true from record.tenant where id = $1", tenant):
                raise LookupError(f"there is no tenant {tenant}")
            nmis = await conn.fetch("select nmi from record.site where tenant_id = $1", tenant)
            vpps = await conn.fetch("select id, region from record.vpp where tenant_id = $1", tenant)
        return Register(
            frozenset(row["nmi"] for row in nmis), {VppId(row["id"]): Region(row["region"]) for row in vpps}
        )

    async def add(
        self,
        tenant: TenantId,
        sites: Sequence[Site],
        vpp_of: Mapping[SiteId, VppId],
        plates: Mapping[DeviceId, Plate],
        at: datetime,
    ) -> int:
        """Add a group of sites, all or nothing, none yet in service; return how many were new."""
        async with connect_for(self._pool, tenant) as conn:
            await take_turn(conn)
            added, _ = await add_sites(conn, tenant, sites, vpp_of, at, plates)
        return added
