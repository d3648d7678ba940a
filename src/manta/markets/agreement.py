"""Two sources before a jump near the cap is believed.

A price that jumps to the neighborhood of the market's bounds moves every battery there is, and a single wrong
file would too. Such a price is passed on as suspect, which is shown and never traded on, until another source
says the same of its interval: a five-minute pre-dispatch run, the trading price, or whoever else is heard. If
nobody does in time it is passed on as not firm, on which the governor lets only a small part of a VPP move.
Every other price goes straight through.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol

import structlog

from manta.domain.market import Price, PriceStatus, Region
from manta.domain.reference import FLOOR_PER_MWH, cap_per_mwh
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval
from manta.markets.fetching import Clock

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is doubted and for how long, from a day on."""

    since: date
    share_of_bound: float
    """As near to the cap, or to the floor, as this share of it is near."""
    within: float
    """Sources agree that differ by no more than this share of the price."""
    lasts: timedelta
    """How long a second source is waited for."""
    because: str


DOUBTS = (
    Doubt(
        date(2026, 11, 22),
        share_of_bound=0.75,
        within=0.25,
        lasts=timedelta(seconds=40),
        because="of 81 five-minute prices of VIC1 from 2022 to 2024 above half of the cap 65 were above "
        "three quarters of it, and of 42 below half of the floor 40 below three quarters: what is near a "
        "bound is a kind of its own, offers at the bound, scarcity, over-constrained runs. Consecutive runs "
        "miss a high price by some tenths. A price is out 10 to 25 s into its interval, and the five-minute "
        "pre-dispatch run of that interval 33 to 50 s into it.",
    ),
)
REMEMBERED = timedelta(minutes=15)
"""How long after its end an interval is still talked about; a trading price takes five."""


@dataclass(frozen=True, slots=True)
class Word:
    """What one source says about the price of an interval."""

    source: str
    region: Region
    interval: DispatchInterval
    per_mwh: float
    said_at: datetime
    """When it came to be; of two words of one source the later counts."""


class Market(Protocol):
    """A source of published prices."""

    def prices(self) -> AsyncIterator[Sequence[Price]]:
        """Yield each publication's prices, for ever."""
        ...


def doubt_in_force(interval: DispatchInterval) -> Doubt:
    """Return the doubt that holds over an interval; before the first one that one does."""
    day = interval.start.astimezone(NEM_TIME).date()
    return next((doubt for doubt in reversed(DOUBTS) if doubt.since <= day), DOUBTS[0])


def bound_near(price: Price) -> float | None:
    """Return the bound of the market, $/MWh, that a price is near to; None if to neither."""
    share, cap = doubt_in_force(price.interval).share_of_bound, cap_per_mwh(price.interval)
    if price.per_mwh >= share * cap:
        return cap
    return FLOOR_PER_MWH if price.per_mwh <= share * FLOOR_PER_MWH else None


def is_jump(price: Price, before: Price | None) -> bool:
    """Tell whether a firm price came to a bound at once.

    ``before`` is the price of the interval before it as it was passed on, None where that is not known.
    """
    if price.status is not PriceStatus.FIRM or (bound := bound_near(price)) is None:
        return False
    return before is None or before.status is not PriceStatus.FIRM or bound_near(before) != bound


def agreeing(price: Price, words: Iterable[Word]) -> Word | None:
    """Return a word about the same region and interval that says nearly the same, if there is one."""
    tolerance = doubt_in_force(price.interval).within * abs(price.per_mwh)
    return next(
        (
            word
            for word in words
            if (word.region, word.interval) == (price.region, price.interval)
            and abs(word.per_mwh - price.per_mwh) <= tolerance
        ),
        None,
    )


type _Key = tuple[Region, DispatchInterval]


class Agreement:
    """A market whose jumps to its bounds are believed once two sources say so."""

    def __init__(self, market: Market, clock: Clock) -> None:
        self.held = 0
        """How many prices had to wait."""
        self.unconfirmed = 0
        """How many were passed on as not firm since nobody agreed in time."""
        self._market, self._clock = market, clock
        self._words: dict[tuple[str, Region, DispatchInterval], Word] = {}
        self._passed: dict[_Key, Price] = {}
        self._doubted: dict[_Key, Price] = {}
        """As they were published; they wait, or went on as not firm."""
        self._waits: dict[_Key, asyncio.Task[None]] = {}
        self._out: asyncio.Queue[Sequence[Price] | None] = asyncio.Queue()

    async def prices(self) -> AsyncIterator[Sequence[Price]]:
        """Yield what the market yields, and again each price of which there is more to say."""
        follows = asyncio.create_task(self._follow(), name="published prices")
        try:
            while (prices := await self._out.get()) is not None:
                yield prices
            await follows
        finally:
            tasks = [follows, *self._waits.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def hear(self, words: Iterable[Word]) -> None:
        """Take in what another source says; what waits for it goes on."""
        now = self._clock.now()
        for word in words:
            key = (word.source, word.region, word.interval)
            known = self._words.get(key)
            if word.interval.end > now - REMEMBERED and (known is None or known.said_at <= word.said_at):
                self._words[key] = word
        for price in list(self._doubted.values()):
            if (agreed := agreeing(price, self._words.values())) is not None:
                self._confirm(price, agreed)

    async def _follow(self) -> None:
        try:
            async with aclosing(self._market.prices()) as published:  # type: ignore[type-var] # all are generators
                async for prices in published:
                    self._forget()
                    self._out.put_nowait([self._judged(price) for price in prices])
        finally:
            self._out.put_nowait(None)

    def _judged(self, price: Price) -> Price:
        """Return a price as it is to be passed on now."""
        key = (price.region, price.interval)
        self._settle(key)
        over = price.interval.end <= self._clock.now()
        before = self._passed.get((price.region, DispatchInterval(price.interval.end - FIVE_MINUTES)))
        if over or not is_jump(price, before):
            self._passed[key] = price
            return price
        if (word := agreeing(price, self._words.values())) is not None:
            log.info("jump confirmed", region=price.region, per_mwh=price.per_mwh, source=word.source)
            self._passed[key] = price
            return price
        log.warning(
            "jump held back", region=price.region, interval=str(price.interval), per_mwh=price.per_mwh
        )
        self.held += 1
        self._doubted[key] = price
        self._waits[key] = asyncio.create_task(self._wait(price), name=f"doubt of {price.region}")
        return replace(price, status=PriceStatus.SUSPECT, changed_at=None)  # ours; what AEMO says replaces it

    async def _wait(self, price: Price) -> None:
        """Pass a price on as not firm once a second source has been waited for long enough."""
        await self._clock.sleep_until(self._clock.now() + doubt_in_force(price.interval).lasts)
        key = (price.region, price.interval)
        self._waits.pop(key, None)
        self.unconfirmed += 1
        said = {w.source: w.per_mwh for w in self._words.values() if (w.region, w.interval) == key}
        log.error("jump not confirmed", region=price.region, per_mwh=price.per_mwh, others=said)
        self._pass(replace(price, status=PriceStatus.NOT_FIRM))

    def _confirm(self, price: Price, word: Word) -> None:
        """Pass a doubted price on as it was published: a second source has said the same.

        One that went on as not firm is in the record with its LASTCHANGED, so that the second source's is
        needed to replace it; where that is not later it stays as it is.
        """
        key = (price.region, price.interval)
        went_on = self._passed.get(key)
        if went_on is not None and price.changed_at is not None:
            if word.said_at <= price.changed_at:
                return
            price = replace(price, changed_at=word.said_at)
        self._settle(key)
        log.info("jump confirmed", region=price.region, per_mwh=price.per_mwh, source=word.source)
        self._pass(price)

    def _pass(self, price: Price) -> None:
        self._passed[price.region, price.interval] = price
        self._out.put_nowait([price])

    def _settle(self, key: _Key) -> None:
        """Doubt a price no longer: it is confirmed, or another one has been published in its place."""
        self._doubted.pop(key, None)
        if (wait := self._waits.pop(key, None)) is not None:
            wait.cancel()

    def _forget(self) -> None:
        oldest = self._clock.now() - REMEMBERED
        self._words = {key: word for key, word in self._words.items() if word.interval.end > oldest}
        self._passed = {key: price for key, price in self._passed.items() if key[1].end > oldest}
        self._doubted = {key: price for key, price in self._doubted.items() if key[1].end > oldest}
