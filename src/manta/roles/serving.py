"""Plain HTTP on loopback inside a role's own event loop, for what only our own processes talk to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette

from manta.supervisor.certificates import is_loopback

ENDING_S = 2.0
_FIRST_LOOK_S = 0.02


@asynccontextmanager
async def listening(
    application: Starlette, host: str, port: int
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Serve while the body runs; what it is given returns or raises only once the server has ended."""
    if not is_loopback(host):
        raise ValueError(f"{host} is not loopback, and this is plain HTTP")
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
    )
    task = asyncio.create_task(server.serve(), name=f"http on {host}:{port}")

    async def ended() -> None:
        await asyncio.wait([task])  # which, other than to await it, leaves it be when we are cancelled
        task.result()

    try:
        await _until_open(host, port, task)
        yield ended
    finally:
        server.stop()  # type: ignore[no-untyped-call] # granian states no types here
        with suppress(TimeoutError):
            await asyncio.wait_for(task, ENDING_S)


async def _until_open(host: str, port: int, task: asyncio.Task[None]) -> None:
    """Return once somebody can connect; what the server died of, if it did."""
    while True:
        if task.done():
            task.result()
            raise ConnectionError(f"nothing listens on {host}:{port}")
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(_FIRST_LOOK_S)
