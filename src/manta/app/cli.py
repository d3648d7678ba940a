"""The command line: ``manta up`` and what one does around it."""

import asyncio
import importlib.metadata
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from manta.domain.market import Region
from manta.settings.options import (
    DEFAULT_DATA,
    LOOPBACK,
    PAGE_PORT,
    SHARED_DATA,
    MarketDays,
    Options,
    Role,
    World,
)
from manta.wire.stories import StoryName

RUNNING, LOOKING, INSIDE = "Run", "Look", "Inside"
ERRORS = (OSError, ValueError, RuntimeError)
"""What a person can do something about; anything else is a bug and shows its trace."""

app = typer.Typer(
    name="manta",
    help="Manta VPP: many small batteries, one power station that trades in the National Electricity Market.",
    epilog="A first visit: [bold]manta up[/], then open the page that it names.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
replay = typer.Typer(help="Play an evening, or a day of prices, in seconds.", no_args_is_help=True)
app.add_typer(replay, name="replay", rich_help_panel=LOOKING)
market_history = typer.Typer(
    help="The market's own history: bring it in, see what there is.", no_args_is_help=True
)
app.add_typer(market_history, name="market", rich_help_panel=LOOKING)
sites = typer.Typer(help="The sites that take part.", no_args_is_help=True)
app.add_typer(sites, name="sites", rich_help_panel=RUNNING)
console = Console()

DataOption = Annotated[
    Path | None,
    typer.Option("--data", envvar="MANTA_DATA", help="Directory that holds everything; .manta unless given."),
]


@app.command(rich_help_panel=RUNNING)
def up(
    homes: Annotated[int, typer.Option(min=1, max=100_000, help="How many homes to simulate.")] = 5_000,
    speed: Annotated[float, typer.Option(min=0.1, max=60, help="Simulated seconds a second.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same homes and weather.")] = 1,
    story_after: Annotated[
        float, typer.Option(min=-1, max=1440, help="Minutes until the price spike; -1 waits to be asked.")
    ] = 3.0,
    market: Annotated[
        MarketDays,
        typer.Option(help="The simulated market's days: a calm summer, or as real years were."),
    ] = MarketDays.SUMMER,
    data: DataOption = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page.")] = PAGE_PORT,
    host: Annotated[str, typer.Option(help="Where the page listens; TLS 1.3 beyond loopback.")] = LOOPBACK,
    bus_host: Annotated[
        str, typer.Option(help="Where NATS and MQTT listen; TLS 1.3 beyond loopback.")
    ] = LOOPBACK,
    world: Annotated[
        World, typer.Option(help="A simulated summer evening, or the real market.")
    ] = World.SIMULATE,
) -> None:
    """Start everything on this machine and watch it; Ctrl-C stops it."""
    from manta.app.up import up as run_house

    options = Options(
        world=world,
        data=data,
        homes=homes,
        speed=speed,
        seed=seed,
        market=market,
        host=host,
        port=port,
        bus_host=bus_host,
        story_after=None if story_after < 0 else timedelta(minutes=story_after),
    )
    _exit_with(lambda: run_house(options, console))


class EdgeVerb(StrEnum):
    """What a box is asked to do."""

    RUN = "run"
    CHECK = "check"


@app.command(rich_help_panel=RUNNING)
def edge(
    verb: Annotated[
        EdgeVerb, typer.Argument(help="Run the box; or look at each device once and change nothing.")
    ] = EdgeVerb.RUN,
    config: Annotated[Path, typer.Option(help="What the box is told; docs/edge.md shows one.")] = Path(
        "edge.toml"
    ),
) -> None:
    """Be the box on a site: read its devices, keep its leases, report through any outage."""
    from manta.roles.edge import look
    from manta.roles.edge import run as run_edge

    _exit_with(lambda: look(config) if verb is EdgeVerb.CHECK else run_edge(config))


@app.command(rich_help_panel=RUNNING)
def story(
    name: Annotated[StoryName, typer.Argument(help="Which story.")] = StoryName.SPIKE,
    listed: Annotated[bool, typer.Option("--list", help="Show every story, and start none.")] = False,
    data: DataOption = None,
) -> None:
    """Have the simulated market tell a story, from the next five-minute interval on."""
    from manta.app.story import ask, stories_table

    def tell() -> int:
        if listed:
            console.print(stories_table())
            return 0
        started = asyncio.run(ask(_house_of(data), name))
        console.print(f"{started.name}: {started.begins:%H:%M} to {started.ends:%H:%M} market time")
        return 0

    _exit_with(tell)


@replay.command("spike")
def replay_spike(
    homes: Annotated[int, typer.Option(min=20, max=100_000, help="How many homes take part.")] = 5_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same ledger.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file too.")] = None,
) -> None:
    """Play a summer evening with half an hour at $12,500/MWh, every engine, guard and signature real."""
    from manta.app.replay import spike

    _exit_with(lambda: spike(homes, seed, json, console))


@replay.command("day")
def replay_day(
    homes: Annotated[int, typer.Option(min=20, max=100_000, help="How many homes take part.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same day.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file too.")] = None,
) -> None:
    """Play a whole trading day with every story in it, and show what the fleet did in each."""
    from manta.app.replay_day import day

    _exit_with(lambda: day(homes, seed, json, console))


@replay.command("prices")
def replay_prices(
    files: Annotated[list[Path], typer.Argument(help="DISPATCHIS files, .csv or .zip, or directories.")],
) -> None:
    """Show what the armed rules would do on prices that AEMO published; nothing is sent."""
    from manta.app.replay import prices

    _exit_with(lambda: prices(files, console))


@market_history.command("import")
def market_import(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="PATH|URL...", help="Files, folders or addresses: CSV, zip, parquet, JSON."),
    ],
    data: DataOption = None,
) -> None:
    """Bring in what AEMO published; what was read before is skipped, what broke off goes on."""
    from manta.app.market import import_files

    _exit_with(lambda: import_files(sources, _data_of(data), console))


@market_history.command("status")
def market_status(
    json: Annotated[bool, typer.Option("--json", help="Print JSON, instants in UTC.")] = False,
    data: DataOption = None,
) -> None:
    """Show how old each table is, how complete by region, and what is missing."""
    from manta.app.market_status import show_status

    _exit_with(lambda: show_status(_data_of(data), console, as_json=json))


@sites.command("import")
def sites_import(
    file: Annotated[Path, typer.Argument(help="CSV, a row a site; the first line names the columns.")],
    tenant: Annotated[str, typer.Option(help="Whose sites they are.")],
    report: Annotated[
        Path | None, typer.Option(help="Write what was not taken here: line, cause, remedy.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Bring sites into the register, each device to be commissioned; what is there already stays."""
    from manta.app.sites import run as run_import
    from manta.domain.identity import TenantId

    _exit_with(lambda: asyncio.run(run_import(file, TenantId(tenant), _house_of(data), report, console)))


@app.command(rich_help_panel=LOOKING)
def backtest(
    more: Annotated[
        list[Path] | None, typer.Argument(help="More price files, or directories of them.")
    ] = None,
    prices: Annotated[
        list[Path] | None,
        typer.Option(help="AEMO's prices: PRICE_AND_DEMAND, DISPATCHIS, monthly archives, Parquet copies."),
    ] = None,
    region: Annotated[Region, typer.Option(help="Which region's prices.")] = Region.VIC,
    battery: Annotated[
        str, typer.Option(help="Power and energy: 1MW/2MWh delivered, or a home's 5kW/13.5kWh.")
    ] = "1MW/2MWh",
    homes: Annotated[
        Path | None, typer.Option(help="A home's year: CSV of time, load and PV in kW, half-hourly.")
    ] = None,
    policy: Annotated[str, typer.Option(help="Policies, by commas; a fair choice of all unless named.")] = "",
    begins: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day, market time.")
    ] = None,
    ends: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The day after the last.")
    ] = None,
    latency: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds until a price is acted on.")
    ] = 20.0,
    telemetry_age: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds that telemetry is old.")
    ] = 10.0,
    export_kw: Annotated[float, typer.Option(min=0, help="A home's export limit.")] = 5.0,
    load_scale: Annotated[float, typer.Option(min=0, help="What to multiply the home's load with.")] = 1.0,
    pv_scale: Annotated[float, typer.Option(min=0, help="What to multiply the home's PV with.")] = 1.0,
    wear: Annotated[
        float | None, typer.Option(min=0, help="Cost of wear, $/MWh from the cells; 20, of a home's 30.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals' resampling.")] = 1,
    out: Annotated[
        Path, typer.Option(help="Where report.html, summary.csv and intervals.parquet go.")
    ] = Path("backtest"),
) -> None:
    """Replay past prices: what each policy would have earned, seeing only what was published by then."""
    from manta.app.backtest import Asked
    from manta.app.backtest import backtest as run_backtest
    from manta.backtest.site import Timing

    def replayed() -> int:
        asked = Asked(
            prices=(*(prices or ()), *(more or ())),
            region=region,
            battery=battery,
            home=homes,
            policies=tuple(name.strip() for name in policy.split(",") if name.strip()),
            begins=begins.date() if begins else None,
            ends=ends.date() if ends else None,
            timing=Timing(timedelta(seconds=latency), timedelta(seconds=telemetry_age)),
            export_kw=export_kw,
            load_scale=load_scale,
            pv_scale=pv_scale,
            wear_per_mwh=wear,
            seed=seed,
            out=out,
        )
        return run_backtest(asked, console)

    _exit_with(replayed)


@app.command(rich_help_panel=LOOKING)
def doctor(data: DataOption = None) -> None:
    """Look for what could keep Manta from running here, and say what to do about it."""
    from manta.app.doctor import examine, table

    findings = examine(data or DEFAULT_DATA)
    console.print(table(findings))
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command(rich_help_panel=LOOKING)
def bench(
    only: Annotated[list[str] | None, typer.Argument(help="Which ones; all unless named.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file too.")] = None,
) -> None:
    """Measure this checkout on this machine: engine, governor, store, market, devices, dispatch, house."""
    from manta.app.bench import run as run_benches

    _exit_with(lambda: run_benches(only or [], json, console))


@app.command(rich_help_panel=LOOKING)
def test() -> None:
    """Say how the tests are run."""
    console.print("The tests belong to the source: run [bold]./manta test[/] in a checkout.")


@app.command(rich_help_panel=INSIDE)
def run(
    role: Annotated[Role, typer.Argument(help="Which role.")],
) -> None:
    """Run one role by itself, told by MANTA_… variables."""
    from manta.app.run import run as run_role

    raise typer.Exit(run_role(role))


def _version(asked: bool) -> None:
    if asked:
        with suppress(importlib.metadata.PackageNotFoundError):
            console.print(f"manta {importlib.metadata.version('manta-vpp')}")
            raise typer.Exit
        console.print("manta, from a checkout")
        raise typer.Exit


@app.callback()
def main_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and end.")
    ] = False,
) -> None:
    """Take the options that belong to no command."""


def _house_of(data: Path | None) -> Path:
    """Return the directory of the house that runs: as asked, else here, else where a root's lives."""
    for place in [data] if data else [DEFAULT_DATA, SHARED_DATA]:
        if (place / "running.json").exists():
            return place
    raise FileNotFoundError("nothing runs here: start it with 'manta up', or say where with --data")


def _data_of(data: Path | None) -> Path:
    """Return the directory to read and write: of the house that runs, or where one would be."""
    try:
        return _house_of(data)
    except FileNotFoundError:
        return data or DEFAULT_DATA


def _exit_with(act: Callable[[], int]) -> None:
    try:
        code = act()
    except ERRORS as error:
        console.print(f"[bold red]manta:[/] {error}", highlight=False)
        code = 1
    raise typer.Exit(code)


def main() -> None:
    """Enter from the installed command."""
    app(prog_name="manta")


if __name__ == "__main__":
    main()
