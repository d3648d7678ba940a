"""When their parent is killed the engines end, and start again with all that they acknowledged."""

import asyncio
import secrets
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import asyncpg
import psutil
import pytest

from manta.supervisor import postgres
from manta.supervisor.accounts import unprivileged
from manta.supervisor.children import Child
from manta.supervisor.ports import free_port

pytestmark = pytest.mark.engines

SOURCES = str(Path(__file__).parents[3] / "src")
PARENT = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from manta.supervisor import postgres
    from manta.supervisor.accounts import unprivileged
    from manta.supervisor.children import Child
    async def main():
        cluster = postgres.Cluster(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], unprivileged())
        await postgres.prepare(cluster)
        child = Child(postgres.program(cluster))
        await child.start()
        Path(sys.argv[4]).write_text(str(child.pid))
        await asyncio.sleep(60)
    asyncio.run(main())
""")


@pytest.fixture
def scratch():
    directory = Path(tempfile.mkdtemp(prefix="manta-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


async def test_a_killed_parent_takes_postgres_and_its_backends_along_and_nothing_acknowledged_is_lost(
    scratch,
):
    cluster = postgres.Cluster(scratch / "postgres", free_port(), secrets.token_urlsafe(16), unprivileged())
    pid = scratch / "pid"
    arguments = [str(cluster.home), str(cluster.port), cluster.password, str(pid)]
    command = [sys.executable, "-c", PARENT, *arguments]
    with subprocess.Popen(command, env={"PYTHONPATH": SOURCES}) as parent:  # noqa: ASYNC220 - it starts at once
        async with asyncio.timeout(30):
            while not (pid.exists() and pid.read_text()):  # noqa: ASYNC110 - a file raises no event
                await asyncio.sleep(0.05)
        postmaster = psutil.Process(int(pid.read_text()))
        client = await asyncpg.connect(cluster.dsn())
        await client.execute("create table kept (n int)")
        await client.execute("insert into kept values (1)")
        family = [postmaster, *postmaster.children(recursive=True)]
        assert len(family) > 4
        parent.kill()
    _, left = await asyncio.to_thread(psutil.wait_procs, family, timeout=10)
    assert left == []
    client.terminate()

    again = Child(postgres.program(cluster))
    await postgres.vacated(cluster)
    await again.start()
    try:
        client = await asyncpg.connect(cluster.dsn())
        assert await client.fetchval("select n from kept") == 1
        await client.close()
    finally:
        await again.stop()


async def test_a_server_left_behind_is_waited_for(scratch):
    cluster = postgres.Cluster(scratch / "postgres", free_port(), secrets.token_urlsafe(16), unprivileged())
    await postgres.prepare(cluster)
    child = Child(postgres.program(cluster))
    await child.start()
    pid = child.pid
    await postgres.vacated(cluster, within_s=0.2)  # nobody ends it in time, so it is made to
    assert child.pid != pid
    await child.stop()


async def test_binaries_that_the_user_cannot_reach_are_copied_beside_the_cluster(scratch, monkeypatch):
    if unprivileged() is None:
        pytest.skip("only root drops to another user")
    monkeypatch.setattr(postgres, "reachable", lambda path, account: False)
    cluster = postgres.Cluster(scratch / "postgres", free_port(), secrets.token_urlsafe(16), unprivileged())
    await postgres.prepare(cluster)
    child = Child(postgres.program(cluster))
    await child.start()
    assert child.program.command[0].startswith(str(scratch))
    await child.stop()
