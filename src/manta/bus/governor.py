"""The way to the governor: a question on the bus, about intents that already stand in the record."""

from typing import Protocol

import msgspec

from manta.wire.events import IntentsReady, LeasesWritten
from manta.wire.subjects import INTENTS

ANSWER_S = 3.0


class Asker(Protocol):
    """What asking needs of the bus."""

    async def request(self, subject: str, body: bytes, timeout: float = 5.0) -> bytes:
        """Ask and return the answer; TimeoutError if nobody answers in time."""
        ...


class RemoteGovernor:
    """The governor, as the engine sees it."""

    def __init__(self, bus: Asker) -> None:
        self._bus = bus

    async def ask(self, ready: IntentsReady) -> LeasesWritten:
        """Have a recorded intent batch checked, signed, written and sent; silence raises TimeoutError."""
        answer = await self._bus.request(INTENTS, msgspec.msgpack.encode(ready), ANSWER_S)
        return msgspec.msgpack.decode(answer, type=LeasesWritten)
