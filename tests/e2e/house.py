"""A whole house for a test: `manta up` in a directory of its own, and every process that is part of it.

A house is told by its data directory: each process of it has that directory among its words, in its
environment or as its working directory. So they are all found, orphans too, and nothing else is ever touched.
Houses take turns: on a small machine two at once would only measure each other.
"""

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import psutil
from prometheus_client.parser import text_string_to_metric_families

from manta.supervisor.ports import free_port

SOURCES = str(Path(__file__).parents[2] / "src")
LOOPBACK = "127.0.0.1"
EMAIL = "admin@harbour.example"
ROLES = (
    "historian",
    "governor",
    "gateway",
    "engine",
    "settler",
    "api",
    "market",
    "market-simulator",
    "fleet-simulator",
)
READY_S = 60.0
LOOK_S = 0.1
SHARED_MEMORY = "/dev/shm/PostgreSQL."


class HouseError(AssertionError):
    """A house did not do what it should; the message ends with what it said."""


class House:
    """One data directory, and `manta up` on it as often as a test likes."""

    def __init__(self, place: Path) -> None:
        self.data = place / "data"
        self.outside = tuple(place / name for name in ("home", "tmp", "here"))
        """Where a program that minds no manners would leave something; a house leaves them empty."""
        self.said = place / "said.txt"
        self.port = free_port()
        self.up: subprocess.Popen[bytes] | None = None
        for directory in self.outside:
            directory.mkdir(exist_ok=True)

    @property
    def page(self) -> str:
        """Where the page is, as the house itself says."""
        return str(msgspec.json.decode((self.data / "running.json").read_bytes())["page"])

    @property
    def words(self) -> str:
        """Everything the command has said."""
        return self.said.read_text() if self.said.exists() else ""

    def begin(
        self, homes: int = 20, speed: float = 5.0, story_after: float = -1.0
    ) -> subprocess.Popen[bytes]:
        """Start `manta up` and return at once."""
        home, tmp, here = self.outside
        command = [
            sys.executable,
            "-m",
            "manta.app.cli",
            "up",
            "--data",
            str(self.data),
            "--port",
            str(self.port),
        ]
        command += ["--homes", str(homes), "--speed", str(speed), "--story-after", str(story_after)]
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": SOURCES,
            "HOME": str(home),
            "TMPDIR": str(tmp),
        }
        environment |= {"COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
        with self.said.open("ab") as said:
            return subprocess.Popen(
                command, env=environment, cwd=here, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )

    def open(self, homes: int = 20, speed: float = 5.0, story_after: float = -1.0) -> float:
        """Start the house and return, once it says that it runs, the seconds that it took."""
        began = time.monotonic()
        self.up = self.begin(homes, speed, story_after)
        self.until(self._announced, "ready", READY_S)
        return time.monotonic() - began

    def until(self, is_so: Callable[[], bool], what: str, within_s: float) -> float:
        """Wait for something, and return how long it took; HouseError if it is too long."""
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > within_s:
                raise HouseError(f"not {what} within {within_s:g} s\n{self.words[-3_000:]}")
            time.sleep(LOOK_S)
        return time.monotonic() - began

    def close(self, by: signal.Signals = signal.SIGINT, within_s: float = 15.0) -> tuple[int, float]:
        """Ask the command to end; return its exit code and the seconds that it took."""
        assert self.up is not None, "it was never opened"
        began = time.monotonic()
        self.up.send_signal(by)
        return self.up.wait(within_s), time.monotonic() - began

    def abandon(self) -> None:
        """End whatever is left, by pid."""
        for process in self.family():
            with suppress(psutil.Error):
                process.kill()
        if self.up is not None:
            self.up.wait(10)

    def family(self) -> list[psutil.Process]:
        """Return every living process of this house."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def pid_of(self, name: str) -> int | None:
        """Return the process of a role, of ``postgres`` (the postmaster) or of ``nats``."""
        return next((process.pid for process in self.family() if name_of(process) == name), None)

    def health_port(self, role: str) -> int:
        """Return where a role answers /healthz, from what it was told itself."""
        for process in self.family():
            with suppress(psutil.Error):
                if name_of(process) == role:
                    return int(process.environ()["MANTA_HEALTH_PORT"])
        raise HouseError(f"{role} does not run")

    def health_ports(self) -> dict[str, int]:
        """Return the health port of every role that runs."""
        ports = {}
        for process in self.family():
            with suppress(psutil.Error, KeyError):
                ports[name_of(process)] = int(process.environ()["MANTA_HEALTH_PORT"])
        return ports

    def is_healthy(self) -> bool:
        """Tell whether every role runs and is content."""
        ports = self.health_ports()
        return set(ports) >= set(ROLES) and all(self._is_content(ports[role]) for role in ROLES)

    def figures(self, port: int) -> dict[str, float]:
        """Return a role's /metrics, those with labels added up under their name."""
        page = httpx.get(f"http://{LOOPBACK}:{port}/metrics", timeout=5)
        page.raise_for_status()
        sums: dict[str, float] = {}
        for family in text_string_to_metric_families(page.text):
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
        return sums

    @contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        """Return a browser of sorts that has signed in as the administrator."""
        with httpx.Client(base_url=self.page, timeout=10) as client:
            password = (self.data / "secrets" / "admin.password").read_text()
            answer = client.post("/api/session", json={"email": EMAIL, "password": password})
            assert answer.status_code == 200, answer.text
            client.headers["X-Manta-CSRF"] = answer.json()["csrf"]
            client.headers["Origin"] = self.page
            yield client

    def read(self, *questions: str) -> list[list[tuple[Any, ...]]]:
        """Ask the record as its superuser, all in one snapshot; on a thread, as a test may have a loop."""
        with ThreadPoolExecutor(1) as aside:
            return aside.submit(lambda: asyncio.run(_ask(self._dsn(), questions))).result()

    def listeners(self) -> set[int]:
        """Return the ports on which this house listens."""
        pids = {process.pid for process in self.family()}
        return {c.laddr[1] for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.pid in pids}

    def written_elsewhere(self) -> set[str]:
        """Return the files beyond the data directory that a process of this house could write to now."""
        found = {str(path) for directory in self.outside for path in directory.rglob("*")}
        for process in self.family():
            if process.pid != (self.up.pid if self.up else None):  # its words go to the test
                files = _writable(process.pid) | shared_by(process)
                found |= {path for path in files if not path.startswith((f"{self.data}/", SHARED_MEMORY))}
        return found

    def shared_memory(self) -> set[Path]:
        """Return PostgreSQL's segments; they lie beyond the data directory, in memory, and go with it."""
        found = {path for process in self.family() for path in shared_by(process)}
        return {Path(path) for path in found if path.startswith(SHARED_MEMORY)}

    def _announced(self) -> bool:
        assert self.up is not None
        if self.up.poll() is not None:
            raise HouseError(f"the house ended with {self.up.returncode}:\n{self.words[-3_000:]}")
        with suppress(OSError, msgspec.DecodeError):
            return bool(msgspec.json.decode((self.data / "running.json").read_bytes())["pid"] == self.up.pid)
        return False

    def _is_ours(self, process: psutil.Process) -> bool:
        mark = str(self.data)
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                return False
            words = [*process.cmdline(), process.environ().get("MANTA_DATA", ""), process.cwd()]
        except (psutil.Error, OSError):
            return False
        return any(word == mark or word.startswith(f"{mark}/") for word in words)

    def _is_content(self, port: int) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://{LOOPBACK}:{port}/healthz", timeout=3).status_code == 200
        return False

    def _dsn(self) -> str:
        password = (self.data / "secrets" / "postgres.password").read_text()
        port = (self.data / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[3]
        return f"postgresql://postgres:{password}@{LOOPBACK}:{port}/manta"


def name_of(process: psutil.Process) -> str:
    """Name a process of a house as the architecture does; empty once it is gone."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    match [Path(words[0]).name if words else "", *words[1:]]:
        case [_, "-m", "manta.app.run", role]:
            return role
        case [_, "-m", "manta.app.cli", *_]:
            return "up"
        case ["postgres", *_]:
            return "postgres"
        case ["nats-server", *_]:
            return "nats"
    return "postgres backend" if words and words[0].startswith("postgres:") else "another"


@contextmanager
def house() -> Iterator[House]:
    """Give a house a place of its own; whatever is left of it at the end is ended and removed."""
    with (Path(tempfile.gettempdir()) / "manta-test-houses.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        place = Path(tempfile.mkdtemp(prefix="manta-house-"))
        place.chmod(0o711)  # the engines' unprivileged user walks through to its own rooms
        ours = House(place)
        try:
            yield ours
        finally:
            ours.abandon()
            shutil.rmtree(place, ignore_errors=True)


async def _ask(dsn: str, questions: tuple[str, ...]) -> list[list[tuple[Any, ...]]]:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return [[tuple(row) for row in await connection.fetch(question)] for question in questions]
    finally:
        await connection.close(timeout=5)


def shared_by(process: psutil.Process) -> set[str]:
    """Return the files that a process shares by memory."""
    with suppress(psutil.Error):
        maps = process.memory_maps(grouped=False)
        return {part.path for part in maps if part.perms.startswith("rw-s") and Path(part.path).is_file()}
    return set()


def _writable(pid: int) -> set[str]:
    """Return the regular files that a process has open for writing."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            path = os.readlink(entry)
            flags = (Path(f"/proc/{pid}/fdinfo") / entry.name).read_text().split("flags:", 1)[1].split()[0]
            if int(flags, 8) & os.O_ACCMODE and Path(path).is_file():
                found.add(path)
    return found
