"""The server itself, over real sockets: plain on loopback, TLS 1.3 elsewhere, gone when asked."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.unit.api.house import HARBOUR, PASSWORD, House, snapshot

from manta.desk.access import COOKIE
from manta.roles.server import origins_of, serve
from manta.settings.config import Config
from manta.supervisor import certificates
from manta.supervisor.certificates import UnprotectedListenerError
from manta.supervisor.ports import free_port
from manta.wire import subjects


@asynccontextmanager
async def running(house: House, config: Config) -> AsyncIterator[asyncio.Task[None]]:
    house.rebuilt(origins=origins_of(config))
    task = asyncio.create_task(serve(config, house.deps))
    for _ in range(100):
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", config.api_port)
            writer.close()
            break
        await asyncio.sleep(0.01)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 3)


class Stream:
    """A browser's end of a WebSocket, as small as it can be (RFC 6455)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int, cookie: str, origin: str) -> tuple[Stream, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        writer.write(
            f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nOrigin: {origin}\r\n"
            f"Cookie: {COOKIE}={cookie}\r\n\r\n".encode()
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)
        return cls(reader, writer), head.split(b"\r\n", 1)[0].decode()

    async def frame(self) -> tuple[int, bytes]:
        first, size = await asyncio.wait_for(self._reader.readexactly(2), 2)
        length = size & 127
        if length == 126:
            length = int.from_bytes(await self._reader.readexactly(2), "big")
        return first & 15, await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


async def test_it_serves_page_api_and_stream_on_loopback_and_leaves_in_good_order(house: House):
    config = Config(api_port=free_port())
    base = f"http://127.0.0.1:{config.api_port}"
    async with running(house, config) as task:
        async with httpx.AsyncClient(base_url=base) as client:
            page = await client.get("/spot/NSW1", headers={"accept-encoding": "gzip"})
            assert page.text.startswith("<!doctype html>")
            assert page.headers["content-encoding"] == "gzip"
            head = await client.head("/")
            assert (head.status_code, head.content) == (200, b"")
            claim = {"email": "viewer@harbour.example", "password": PASSWORD}
            signed = await client.post("/api/session", json=claim, headers={"origin": base})
            assert signed.status_code == 200
            assert (await client.get("/api/overview")).json()["fleet"]["sites"] == 2_000
            large = await client.post("/api/session", content=b"x" * 70_000)
            assert large.status_code == 413
            foreign = await client.get("/", headers={"host": "evil.example"})
            assert foreign.status_code == 421
            cookie = client.cookies[COOKIE]
        refused, status = await Stream.open(config.api_port, cookie, "https://evil.example")
        assert " 403 " in status
        refused.close()
        stream, status = await Stream.open(config.api_port, cookie, base)
        assert " 101 " in status
        code, text = await stream.frame()
        assert (code, json.loads(text)["kind"]) == (1, "fleet")
        await house.hub.hear_fleet(subjects.LIVE, msgspec.msgpack.encode(snapshot(HARBOUR, power_kw=3.5)))
        _, text = await stream.frame()
        assert json.loads(text)["fleet"]["power_kw"] == 3.5
        task.cancel()
        code, text = await stream.frame()
        assert (code, int.from_bytes(text[:2], "big")) == (8, 1012)
        stream.close()
    assert task.done()


async def test_beyond_loopback_it_speaks_tls_1_3_and_nothing_older(house: House, tmp_path: Path):
    made = certificates.ensure(tmp_path / "certificates", ["127.0.0.1", "localhost"], datetime.now(UTC))  # noqa: TID251
    config = Config(
        api_host="0.0.0.0",  # noqa: S104 - what it is about
        api_port=free_port(),
        tls_certificate=made.certificate,
        tls_key=made.key,
    )
    base = f"https://127.0.0.1:{config.api_port}"
    assert base in origins_of(config)
    async with running(house, config):
        async with httpx.AsyncClient(base_url=base, verify=made.client_context(), http2=False) as client:
            claim = {"email": "viewer@harbour.example", "password": PASSWORD}
            signed = await client.post("/api/session", json=claim, headers={"origin": base})
            assert signed.status_code == 200
            assert "Secure" in signed.headers["set-cookie"]
            assert signed.headers["strict-transport-security"]
        old = ssl.create_default_context(cafile=str(made.authority))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection("127.0.0.1", config.api_port, ssl=old)


def test_it_refuses_to_listen_beyond_loopback_without_tls():
    with pytest.raises(UnprotectedListenerError, match="MANTA_TLS_CERTIFICATE"):
        origins_of(Config(api_host="0.0.0.0"))  # noqa: S104


async def test_a_port_in_use_is_an_error_and_not_silence(house: House):
    config = Config(api_port=free_port())
    house.rebuilt(origins=origins_of(config))
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", config.api_port)
    async with taken:
        with pytest.raises(OSError, match=str(config.api_port)):
            await asyncio.wait_for(serve(config, house.deps), 3)


async def test_two_servers_never_share_a_port(house: House):
    config = Config(api_port=free_port())
    async with running(house, config):
        with pytest.raises(OSError, match=str(config.api_port)):
            await asyncio.wait_for(serve(config, house.deps), 3)
