"""What a replayed battery earned, interval by interval, and what it earned it with.

Benefit is the site's cash with the battery less its cash without, net of wear. The parts add up to it: every
interval's gain belongs to one cause, and what was asked of the battery and not delivered is a part itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manta.backtest.series import STEP_HOURS
from manta.backtest.site import Case

SPIKE_PER_MWH = 300.0
"""Above it what is earned is a spike's, as the forecasts have it."""

type Floats = NDArray[np.float64]

PARTS = ("arbitrage", "spike", "negative_price", "self_consumption", "wear", "shortfall")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a policy did with one battery, one row an interval."""

    policy: str
    battery_kw: Floats
    """Mean battery power at the connection, positive toward the grid."""
    asked_kw: Floats
    """What was asked for, within what the connection and the inverter allow."""
    discharged_kwh: Floats
    """What left the cells; what entered them is not counted."""
    stored_kwh: Floats
    """Above the reserve, at the interval's end."""


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """A run in money, one row an interval; the parts add up to the benefit."""

    policy: str
    parts_aud: dict[str, Floats]
    """By the names of ``PARTS``; costs are negative."""

    @property
    def benefit_aud(self) -> Floats:
        """What the battery was worth in each interval, net of wear."""
        return np.sum([self.parts_aud[part] for part in PARTS], axis=0)


def settle(case: Case, battery_kw: Floats, pv_kw: Floats | None = None) -> Floats:
    """Return the site's cash of each interval in dollars, the sun curtailed where that pays.

    Net power is ``pv + battery − load``; what is exported above the limit is curtailed. Between nothing and
    all of the sun, cash is linear but for a kink at zero net power and another at the limit, so the best of
    those points is the best of all.
    """
    meter = case.meter
    sun_kw = meter.pv_kw if pv_kw is None else pv_kw
    lowest_kw = battery_kw - meter.load_kw
    highest_kw = np.maximum(np.minimum(lowest_kw + sun_kw, meter.export_kw), lowest_kw)
    choices = (lowest_kw, highest_kw, np.clip(0.0, lowest_kw, highest_kw))
    cash_aud: Floats = np.max(np.stack([_cash(case, net_kw) for net_kw in choices]), axis=0)
    return cash_aud


def _cash(case: Case, net_kw: Floats) -> Floats:
    per_mwh = np.where(net_kw < 0, case.import_per_mwh, case.export_per_mwh)
    cash_aud: Floats = net_kw * per_mwh * (STEP_HOURS / 1_000)
    return cash_aud


def account(case: Case, run: Run) -> Account:
    """Value a run and say where its benefit comes from.

    By the interval's spot price: below zero, a spike above $300/MWh, and between them what the battery gave
    to the load or took from the sun (self-consumption) and what it traded with the grid (arbitrage). These
    value
    what was asked for; delivered less asked is the shortfall.
    """
    idle_aud = settle(case, np.zeros(len(case.series)))
    asked_aud = settle(case, run.asked_kw) - idle_aud
    gained_aud = settle(case, run.battery_kw) - idle_aud
    own_aud = _own_use(case, run.asked_kw)
    spot_per_mwh = case.series.per_mwh
    spike, negative = spot_per_mwh > SPIKE_PER_MWH, spot_per_mwh < 0
    ordinary = ~spike & ~negative
    none = np.zeros(len(asked_aud))
    return Account(
        run.policy,
        {
            "arbitrage": np.where(ordinary, asked_aud - own_aud, none),
            "spike": np.where(spike, asked_aud, none),
            "negative_price": np.where(negative, asked_aud, none),
            "self_consumption": np.where(ordinary, own_aud, none),
            "wear": -run.discharged_kwh * (case.battery.wear_per_mwh / 1_000),
            "shortfall": gained_aud - asked_aud,
        },
    )


def _own_use(case: Case, battery_kw: Floats) -> Floats:
    """Return the import saved by what the load took from the battery less the export forgone to fill it."""
    meter = case.meter
    lacking_kw = np.maximum(meter.load_kw - meter.pv_kw, 0.0)
    spare_kw = np.maximum(meter.pv_kw - meter.load_kw, 0.0)
    given_kw = np.clip(battery_kw, 0.0, lacking_kw)
    taken_kw = np.clip(-battery_kw, 0.0, spare_kw)
    forgone_kw = np.maximum(np.minimum(spare_kw, meter.export_kw) - (spare_kw - taken_kw), 0.0)
    saved_aud = given_kw * case.import_per_mwh - forgone_kw * case.export_per_mwh
    own_aud: Floats = saved_aud * (STEP_HOURS / 1_000)
    return own_aud
