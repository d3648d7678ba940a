"""Children of ours: real processes, killed in every way that processes are killed."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from manta.supervisor.children import Child, ChildError, Program, run_once
from manta.supervisor.crew import Crew

SOURCES = str(Path(__file__).parents[3] / "src")
SLEEPER = "import time; time.sleep(60)"
STUBBORN = (
    f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEPER}"
)


async def at_once():
    pass


def program(tmp_path: Path, code: str = SLEEPER, *, name: str = "child", **changes) -> Program:
    given = {"ready": at_once, "log": tmp_path / "logs" / f"{name}.log"} | changes
    return Program(name=name, command=(sys.executable, "-S", "-c", code), **given)


async def until(condition, within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - processes of others raise no event here
            await asyncio.sleep(0.01)


def says(log: Path, word: str) -> bool:
    return log.exists() and word in log.read_text()


async def test_a_child_that_dies_is_started_again_and_the_reader_is_told(tmp_path):
    told = []
    child = Child(program(tmp_path), tell=told.append)
    await child.start()
    first = child.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: child.restarts == 1 and len(told) == 2)
    assert child.pid not in (None, first)
    assert told[0] == "child ended (by SIGKILL); starting it again"
    assert told[1].startswith("child is back after ")
    await child.stop()
    assert not psutil.pid_exists(first)
    assert child.pid is None


async def test_a_stopped_child_stays_stopped(tmp_path):
    child = Child(program(tmp_path))
    await child.start()
    pid = child.pid
    await child.stop()
    await asyncio.sleep(0.3)
    assert child.pid is None
    assert not psutil.pid_exists(pid)
    assert child.restarts == 0


async def test_a_child_deaf_to_sigterm_is_made_to_end(tmp_path):
    wanted = program(tmp_path, STUBBORN)

    async def ready():
        if not says(wanted.log, "deaf"):
            raise ConnectionError("not yet")

    child = Child(program(tmp_path, STUBBORN, ready=ready))
    await child.start()
    await child.stop(grace_s=0.2)
    assert child.pid is None


async def test_a_child_that_cannot_start_says_why(tmp_path):
    async def never():
        raise ConnectionError("nobody there")

    with pytest.raises(ChildError, match=r"(?s)exit code 3.*no such table") as failure:
        await Child(program(tmp_path, "print('no such table'); raise SystemExit(3)", ready=never)).start()
    assert "nobody there" in str(failure.value)


async def test_a_child_that_never_answers_is_given_up_and_ended(tmp_path):
    async def never():
        raise ConnectionError("nobody there")

    child = Child(program(tmp_path, ready=never, patience_s=0.3))
    with pytest.raises(ChildError, match="did not become ready"):
        await child.start()
    assert child.pid is None


async def test_a_program_that_ends_by_itself_is_waited_for(tmp_path):
    await run_once(program(tmp_path, "print('done')", name="once"), within_s=5)
    assert "done" in (tmp_path / "logs" / "once.log").read_text()
    with pytest.raises(ChildError, match="exit code 7"):
        await run_once(program(tmp_path, "raise SystemExit(7)", name="bad"), within_s=5)


async def test_a_child_gets_only_the_environment_that_it_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("OUR_SECRET", "x")
    code = "import os; print(sorted(os.environ))"
    await run_once(program(tmp_path, code, name="env", environment={"ONLY": "this"}), within_s=5)
    words = (tmp_path / "logs" / "env.log").read_text()
    assert "ONLY" in words
    assert "OUR_SECRET" not in words


async def test_a_crew_stops_the_youngest_first(tmp_path):
    order, crew = [], Crew()
    for name in ("first", "second"):
        child = Child(program(tmp_path, name=name))
        stop = child.stop

        async def noted(grace_s, name=name, stop=stop):
            order.append(name)
            await stop(grace_s)

        child.stop = noted
        await crew.start(child)
    await crew.stop()
    assert order == ["second", "first"]


async def test_when_one_of_a_stage_fails_its_siblings_end_too(tmp_path):
    async def never():
        raise ConnectionError("nobody there")

    crew, good = Crew(), Child(program(tmp_path, name="good"))
    bad = Child(program(tmp_path, "raise SystemExit(3)", name="bad", ready=never))
    with pytest.raises(ChildError, match="bad ended, exit code 3"):
        await crew.start(good, bad)
    await crew.stop()
    assert good.pid is None


PARENT = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from manta.supervisor.children import Child, Program

    async def at_once():
        pass

    async def main(home, *codes):
        for code in codes:
            command = (sys.executable, "-S", "-c", code)
            child = Child(Program(name="child", command=command, ready=at_once, log=home / "child.log"))
            await child.start()
            with (home / "pids").open("a") as pids:
                pids.write(f"{child.pid} ")
        await asyncio.sleep(60)

    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
""")


async def test_no_child_outlives_a_parent_that_is_killed(tmp_path):
    command = [sys.executable, "-c", PARENT, str(tmp_path), SLEEPER, STUBBORN]
    pids = tmp_path / "pids"
    with subprocess.Popen(command, env={"PYTHONPATH": SOURCES}, stdout=subprocess.DEVNULL) as parent:  # noqa: ASYNC220 - it starts at once
        await until(lambda: pids.exists() and len(pids.read_text().split()) == 2, within_s=20)
        family = [int(word) for word in pids.read_text().split()]
        assert all(alive(pid) for pid in family)
        parent.kill()
    await until(lambda: not any(alive(pid) for pid in family))


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
