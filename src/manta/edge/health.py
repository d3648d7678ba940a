"""/healthz on loopback: how the box stands, for whoever looks after it on site."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec

LOOPBACK = "127.0.0.1"
REQUEST_S = 5.0
LONGEST_REQUEST = 8 * 1024


class DeviceHealth(msgspec.Struct, frozen=True):
    """One battery with its inverter."""

    device: str
    ok: bool
    seen_s: float | None
    """How long ago it was last seen; None if it never was."""
    held_kw: float | None
    is_undo_due: bool
    """Whether it may be under an order of ours."""
    lease: str | None
    leases_taken: int
    leases_refused: int
    because: str


class BoxHealth(msgspec.Struct, frozen=True):
    """The box as a whole."""

    site: str
    ok: bool
    up_s: float
    uplink: bool
    uplink_because: str
    connects: int
    waiting: int
    """Reports that the house has not acknowledged."""
    dropped: int
    clock_jumps: int
    last_jump_s: float
    identity: str
    """How the certificate stands; empty without one."""
    devices: list[DeviceHealth]


@asynccontextmanager
async def answering(port: int, health: Callable[[], BoxHealth]) -> AsyncIterator[int]:
    """Answer while the body runs, on loopback alone; it is given the port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_page(head.split(b"\r\n", 1)[0], health))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, LOOPBACK, port, limit=LONGEST_REQUEST)
    async with server:
        yield server.sockets[0].getsockname()[1]


def _page(request: bytes, health: Callable[[], BoxHealth]) -> bytes:
    match request.split(b" "):
        case [b"GET", b"/healthz", _]:
            now = health()
            return _reply("200 OK" if now.ok else "503 Service Unavailable", msgspec.json.encode(now))
        case [b"GET", _, _]:
            return _reply("404 Not Found", b'{"there is":"/healthz"}')
    return _reply("405 Method Not Allowed", b'{"only":"GET"}')


def _reply(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
