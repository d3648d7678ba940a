"""The guards: each a promise, a small function over whole columns, and a test that goes red without it.

A guard refuses rows or tightens them; it never raises a power, turns one round or lets a lease last longer.
Releases pass every guard that only protects against moving, and a falling power passes those against raising.
"""

from collections.abc import Callable, Sequence

import numpy as np

from manta.domain.market import REGIONS, PriceStatus
from manta.domain.time import epoch_ms
from manta.governor.case import Case, Column, Rows, Ruling

type Guard = Callable[[Case, Rows], Ruling]

_MS_PER_HOUR = 3_600_000
_MIX = np.uint64(0x9E3779B97F4A7C15)


def fencing(case: Case, rows: Rows) -> Ruling:
    """Sign nothing under an epoch or a sequence that is behind what was already signed for the region."""
    place = REGIONS.index(case.batch.region)
    behind = (case.epoch, case.sequence) <= (case.state.epoch[place], case.state.sequence[place])
    return Ruling(refuse=np.full(len(rows.power_kw), behind))


def finite(case: Case, rows: Rows) -> Ruling:
    """Refuse what is not a number, save for the NaN that means release, and limits below zero."""
    odd_limit = np.isinf(rows.export_limit_kw) | (rows.export_limit_kw < 0)
    limit_kw = np.where(odd_limit, np.nan, rows.export_limit_kw)
    return Ruling(refuse=np.isinf(rows.power_kw) | odd_limit, export_limit_kw=limit_kw)


def known_device(case: Case, rows: Rows) -> Ruling:
    """Refuse all but batteries of the batch's own tenant, VPP and region, each named once."""
    enrolled, asked = case.enrolled, case.batch.rows["device_no"]
    ours = (
        (enrolled.kw[case.device] > 0)
        & (enrolled.tenant_no[case.device] == _place(enrolled.tenants, case.batch.tenant))
        & (enrolled.vpp_no[case.device] == _place(enrolled.vpps, case.batch.vpp))
        & (enrolled.region[case.device] == REGIONS.index(case.batch.region))
    )
    _, where, times = np.unique(asked, return_inverse=True, return_counts=True)
    return Ruling(refuse=~ours | (times[where] > 1))


def interval(case: Case, rows: Rows) -> Ruling:
    """Lease only the interval that is running, or the one about to begin."""
    begins_ms, ends_ms = epoch_ms(case.batch.interval.start), epoch_ms(case.batch.interval.end)
    fits = begins_ms - case.limits.early_ms <= case.now_ms < ends_ms
    return Ruling(refuse=~rows.release & (not fits))


def price(case: Case, rows: Rows) -> Ruling:
    """Move only on a price that can be true, in a market that is running; else releases alone pass."""
    per_mwh, limits = case.batch.price_per_mwh, case.limits
    possible = limits.price_floor_per_mwh <= per_mwh <= limits.price_cap_per_mwh(case.batch.interval)
    running = case.batch.price_status in (PriceStatus.FIRM, PriceStatus.NOT_FIRM)
    return Ruling(refuse=~rows.release & (not (possible and running)))


def expiry(case: Case, rows: Rows) -> Ruling:
    """Spread the ends of the leases, and let none last long.

    A release has to reach the device before the lease that it ends would have ended by itself.
    """
    limits = case.limits
    spread_ms = _spread(case.batch.rows["device_no"], case.sequence, limits.jitter_ms)
    released_ms = np.maximum(
        case.now_ms + limits.tail_ms, case.state.until_ms[case.device] + limits.jitter_ms
    )
    until_ms = np.where(rows.release, released_ms, rows.until_ms) + spread_ms
    return Ruling(until_ms=np.minimum(until_ms, case.now_ms + limits.longest_ms))


def freshness(case: Case, rows: Rows) -> Ruling:
    """Raise only whom the governor itself has heard of lately, whatever the intent claims.

    Whom it has not heard of may be brought lower, but is not kept at any power for longer.
    """
    same_way = np.sign(rows.power_kw) * np.sign(case.held_kw) >= 0
    lower = case.held & same_way & (np.abs(rows.power_kw) <= np.abs(case.held_kw))
    no_longer_ms = np.minimum(rows.until_ms, case.state.until_ms[case.device])
    return Ruling(
        refuse=~case.heard & ~rows.release & ~lower,
        until_ms=np.where(~case.heard & lower, no_longer_ms, rows.until_ms),
    )


def envelope(case: Case, rows: Rows) -> Ruling:
    """Keep the rating, the connection agreement beside PV and load, and the intent's own export limit.

    Where PV or load is not known the worst that they can be is assumed.
    """
    e, device, site = case.enrolled, case.device, case.site
    export_kw = np.fmin(rows.export_limit_kw, e.export_limit_kw[site])
    unknown = np.isnan(case.other_kw)
    most_kw = np.where(unknown, e.pv_kw[site], case.other_kw)
    least_kw = np.where(unknown, -e.load_kw[site], case.other_kw)
    high_kw = np.minimum(e.discharge_kw[device], e.site_share[device] * (export_kw - most_kw))
    low_kw = np.maximum(-e.charge_kw[device], e.site_share[device] * (-e.import_limit_kw[site] - least_kw))
    within = case.within(rows, low_kw, high_kw)
    return Ruling(within.refuse, within.power_kw, export_limit_kw=export_kw)


def reserve(case: Case, rows: Rows) -> Ruling:
    """Leave the householder's reserve: no lease can discharge into it even if it runs to its end."""
    e, device = case.enrolled, case.device
    spare_kwh = (
        np.nan_to_num((case.soc - e.reserve_soc[device]) * e.capacity_kwh[device])
        * case.limits.discharge_efficiency
    )
    hours = np.maximum(rows.until_ms - case.now_ms, 1_000) / _MS_PER_HOUR
    return case.within(rows, np.full(len(device), -np.inf), np.maximum(spare_kwh, 0.0) / hours)


def firmness(case: Case, rows: Rows) -> Ruling:
    """On a price that is not firm, let a VPP move no more than a small part of itself."""
    if case.batch.price_status == PriceStatus.FIRM:
        return Ruling()
    e = case.enrolled
    vpp = e.vpp_no == _place(e.vpps, case.batch.vpp)
    allowed_kw = case.limits.unfirm_share * float(e.kw[vpp].sum())
    return case.scaled(rows, allowed_kw - case.elsewhere_kw(rows, vpp))


def tenant_cap(case: Case, rows: Rows) -> Ruling:
    """Keep all that a tenant has under lease, in every region together, under the tenant's cap."""
    e = case.enrolled
    tenant = e.tenant_no == _place(e.tenants, case.batch.tenant)
    allowed_kw = case.limits.tenant_cap_kw.get(case.batch.tenant, 0.0)
    return case.scaled(rows, allowed_kw - case.elsewhere_kw(rows, tenant))


def reversal(case: Case, rows: Rows) -> Ruling:
    """Turn a site between charging and discharging neither too soon nor too often; it goes home instead."""
    state, site = case.state, case.site
    asked_kw = np.where(rows.open, np.nan_to_num(rows.power_kw), 0.0)
    way = np.sign(np.bincount(site, asked_kw, len(state.direction)))[site]
    turns = (way != 0) & (way == -state.direction[site])
    too_soon = case.now_ms - state.turned_ms[site] < case.limits.dwell_ms
    too_often = case.now_ms - state.reversals_ms[site, 0] < _MS_PER_HOUR
    return case.send_home(rows.power_kw, turns & (too_soon | too_often) & ~rows.release)


def ramp(case: Case, rows: Rows) -> Ruling:
    """Bound how fast each device moves, so that all of a region moving at once still keep the fleet's ramp.

    A device's share goes by its rating, not by how far it has to move: it holds for every mixture of old and
    new leases, lost ones too, and gives a battery that stands still a way home. What devices were
    promised before the enrolment grew is left to them; the others share the rest, or wait.
    """
    e, limits = case.enrolled, case.limits
    own_kw, region = e.kw[case.device], e.region == REGIONS.index(case.batch.region)
    per_min = min(limits.region_ramp_per_min, limits.total_ramp_kw_per_min / max(float(e.kw.sum()), 1e-9))
    by_feeder = limits.feeder_ramp_kw_per_min / np.maximum(e.feeder_kw()[case.device], 1e-9)
    share = own_kw * np.minimum(per_min, by_feeder)

    moving = np.where(case.state.home_ms > case.now_ms, case.state.ramp_kw_per_min, 0.0)
    kept = np.minimum(share, moving[case.device])
    promised = moving[region].sum() - moving[case.device][rows.open].sum() + kept[rows.open].sum()
    wanted = (share - kept)[rows.open].sum()
    part = np.clip((per_min * e.kw[region].sum() - promised) / wanted, 0.0, 1.0) if wanted > 0 else 1.0
    given = kept + (share - kept) * part
    too_slow = given < share / 2
    return Ruling(
        refuse=too_slow & ~rows.release & ~case.held,
        ramp_kw_per_min=np.minimum(np.where(too_slow, share / 2, given), rows.ramp_kw_per_min),
    )


GUARDS: tuple[tuple[str, Guard], ...] = (
    ("fencing", fencing),
    ("finite", finite),
    ("known_device", known_device),
    ("interval", interval),
    ("price", price),
    ("expiry", expiry),
    ("freshness", freshness),
    ("envelope", envelope),
    ("reserve", reserve),
    ("firmness", firmness),
    ("tenant_cap", tenant_cap),
    ("reversal", reversal),
    ("ramp", ramp),
)
"""In the order in which they are asked: who may speak, for whom, when; then how long, how much, how fast."""

GUARD_NAMES = (
    "fencing", "finite", "known_device", "interval", "price", "expiry", "freshness",
    "envelope", "reserve", "firmness", "tenant_cap", "reversal", "ramp",
)  # fmt: skip
"""By number, as refusals stand in the record: a new guard's name goes to the end, wherever it is asked."""


def _place(names: Sequence[str], name: str) -> int:
    """Return a name's number, or one that nothing has."""
    return names.index(name) if name in names else -2


def _spread(device_no: Column, sequence: int, jitter_ms: int) -> Column:
    """Return a shift from -jitter to +jitter for each device, always the same for one device and sequence."""
    mixed = (device_no.astype(np.uint64) + np.uint64(1)) * _MIX + np.uint64(sequence)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((mixed ^ (mixed >> np.uint64(32))) % np.uint64(2 * jitter_ms + 1)).astype(np.int64) - jitter_ms
