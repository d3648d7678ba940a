"""History on the engine inside the historian, and on a ClickHouse server where there is one."""

import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from manta.roles.serving import listening
from manta.settings.config import Config
from manta.store.historian import Historian
from manta.store.history import History

USER, PASSWORD = "manta", "correct horse"


@pytest.fixture(scope="session")
def historian(tmp_path_factory) -> Iterator[Historian]:
    engine = Historian(tmp_path_factory.mktemp("historian"), user=USER, password=PASSWORD)
    yield engine
    engine.close()


@pytest.fixture
async def address(historian) -> AsyncIterator[str]:
    """Where the historian listens during a test."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with listening(historian.application(), "127.0.0.1", port):
        yield f"127.0.0.1:{port}"


@pytest.fixture(params=["historian", "clickhouse"])
async def history(request, address) -> AsyncIterator[History]:
    url: str | None = f"http://{USER}:{PASSWORD.replace(' ', '%20')}@{address}"
    if request.param == "clickhouse":
        url = Config.from_environment().clickhouse_url
        if url is None:
            pytest.skip("MANTA_CLICKHOUSE_URL names no ClickHouse server to run against")
    opened = await History.open(url)
    for table in ("reading", "reading_1min", "reading_5min", "device"):
        await opened._call(lambda client, table=table: client.command(f"TRUNCATE TABLE manta.{table}"))
    yield opened
    await opened.close()
