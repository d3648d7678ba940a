"""Import and export prices of a tariff over many intervals: the same rule as the tariff's own, in columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from manta.domain.tariff import Tariff, UnknownTariffError, Window
from manta.tariffs.clock import FIVE_MINUTES_MS, WallClock, wall_clock

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Prices:
    """One row an interval; energy toward the grid times the price of its direction is revenue."""

    import_per_mwh: NDArray[np.float64]
    """What energy taken costs, GST included."""
    export_per_mwh: NDArray[np.float64]
    """What energy sent earns."""

    def revenue_aud(self, energy_kwh: NDArray[np.float64]) -> NDArray[np.float64]:
        """Value net energy, positive toward the grid; what it costs is negative."""
        per_mwh = np.where(energy_kwh < 0, self.import_per_mwh, self.export_per_mwh)
        revenue_aud: NDArray[np.float64] = energy_kwh * per_mwh / 1_000
        return revenue_aud


def price(tariff: Tariff, end_ms: NDArray[np.int64], spot_per_mwh: NDArray[np.float64]) -> Prices:
    """Price five-minute intervals, named by their ends, at these spot prices.

    A local day on which the tariff does not hold is refused. Where spot is not known (NaN) nor is the price.
    """
    if (end_ms % FIVE_MINUTES_MS).any():
        raise ValueError("an interval ends on a five-minute mark")
    clock = wall_clock(end_ms - FIVE_MINUTES_MS, tariff.zone)
    _check_days(tariff, clock)
    taken_per_mwh = spot_per_mwh * (tariff.spot_share * tariff.losses.import_scale)
    sent_per_mwh = spot_per_mwh * (tariff.spot_share * tariff.losses.export_scale)
    taken_per_mwh = taken_per_mwh + adders_per_mwh(tariff.import_windows, clock)
    return Prices(
        import_per_mwh=taken_per_mwh * (1 + tariff.gst_share),
        export_per_mwh=sent_per_mwh + adders_per_mwh(tariff.export_windows, clock),
    )


def adders_per_mwh(windows: tuple[Window, ...], clock: WallClock) -> NDArray[np.float64]:
    """Return what the windows add at each time of a wall clock."""
    year = np.full((12, 7, 288), np.nan)
    for window in windows:
        hours = window.hours
        months = np.array(sorted(hours.months)) - 1
        weekdays = np.array(sorted(hours.weekdays))
        year[np.ix_(months, weekdays, range(hours.first // 5, hours.last // 5))] = window.adder_per_mwh
    added_per_mwh: NDArray[np.float64] = year[clock.month - 1, clock.weekday, clock.slot]
    return added_per_mwh


def _check_days(tariff: Tariff, clock: WallClock) -> None:
    since, until = ((day - _EPOCH).days for day in (tariff.since, tariff.until))
    outside = clock.day[(clock.day < since) | (clock.day >= until)]
    if len(outside):
        day = np.datetime64(int(outside[0]), "D")
        held = f"holds from {tariff.since} until {tariff.until}, not on {day}"
        raise UnknownTariffError(f"{tariff.network} {tariff.code} {held}")
