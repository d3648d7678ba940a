"""What a VPP owes in a window (a cap sold, a network contract): one price for all sites, then water-filling.

Each site goes on planning for itself; a price added in the window makes as many of them give as are needed.
The price is bisected on a sample, the whole fleet is planned once with it, and what is short of the target
in some step is filled up by the allocation. What cannot be met is said beforehand, with its size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manta.trading.columns import Floats, Outlook, Rows
from manta.trading.curves import Curves
from manta.trading.slope_merge import trace_fleet

HIGHEST_PER_MWH = 30_000.0
"""An adder above any price: who does not give for it cannot give."""
_HALVINGS = 14


@dataclass(frozen=True, slots=True)
class Obligation:
    """What the VPP's meters are to send together, at least, in some steps of an outlook."""

    power_kw: float
    """Positive: at least so much toward the grid. Negative: at least so much taken from it."""
    steps: slice


@dataclass(frozen=True, slots=True)
class Terms:
    """How an obligation can be met."""

    adder_per_mwh: float
    """Added to import and export prices in the window; 0 where the sites meet it by themselves."""
    expected_kw: Floats
    """What the sampled sites, scaled to the fleet, would send in each step of the window."""
    shortfall_kw: Floats
    """What would be missing in each step however high the price; never negative."""

    @property
    def is_feasible(self) -> bool:
        """Whether nothing is missing."""
        return not self.shortfall_kw.any()


def terms(
    obligation: Obligation,
    sites: Rows,
    outlook: Outlook,
    end: Curves,
    *,
    sample: int = 1_000,
    is_late: Callable[[], bool] = lambda: False,
) -> Terms:
    """Find the least price that makes sites meet an obligation together, on an even sample of them.

    With ``is_late`` the search ends early with the last price known to suffice. The adder is in $/MWh:
    positive where power is to be sent, negative where it is to be taken. A window outside the outlook and a
    power that is none are refused.
    """
    window = range(len(outlook.step_hours))[obligation.steps]
    if not np.isfinite(obligation.power_kw) or len(window) == 0:
        raise ValueError(f"no obligation: {obligation.power_kw} kW in {len(window)} steps of the outlook")
    sign = 1.0 if obligation.power_kw >= 0 else -1.0
    chosen = np.unique(np.linspace(0, len(sites) - 1, min(sample, len(sites))).astype(np.int64))
    some, ending = outlook_of(outlook, chosen), curves_of(end, chosen)
    scale = len(sites) / max(len(chosen), 1)

    def sent(adder_per_mwh: float) -> Floats:
        priced = with_adder(some, sign * adder_per_mwh, obligation.steps)
        meter_kw = trace_fleet(sites[chosen], priced, ending).meter_kw
        together: Floats = np.nansum(meter_kw, axis=0)[obligation.steps] * scale * sign
        return together

    owed_kw = sign * obligation.power_kw
    tolerance_kw = 1e-9 * max(1.0, owed_kw)
    low, high, found = 0.0, HIGHEST_PER_MWH, sent(0.0)
    if _enough(found, owed_kw, outlook, obligation, tolerance_kw):
        return Terms(0.0, sign * found, np.zeros(len(window)))
    found = sent(high)
    if not _enough(found, owed_kw, outlook, obligation, tolerance_kw):
        return Terms(sign * high, sign * found, _missing(found, owed_kw, outlook, obligation))
    for _ in range(_HALVINGS):
        if is_late():
            break
        middle = (low + high) / 2 if low > 0 or high < 100 else high / 8
        tried = sent(middle)
        if _enough(tried, owed_kw, outlook, obligation, tolerance_kw):
            high, found = middle, tried
        else:
            low = middle
    return Terms(sign * high, sign * found, np.zeros(len(window)))


def _enough(
    sent_kw: Floats, owed_kw: float, outlook: Outlook, obligation: Obligation, tolerance_kw: float
) -> bool:
    """Whether the energy of the window suffices; who gives it in which step is settled by water-filling."""
    hours = outlook.step_hours[obligation.steps]
    return bool(sent_kw @ hours >= owed_kw * hours.sum() - tolerance_kw)


def _missing(sent_kw: Floats, owed_kw: float, outlook: Outlook, obligation: Obligation) -> Floats:
    """Spread what the window's energy lacks evenly over its steps."""
    hours = outlook.step_hours[obligation.steps]
    lacking_kw: float = max(owed_kw - float(sent_kw @ hours / hours.sum()), 0.0)
    return np.full(len(hours), lacking_kw)


def with_adder(outlook: Outlook, adder_per_mwh: float, steps: slice) -> Outlook:
    """Return an outlook whose import and export prices are higher by so much in some steps."""
    price = outlook.price.copy()
    price["import_per_mwh"][:, steps] += adder_per_mwh
    price["export_per_mwh"][:, steps] += adder_per_mwh
    home, limit_no = outlook.home, outlook.limit_no
    return Outlook(outlook.step_hours, price, outlook.price_no, outlook.limit, limit_no, home)


def outlook_of(outlook: Outlook, sites: NDArray[np.int64]) -> Outlook:
    """Return the outlook of some sites."""
    return Outlook(
        outlook.step_hours,
        outlook.price,
        outlook.price_no[sites],
        outlook.limit,
        outlook.limit_no[sites],
        outlook.home[sites],
    )


def curves_of(curves: Curves, sites: NDArray[np.int64]) -> Curves:
    """Return the curves of some sites."""
    length = np.diff(curves.first)[sites]
    first = np.zeros(len(sites) + 1, np.int64)
    np.cumsum(length, out=first[1:])
    place = np.repeat(curves.first[sites] - first[:-1], length) + np.arange(first[-1])
    return Curves(first, curves.width_kwh[place], curves.value_per_mwh[place], curves.floor_kwh[sites])
