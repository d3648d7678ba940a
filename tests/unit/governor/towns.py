"""A small town and what is asked of it; each test names only what it is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from manta.domain.market import REGIONS, Region
from manta.domain.site import DEVICE_KINDS
from manta.domain.time import DispatchInterval, epoch_ms
from manta.governor.enrolled import Enrolled
from manta.governor.govern import by_guard, govern
from manta.governor.guards import GUARDS
from manta.governor.limits import Limits
from manta.governor.state import GovernorState, SiteSight
from manta.wire.batches import DeviceTable, IntentBatch, SiteTable
from manta.wire.columns import INTENT

INTERVAL = DispatchInterval(datetime(2026, 11, 22, 8, 5, tzinfo=UTC))
NOW = INTERVAL.start + timedelta(seconds=20)
RATED_KW = 11.04
PER_SITE = 4
"""Battery, PV, load and meter, in this order."""
RELEASE = np.nan
NEVER_MS = 10**12
"""The age of news that never came."""


def tables(homes=10, vpp="nsw", region=Region.NSW, batteries=1, rated_kw=RATED_KW):
    """Enrol homes of one VPP; ``vpp`` and ``region`` may be a list, one a home."""
    vpps = [vpp] * homes if isinstance(vpp, str) else list(vpp)
    regions = [region] * homes if isinstance(region, Region) else list(region)
    names = sorted(set(vpps))
    kinds = ["battery"] * batteries + ["pv", "load", "meter"]
    each = len(kinds)
    sites = SiteTable(
        ids=[f"h-{n}" for n in range(homes)],
        tenant_no=np.array([1 if v == "rival" else 0 for v in vpps], np.int32),
        vpp_no=np.array([names.index(v) for v in vpps], np.int32),
        region=np.array([REGIONS.index(r) for r in regions], np.int8),
        feeder_no=np.arange(homes, dtype=np.int32) // 5,
        import_limit_kw=np.full(homes, 15.0),
        export_limit_kw=np.full(homes, 10.0),
        tenants=["harbour", "rival"],
        vpps=names,
    )
    charge = {"battery": rated_kw, "load": 2.2}
    discharge = {"battery": rated_kw, "pv": 6.6}
    devices = DeviceTable(
        ids=[f"h-{n // each}-{kinds[n % each]}{n % each}" for n in range(each * homes)],
        site_no=np.arange(each * homes, dtype=np.int32) // each,
        kind=np.tile([[k.value for k in DEVICE_KINDS].index(k) for k in kinds], homes).astype(np.int8),
        charge_kw=np.tile([charge.get(k, 0.0) for k in kinds], homes),
        discharge_kw=np.tile([discharge.get(k, 0.0) for k in kinds], homes),
        capacity_kwh=np.tile([13.5 if k == "battery" else np.nan for k in kinds], homes),
        reserve_soc=np.tile([0.2 if k == "battery" else np.nan for k in kinds], homes),
    )
    return sites, devices


class Town:
    """Homes on a summer evening, all of them heard of a second ago, full of charge, 2 kW of load each."""

    def __init__(self, homes=10, *, without=None, limits=None, **enrolment):
        self.sites, self.devices = tables(homes, **enrolment)
        self.limits = limits or Limits(tenant_cap_kw={"harbour": 1e6, "rival": 1e6})
        self.state = GovernorState.empty(Enrolled.of(self.sites, self.devices), self.limits.reversals)
        self.without = without
        self.now = NOW
        self.epoch, self.sequence = 1, 0
        count = len(self.devices.ids)
        self.soc = np.where(self.devices.kind == 0, 0.9, np.nan)
        self.age_ms = np.full(count, 1_000)
        self.other_kw = np.full(homes, -2.0)

    @property
    def tables(self):
        return self.sites, self.devices

    @property
    def batteries(self):
        return np.flatnonzero(self.devices.kind == 0)

    @property
    def enrolled_kw(self):
        return float(self.state.enrolled.kw.sum())

    def limit(self, **changed):
        self.limits = replace(self.limits, **changed)

    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)

    def batch(self, power_kw=5.0, devices=None, export_limit_kw=np.nan, **about):
        devices = self.batteries if devices is None else np.asarray(devices)
        rows = np.zeros(len(devices), INTENT)
        rows["device_no"], rows["power_kw"], rows["export_limit_kw"] = devices, power_kw, export_limit_kw
        usual = IntentBatch(
            id=UUID(int=1),
            tenant="harbour",
            vpp="nsw",
            region=Region.NSW,
            interval=DispatchInterval.containing(self.now),
            cycle=0,
            price_per_mwh=12_500.0,
            price_status="firm",
            because="selling",
            trace="t",
            created_at=self.now,
            rows=rows,
        )
        return replace(usual, **about)

    def asks(self, power_kw=5.0, devices=None, **about):
        """Govern a batch and remember what was signed."""
        self.sequence += 1
        governed = self.governs(self.batch(power_kw, devices, **about))
        self.state = governed.state
        return governed

    def governs(self, batch):
        now_ms = epoch_ms(self.now)
        seen = SiteSight(self.soc, now_ms - self.age_ms, self.other_kw)
        turn = (now_ms, self.epoch, self.sequence)
        if self.without is None:
            return govern(self.state, batch, seen, self.limits, *turn)
        left = tuple((name, guard) for name, guard in GUARDS if name != self.without)
        return govern(self.state, batch, seen, self.limits, *turn, guards=left)

    def enrols(self, homes, **enrolment):
        """Go on with more homes."""
        self.sites, self.devices = tables(homes, **enrolment)
        self.state = self.state.enrolling(Enrolled.of(self.sites, self.devices))
        count = len(self.devices.ids)
        self.soc = np.where(self.devices.kind == 0, 0.9, np.nan)
        self.age_ms, self.other_kw = np.full(count, 1_000), np.full(homes, -2.0)


def power_of(governed):
    """Return device → power, None for a release."""
    return {
        int(d): None if np.isnan(p) else round(float(p), 6)
        for d, p in zip(governed.leases["device_no"], governed.leases["power_kw"], strict=True)
    }


def refused(governed):
    return by_guard(governed.refusals["guard"])
