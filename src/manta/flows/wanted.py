"""Look, arbitrate, share: what one VPP is to do on a price, all of it in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manta.domain.identity import RuleId
from manta.domain.market import Price, PriceStatus
from manta.domain.proposal import Target
from manta.domain.rule import SpotRule
from manta.domain.time import epoch_ms
from manta.fleet.allocation import allocate
from manta.fleet.headroom import HomeLimits, Rooms
from manta.fleet.view import FleetView
from manta.fleet.vpps import Vpp
from manta.trading import spot
from manta.trading.arbiter import arbitrate
from manta.trading.situation import Situation
from manta.trading.spot import Spot, Stance
from manta.wire.columns import INTENT

type Rows = NDArray[Any]

LEASE_TAIL = timedelta(seconds=150)
"""By when after its interval the last lease has ended by itself."""
_TRADED = frozenset({PriceStatus.FIRM, PriceStatus.NOT_FIRM})
_FAINT_KW = 1e-6


@dataclass(slots=True)
class Posture:
    """What a VPP has been doing. Kept in memory only: after a crash the leases end by themselves."""

    active: bool = False
    stances: dict[RuleId, Stance] = field(default_factory=dict)
    held: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    """Devices that were asked for power and not released since, ascending."""
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a VPP is to do, before anybody is told."""

    target: Target
    shortfall_kw: float
    rows: Rows
    """INTENT columns."""
    sites: int
    """Sites asked for power or released."""
    unheard: int


def decide(
    view: FleetView, vpp: Vpp, rules: Sequence[SpotRule], price: Price, posture: Posture, at: datetime
) -> Wanted:
    """Return what a VPP is to do at a price, and note in its posture what it is now doing."""
    rooms = view.look(vpp.site_no, at)
    reach = {rule.id: view.look(vpp.site_no, at, _limits(rule)) for rule in rules}
    target = _arbitrate(rules, reach, Situation(price, rooms.together()), posture)
    posture.active = target.power_kw is not None
    asked, shortfall_kw = np.empty(0, INTENT), 0.0
    if target.power_kw is not None:
        limits = next((_limits(rule) for rule in rules if rule.id == target.rule), HomeLimits())
        heard = (reach[target.rule] if target.rule else rooms).heard()
        asked, shortfall_kw = _share(view, target.power_kw, heard, limits, at)
    rows = _with_releases(view, posture, asked, price, at)
    sites = int(np.count_nonzero(np.bincount(view.devices.site_no[rows["device_no"]])))
    return Wanted(target, shortfall_kw, rows, sites, unheard=int(np.count_nonzero(~rooms.known)))


def _arbitrate(
    rules: Sequence[SpotRule], reach: Mapping[RuleId, Rooms], seen: Situation, posture: Posture
) -> Target:
    if seen.price.status not in _TRADED:
        posture.stances = {}
        return Target(None, f"price is {seen.price.status.value}: no trades, homes look after themselves")
    before, posture.stances = posture.stances, {}
    for rule in rules:
        was = before.get(rule.id, Stance.IDLE)
        posture.stances[rule.id] = spot.stance(rule, seen.price.per_mwh, was)
    hands = [Spot(rule, posture.stances[rule.id], reach[rule.id].together()) for rule in rules]
    return arbitrate(seen, hands)


def _share(
    view: FleetView, target_kw: float, heard: Rooms, limits: HomeLimits, at: datetime
) -> tuple[Rows, float]:
    """Share a target over the homes that are heard; who has nothing to do is not asked."""
    allocation = allocate(target_kw, heard)
    device_no, power_kw = view.split(heard.site_no, allocation.shares_kw, limits)
    busy = abs(power_kw) > _FAINT_KW
    rows = _rows(view, device_no[busy], at)
    rows["power_kw"] = power_kw[busy]
    if target_kw > 0 and isfinite(limits.export_kw):
        rows["export_limit_kw"] = limits.export_kw
    return rows, allocation.shortfall_kw


def _with_releases(view: FleetView, posture: Posture, asked: Rows, price: Price, at: datetime) -> Rows:
    """Add a release for every device that was asked before and is not now; remember who is held.

    While the VPP is active, a device of a silent site keeps its lease until that ends: we do not know that
    it needs one less. Once it is idle, everyone is let go.
    """
    if posture.held_until is None or posture.held_until < at:
        posture.held = posture.held[:0]
    if posture.active:
        posture.held_until = price.interval.end + LEASE_TAIL
    now_asked = np.sort(asked["device_no"])
    if not len(posture.held) or np.array_equal(posture.held, now_asked):
        posture.held = now_asked
        return asked
    let_go = np.setdiff1d(posture.held, now_asked, assume_unique=True)
    if posture.active:
        let_go = let_go[view.is_heard(view.devices.site_no[let_go], at)]
    posture.held = np.setdiff1d(np.union1d(posture.held, now_asked), let_go).astype(np.int32)
    return np.concatenate([asked, _rows(view, let_go, at)])


def _rows(view: FleetView, device_no: NDArray[np.int32], at: datetime) -> Rows:
    """Return intents that release devices; a power makes them more."""
    rows = np.empty(len(device_no), INTENT)
    rows["device_no"], rows["power_kw"], rows["export_limit_kw"] = device_no, nan, nan
    rows["soc"], rows["age_ms"] = view.soc[device_no], epoch_ms(at) - view.heard_ms[device_no]
    return rows


def _limits(rule: SpotRule) -> HomeLimits:
    return HomeLimits(rule.site_export_kw, rule.reserve_soc)
