"""The historian's door: who is let in, and what is said to those who ask amiss."""

import gzip

import httpx
import lz4.frame
import pytest

from manta.roles.serving import listening
from manta.store import historian as subject
from manta.store.history import History, HistoryError

pytestmark = pytest.mark.engines

AUTH = ("manta", "correct horse")


async def ask(address, sql=b"", **kwargs):
    async with httpx.AsyncClient() as client:
        return await client.post(f"http://{address}/", content=sql, **({"auth": AUTH} | kwargs))


async def test_a_wrong_password_or_none_is_refused(address):
    wrong = await ask(address, b"SELECT 1", auth=("manta", "horse"))
    none = await ask(address, b"SELECT 1", auth=None)

    assert (wrong.status_code, none.status_code) == (401, 401)
    assert wrong.headers["X-ClickHouse-Exception-Code"] == "516"
    with pytest.raises(HistoryError, match="Authentication"):
        await History.open(f"http://manta:horse@{address}")


async def test_anyone_may_ask_whether_it_lives(address):
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://{address}/ping")).text == "Ok.\n"


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [(b"SELEKT 1", 400, "62"), (b"SELECT nothing", 400, "47"), (b"SELECT * FROM manta.nowhere", 404, "60")],
)
async def test_errors_keep_clickhouses_code(address, sql, status, code):
    await ask(address, b"CREATE DATABASE IF NOT EXISTS manta")

    answer = await ask(address, sql)

    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (status, code)
    assert answer.text.startswith(f"Code: {code}")


async def test_parameters_are_values_and_never_sql(address):
    answer = await ask(address, b"SELECT {x:String}", params={"param_x": "1'; DROP TABLE manta.reading"})

    assert answer.text == "1\\'; DROP TABLE manta.reading\n"


async def test_oversized_damaged_and_strangely_packed_bodies_are_refused(address, monkeypatch):
    monkeypatch.setattr(subject, "LARGEST_BODY", 1_000)
    bomb = b"SELECT 1 -- " + b" " * 100_000

    answers = [
        await ask(address, bomb),
        await ask(address, lz4.frame.compress(bomb), headers={"Content-Encoding": "lz4"}),
        await ask(address, gzip.compress(bomb), headers={"Content-Encoding": "gzip"}),
        await ask(address, b"SELECT 1", headers={"Content-Encoding": "lz4"}),
        await ask(address, b"SELECT 1", headers={"Content-Encoding": "br"}),
        await ask(address, b"SELECT '\xff'"),
    ]

    assert [answer.status_code for answer in answers] == [413, 413, 413, 400, 415, 400]


async def test_it_listens_on_loopback_alone(historian):
    with pytest.raises(ValueError, match="not loopback"):
        async with listening(historian.application(), "0.0.0.0", 1):
            pass


async def test_nobody_there_is_a_history_error():
    with pytest.raises(HistoryError, match="no historian answers"):
        await History.open("http://manta:x@127.0.0.1:1")
