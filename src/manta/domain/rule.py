"""What an operator asks for: a threshold rule on the spot price of one VPP."""

from dataclasses import dataclass

from manta.domain.identity import RuleId, VppId


@dataclass(frozen=True, slots=True)
class SpotRule:
    """Sell above one price, buy below another; between them the homes look after themselves."""

    id: RuleId
    vpp: VppId
    name: str
    sell_above_per_mwh: float
    buy_below_per_mwh: float
    site_export_kw: float
    """The most that one home may export while this rule sells, a magnitude."""
    reserve_soc: float
    """State of charge below which this rule does not sell, 0 to 1; a home's own reserve still binds."""
    enabled: bool

    def __post_init__(self) -> None:
        if not self.buy_below_per_mwh < self.sell_above_per_mwh:
            raise ValueError(
                f"buys below ${self.buy_below_per_mwh:,.2f} but sells above ${self.sell_above_per_mwh:,.2f}: "
                "the buying price must be the lower one"
            )
        if not (0 <= self.reserve_soc <= 1 and self.site_export_kw >= 0):
            raise ValueError("the reserve is a share from 0 to 1 and the export per home is not negative")
