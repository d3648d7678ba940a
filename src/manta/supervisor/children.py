"""One child process: on a leash, ready by a real round trip, restarted with patience, stopped for sure."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from manta.supervisor import leash
from manta.supervisor.accounts import Account

log = structlog.get_logger()

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
STEADY_S = 30.0
"""A child that lived this long begins again with the shortest pause."""
PROBE_S = 2.0
LOG_BYTES = 16 * 1024 * 1024
LOG_TAIL_BYTES = 32 * 1024
LOG_TAIL_LINES = 12


class ChildError(RuntimeError):
    """A child did not become ready; the message ends with its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, and how to tell that it works."""

    name: str
    command: tuple[str, ...]
    """An absolute path and its arguments."""
    ready: Callable[[], Awaitable[object]]
    """One real round trip; it raises while the program cannot serve."""
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    """The user to drop to; None keeps ours."""
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """What it gets when we die without a word."""
    patience_s: float = 60.0
    """How long it may take to become ready."""


class Child:
    """A program kept running until it is stopped."""

    def __init__(self, program: Program, tell: Callable[[str], None] = lambda _: None) -> None:
        self.program = program
        self._tell = tell
        self.restarts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The running process, if one runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the program, return once it answers, and restart it from then on whenever it ends."""
        try:
            await self._launch()
        except BaseException:
            await self.stop(grace_s=1.0)
            raise
        self._watch = asyncio.create_task(self._keep(), name=f"watch {self.program.name}")

    async def stop(self, grace_s: float = 5.0) -> None:
        """Ask the program to end, and make it when it does not."""
        self._stopping = True
        if self._watch:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        process = self._process
        if process is None or process.returncode is not None:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        process.send_signal(self.program.stop_signal)
        try:
            async with asyncio.timeout(grace_s):
                await process.wait()
        except TimeoutError:
            log.warning("child killed", child=self.program.name, pid=process.pid, grace_s=grace_s)
            self.kill()
            await process.wait()
        log.info("child stopped", child=self.program.name, took_s=round(loop.time() - began, 3))

    def kill(self) -> None:
        """End the program and whatever it started in its own group, at once."""
        self._stopping = True
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def _launch(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._process = await spawn(self.program)
        await self._answers(self._process)
        log.info(
            "child ready",
            child=self.program.name,
            pid=self._process.pid,
            took_s=round(loop.time() - begun, 3),
            restarts=self.restarts,
        )

    async def _answers(self, process: asyncio.subprocess.Process) -> None:
        deadline = asyncio.get_running_loop().time() + self.program.patience_s
        why: BaseException | None = None
        while process.returncode is None and asyncio.get_running_loop().time() < deadline:
            try:
                async with asyncio.timeout(PROBE_S):
                    await self.program.ready()
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the child does not serve yet
                why = error
            await asyncio.sleep(0.05)
        how = "did not become ready"
        if process.returncode is not None:
            how = f"ended, {how_it_ended(process.returncode)},"
        words = last_words(self.program.log)
        raise ChildError(f"{self.program.name} {how} ({why!r}); its log {self.program.log} ends:\n{words}")

    async def _keep(self) -> None:
        loop, pause_s = asyncio.get_running_loop(), FIRST_PAUSE_S
        while self._process is not None:
            born = loop.time()
            code = await self._process.wait()
            if self._stopping:
                return
            if loop.time() - born > STEADY_S:
                pause_s = FIRST_PAUSE_S
            log.error("child ended", child=self.program.name, code=code, again_in_s=pause_s)
            self._tell(f"{self.program.name} ended ({how_it_ended(code)}); starting it again")
            pause_s = await self._again(pause_s)

    async def _again(self, pause_s: float) -> float:
        loop = asyncio.get_running_loop()
        down_since = loop.time()
        await asyncio.sleep(pause_s)
        self.restarts += 1
        try:
            await self._launch()
            self._tell(f"{self.program.name} is back after {loop.time() - down_since:.1f} s")
        except (ChildError, OSError) as error:
            log.error("child failed", child=self.program.name, because=str(error))
            self._tell(f"{self.program.name} does not start; its log is {self.program.log}")
            if self.pid is not None:
                os.killpg(self.pid, signal.SIGKILL)
        return min(pause_s * 2, LONGEST_PAUSE_S)


async def spawn(program: Program) -> asyncio.subprocess.Process:
    """Start a program on its leash, in a process group of its own, its words going to its log."""
    turn_over(program.log)
    account = program.account
    leashed = (sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), str(int(program.death_signal)))
    who = (str(account.uid), str(account.gid)) if account else (str(leash.KEEP), str(leash.KEEP))
    with program.log.open("ab") as words:
        return await asyncio.create_subprocess_exec(
            *leashed,
            *who,
            *program.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env=dict(program.environment),
            process_group=0,
        )


def turn_over(path: Path) -> None:
    """Put a log that has grown large aside, keeping one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(path.suffix + ".1"))


def last_words(path: Path) -> str:
    """Return the last lines of a log."""
    if not path.exists():
        return "(nothing)"
    with path.open("rb") as words:
        words.seek(max(path.stat().st_size - LOG_TAIL_BYTES, 0))
        lines = words.read().decode(errors="replace").strip().splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:]) or "(nothing)"


def how_it_ended(code: int) -> str:
    """Say an exit code as a person would."""
    return f"exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"


async def run_once(program: Program, *, within_s: float) -> None:
    """Run a program that ends by itself, on the same leash; a failure raises ChildError."""
    process = await spawn(program)
    try:
        async with asyncio.timeout(within_s):
            code = await process.wait()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if code:
        words = last_words(program.log)
        raise ChildError(f"{program.name} ended, {how_it_ended(code)}; its log {program.log} ends:\n{words}")
