"""The command line: ``manta up`` and what one does around it."""

import asyncio
import importlib.metadata
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from manta.settings.options import DEFAULT_DATA, LOOPBACK, PAGE_PORT, SHARED_DATA, Options, Role, Story, World

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
        host=host,
        port=port,
        bus_host=bus_host,
        story_after=None if story_after < 0 else timedelta(minutes=story_after),
    )
    _exit_with(lambda: run_house(options, console))


@app.command(rich_help_panel=RUNNING)
def story(
    name: Annotated[Story, typer.Argument(help="Which story.")] = Story.SPIKE,
    data: DataOption = None,
) -> None:
    """Have the simulated market tell a story: [bold]spike[/] is $12,500/MWh for half an hour."""
    from manta.app.story import ask

    def tell() -> int:
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


@replay.command("prices")
def replay_prices(
    files: Annotated[list[Path], typer.Argument(help="DISPATCHIS files, .csv or .zip, or directories.")],
) -> None:
    """Show what the armed rules would do on prices that AEMO published; nothing is sent."""
    from manta.app.replay import prices

    _exit_with(lambda: prices(files, console))


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
