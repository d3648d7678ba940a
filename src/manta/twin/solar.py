"""PV: what is lost in the inverter, above its rating, to a limit, and in a weak string."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manta.domain.finding import CurtailmentCause
from manta.twin.columns import Flags, FleetDay, Floats, StringsDay, ratio, total

CAUSES = tuple(CurtailmentCause)
CLIPPING_SHARE = 0.985
"""PV within so much of the inverter's rating is at it."""
WORKING_SHARE = 0.10
"""An inverter below so much of its rating is not judged: its own consumption weighs too much there."""
CURTAILED_SHARE = 0.70
"""PV below so much of a clear sky, with a reason at hand, is held back."""
BRIGHT_SHARE = 0.25
"""Of the plate: clear-sky power from which on the day is bright enough to judge."""
AT_LIMIT_KW = 0.15
HIGH_V = 253.0
"""Where inverters begin to give way: AS/NZS 4777.2 volt-watt response for Australia A."""
HIGH_HZ = 50.25
"""Where they reduce for frequency: AS/NZS 4777.2, Australia A."""
STEADY_KW = 0.02
"""Slot to slot; a cloud never holds so still."""
STEADY_SLOTS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Energy lost by cause, each [sites, slots] in kWh."""

    clipped_kwh: Floats
    curtailed_kwh: tuple[Floats, ...]
    """In the order of CAUSES."""


def losses(day: FleetDay) -> Losses:
    """Return what each site's sun could have made and did not, by cause; unknown is counted as 0.

    A cloud is no cause: without a limit, a voltage, a frequency or an order of ours at hand, and unless the
    power stands still where a cloud would not, nothing is called curtailed.
    """
    lost_kwh = np.nan_to_num(np.maximum(day.clear_sky_kw - day.pv_kw, 0.0)) * day.hours
    bright = day.clear_sky_kw >= BRIGHT_SHARE * day.plates.pv_kw[:, None]
    at_rating = bright & (day.pv_kw >= CLIPPING_SHARE * day.plates.inverter_kw[:, None])
    held = bright & ~at_rating & (day.pv_kw < CURTAILED_SHARE * day.clear_sky_kw)
    at_limit = day.grid_kw >= np.minimum(day.limit_kw, day.plates.export_kw[:, None]) - AT_LIMIT_KW
    at_limit &= ~(day.battery_kw > AT_LIMIT_KW)  # a battery that fills the limit up under a cloud is no loss
    told = {
        CurtailmentCause.EXPORT_LIMIT: (bright & ~at_rating & (day.pv_kw < day.clear_sky_kw)) & at_limit,
        CurtailmentCause.VOLTAGE: held & (day.voltage_v >= HIGH_V),
        CurtailmentCause.FREQUENCY: held & (day.frequency_hz >= HIGH_HZ),
        CurtailmentCause.PRICE: held & day.held_back,
        CurtailmentCause.INVERTER: held & _steady(day.pv_kw),
    }
    curtailed = []
    explained = np.zeros(held.shape, bool)
    for cause in CAUSES:
        curtailed.append(np.where(told[cause] & ~explained, lost_kwh, 0.0))
        explained |= told[cause]
    return Losses(np.where(at_rating, lost_kwh, 0.0), tuple(curtailed))


def inverter_efficiency(day: FleetDay) -> tuple[Floats, Floats]:
    """Return each site's PV efficiency from DC to AC over the day, and the DC energy it is judged on, kWh."""
    working = day.dc_kw >= WORKING_SHARE * day.plates.inverter_kw[:, None]
    working &= ~np.isnan(day.pv_kw)
    dc_kwh = total(day.dc_kw, working) * day.hours
    return ratio(total(day.pv_kw, working) * day.hours, dc_kwh), dc_kwh


def string_share(strings: StringsDay, hours: float) -> tuple[Floats, Floats]:
    """Return what each string made of what its neighbors would have, and how much less than that, kWh.

    Each string's yield is its energy over its own clear-sky energy, so that tilt, azimuth and size are out of
    it. The clouds are taken out by the median yield of its region.
    """
    known = ~np.isnan(strings.power_kw)
    clear_kwh = total(strings.clear_sky_kw, known) * hours
    made_kwh = total(strings.power_kw) * hours
    share = ratio(made_kwh, clear_kwh)
    usual = np.full(len(share), np.nan)
    for region in np.unique(strings.region):
        here = (strings.region == region) & ~np.isnan(share)
        if here.any():
            usual[here] = np.median(share[here])
    return ratio(share, usual), np.nan_to_num(np.maximum(usual * clear_kwh - made_kwh, 0.0))


def _steady(power_kw: Floats) -> Flags:
    """Tell where a power has held still for half an hour or so."""
    still = np.zeros(power_kw.shape, np.int64)
    still[:, 1:] = np.abs(np.diff(power_kw, axis=1)) <= STEADY_KW
    run = np.cumsum(still, axis=1)
    steady = np.zeros(power_kw.shape, bool)
    steady[:, STEADY_SLOTS:] = run[:, STEADY_SLOTS:] - run[:, :-STEADY_SLOTS] >= STEADY_SLOTS
    return steady & (power_kw > STEADY_KW)
