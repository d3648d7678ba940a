"""Demand charges: the highest average import of each local month, within the hours that count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from numpy.typing import NDArray

from manta.domain.tariff import DemandCharge
from manta.domain.time import HOURS_PER_INTERVAL, from_epoch_ms
from manta.tariffs.clock import FIVE_MINUTES_MS, wall_clock

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class MonthlyDemand:
    """What one demand charge came to in one local month, before GST."""

    month: date
    """Its first day."""
    peak_kw: float
    at: datetime
    """When the averaging period of the maximum began; the first, if several are as high."""
    amount_aud: Decimal
    incomplete: int
    """Averaging periods, between the first interval and the last, in which one is missing or unknown.

    They took no part.
    """


def assess(
    charge: DemandCharge, zone: str, end_ms: NDArray[np.int64], import_kwh: NDArray[np.float64]
) -> tuple[MonthlyDemand, ...]:
    """Assess five-minute imports, magnitudes named by the ends of their intervals, month by month.

    Demand in kVA is assessed at unity power factor. A month in which no averaging period is complete is not
    there: nobody knows its maximum.
    """
    if len(np.unique(end_ms)) != len(end_ms):
        raise ValueError("an interval is there twice")
    period_ms = charge.averaged // timedelta(milliseconds=1)
    if not len(end_ms):
        return ()
    number = (end_ms - FIVE_MINUTES_MS) // period_ms
    period = number - number.min()
    begins_ms = np.arange(number.min(), number.max() + 1) * period_ms
    energy_kwh = np.bincount(period, import_kwh, len(begins_ms))
    due = period_ms // FIVE_MINUTES_MS
    complete = (np.bincount(period, minlength=len(begins_ms)) == due) & ~np.isnan(energy_kwh)
    average_kw = energy_kwh / (due * HOURS_PER_INTERVAL)
    counted, month_no = _counted(charge, zone, begins_ms)
    return tuple(
        _month(charge, int(month), begins_ms[rows], average_kw[rows], int((here & ~complete).sum()))
        for month in np.unique(month_no[counted & complete])
        if len(rows := np.flatnonzero((here := counted & (month_no == month)) & complete))
    )


def _counted(
    charge: DemandCharge, zone: str, begins_ms: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Say which averaging periods begin within the hours of a charge, and in which month each is."""
    clock = wall_clock(begins_ms, zone)
    counted = np.zeros(len(begins_ms), np.bool_)
    for hours in charge.hours:
        days = np.isin(clock.month, list(hours.months)) & np.isin(clock.weekday, list(hours.weekdays))
        counted |= days & (clock.slot >= hours.first // 5) & (clock.slot < hours.last // 5)
    return counted, clock.month_no


def _month(
    charge: DemandCharge,
    month: int,
    begins_ms: NDArray[np.int64],
    average_kw: NDArray[np.float64],
    incomplete: int,
) -> MonthlyDemand:
    top = int(np.argmax(average_kw))
    peak_kw = float(average_kw[top])
    amount_aud = (Decimal(repr(peak_kw)) * charge.monthly_aud).quantize(_CENT, ROUND_HALF_UP)
    first = date(1970 + month // 12, month % 12 + 1, 1)
    return MonthlyDemand(first, peak_kw, from_epoch_ms(int(begins_ms[top])), amount_aud, incomplete)
