"""``manta replay``: a summer evening in seconds, and what the armed rules would do on genuine prices."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from manta.app.replay_house import BEGINS_AT, ENDS_AT, Evening, House, opened, tables_of
from manta.app.virtual import play
from manta.domain.market import REGIONS, Price
from manta.domain.site import DEVICE_KINDS, DeviceKind
from manta.domain.time import FIVE_MINUTES, DispatchInterval, epoch_ms
from manta.domain.units import KW_PER_MW
from manta.fleet.view import FleetView
from manta.fleet.vpps import vpps_of
from manta.flows.wanted import Posture, decide
from manta.governor.govern import by_guard
from manta.mms.dispatchis import prices_in
from manta.mms.lines import MarketFileError
from manta.nemsim.stories import Story
from manta.roles import demo
from manta.store.memory import Books
from manta.trading.spot import aud_per_mwh
from manta.wire.columns import READING

REGIONS_SHOWN = tuple(demo.SHARES)
STREET = 20
"""Homes that a decision on a genuine price is shown with: the fewest that stand in every region."""
_CENT, _WATT_HOUR = Decimal("0.01"), Decimal("0.001")
_RAMP_WINDOW_MS = 60_000
_HAIR = 1e-6
"""Of a limit: what adding up thousands of floats may be off."""


class IntervalPlayed(msgspec.Struct, frozen=True):
    """What the fleet did over one dispatch interval."""

    interval: str
    """Market time of its end, as AEMO names it."""
    price_per_mwh: dict[str, float]
    battery_kw: float
    """Mean of the interval, positive toward the grid."""
    grid_kw: float
    leased: int
    """Homes under an accepted lease at its end."""


class Earned(msgspec.Struct, frozen=True):
    """What homes earned and gave to the grid over a story's intervals, from the ledger."""

    homes: int
    mean_aud: Decimal
    min_aud: Decimal
    max_aud: Decimal
    mean_kwh: Decimal
    min_kwh: Decimal
    max_kwh: Decimal


class Ramp(msgspec.Struct, frozen=True):
    """The steepest minute at the connection points, beside what the governor permits."""

    region: str | None
    """None is the whole fleet."""
    worst_mw_per_min: float
    limit_mw_per_min: float

    @property
    def is_kept(self) -> bool:
        """Tell whether the limit held."""
        return self.worst_mw_per_min <= self.limit_mw_per_min * (1.0 + _HAIR)


class Ledger(msgspec.Struct, frozen=True):
    """The books as a whole; every posting in them adds up to nothing, or something is broken."""

    postings: int
    unsettled: int
    """Intervals of a region without any."""
    unbalanced: int
    micro_aud: int
    watt_hours: int
    sha256: str
    """The same evening with the same seed has the same."""


class Played(msgspec.Struct, frozen=True):
    """All that came of an evening."""

    homes: int
    seed: int
    intervals: list[IntervalPlayed]
    reasons: dict[str, int]
    """Dispatches by reason."""
    refused: dict[str, int]
    """Leases that the governor refused, by guard."""
    earned: Earned
    ledger: Ledger
    ramps: list[Ramp]

    @property
    def is_sound(self) -> bool:
        """Tell whether the promises that hold on every evening held on this one."""
        ledger = self.ledger
        return not (ledger.unsettled or ledger.unbalanced) and all(ramp.is_kept for ramp in self.ramps)


def spike(homes: int, seed: int, json: Path | None, console: Console) -> int:
    """Play story 1, show what came of it, and return the exit code."""
    only_warnings()
    began_s = perf_counter()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True
    ) as bar:
        played = play(_played(Evening(homes, seed), bar))
    _show(played, console)
    console.print(
        f"{homes:,} homes, {ENDS_AT - BEGINS_AT} of market time in {perf_counter() - began_s:.1f} s"
    )
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(played)))
    return 0 if played.is_sound else 1


async def _played(evening: Evening, bar: Progress) -> Played:
    task = bar.add_task(f"{BEGINS_AT:%H:%M}", total=(ENDS_AT - BEGINS_AT) / timedelta(minutes=1))
    async with opened(evening) as house:
        at = BEGINS_AT
        while at < ENDS_AT:
            at = min(at + timedelta(minutes=1), ENDS_AT)
            await house.until(at)
            bar.update(task, advance=1, description=f"{at:%H:%M}")
        return summed_up(house)


def summed_up(house: House) -> Played:
    """Return the figures of an evening, each from where the product keeps it."""
    batches = house.leases.batches.values()
    return Played(
        homes=house.evening.homes,
        seed=house.evening.seed,
        intervals=list(_intervals(house)),
        reasons=dict(Counter(d.target.because for d in house.record.dispatches.values())),
        refused=dict(sum((Counter(by_guard(batch.refusals["guard"])) for batch in batches), Counter[str]())),
        earned=earned(house.books, house.evening.stories[0], house.sites.ids),
        ledger=_ledger(house.books),
        ramps=list(_ramps(house)),
    )


def earned(books: Books, story: Story, sites: Sequence[str]) -> Earned:
    """Add up what the homes got over a story's intervals; who has no line earned nothing."""
    totals = {f"home/{site}": np.zeros(2, np.int64) for site in sites}
    for txn in books.txns:
        if story.tells(txn.region, txn.interval):
            for account in txn.lines.keys() & totals.keys():
                totals[account] += txn.lines[account]
    micro_aud, watt_hours = np.array(list(totals.values())).T
    return Earned(len(totals), *_spread(micro_aud, 10**6, _CENT), *_spread(watt_hours, 10**3, _WATT_HOUR))


def _spread(column: NDArray[np.int64], unit: int, grain: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """Return mean, least and most of whole numbers of a small unit, in the large one."""
    mean = Decimal(int(column.sum())) / len(column)
    each = (mean, Decimal(int(column.min())), Decimal(int(column.max())))
    mean, least, most = ((value / unit).quantize(grain) for value in each)
    return mean, least, most


def _intervals(house: House) -> Iterator[IntervalPlayed]:
    track, at_ms = house.track, np.array(house.track.at_ms)
    battery_kw, grid_kw = np.array(track.battery_kw).sum(axis=1), np.array(track.grid_kw).sum(axis=1)
    interval = DispatchInterval.containing(BEGINS_AT + FIVE_MINUTES)
    while interval.end <= ENDS_AT and epoch_ms(interval.end) <= at_ms[-1]:
        turns = np.flatnonzero((at_ms >= epoch_ms(interval.start)) & (at_ms < epoch_ms(interval.end)))
        prices = {region: house.record.prices.get((region, interval)) for region in REGIONS_SHOWN}
        yield IntervalPlayed(
            str(interval),
            {region.value: price.per_mwh for region, price in prices.items() if price},
            float(battery_kw[turns].mean()),
            float(grid_kw[turns].mean()),
            track.leased[turns[-1]],
        )
        interval = DispatchInterval(interval.end + FIVE_MINUTES)


def _ledger(books: Books) -> Ledger:
    digest = hashlib.sha256()
    total, unbalanced = np.zeros(2, np.int64), 0
    for txn in books.txns:
        balance = np.sum(list(txn.lines.values()), axis=0)
        total += balance
        unbalanced += bool(balance.any())
        digest.update(repr((txn.id.hex, str(txn.price), list(txn.lines.items()))).encode())
    expected = (ENDS_AT - BEGINS_AT) // FIVE_MINUTES * len(REGIONS_SHOWN)
    unsettled = expected - len({(txn.region, txn.interval) for txn in books.txns})
    micro_aud, watt_hours = total.tolist()
    return Ledger(len(books.txns), unsettled, unbalanced, micro_aud, watt_hours, digest.hexdigest())


def _ramps(house: House) -> Iterator[Ramp]:
    """Measure each region, then the fleet, over every window of a minute."""
    at_ms, grid_kw = np.array(house.track.at_ms), np.array(house.track.grid_kw)
    later = np.searchsorted(at_ms, at_ms + _RAMP_WINDOW_MS)
    first = np.flatnonzero(later < len(at_ms))
    moved_kw = grid_kw[later[first]] - grid_kw[first]
    enrolled_kw = np.bincount(house.sites.region, minlength=len(REGIONS)) * demo.BATTERY.ceiling_kw
    limit_kw = enrolled_kw * house.limits.region_ramp_per_min
    for place in map(REGIONS.index, REGIONS_SHOWN):
        worst_kw = float(np.abs(moved_kw[:, place]).max())
        yield Ramp(REGIONS[place].value, worst_kw / KW_PER_MW, float(limit_kw[place]) / KW_PER_MW)
    total_kw = min(float(limit_kw.sum()), house.limits.total_ramp_kw_per_min)
    yield Ramp(None, float(np.abs(moved_kw.sum(axis=1)).max()) / KW_PER_MW, total_kw / KW_PER_MW)


def _show(played: Played, console: Console) -> None:
    console.print("\n[bold]Intervals, named by their end in market time; prices in $/MWh")
    console.print(_interval_table(played.intervals))
    console.print("\n[bold]Dispatches by reason")
    for because, count in played.reasons.items():
        console.print(f"{count:5,}  {because}", highlight=False, soft_wrap=True)
    refused = ", ".join(f"{guard} {count:,}" for guard, count in played.refused.items())
    console.print(f"\nRefused by the governor: {refused or 'nothing'}", highlight=False)
    console.print(f"\n[bold]Earned by {played.earned.homes:,} homes over the story")
    console.print(_earned_table(played.earned))
    _show_ledger(played.ledger, console)
    for ramp in played.ramps:
        verdict = "kept" if ramp.is_kept else "[bold red]BROKEN[/]"
        console.print(
            f"Steepest minute {ramp.region or 'in all'}: {ramp.worst_mw_per_min:.3f} MW/min "
            f"of {ramp.limit_mw_per_min:.3f}, {verdict}",
            highlight=False,
        )


def _show_ledger(ledger: Ledger, console: Console) -> None:
    standing = "adds up to nothing" if not ledger.unbalanced else f"{ledger.unbalanced:,} do NOT balance"
    missing = f"; [bold red]{ledger.unsettled:,} NOT settled[/]" if ledger.unsettled else ""
    console.print(
        f"\nLedger: {ledger.postings:,} postings, {standing} ({ledger.micro_aud} µ$, {ledger.watt_hours} Wh)"
        f"{missing}\nIts sha256: {ledger.sha256}",
        highlight=False,
    )


def _interval_table(intervals: Sequence[IntervalPlayed]) -> Table:
    columns = (*REGIONS_SHOWN, "Battery kW", "Grid kW", "Leased")
    table = _table("Until", *columns)
    for each in intervals:
        prices = (each.price_per_mwh.get(region) for region in REGIONS_SHOWN)
        table.add_row(
            each.interval[-5:],
            *("none" if price is None else f"{price:,.2f}" for price in prices),
            f"{round(each.battery_kw):,}",
            f"{round(each.grid_kw):,}",
            f"{each.leased:,}",
        )
    return table


def _earned_table(of: Earned) -> Table:
    table = _table("A home", "Mean", "Least", "Most")
    table.add_row("$", *(f"{value:,}" for value in (of.mean_aud, of.min_aud, of.max_aud)))
    table.add_row("kWh", *(f"{value:,}" for value in (of.mean_kwh, of.min_kwh, of.max_kwh)))
    return table


def _table(first: str, *others: str) -> Table:
    """Return a table of figures: what they are of on the left, the figures on the right."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def prices(places: Sequence[Path], console: Console) -> int:
    """Show what the armed rules would do on the prices of genuine files, and return the exit code."""
    table = _table("Interval", "Region", "$/MWh", "Standing", "Battery kW")
    table.add_column("Because")
    armed, failed = Armed(), list[MarketFileError]()
    for price in _published(places, failed):
        power_kw, because = armed.would(price)
        table.add_row(
            str(price.interval),
            price.region,
            f"{price.per_mwh:,.2f}",
            price.status,
            "" if power_kw is None else f"{power_kw:+.2f}",
            because,
            style="bold" if power_kw else None,
        )
    console.print("\n[bold]What the armed rule would do, in kW of each home's battery; nothing is sent")
    console.print(table)
    for error in failed:
        console.print(f"[bold red]not read:[/] {error}", highlight=False)
    return 1 if failed else 0


def _published(places: Sequence[Path], failed: list[MarketFileError]) -> list[Price]:
    """Read every price, in the order in which it came to be; files that cannot be believed are set aside."""
    found: list[Price] = []
    for file in _files(places):
        try:
            found += prices_in(file.name, file.read_bytes())
        except MarketFileError as error:
            failed.append(error)
    return sorted(found, key=lambda p: (p.interval, p.changed_at or p.interval.start, p.region))


def _files(places: Sequence[Path]) -> Iterator[Path]:
    for place in places:
        if not place.is_dir():
            yield place
            continue
        names = [file for file in sorted(place.iterdir()) if _is_report(file.name)]
        if not names:
            raise FileNotFoundError(f"{place} holds no PUBLIC_DISPATCHIS file, .csv or .zip")
        yield from names


def _is_report(name: str) -> bool:
    return name.upper().startswith("PUBLIC_DISPATCHIS_") and name.upper().endswith((".CSV", ".ZIP"))


class Armed:
    """The armed rules, and a few homes for which they decide: batteries nearly full, no sun, a load each."""

    SOC, LOAD_KW = 0.9, -1.0

    def __init__(self) -> None:
        tables = tables_of(demo.homes(STREET, 1))
        self._view = FleetView(*tables)
        self._vpps = {vpp.region: vpp for vpp in vpps_of(*tables)}
        self._postures = {region: Posture() for region in self._vpps}
        self._rules = demo.first_rules()
        kind = tables[1].kind
        self._rows = np.zeros(len(kind), READING)
        self._rows["device_no"] = np.arange(len(kind))
        self._rows["power_kw"] = np.where(kind == DEVICE_KINDS.index(DeviceKind.LOAD), self.LOAD_KW, 0.0)
        self._rows["soc"] = self.SOC

    def would(self, price: Price) -> tuple[float | None, str]:
        """Return the battery power of a home at a price, None for its own default, and why."""
        vpp = self._vpps.get(price.region)
        if vpp is None:
            return None, "no homes of ours there"
        self._hear(price)
        rules = [rule for rule in self._rules if rule.vpp == vpp.id]
        wanted = decide(self._view, vpp, rules, price, self._postures[price.region], price.interval.start)
        power_kw = wanted.target.power_kw
        because = wanted.target.because.removeprefix(f"price {aud_per_mwh(price.per_mwh)} ")
        return None if power_kw is None else power_kw / len(vpp.site_no), because

    def _hear(self, price: Price) -> None:
        """Have the homes report as the interval begins."""
        self._rows["sequence"] += 1
        self._rows["at_ms"] = self._rows["heard_ms"] = epoch_ms(price.interval.start)
        self._view.fold(self._rows)


def only_warnings() -> None:
    """Keep the journeys' logs off the screen, save for what went wrong."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
