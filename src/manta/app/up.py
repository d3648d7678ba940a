"""``manta up``: a whole house on one machine, from an empty directory to a page, and back to nothing."""

import asyncio
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog
from rich.console import Console

from manta.app import hours, plan, summary
from manta.app.plan import Plan
from manta.settings.config import LogStyle
from manta.settings.observe import start_logging
from manta.settings.options import Options
from manta.supervisor import nats, postgres
from manta.supervisor.accounts import private_file, unprivileged
from manta.supervisor.children import Child, ChildError, Program, run_once
from manta.supervisor.crew import Crew

log = structlog.get_logger()

RECORD_S = 120.0
ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ONE_WISH_S = 1.0
"""Signals closer together are one wish: some senders signal the process and then its group."""


class Running(msgspec.Struct, frozen=True):
    """What other commands may know of a running house; no secrets."""

    pid: int
    page: str
    nats_url: str
    mqtt: str
    world: str


def running(data: Path) -> Running | None:
    """Return what runs in a data directory, if the one who wrote it still lives."""
    path = data / "running.json"
    if not path.exists():
        return None
    found = msgspec.json.decode(path.read_bytes(), type=Running)
    return found if Path(f"/proc/{found.pid}").exists() else None


def up(options: Options, console: Console) -> int:
    """Run a house until it is asked to end; return the exit code."""
    account = unprivileged()
    data = plan.data_directory(options.data, account)
    with sole_user_of(data), (data / "up.log").open("a", encoding="utf-8") as words:
        start_logging(LogStyle.JSON, "up", words)
        plan.raise_descriptor_limit()
        return asyncio.run(_run(plan.draw(options, data, account), console))


@contextmanager
def sole_user_of(data: Path) -> Iterator[None]:
    """Keep a data directory to ourselves; BlockingIOError names who has it."""
    with (data / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise BlockingIOError(
                f"another manta (process {lock.read().strip() or 'unknown'}) runs in {data}; "
                "stop it, or choose another directory with --data"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


async def _run(house: Plan, console: Console) -> int:
    crew, asked = Crew(), asyncio.Event()
    _listen(crew, asked, console)
    steps = summary.Steps(console)
    for note in house.notes:
        if not note.startswith("health"):
            steps.tell(note)
    timekeeping = asyncio.create_task(_keep_hours(house))
    opening = asyncio.create_task(_open(house, crew, steps))
    waiting = asyncio.create_task(asked.wait())
    try:
        await asyncio.wait({opening, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            await opening
            console.print(summary.panel(house))
            await waiting
        return 0
    except (ChildError, OSError) as error:
        log.error("house not opened", because=str(error))
        console.print(summary.failure(house, error))
        return 1
    finally:
        for task in (opening, waiting, timekeeping):
            task.cancel()
        await asyncio.gather(opening, waiting, timekeeping, return_exceptions=True)
        async with steps.step("stopped, in order"):
            await crew.stop()
        (house.data / "running.json").unlink(missing_ok=True)


async def _keep_hours(house: Plan) -> None:
    if house.config.clock_setting:
        await hours.keep(house.data, house.config.clock().now, house.config.speed)


def _listen(crew: Crew, asked: asyncio.Event, console: Console) -> None:
    loop, first_s = asyncio.get_running_loop(), -1.0

    def ask(by: signal.Signals) -> None:
        nonlocal first_s
        if not asked.is_set():
            log.info("house closing", because=by.name)
            console.print("\nstopping; once more to kill")
            asked.set()
            first_s = loop.time()
        elif loop.time() - first_s > ONE_WISH_S:
            crew.kill()
            console.print("\n[red]killed[/]: the next start will recover")
            os._exit(130)

    for number in ASKED:
        loop.add_signal_handler(number, ask, number)


async def _open(house: Plan, crew: Crew, steps: summary.Steps) -> None:
    def child(program: Program) -> Child:
        return Child(program, tell=steps.tell)

    nats.prepare(house.bus)
    bus = child(nats.program(house.bus, house.data / "logs" / "nats.log"))
    await postgres.vacated(house.cluster)
    async with steps.step("PostgreSQL cluster prepared"):
        await postgres.prepare(house.cluster)
    async with steps.step("PostgreSQL, NATS with MQTT, historian"):
        await crew.start(child(postgres.program(house.cluster)), bus, child(house.program("historian")))
    async with steps.step("record: schema, roles, homes"):
        await run_once(house.program("record"), within_s=RECORD_S)
    async with steps.step(", ".join(plan.CORE)):
        await crew.start(*(child(house.program(role)) for role in plan.CORE))
    if simulators := [role for role in house.roles if role in plan.SIMULATORS]:
        async with steps.step(f"{' and '.join(simulators)}, {house.options.homes:,} homes"):
            await crew.start(*(child(house.program(role)) for role in simulators))
    _announce(house)


def _announce(house: Plan) -> None:
    about = Running(os.getpid(), house.page, house.bus.url, str(house.config.mqtt), house.options.world.value)
    private_file(house.data / "running.json", msgspec.json.encode(about))
