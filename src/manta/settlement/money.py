"""Energy times price, exactly: watt-hours times dollars per megawatt-hour are micro-dollars.

One watt-hour is a millionth of a megawatt-hour, so at $1/MWh it is worth a millionth of a dollar. With the
price in whole cents the product is an integer of hundredths of a micro-dollar, rounded once, half away from
zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

_CENT = Decimal("0.01")
_MOST = 2**62


@dataclass(frozen=True, slots=True)
class Posting:
    """One interval of one region for one tenant: a line a home, and the market's line against them all."""

    site_no: NDArray[np.int32]
    micro_aud: NDArray[np.int64]
    """What each home earned, positive, or cost."""
    watt_hours: NDArray[np.int64]
    """Net toward the grid."""

    @property
    def market_micro_aud(self) -> int:
        """What the market's account moves by, so that the posting adds up to nothing."""
        return -int(self.micro_aud.sum())

    @property
    def market_watt_hours(self) -> int:
        """The energy on the market's side of the posting."""
        return -int(self.watt_hours.sum())


def micro_aud(watt_hours: NDArray[np.int64], price: Decimal) -> NDArray[np.int64]:
    """Value energy at a settlement price, in whole micro-dollars."""
    cents = int(price / _CENT)
    if price != cents * _CENT:
        raise ValueError(f"a settlement price has two decimals, was {price}")
    if len(watt_hours) and max(abs(int(watt_hours.min())), abs(int(watt_hours.max()))) * abs(cents) >= _MOST:
        raise OverflowError("more money than a ledger line holds")
    hundredths = watt_hours * np.int64(cents)
    whole: NDArray[np.int64] = np.sign(hundredths) * ((np.abs(hundredths) + 50) // 100)
    return whole


def post(site_no: NDArray[np.int32], watt_hours: NDArray[np.int64], price: Decimal) -> Posting:
    """Value some homes' energy at one price."""
    return Posting(site_no, micro_aud(watt_hours, price), watt_hours)
