"""Virtual time for tests: the product's own loop, an evening to begin with, and a decorator."""

import functools
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from manta.app import virtual as product

EVENING = datetime(2024, 2, 29, 8, 0, tzinfo=UTC)
"""18:00 NEM time, when an interval begins; a scenario starts here unless it says otherwise."""


class VirtualClock(product.VirtualClock):
    """The Clock port in virtual time."""

    def __init__(self, begins_at: datetime = EVENING) -> None:
        super().__init__(begins_at)

    async def sleep(self, **how_long: float) -> None:
        """Let some time pass, given as a timedelta is: ``seconds=20``."""
        await self.sleep_until(self.now() + timedelta(**how_long))


def virtual[**P](test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test in virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        product.play(test(*args, **kwargs))

    return run
