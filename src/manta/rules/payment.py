"""What the market pays: energy through its losses, services held ready, and caps that were called.

Everything is exact in Decimal until a ledger rounds it. Energy is in watt-hours, positive toward the grid:
one watt-hour at $1/MWh is a millionth of a dollar.
"""

from __future__ import annotations

from decimal import Context, Decimal

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import LossFactors
from manta.domain.reference import CAP_STRIKE_PER_MWH

_EXACT = Context(prec=60)
_INTERVALS_PER_HOUR = 12
_KW_PER_MW = 1_000
STRIKE_PER_MWH = Decimal(str(CAP_STRIKE_PER_MWH))


def spot_aud(watt_hours: int, losses: LossFactors, price: Decimal) -> Decimal:
    """Return ME × DLF × MLF × RRP for one interval, positive to whoever exports.

    NER 3.15.4 and 3.15.6. At a point with two marginal loss factors the net flow of the interval says which.
    """
    carried = _EXACT.multiply(losses.dlf, losses.mlf(watt_hours))
    return _EXACT.multiply(_EXACT.multiply(Decimal(watt_hours), carried), price).scaleb(-6, _EXACT)


def price_at_connection(watt_hours: int, losses: LossFactors, price: Decimal) -> Decimal:
    """Return what a megawatt-hour of this direction is worth where it is metered: RRP × MLF × DLF."""
    return _EXACT.multiply(_EXACT.multiply(price, losses.mlf(watt_hours)), losses.dlf)


def price_at_node(offered: Decimal, mlf: Decimal, dlf: Decimal) -> Decimal:
    """Return an offered price as dispatch compares it, at the regional reference node."""
    return _EXACT.divide(offered, _EXACT.multiply(mlf, dlf))


def enablement_aud(enabled_kw: Decimal, price: Decimal) -> Decimal:
    """Return what a service that was held ready for one interval earns: MW × price / 12.

    A twelfth is not always a finite number of decimals; sixty digits stay, far below what a ledger rounds.
    """
    return _EXACT.divide(_EXACT.multiply(enabled_kw, price), Decimal(_KW_PER_MW * _INTERVALS_PER_HOUR))


def cap_payoff_aud(contract_kw: Decimal, price: Decimal, strike: Decimal = STRIKE_PER_MWH) -> Decimal:
    """Return what the seller of a cap owes its buyer for one interval: max(0, RRP − strike) × MW / 12."""
    over = max(_EXACT.subtract(price, strike), Decimal(0))
    return _EXACT.divide(_EXACT.multiply(over, contract_kw), Decimal(_KW_PER_MW * _INTERVALS_PER_HOUR))


def cap_payoff_per_mwh(
    rrp_per_mwh: NDArray[np.float64], strike_per_mwh: float = CAP_STRIKE_PER_MWH
) -> NDArray[np.float64]:
    """Return a cap's payoff over a column of prices, $ for each megawatt-hour of cap volume."""
    return np.maximum(rrp_per_mwh - strike_per_mwh, 0.0)
