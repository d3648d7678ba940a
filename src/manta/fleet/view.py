"""The fleet as last heard of: one row a device and one a site, headroom kept warm for the next price."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manta.domain.site import DEVICE_KINDS, DeviceKind
from manta.domain.telemetry import QUALITIES, Quality
from manta.domain.time import HOURS_PER_INTERVAL, epoch_ms
from manta.fleet import headroom
from manta.fleet.headroom import HomeLimits, Rooms
from manta.fleet.layout import Layout
from manta.wire.batches import DeviceTable, SiteTable

type Floats = NDArray[np.float64]
type Rows = NDArray[Any]

_BATTERY, _PV, _LOAD, _METER = (
    DEVICE_KINDS.index(kind)
    for kind in (DeviceKind.BATTERY, DeviceKind.PV, DeviceKind.LOAD, DeviceKind.METER)
)
_BAD = QUALITIES.index(Quality.BAD)
_SKEW_MS = 300_000
"""A device clock further off than this is flagged; what is fresh is judged by when we heard it."""
_NEVER_MS = 0


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of the readings of one batch: every one is counted once, in one of the first four."""

    folded: int = 0
    """News of a device."""
    late: int = 0
    """Older than what we knew."""
    repeated: int = 0
    strange: int = 0
    """Of a device that we do not know."""
    unusable: int = 0
    """Of those folded: bad, not a number or beyond what the device can do; it makes the device unknown."""
    skewed: int = 0
    """Of those folded: from a device whose clock is minutes off."""

    def __add__(self, other: Folded) -> Folded:
        return Folded(
            self.folded + other.folded,
            self.late + other.late,
            self.repeated + other.repeated,
            self.strange + other.strange,
            self.unusable + other.unusable,
            self.skewed + other.skewed,
        )


class FleetView:
    """Keeps every device's newest reading and every site's headroom, so that a price finds them ready.

    The one object of ours that changes in place. It is never saved: after a start every site is unknown
    until it is heard from, which takes one reporting period.
    """

    def __init__(
        self,
        sites: SiteTable,
        devices: DeviceTable,
        expected: timedelta = timedelta(seconds=5),
        hold_hours: float = HOURS_PER_INTERVAL,
    ) -> None:
        self.stale_ms = 2 * expected // timedelta(milliseconds=1)
        """How old news may be and still count."""
        self._hold_hours = hold_hours
        self._empty(0, 0)
        self.enrol(sites, devices)

    def _empty(self, devices: int, sites: int) -> None:
        self.sequence = np.full(devices, -1, np.int64)
        self.at_ms = np.full(devices, _NEVER_MS, np.int64)
        self.heard_ms = np.full(devices, _NEVER_MS, np.int64)
        self.power_kw = np.full(devices, np.nan)
        self.soc = np.full(devices, np.nan)
        self.spare_kwh = np.full(devices, np.nan)
        self.room_kwh = np.full(devices, np.nan)
        self.ceiling_kw = np.full(devices, np.nan)
        self.floor_kw = np.full(devices, np.nan)
        self.site_heard_ms = np.full(sites, _NEVER_MS, np.int64)
        self.site_power_kw = np.full(sites, np.nan)
        self.others_kw = np.full(sites, np.nan)
        self.pv_kw = np.full(sites, np.nan)
        self.load_kw = np.full(sites, np.nan)
        self.battery_kw = np.full(sites, np.nan)
        self.stored_kwh = np.full(sites, np.nan)

    def enrol(self, sites: SiteTable, devices: DeviceTable) -> None:
        """Take in the tables as they stand now; numbers are never reused, so what is known stays."""
        known = ("sequence", "at_ms", "heard_ms", "power_kw", "soc")
        before = [getattr(self, name) for name in known]
        self.sites, self.devices = sites, devices
        count = len(devices.ids)
        self._empty(count, len(sites.ids))
        for name, column in zip(known, before, strict=True):
            getattr(self, name)[: len(column)] = column[:count]
        number = np.arange(count, dtype=np.int32)
        stores = devices.kind == _BATTERY
        self._layout = Layout.of(len(sites.ids), number, devices.site_no)
        self._batteries = Layout.of(len(sites.ids), number[stores], devices.site_no[stores])
        self._lowest_kw, self._highest_kw = _plausible(sites, devices)
        self._fold_batteries(number[stores])
        self._fold_sites(np.flatnonzero(self._layout.count()))

    @property
    def skewed(self) -> NDArray[np.bool_]:
        """Which devices have a clock that is minutes off."""
        return (self.heard_ms > _NEVER_MS) & (abs(self.heard_ms - self.at_ms) > _SKEW_MS)

    def fold(self, rows: Rows) -> Folded:
        """Take in READING columns; of each device only the newest counts, whatever order they came in."""
        known = rows[(rows["device_no"] >= 0) & (rows["device_no"] < len(self.sequence))]
        device_no, sequence = known["device_no"], known["sequence"]
        news = known[_newest(device_no, sequence) & (sequence > self.sequence[device_no])]
        unusable = self._take(news)
        latest = self.sequence[device_no]
        late = int((sequence < latest).sum())
        return Folded(
            folded=len(news),
            late=late,
            repeated=len(known) - len(news) - late,
            strange=len(rows) - len(known),
            unusable=unusable,
            skewed=int((abs(news["heard_ms"] - news["at_ms"]) > _SKEW_MS).sum()),
        )

    def _take(self, news: Rows) -> int:
        """Overwrite what we knew of some devices, each once, and return how many became unknown."""
        device_no = news["device_no"]
        power_kw, soc = news["power_kw"], news["soc"]
        stores = self.devices.kind[device_no] == _BATTERY
        usable = (news["quality"] < _BAD) & np.isfinite(power_kw)
        usable &= (power_kw >= self._lowest_kw[device_no]) & (power_kw <= self._highest_kw[device_no])
        usable &= ~stores | ((soc >= 0.0) & (soc <= 1.0))
        self.sequence[device_no] = news["sequence"]
        self.at_ms[device_no] = news["at_ms"]
        self.heard_ms[device_no] = news["heard_ms"]
        self.power_kw[device_no] = np.where(usable, power_kw, np.nan)
        self.soc[device_no] = np.where(usable & stores, soc, np.nan)
        self._fold_batteries(device_no[stores])
        touched = np.zeros(len(self.sites.ids), np.bool_)
        touched[self.devices.site_no[device_no]] = True
        self._fold_sites(np.flatnonzero(touched))
        return len(news) - int(usable.sum())

    def _fold_batteries(self, device_no: NDArray[np.int32]) -> None:
        table, soc = self.devices, self.soc[device_no]
        capacity_kwh = table.capacity_kwh[device_no]
        spare = headroom.spare_kwh(soc, table.reserve_soc[device_no], capacity_kwh)
        room = headroom.room_kwh(soc, capacity_kwh)
        self.spare_kwh[device_no], self.room_kwh[device_no] = spare, room
        self.ceiling_kw[device_no] = headroom.ceiling_of(table, device_no, spare, self._hold_hours)
        self.floor_kw[device_no] = headroom.floor_of(table, device_no, room, self._hold_hours)

    def _fold_sites(self, site_no: NDArray[np.integer]) -> None:
        """Add up the devices of some sites, each of which has at least one; unknown stays unknown."""
        if not len(site_no):
            return
        device_no, place = self._layout.at(site_no)
        kind, power_kw = self.devices.kind[device_no], self.power_kw[device_no]

        def total(column: Floats, wanted: NDArray[np.bool_]) -> Floats:
            return np.bincount(place, weights=np.where(wanted, column, 0.0), minlength=len(site_no))

        stores, meters = kind == _BATTERY, kind == _METER
        battery_kw = total(power_kw, stores)
        pv_kw, load_kw = total(power_kw, kind == _PV), total(power_kw, kind == _LOAD)
        stored = total(self.soc[device_no] * self.devices.capacity_kwh[device_no], stores)
        metered_kw = total(power_kw, meters)
        metered = np.bincount(place, weights=meters, minlength=len(site_no)) > 0
        summed_kw = battery_kw + pv_kw + load_kw
        self.battery_kw[site_no], self.pv_kw[site_no], self.load_kw[site_no] = battery_kw, pv_kw, load_kw
        self.others_kw[site_no], self.stored_kwh[site_no] = pv_kw + load_kw, stored
        self.site_power_kw[site_no] = np.where(metered & ~np.isnan(metered_kw), metered_kw, summed_kw)
        passive = meters & (np.bincount(place, weights=~meters, minlength=len(site_no)) > 0)[place]
        heard_ms = np.where(passive, np.iinfo(np.int64).max, self.heard_ms[device_no])
        starts = np.searchsorted(place, np.arange(len(site_no)))
        self.site_heard_ms[site_no] = np.minimum.reduceat(heard_ms, starts)

    def is_heard(self, site_no: NDArray[np.integer], at: datetime) -> NDArray[np.bool_]:
        """Tell which sites have fresh news of every device but the meter; news from the future is not."""
        age_ms: NDArray[np.int64] = abs(epoch_ms(at) - self.site_heard_ms[site_no])
        return age_ms <= self.stale_ms

    def look(self, site_no: NDArray[np.int32], at: datetime, limits: HomeLimits | None = None) -> Rooms:
        """Return what the batteries of some sites could do now; a silent site is unknown, not idle."""
        limits = limits or HomeLimits()
        device_no, place = self._batteries.at(site_no)
        spare, ceiling_kw = self._above(limits.reserve_soc, device_no)

        def total(column: Floats) -> Floats:
            return np.bincount(place, weights=column, minlength=len(site_no))

        floor_kw, ceiling_kw = headroom.at_connection(
            total(self.floor_kw[device_no]),
            total(ceiling_kw),
            self.others_kw[site_no],
            self.sites.import_limit_kw[site_no],
            np.minimum(self.sites.export_limit_kw[site_no], limits.export_kw),
        )
        unknown = ~self.is_heard(site_no, at) | np.isnan(ceiling_kw) | np.isnan(floor_kw)
        floor_kw[unknown] = ceiling_kw[unknown] = np.nan
        return Rooms(site_no, floor_kw, ceiling_kw, total(spare), total(self.room_kwh[device_no]))

    def split(
        self, site_no: NDArray[np.int32], shares_kw: Floats, limits: HomeLimits | None = None
    ) -> tuple[NDArray[np.int32], Floats]:
        """Share each site's power among its batteries, in proportion to what each can do."""
        limits = limits or HomeLimits()
        device_no, place = self._batteries.at(site_no)
        share_kw = shares_kw[place]
        _, ceiling_kw = self._above(limits.reserve_soc, device_no)
        reach_kw = np.where(share_kw >= 0, ceiling_kw, self.floor_kw[device_no])
        together_kw = np.bincount(place, weights=reach_kw, minlength=len(site_no))[place]
        part = np.divide(reach_kw, together_kw, out=np.zeros_like(reach_kw), where=together_kw != 0)
        return device_no, share_kw * part

    def batteries_at(self, site_no: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the batteries of some sites, site by site."""
        return self._batteries.at(site_no)[0]

    def _above(self, reserve_soc: float, device_no: NDArray[np.int32]) -> tuple[Floats, Floats]:
        """Return spare energy and ceiling of batteries above the higher of their own and another reserve."""
        spare, ceiling_kw = self.spare_kwh[device_no], self.ceiling_kw[device_no]
        if not (self.devices.reserve_soc[device_no] < reserve_soc).any():
            return spare, ceiling_kw
        capacity_kwh = self.devices.capacity_kwh[device_no]
        spare = np.minimum(spare, headroom.spare_kwh(self.soc[device_no], reserve_soc, capacity_kwh))
        return spare, headroom.ceiling_of(self.devices, device_no, spare, self._hold_hours)


def _newest(device_no: NDArray[np.int32], sequence: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the newest row of each device; of rows that repeat it, the first."""
    number = np.arange(len(device_no))
    if not len(number):
        return np.zeros(0, np.bool_)
    last = np.zeros(int(device_no.max()) + 1, np.int64)
    last[device_no] = number
    marked: NDArray[np.bool_] = last[device_no] == number
    if marked.all():
        return marked
    rising = number[::-1][np.argsort(sequence[::-1], kind="stable")]
    last[device_no[rising]] = rising
    newest: NDArray[np.bool_] = last[device_no] == number
    return newest


def _plausible(sites: SiteTable, devices: DeviceTable) -> tuple[Floats, Floats]:
    """Return the band of power that is physically credible for each device; beyond it a reading is refused.

    A battery or roof is judged by half as much again as its plate. A load or meter cannot see more than the
    connection and everything behind it could carry together.
    """
    site_no = devices.site_no
    give_kw = np.bincount(site_no, weights=devices.discharge_kw, minlength=len(sites.ids))
    take_kw = np.bincount(site_no, weights=devices.charge_kw, minlength=len(sites.ids))
    carry_kw = (give_kw + take_kw + sites.import_limit_kw + sites.export_limit_kw)[site_no]
    rated = np.isin(devices.kind, (_BATTERY, _PV)) & (devices.discharge_kw > 0)
    lowest_kw = -np.where(rated, devices.charge_kw, carry_kw) * 1.5 - 0.5
    highest_kw = np.where(rated, devices.discharge_kw, carry_kw) * 1.5 + 0.5
    return np.nan_to_num(lowest_kw, nan=-np.inf), np.nan_to_num(highest_kw, nan=np.inf)
