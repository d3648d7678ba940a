"""Virtual time: a loop whose clock jumps to the next timer, and the Clock port on top of it.

A scenario of hours runs in seconds and always the same way. Nothing in it may wait for a socket.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any


class _Jumping(selectors.SelectSelector):
    """Instead of waiting, moves the loop's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: VirtualLoop | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.loop is None:
            return super().select(0)
        if timeout is None:
            raise RuntimeError("nothing will ever happen in this world: everybody waits and no timer runs")
        self.loop.passed_s += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        selector = _Jumping()
        super().__init__(selector)
        self._clock_resolution = 1e-6
        selector.loop = self

    def time(self) -> float:
        """Return the seconds that have passed in this world."""
        return self.passed_s

    def run_in_executor[*Ts, T](
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Do at once what was meant for a thread: time here would not wait for one."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as failure:  # noqa: BLE001 - it belongs to whoever awaits it
            done.set_exception(failure)
        return done


class VirtualClock:
    """The Clock port in virtual time."""

    def __init__(self, begins_at: datetime) -> None:
        self._begins_at = begins_at.astimezone(UTC)

    def now(self) -> datetime:
        """Return the present instant of this world, UTC."""
        passed_s = asyncio.get_running_loop().time()
        return self._begins_at + timedelta(microseconds=round(passed_s * 1e6))

    async def sleep_until(self, at: datetime) -> None:
        """Return once it is that late."""
        await asyncio.sleep(max(0.0, (at - self.now()).total_seconds()))


def play[T](world: Coroutine[Any, Any, T]) -> T:
    """Run a world in virtual time and return what came of it."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(world)
