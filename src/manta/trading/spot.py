"""Spot arbitrage: sell when power is dear, buy when it is cheap, else leave the homes to themselves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from manta.domain.envelope import Envelope
from manta.domain.market import Price, PriceStatus
from manta.domain.proposal import Proposal
from manta.domain.rule import SpotRule
from manta.trading.situation import Situation

HYSTERESIS = 0.05
"""Share of a threshold by which the price must fall back before a rule lets go, so that it does not flap."""


class Stance(StrEnum):
    """What a rule is doing."""

    IDLE = "idle"
    SELLING = "selling"
    BUYING = "buying"


def stance(rule: SpotRule, per_mwh: float, was: Stance) -> Stance:
    """Return what a rule does at a price, given what it did before; at a threshold is not beyond it."""
    sell_above, buy_below = rule.sell_above_per_mwh, rule.buy_below_per_mwh
    if was is Stance.SELLING:
        sell_above -= HYSTERESIS * abs(sell_above)
    if was is Stance.BUYING:
        buy_below += HYSTERESIS * abs(buy_below)
    if per_mwh > max(sell_above, rule.buy_below_per_mwh):
        return Stance.SELLING
    if per_mwh < min(buy_below, rule.sell_above_per_mwh):
        return Stance.BUYING
    return Stance.IDLE


@dataclass(frozen=True, slots=True)
class Spot:
    """An operator's rule at work on one price."""

    rule: SpotRule
    now: Stance
    reach: Envelope
    """What the homes can do together within this rule's own bounds for each home."""

    def propose(self, seen: Situation) -> Proposal | None:
        """Ask for all that the homes can give or take once the price has crossed a threshold."""
        if self.now is Stance.SELLING:
            because = _because(seen.price, "above", self.rule.sell_above_per_mwh)
            each = f"sell up to {self.rule.site_export_kw:g} kW a home"
            return Proposal(f"{because}: {each}", want_kw=self.reach.ceiling_kw, rule=self.rule.id)
        if self.now is Stance.BUYING:
            because = _because(seen.price, "below", self.rule.buy_below_per_mwh)
            each = "charge as fast as each home may"
            return Proposal(f"{because}: {each}", want_kw=self.reach.floor_kw, rule=self.rule.id)
        return None


def aud_per_mwh(per_mwh: float) -> str:
    """Write a price as people do: ``-$20`` or ``$12,500.55``, cents only where there are some."""
    return f"{'-' if per_mwh < 0 else ''}${abs(per_mwh):,.2f}".removesuffix(".00") + "/MWh"


def _because(price: Price, side: str, threshold_per_mwh: float) -> str:
    firm = " (not firm)" if price.status is PriceStatus.NOT_FIRM else ""
    beyond_per_mwh = price.per_mwh - threshold_per_mwh
    crossed = beyond_per_mwh > 0 if side == "above" else beyond_per_mwh < 0
    is_side = f"is {side}" if crossed else "is still close to"
    threshold = aud_per_mwh(threshold_per_mwh).removesuffix("/MWh")
    return f"price {aud_per_mwh(price.per_mwh)}{firm} {is_side} {threshold}"
