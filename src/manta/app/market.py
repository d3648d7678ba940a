"""``manta market``: bring the market's history in, and see what there is of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table as Shown
from rich.text import Text

from manta.marketdata.fetching import FetchError, fetch, forget
from manta.marketdata.files import exclusive
from manta.marketdata.history import MarketData
from manta.marketdata.imports import Importer, Taken, note, read_log
from manta.marketdata.months import Month
from manta.marketdata.reading import SUFFIXES
from manta.settings.clock import wall

FOLDER = "market"
"""Of a house's data, where market history is."""
INCOMING = "incoming"
"""Below it, where files from addresses wait to be read."""


@dataclass(slots=True)
class _Count:
    """What became of the files that were named."""

    read: int = 0
    known: int = 0
    refused: int = 0
    rows: int = 0


def import_files(sources: Sequence[str], data: Path, console: Console) -> int:
    """Import files, folders and addresses; 1 if any was refused, which keeps no other out."""
    market = MarketData(data / FOLDER)
    found = list(_found(sources))
    with _bar(console) as bar, httpx.Client(max_redirects=5) as client:
        task = bar.add_task("market", total=len(found), rows=0, file="")
        run = _Run(market, Importer(market, wall()), client, bar, task)
        for source in found:
            bar.update(task, file=_plain(_short(source)))
            run.address(source) if _is_address(source) else run.file(Path(source))
            bar.advance(task)
        bar.update(task, file="keeping")
        run.importer.finish()
        bar.update(task, file="")
    if run.importer.totals:
        console.print(_summary(run.importer))
    count = run.count
    console.print(
        f"{count.read:,} files read, {count.known:,} known already, {count.refused:,} refused; "
        f"{count.rows:,} rows",
        highlight=False,
    )
    return 1 if count.refused else 0


@dataclass(slots=True)
class _Run:
    """One import under way."""

    market: MarketData
    importer: Importer
    client: httpx.Client
    bar: Progress
    task: TaskID
    count: _Count = field(default_factory=_Count)

    def file(self, path: Path) -> None:
        """Read a file that is here."""
        for taken in self.importer.take(path, path.name):
            self.say(taken)

    def address(self, url: str) -> None:
        """Fetch a file, unless it is the one that we read, and read it."""
        folder = self.market.root / INCOMING
        try:
            with exclusive(folder):
                known = read_log(self.market.root).addresses.get(url)
                fetched = fetch(self.client, url, folder, known, self.hear)
                if fetched is None:
                    self.say(Taken(_short(url), known=True))
                    return
                before = self.count.refused
                for taken in self.importer.take(fetched.path, _short(url)):
                    self.say(taken)
                self.importer.finish()
                if fetched.validator and self.count.refused == before:
                    note(self.market.root, addresses={url: fetched.validator})
                forget(fetched)
        except FetchError as error:
            self.refuse(str(error))

    def hear(self, octets: int) -> None:
        """Show how much of a file has come."""
        self.bar.update(self.task, file=f"{octets / 1e6:,.1f} MB")

    def say(self, taken: Taken) -> None:
        """Count what became of a file, and show why one was refused."""
        if taken.refusal:
            self.refuse(str(taken.refusal))
        elif taken.known:
            self.count.known += 1
        else:
            self.count.read += 1
            self.count.rows += taken.rows
            self.bar.update(self.task, rows=self.count.rows)

    def refuse(self, cause: str) -> None:
        """Count a refused file, and say why."""
        self.count.refused += 1
        words = Text("refused ", style="bold red").append(_plain(cause), style="not bold")
        self.bar.console.print(words, soft_wrap=True)


def _found(sources: Sequence[str]) -> Iterator[str]:
    """Yield what is to be read: addresses and files as named, and what lies in folders, in their order."""
    for source in sources:
        path = Path(source)
        if _is_address(source) or not path.is_dir():
            yield source
            continue
        for each in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in each.relative_to(path).parts)
            if each.suffix.lower() in SUFFIXES and each.is_file() and not hidden:
                yield str(each)


def _is_address(source: str) -> bool:
    return "://" in source


def _short(source: str) -> str:
    """Return the last part of a path or an address."""
    if _is_address(source):
        return unquote(urlsplit(source).path.rpartition("/")[2]) or source
    return Path(source).name


def _plain(text: str) -> str:
    """Return what a terminal can be shown: a file may be named so as to move its cursor."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


@contextmanager
def _bar(console: Console) -> Iterator[Progress]:
    with Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[file]}", markup=False),
        console=console,
        transient=True,
    ) as bar:
        yield bar


def _summary(importer: Importer) -> Shown:
    shown = Shown(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column("Table")
    shown.add_column("Months")
    for heading in ("Added", "Changed", "As before"):
        shown.add_column(heading, justify="right")
    for table, total in sorted(importer.totals.items(), key=lambda each: each[0].monthly):
        kept = total.kept
        counts = (f"{count:,}" for count in (kept.added, kept.changed, kept.unchanged))
        shown.add_row(table.monthly, _months(sorted(total.months)), *counts)
    return shown


def _months(months: Sequence[Month]) -> str:
    """Return months in words: alone, or first and last and how many."""
    if len(months) == 1:
        return str(months[0])
    return f"{months[0]} to {months[-1]} ({len(months)})"
