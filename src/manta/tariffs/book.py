"""A tariff over years: each local day is priced with the tariff that held on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from manta.domain.tariff import LossFactors, Retail, Tariff
from manta.tariffs.clock import FIVE_MINUTES_MS, wall_clock
from manta.tariffs.pricing import Prices, price

_EPOCH = date(1970, 1, 1)


class TariffBook(Protocol):
    """Who knows the tariffs of the networks."""

    def tariff(self, network: str, code: str, on: date, export_code: str | None = None) -> Tariff:
        """Return the tariff that holds on a local day, or refuse with what is known instead."""

    def zone(self, network: str) -> str:
        """Return the time zone in which a network's days begin."""


@dataclass(frozen=True, slots=True)
class Supply:
    """On what terms one connection point takes and sends energy, whatever the year."""

    network: str
    code: str
    export_code: str | None = None
    """Of the tariff for energy sent, where the network names it apart."""
    losses: LossFactors = LossFactors()
    retail: Retail | None = None

    def on(self, book: TariffBook, day: date) -> Tariff:
        """Return the terms of a local day."""
        tariff = book.tariff(self.network, self.code, day, self.export_code).with_losses(self.losses)
        return tariff.sold_by(self.retail) if self.retail else tariff


def price_over(
    book: TariffBook, supply: Supply, end_ms: NDArray[np.int64], spot_per_mwh: NDArray[np.float64]
) -> Prices:
    """Price five-minute intervals of any number of years; a day that no tariff is known for is refused."""
    prices = Prices(np.full(len(end_ms), np.nan), np.full(len(end_ms), np.nan))
    day = wall_clock(end_ms - FIVE_MINUTES_MS, book.zone(supply.network)).day
    left = np.ones(len(end_ms), np.bool_)
    while left.any():
        first = _EPOCH + timedelta(days=int(day[left].min()))
        tariff = supply.on(book, first)
        rows = left & (day < (tariff.until - _EPOCH).days)
        some = price(tariff, end_ms[rows], spot_per_mwh[rows])
        prices.import_per_mwh[rows], prices.export_per_mwh[rows] = some.import_per_mwh, some.export_per_mwh
        left &= ~rows
    return prices
