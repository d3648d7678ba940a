import asyncio
import io
import json
import logging

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from manta.settings.config import Config, LogStyle
from manta.settings.observe import HIDDEN, Health, redact, run_role, served, start_logging
from manta.supervisor.credentials import seed_from
from manta.supervisor.ports import free_port

SECRET = "correct-horse-battery"  # noqa: S105 - what must not be seen


@pytest.fixture
def lines():
    words = io.StringIO()
    before, handlers = logging.root.level, logging.root.handlers[:]
    start_logging(LogStyle.JSON, "engine", words)
    yield lambda: [json.loads(line) for line in words.getvalue().splitlines()]
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(before)


def test_an_event_is_one_line_that_says_who_and_when(lines):
    structlog.get_logger().info("device silent", site="h-1")
    (line,) = lines()
    assert (line["event"], line["site"], line["role"], line["level"]) == (
        "device silent",
        "h-1",
        "engine",
        "info",
    )
    assert line["at"].endswith("Z")


def test_a_library_that_logs_is_one_line_too_even_with_a_trace(lines):
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("somebody").exception("it failed")
    (line,) = lines()
    assert line["event"] == "it failed"
    assert "ValueError: odd" in line["exception"]


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "admin_password",
        "secret",
        "site_key",
        "api_token",
        "seed",
        "dsn",
        "nats_credentials",
        "Authorization",
    ],
)
def test_values_named_like_secrets_do_not_reach_the_log(lines, name):
    structlog.get_logger().info("signed in", **{name: SECRET}, inside={name: SECRET})
    (line,) = lines()
    assert line[name] == HIDDEN
    assert SECRET not in json.dumps(line)


def test_secrets_inside_other_words_do_not_reach_the_log(lines):
    seed = seed_from(b"x" * 32, "account")
    log = structlog.get_logger()
    log.info("connected", to=f"postgresql://manta_api:{SECRET}@127.0.0.1:5442/manta")
    log.info("refused", because=ValueError(f"no http://manta:{SECRET}@127.0.0.1:8123"))
    log.info("made", what=[seed], jwt="eyJhbGciOiJIUzI1NiJ9.e30.abc")
    logging.getLogger("somebody").warning("lost postgresql://u:%s@h/d", SECRET)
    text = json.dumps(lines())
    assert SECRET not in text
    assert seed not in text
    assert "e30" not in text
    assert "127.0.0.1:5442/manta" in text


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=20), max_size=5))
def test_what_is_no_secret_stays_as_it_is(fields):
    plain = {
        f"x{name}": value for name, value in fields.items() if not str(value).count("://") and len(name) < 4
    }
    assert redact(None, "info", dict(plain)) == plain


class Stopwatch:
    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


async def test_health_asks_its_dependencies_and_says_which_failed():
    async def good():
        return None

    async def bad():
        raise ConnectionError("no bus at 127.0.0.1")

    health = Health("engine", Stopwatch())
    health.depends("postgres", good)
    health.depends("bus", bad)
    report = await health.report()
    assert not report.ok
    assert [(c.name, c.ok, c.because) for c in report.checks] == [
        ("postgres", True, None),
        ("bus", False, "no bus at 127.0.0.1"),
    ]


async def test_what_is_expected_has_its_time_and_then_its_age():
    watch = Stopwatch()
    health = Health("engine", watch)
    health.expects("prices", within_s=400)
    assert (await health.report()).ok
    watch.at_s += 401
    assert not (await health.report()).ok
    health.heard("prices")
    watch.at_s += 5
    (check,) = (await health.report()).checks
    assert (check.ok, check.age_s) == (True, 5.0)


async def get(port: int, path: str, method: str = "GET") -> tuple[str, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head.split(b"\r\n")[0].decode().split(" ", 1)[1], body


async def test_the_health_page_is_503_when_something_fails_and_metrics_are_prometheus():
    config = Config(health_port=free_port())
    async with served("engine", config) as health:
        status, body = await get(config.health_port, "/healthz")
        assert status == "503 Service Unavailable", "a role that names no check is not open yet"

        async def good():
            pass

        health.depends("bus", good)
        status, body = await get(config.health_port, "/healthz")
        assert status == "200 OK"
        assert msgspec.json.decode(body)["role"] == "engine"

        async def bad():
            raise ConnectionError("gone")

        health.depends("bus", bad)
        assert (await get(config.health_port, "/healthz"))[0] == "503 Service Unavailable"
        assert b"process_cpu_seconds_total" in (await get(config.health_port, "/metrics"))[1]
        assert (await get(config.health_port, "/etc/passwd"))[0] == "404 Not Found"
        assert (await get(config.health_port, "/healthz", "POST"))[0] == "405 Method Not Allowed"


def test_a_role_that_fails_says_so_and_ends_with_1(capsys):
    async def main(config: Config) -> None:
        raise RuntimeError("broken")

    assert run_role("engine", main, Config(log=LogStyle.JSON)) == 1
    assert '"event": "role failed"' in capsys.readouterr().err
    structlog.reset_defaults()


def test_a_role_that_was_told_too_little_ends_with_2(capsys):
    async def main(config: Config) -> None:
        config.dsn("engine")

    assert run_role("engine", main, Config(log=LogStyle.JSON)) == 2
    assert "MANTA_DSN_ENGINE is not set" in capsys.readouterr().err
    structlog.reset_defaults()
