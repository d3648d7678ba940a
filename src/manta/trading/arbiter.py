"""One power from many wishes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from manta.domain.identity import RuleId
from manta.domain.proposal import Proposal, Target
from manta.trading.situation import Situation
from manta.trading.spot import aud_per_mwh


class Rule(Protocol):
    """Anything that, shown a situation, may propose."""

    def propose(self, seen: Situation) -> Proposal | None:
        """Return a proposal, or None for no opinion."""
        ...


def arbitrate(seen: Situation, rules: Iterable[Rule]) -> Target:
    """Fold the rules, most binding first, into the one power that a VPP is to hold.

    Each proposal narrows what is left to those after it. The last wish stands, clamped to what is left, so
    that no rule can break a bound set before it. Where nobody wishes and no bound binds, every home goes
    back to its default.
    """
    within, want_kw = seen.headroom, None
    because = f"price {aud_per_mwh(seen.price.per_mwh)} crosses no threshold: homes look after themselves"
    rule: RuleId | None = None
    for each in rules:
        proposal = each.propose(seen)
        if proposal is None:
            continue
        within = within.tighten(proposal.within)
        if proposal.want_kw is not None:
            want_kw, because, rule = proposal.want_kw, proposal.because, proposal.rule
        elif within.clamp(want_kw or 0.0) != (want_kw or 0.0):
            want_kw, because = within.clamp(want_kw or 0.0), proposal.because
    return Target(None if want_kw is None else within.clamp(want_kw), because, rule)
