"""``manta market status``: how old market history is, what is missing of it, and how to mend that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table as Shown
from rich.text import Text

from manta.app.market import FOLDER
from manta.domain.time import NEM_TIME
from manta.marketdata.addresses import address_of
from manta.marketdata.coverage import Coverage, Span
from manta.marketdata.history import MarketData
from manta.marketdata.months import Month
from manta.settings.clock import wall

MOST_SHOWN = 2
"""Gaps of one table and region that are named, the longest; of the others their number is."""
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def show_status(data: Path, console: Console, *, as_json: bool) -> int:
    """Show what there is, as a table or as JSON; 1 if there is nothing."""
    covered = MarketData(data / FOLDER).coverage(wall())
    if as_json:
        text = msgspec.json.format(msgspec.json.encode([_plain(each) for each in covered]), indent=2)
        console.file.write(text.decode() + "\n")
        return 0 if covered else 1
    if not covered:
        console.print("no market history yet: [bold]manta market import[/] FILE, FOLDER or ADDRESS")
        return 1
    console.print(_table(covered))
    for line in (*_gaps(covered), *_remedies(covered)):
        console.print(line, highlight=False, soft_wrap=True)
    return 0


def _table(covered: Sequence[Coverage]) -> Shown:
    shown = Shown(box=None, pad_edge=False, padding=(0, 1, 0, 0), caption="days of market time, UTC+10")
    shown.add_column("Table", overflow="fold")
    shown.add_column("Region", no_wrap=True)
    for heading in ("Rows", "From", "To", "Age", "Complete"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for each in covered:
        shown.add_row(
            each.table.monthly,
            each.region or "",
            f"{each.rows:,}",
            f"{each.first.astimezone(NEM_TIME):%Y-%m-%d}",
            f"{each.last.astimezone(NEM_TIME):%Y-%m-%d}",
            "ahead" if each.age < timedelta() else in_words(each.age),
            Text(share_of(each) or "no rhythm", style="yellow" if each.missing else ""),
        )
    return shown


def _gaps(covered: Sequence[Coverage]) -> Iterator[Text]:
    for each in covered:
        if each.missing:
            name = f"{each.table.monthly} {each.region or ''}".rstrip()
            yield Text(f"{name} lacks {missing_of(each)}")


def share_of(covered: Coverage) -> str | None:
    """Return how complete it is; never 100 % while an interval is missing."""
    if not covered.expected:
        return None
    return f"{covered.present * 1_000 // covered.expected / 10:.1f} %"


def missing_of(covered: Coverage) -> str:
    """Return the longest gaps in words, market time."""
    longest = sorted(covered.missing, key=lambda span: span.start - span.end)[:MOST_SHOWN]
    more = len(covered.missing) - len(longest)
    said = "; ".join(_span(span) for span in sorted(longest, key=lambda span: span.start))
    return said + (f"; and {more:,} more" if more else "")


def in_words(time: timedelta) -> str:
    """Return how long a time is, in its largest unit of which there are two."""
    for unit, name in ((_DAY, "days"), (_HOUR, "hours")):
        if time >= 2 * unit:
            return f"{time // unit:,} {name}"
    return f"{max(time // _MINUTE, 0)} min"


def _span(span: Span) -> str:
    start, end = span.start.astimezone(NEM_TIME), span.end.astimezone(NEM_TIME)
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {until} ({in_words(span.end - span.start)})"


def _remedies(covered: Sequence[Coverage]) -> Iterator[Text]:
    """Yield what would fill the first gap of each table."""
    seen = set()
    for each in covered:
        if not each.missing or each.table in seen:
            continue
        month = Month.holding(each.missing[0].start + _MINUTE)
        if address := address_of(each.table, month, each.region):
            seen.add(each.table)
            yield Text(f"to mend {each.table.monthly} of {month}: manta market import {address}", style="dim")


def _plain(covered: Coverage) -> dict[str, object]:
    return {
        "table": covered.table.monthly,
        "region": covered.region,
        "rows": covered.rows,
        "first": covered.first,
        "last": covered.last,
        "age_hours": covered.age / _HOUR,
        "expected": covered.expected,
        "present": covered.present,
        "missing": [
            {"start": span.start, "end": span.end, "intervals": span.intervals} for span in covered.missing
        ],
    }
