"""What ``manta up`` shows while it starts, and once it runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from manta.app.plan import Plan
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval
from manta.settings.options import DEMO_EMAIL, World
from manta.supervisor.children import ChildError

STORY_LASTS = timedelta(minutes=30)


class Steps:
    """One line a step, with the seconds it took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()

    @asynccontextmanager
    async def step(self, what: str) -> AsyncIterator[None]:
        """Time the body, and say that it was done; if it fails, the error speaks."""
        began_s = self._loop.time()
        with self._console.status(f"{what} …"):
            yield
        now_s = self._loop.time()
        self._console.print(
            f"[green]✓[/] {what} [dim]{now_s - began_s:.1f} s, {now_s - self._began_s:.1f} s in all[/]"
        )

    def tell(self, what: str) -> None:
        """Say something that happened by itself."""
        self._console.print(Text(f"! {what}", style="yellow"))


def panel(house: Plan) -> RenderableType:
    """Return the summary of a house that runs."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column()
    rows.add_row("Page", Text(house.page, style="bold cyan underline"))
    if house.options.world is World.SIMULATE:
        rows.add_row("Sign in", _sign_in(house))
        rows.add_row(
            "Fleet", f"{house.options.homes:,} homes in NSW1, VIC1, QLD1 and SA1, each with a battery"
        )
        rows.add_row("Time", _time(house))
        rows.add_row("Next", _next(house))
    rows.add_row("Data", Text(str(house.data)))
    rows.add_row("Logs", Text(str(house.data / "logs")))
    rows.add_row("Stop", "Ctrl-C stops everything in order; twice kills it")
    title = "[bold]Manta VPP[/] is running" + (" a simulated evening" if _simulated(house) else " live")
    return Group("", Panel(Padding(rows, (1, 2)), title=title, border_style="cyan", expand=False))


def failure(house: Plan, error: Exception) -> RenderableType:
    """Return what went wrong and where to look."""
    remedy = "manta doctor looks for the usual causes" if isinstance(error, ChildError) else ""
    text = Text("\n".join(_plain(line) for line in str(error).splitlines()))
    text.append(f"\n\nLogs: {house.data / 'logs'}\n{remedy}".rstrip(), style="dim")
    return Panel(text, title="[bold red]Manta could not start[/]", border_style="red", expand=False)


def _plain(line: str) -> str:
    """Say a line of a role's log as a person reads it: the event, its reason, the end of a trace."""
    try:
        said = msgspec.json.decode(line, type=dict[str, object])
    except msgspec.DecodeError:
        return line
    trace = str(said.get("exception", "")).strip().splitlines()
    words = [str(said.get("event", "")), str(said.get("because", "")), *trace[-1:]]
    return "  " + ": ".join(word for word in words if word)


def _simulated(house: Plan) -> bool:
    return house.options.world is World.SIMULATE


def _sign_in(house: Plan) -> Text:
    return Text.assemble(DEMO_EMAIL, ("  password  ", "dim"), (house.secrets.admin, "bold"))


def _time(house: Plan) -> str:
    now = house.config.clock().now().astimezone(NEM_TIME)
    pace = "as fast as the wall's" if house.config.speed == 1 else f"{house.config.speed:g} times as fast"
    return f"{now:%A %-d %B %Y, %H:%M} market time (UTC+10), {pace}"


def _next(house: Plan) -> Text:
    if house.config.story_after is None or house.config.clock_setting is None:
        return Text(
            "an ordinary evening, until you ask for the price spike: the page's button, or manta story spike"
        )
    begins = story_begins(house.config.clock_setting.origin + house.config.story_after)
    wait = (begins - house.config.clock().now()) / house.config.speed
    minutes = max(round(wait / timedelta(minutes=1)), 0)
    return Text(
        f"in about {minutes} minutes, at {begins.astimezone(NEM_TIME):%H:%M}, the price jumps to $12,500/MWh "
        f"for {STORY_LASTS // timedelta(minutes=1)} minutes and the fleet answers: watch Spot Market"
    )


def story_begins(at: datetime) -> datetime:
    """Return the start of the first dispatch interval that is not before an instant."""
    interval = DispatchInterval.containing(at)
    return at if interval.start == at else interval.start + FIVE_MINUTES
