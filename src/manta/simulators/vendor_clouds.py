"""A vendor's cloud in trouble: an ASGI application around what a vendor answers when all is well.

In-process it answers in virtual time; served on loopback it answers any client.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

type Message = MutableMapping[str, Any]
RETRY_AFTER_S = 900
_VERY_LONG_S = 3_600.0


class Trouble(StrEnum):
    """What is wrong with a cloud."""

    NONE = "none"
    THROTTLING = "throttling"
    """Everything is answered with 429 and a Retry-After."""
    BROKEN = "broken"
    SLOW = "slow"
    """It takes the question, and an hour."""
    DEAD = "dead"
    """Nobody listens."""
    SENSELESS = "senseless"
    """Its numbers are none."""
    QUOTED = "quoted"
    """Its numbers are strings, which vendors do at will."""
    LYING = "lying"
    """It acknowledges each command and carries out none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    passed_s: float
    """On the loop's own clock."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back, as JSON."""

    status: int
    content: Any
    headers: Mapping[str, str] | None = None


class VendorCloud:
    """What a vendor answers, and what is wrong with it at the moment."""

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        self.trouble = Trouble.NONE
        self.latency_s = 0.0
        self.asked: list[Asked] = []
        """Every request that reached it, oldest first."""
        self._answer = answer

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        passed_s = asyncio.get_running_loop().time()
        asked = Asked(scope["method"], scope["path"], headers, body, passed_s)
        self.asked.append(asked)
        answer = await self._troubled(asked)
        extra = [(name.encode(), value.encode()) for name, value in (answer.headers or {}).items()]
        content = json.dumps(answer.content).encode()
        start = [(b"content-type", b"application/json"), *extra]
        await send({"type": "http.response.start", "status": answer.status, "headers": start})
        await send({"type": "http.response.body", "body": content})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Answer on a loopback port, whose URL is given back, one call a connection, until the block ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = first.split(" ")
            pairs = (line.partition(":") for line in lines if line)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            asked = Asked(method, path, headers, body, asyncio.get_running_loop().time())
            self.asked.append(asked)
            answer = await self._troubled(asked)
            content = json.dumps(answer.content).encode()
            told = {
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
                "Connection": "close",
                **(answer.headers or {}),
            }
            head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
            writer.write(f"HTTP/1.1 {answer.status} Answer\r\n{head}\r\n".encode() + content)
            await writer.drain()

    async def _troubled(self, asked: Asked) -> Answer:
        await asyncio.sleep(self.latency_s)
        match self.trouble:
            case Trouble.THROTTLING:
                return Answer(429, {"error": "too many requests"}, {"Retry-After": str(RETRY_AFTER_S)})
            case Trouble.BROKEN:
                return Answer(503, {"error": "unavailable"})
            case Trouble.DEAD:
                raise ConnectionRefusedError("nobody listens")
            case Trouble.SLOW:
                await asyncio.sleep(_VERY_LONG_S)
        answer = self._answer(asked)
        if self.trouble is Trouble.SENSELESS:
            return Answer(answer.status, _each_number(answer.content, lambda _: "NaN"), answer.headers)
        if self.trouble is Trouble.QUOTED:
            return Answer(answer.status, _each_number(answer.content, str), answer.headers)
        return answer


def _each_number(content: Any, change: Callable[[float], str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(content, dict):
        return {key: _each_number(value, change) for key, value in content.items()}
    if isinstance(content, list):
        return [_each_number(value, change) for value in content]
    if isinstance(content, int | float) and not isinstance(content, bool):
        return change(content)
    return content
