"""What the planner is told: sites, prices, limits and homes, as columns that compiled code can walk.

Power of a site's parts follows the house's sign: PV positive, load negative, toward the grid. Names that
carry a direction (``import_kw``, ``charge_kw``) are magnitudes. Energy is counted in the cells, power at the
terminals.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Rows = NDArray[np.void]
"""Structured rows of one of the layouts below."""
type Numbers = NDArray[np.int32]


class SiteRow(Protocol):
    """One site as the planner knows it; a row of ``SITE``."""

    stored_kwh: float
    """Energy in the cells now."""
    capacity_kwh: float
    reserve_kwh: float
    """Energy that is left to the householder; what is below it is never sold."""
    charge_kw: float
    discharge_kw: float
    charge_efficiency: float
    """From the terminals into the cells."""
    discharge_efficiency: float
    """From the cells to the terminals."""
    wear_per_mwh: float
    """What a unit of energy taken out of the cells costs in lost life."""
    inverter_kw: float
    """What the inverter that battery and roof share can carry either way; infinite where each has its
    own."""
    peak_kw: float
    """The month's highest import so far: what is taken above it costs ``peak_per_mwh`` more."""
    raise_kw: float
    """The most raise service that the battery is enabled to hold ready."""
    lower_kw: float
    """The most lower service."""
    curtails: bool
    """Whether the roof can be turned down."""


class PriceRow(Protocol):
    """What energy and readiness are worth in one step; an element of ``PRICE``, laid out tariff × step."""

    import_per_mwh: float
    export_per_mwh: float
    peak_per_mwh: float
    """Added to what is taken above the month's highest import."""
    raise_per_mwh: float
    """For each MW held ready upward for an hour."""
    lower_per_mwh: float
    """For each MW held ready downward for an hour."""


class LimitRow(Protocol):
    """What the network permits in one step; an element of ``LIMIT``, laid out limit × step."""

    import_kw: float
    export_kw: float


class HomeRow(Protocol):
    """What flows at a site of itself in one step, mean power; an element of ``HOME``: site × step."""

    pv_kw: float
    """What the roof could give, never negative."""
    load_kw: float
    """What the household draws, never positive."""


def layout_of(row: type) -> np.dtype[np.void]:
    """Lay a row's fields out as compiled code and NumPy both read them."""
    kinds = {"float": np.float64, "bool": np.bool_}
    return np.dtype([(name, kinds[kind]) for name, kind in row.__annotations__.items()], align=True)


SITE = layout_of(SiteRow)
PRICE = layout_of(PriceRow)
LIMIT = layout_of(LimitRow)
HOME = layout_of(HomeRow)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected of the steps ahead; the first is the one to be decided."""

    step_hours: Floats
    """How long each step is, shape (steps,)."""
    price: Rows
    """``PRICE``, shape (tariffs, steps)."""
    price_no: Numbers
    """Which tariff each site has."""
    limit: Rows
    """``LIMIT``, shape (limits, steps)."""
    limit_no: Numbers
    """Which limits hold for each site."""
    home: Rows
    """``HOME``, shape (sites, steps)."""

    def __post_init__(self) -> None:
        _refuse_shapes(self, price_dimensions=2)

    def of(self, sites: slice) -> Outlook:
        """Return the outlook of some neighboring sites."""
        return Outlook(
            self.step_hours,
            self.price,
            self.price_no[sites],
            self.limit,
            self.limit_no[sites],
            self.home[sites],
        )


@dataclass(frozen=True, slots=True)
class Chances:
    """What prices may do over the steps ahead: in each they are at one of some nodes, cheap to dear.

    Nine ranks of a calibrated forecast and three of spikes are usual; any number will do.
    """

    step_hours: Floats
    """How long each step is, shape (steps,); the first is the one to be decided."""
    price: Rows
    """``PRICE`` at each node, shape (tariffs, steps, nodes)."""
    price_no: Numbers
    """Which tariff each site has."""
    limit: Rows
    """``LIMIT``, shape (limits, steps)."""
    limit_no: Numbers
    home: Rows
    """``HOME``, shape (sites, steps)."""
    move: Floats
    """Odds of going from a node (row) of the step before to a node of this one, shape (steps, nodes, nodes);
    rows add up to 1. The first step's are not used: its price is published."""

    def __post_init__(self) -> None:
        _refuse_shapes(self, price_dimensions=3)
        nodes = self.price.shape[2]
        if self.move.shape != (len(self.step_hours), nodes, nodes):
            raise ValueError(f"move has shape {self.move.shape}, expected a square of {nodes} nodes a step")
        odds = self.move[1:]
        if not (odds >= 0).all() or not np.allclose(odds.sum(axis=2), 1.0, rtol=0, atol=1e-6):
            raise ValueError("the odds of moving on from a node are not negative and add up to 1")

    def of(self, sites: slice) -> Chances:
        """Return the chances of some neighboring sites."""
        return Chances(
            self.step_hours,
            self.price,
            self.price_no[sites],
            self.limit,
            self.limit_no[sites],
            self.home[sites],
            self.move,
        )


def _refuse_shapes(ahead: Outlook | Chances, *, price_dimensions: int) -> None:
    steps, sites = len(ahead.step_hours), len(ahead.home)
    if steps == 0 or not (ahead.step_hours > 0).all() or not np.isfinite(ahead.step_hours).all():
        raise ValueError("there is at least one step, and each is of some length")
    for name, rows, layout, dimensions in (
        ("price", ahead.price, PRICE, price_dimensions),
        ("limit", ahead.limit, LIMIT, 2),
        ("home", ahead.home, HOME, 2),
    ):
        if rows.dtype != layout or rows.ndim != dimensions or rows.shape[1] != steps:
            raise ValueError(f"{name} has shape {rows.shape}, expected {steps} steps of its layout")
    for name, numbers, rows in (
        ("price_no", ahead.price_no, ahead.price),
        ("limit_no", ahead.limit_no, ahead.limit),
    ):
        if len(numbers) != sites or (sites and not 0 <= numbers.min() <= numbers.max() < len(rows)):
            raise ValueError(f"{name} does not name a row for each of {sites} sites")


class Refusal(IntEnum):
    """Why a site gets no plan; the others go on without it."""

    NONE = 0
    NOT_A_NUMBER = 1
    """Something about the site, its prices or its home is unknown."""
    NO_CAPACITY = 2
    EFFICIENCY = 3
    """Not above 0 and up to 1."""
    LIMITS_CROSS = 4
    """A magnitude is negative, or the reserve is above the capacity."""
    STORED = 5
    """The cells hold less than nothing or more than their capacity."""
    SIGN = 6
    """A load that flows toward the grid, or a roof that takes from it."""
    LATE = 7
    """Time ran out before its turn."""


def refusals(sites: Rows, ahead: Outlook | Chances) -> NDArray[np.uint8]:
    """Say which sites cannot be planned for, and why; 0 is fit."""
    verdict = np.zeros(len(sites), np.uint8)
    for reason, wrong in (
        (Refusal.SIGN, _wrong_sign(ahead.home)),
        (Refusal.STORED, (sites["stored_kwh"] < 0) | (sites["stored_kwh"] > sites["capacity_kwh"])),
        (Refusal.LIMITS_CROSS, _crossing(sites, ahead)),
        (Refusal.EFFICIENCY, ~(_sound(sites["charge_efficiency"]) & _sound(sites["discharge_efficiency"]))),
        (Refusal.NO_CAPACITY, ~(sites["capacity_kwh"] > 0)),
        (Refusal.NOT_A_NUMBER, _unknown(sites, ahead)),
    ):
        verdict[wrong] = reason
    return verdict


def _sound(efficiency: Floats) -> NDArray[np.bool_]:
    sound: NDArray[np.bool_] = (efficiency > 0) & (efficiency <= 1)
    return sound


def _wrong_sign(home: Rows) -> NDArray[np.bool_]:
    wrong: NDArray[np.bool_] = (home["pv_kw"].min(axis=1) < 0) | (home["load_kw"].max(axis=1) > 0)
    return wrong


def _crossing(sites: Rows, ahead: Outlook | Chances) -> NDArray[np.bool_]:
    names = ("reserve_kwh", "charge_kw", "discharge_kw", "inverter_kw", "peak_kw", "raise_kw", "lower_kw")
    least = np.minimum.reduce([sites[name] for name in names])
    limits = np.minimum(ahead.limit["import_kw"], ahead.limit["export_kw"]).min(axis=1)
    tiers = ahead.price["peak_per_mwh"].reshape(len(ahead.price), -1).min(axis=1)
    below = (least < 0) | (limits[ahead.limit_no] < 0) | (tiers[ahead.price_no] < 0)
    crossing: NDArray[np.bool_] = below | (sites["reserve_kwh"] > sites["capacity_kwh"])
    return crossing


def _unknown(sites: Rows, ahead: Outlook | Chances) -> NDArray[np.bool_]:
    endless = ("inverter_kw", "peak_kw")
    known = np.logical_and.reduce(
        [
            ~np.isnan(sites[name]) if name in endless else np.isfinite(sites[name])
            for name in SITE.names or ()
            if name != "curtails"
        ]
    )
    for name in HOME.names or ():
        known &= np.isfinite(ahead.home[name].sum(axis=1))
    prices = np.logical_and.reduce([np.isfinite(ahead.price[name]) for name in PRICE.names or ()])
    limits = np.logical_and.reduce([~np.isnan(ahead.limit[name]) for name in LIMIT.names or ()])
    known &= prices.reshape(len(prices), -1).all(axis=1)[ahead.price_no]
    known &= limits.all(axis=1)[ahead.limit_no]
    unknown: NDArray[np.bool_] = ~known
    return unknown
