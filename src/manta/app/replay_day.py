"""``manta replay day``: a whole trading day with every story in it, and what the fleet made of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from manta.app.replay import only_warnings
from manta.app.replay_house import Evening, House, opened
from manta.app.virtual import play
from manta.domain.market import PriceStatus, Region
from manta.domain.time import FIVE_MINUTES, NEM_TIME, TradingDay, epoch_ms
from manta.nemsim.stories import Story, story
from manta.roles import demo
from manta.settings.clock import FIRST_EVENING
from manta.wire.batches import IntentBatch
from manta.wire.stories import StoryName

DAY = TradingDay(FIRST_EVENING.date())
LAST_MINUTE = timedelta(minutes=1)
"""After the day's end, so that its last interval is settled."""
TOLD_AT: Mapping[StoryName, time] = {
    StoryName.REVISED: time(5),
    StoryName.SPIKE: time(6, 30),
    StoryName.LATE: time(7),
    StoryName.NEGATIVE: time(10),
    StoryName.ADMINISTERED_FLOOR: time(12),
    StoryName.FCAS: time(14),
    StoryName.CAP: time(16),
    StoryName.ADMINISTERED: time(16, 15),
    StoryName.LOR3: time(18),
    StoryName.SUSPENSION: time(20),
}
"""Market time. Three follow at once upon one in which the fleet is busy and has most to let go of."""
TURN = timedelta(seconds=30)
"""Homes report this often here, so that a day does not take for ever; what counts as fresh goes with it."""
TRADED = frozenset({PriceStatus.FIRM, PriceStatus.NOT_FIRM})


class StoryPlayed(msgspec.Struct, frozen=True):
    """What the market showed and the fleet did over a story's intervals."""

    story: str
    begins: str
    """Market time."""
    minutes: int
    lowest_per_mwh: float
    """Of the prices published for the homes' regions, those withdrawn later included."""
    highest_per_mwh: float
    statuses: list[str]
    orders: int
    """Intents with a power in them."""
    leased: int
    """Homes under an accepted lease at once, at most, once a price could have been acted on."""
    battery_kwh: float
    """Positive toward the grid."""
    reasons: list[str]


class DayPlayed(msgspec.Struct, frozen=True):
    """All that came of the day."""

    homes: int
    seed: int
    stories: list[StoryPlayed]
    publications: int
    revisions: int
    missing: int
    """Intervals of a region without the price that the market published last."""
    bad_orders: int
    """Intents with a power on a price that must not be traded on, or outside its own interval."""
    unbalanced: int

    @property
    def is_sound(self) -> bool:
        """Tell whether the day's promises were kept, and the fleet did trade where it was to."""
        traded = all(played.orders for played in self.stories if StoryName(played.story) in TRADING)
        idle = not any(played.orders for played in self.stories if StoryName(played.story) in IDLE)
        return traded and idle and not (self.missing or self.bad_orders or self.unbalanced)


TRADING = frozenset({StoryName.SPIKE, StoryName.NEGATIVE, StoryName.CAP, StoryName.REVISED})
"""Stories whose prices are to be traded on."""
IDLE = frozenset({StoryName.ADMINISTERED, StoryName.ADMINISTERED_FLOOR, StoryName.SUSPENSION, StoryName.LATE})
"""Stories in which nothing may be ordered."""


def the_day(homes: int, seed: int) -> Evening:
    """Return the day with every story in it."""
    return Evening(
        homes,
        seed,
        stories=[story(name, _at(clock)) for name, clock in TOLD_AT.items()],
        begins_at=DAY.start - timedelta(seconds=30),
        ends_at=DAY.end + LAST_MINUTE,
        turn=TURN,
    )


def day(homes: int, seed: int, json: Path | None, console: Console) -> int:
    """Play the day, show what came of it, and return the exit code."""
    only_warnings()
    began_s = perf_counter()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("", total=24)
        played = play(
            played_day(
                the_day(homes, seed), lambda at: bar.update(task, advance=1, description=f"{at:%H:%M}")
            )
        )
    _show(played, console)
    console.print(f"{homes:,} homes, 24 hours of market time in {perf_counter() - began_s:.1f} s")
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(played)))
    return 0 if played.is_sound else 1


async def played_day(of: Evening, tell: Callable[[datetime], None]) -> DayPlayed:
    """Play a day and return its figures; ``tell`` is called once an hour."""
    async with opened(of) as house:
        for hour in range(1, 25):
            await house.until(DAY.start + timedelta(hours=hour))
            tell((DAY.start + timedelta(hours=hour)).astimezone(NEM_TIME))
        await house.until(of.ends_at)
        return summed_up(house)


def summed_up(house: House) -> DayPlayed:
    """Return the figures of a day, each from where the product keeps it."""
    batches = list(house.record.intents.values())
    balances = [np.sum(list(txn.lines.values()), axis=0) for txn in house.books.txns]
    return DayPlayed(
        homes=house.evening.homes,
        seed=house.evening.seed,
        stories=[_story_played(house, each) for each in house.evening.stories],
        publications=len(house.published),
        revisions=len(house.published) - len({published[0].interval for published in house.published}),
        missing=_missing(house),
        bad_orders=sum(_orders(batch) for batch in batches if not _is_permitted(batch)),
        unbalanced=sum(bool(balance.any()) for balance in balances),
    )


def _story_played(house: House, told: Story) -> StoryPlayed:
    intervals = set(told.intervals)
    prices = [p for published in house.published for p in published if p.interval in intervals]
    prices = [price for price in prices if price.region in demo.SHARES]
    batches = [batch for batch in house.record.intents.values() if batch.interval in intervals]
    dispatches = [d for d in house.record.dispatches.values() if d.price.interval in intervals]
    since = told.begins + FIVE_MINUTES  # leases of before have run out, and the first price is known
    return StoryPlayed(
        story=told.name,
        begins=f"{told.begins.astimezone(NEM_TIME):%H:%M}",
        minutes=(told.ends - told.begins) // timedelta(minutes=1),
        lowest_per_mwh=min(price.per_mwh for price in prices),
        highest_per_mwh=max(price.per_mwh for price in prices),
        statuses=sorted({price.status.value for price in prices}),
        orders=sum(_orders(batch) for batch in batches),
        leased=int(_over(house, house.track.leased, since, told.ends).max(initial=0)),
        battery_kwh=_battery_kwh(house, told),
        reasons=[because for because, _ in Counter(d.target.because for d in dispatches).most_common(2)],
    )


def _battery_kwh(house: House, told: Story) -> float:
    power_kw = _over(house, np.sum(house.track.battery_kw, axis=1), told.begins, told.ends)
    return float(power_kw.sum()) * (TURN / timedelta(hours=1))


def _over(house: House, column: Sequence[float] | np.ndarray, begins: datetime, ends: datetime) -> np.ndarray:
    """Return the turns of a column between two instants."""
    at_ms = np.array(house.track.at_ms)
    return np.asarray(column, float)[(at_ms >= epoch_ms(begins)) & (at_ms < epoch_ms(ends))]


def _orders(batch: IntentBatch) -> int:
    return int(np.count_nonzero(~np.isnan(batch.rows["power_kw"])))


def _is_permitted(batch: IntentBatch) -> bool:
    """Tell whether a power may be asked for at all: on a price that stands, in its own interval."""
    early = batch.interval.start - timedelta(seconds=30)
    return PriceStatus(batch.price_status) in TRADED and early <= batch.created_at < batch.interval.end


def _missing(house: House) -> int:
    """Count the intervals whose price in the record is not the one that the market published last."""
    market = house.publisher.market()
    wanted = [(region, interval) for interval in DAY.intervals for region in Region]
    prices = house.record.prices
    return sum(at not in prices or prices[at].per_mwh != market.per_mwh(*at) for at in wanted)


def _at(clock: time) -> datetime:
    return datetime.combine(DAY.starts_on, clock, NEM_TIME)


def _show(played: DayPlayed, console: Console) -> None:
    console.print("\n[bold]A day with every story; prices in $/MWh, batteries positive toward the grid")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("Story", "From", "Min", "Lowest", "Highest", "Orders", "Leased", "Battery kWh"):
        table.add_column(column, justify="left" if column == "Story" else "right")
    table.add_column("Prices are")
    for each in played.stories:
        figures = (each.lowest_per_mwh, each.highest_per_mwh)
        table.add_row(
            each.story,
            each.begins,
            str(each.minutes),
            *(f"{per_mwh:,.2f}" for per_mwh in figures),
            f"{each.orders:,}",
            f"{each.leased:,}",
            f"{each.battery_kwh:+,.1f}",
            ", ".join(each.statuses),
        )
    console.print(table)
    for each in played.stories:
        for because in each.reasons:
            console.print(f"[bold]{each.story}[/]: {because}", highlight=False, soft_wrap=True)
    console.print(
        f"\n{played.publications} publications, {played.revisions} of them revisions; "
        f"{played.missing} prices missing; {played.bad_orders} orders that should not have been; "
        f"{played.unbalanced} postings that do not balance",
        highlight=False,
    )
