"""All the children of a house: started stage by stage, stopped in the opposite order."""

import asyncio
from collections.abc import Sequence

from manta.supervisor.children import Child

ALL_STOPPED_WITHIN_S = 9.0


class Crew:
    """Children in the order in which they depend on one another."""

    def __init__(self) -> None:
        self._stages: list[Sequence[Child]] = []

    @property
    def children(self) -> Sequence[Child]:
        """Every child taken on, oldest first."""
        return [child for stage in self._stages for child in stage]

    async def start(self, *stage: Child) -> None:
        """Start children that do not need each other, all at once; the first failure ends the others."""
        self._stages.append(stage)
        try:
            async with asyncio.TaskGroup() as together:
                for child in stage:
                    together.create_task(child.start())
        except* Exception as failures:
            raise _first(failures) from None

    async def stop(self, within_s: float = ALL_STOPPED_WITHIN_S) -> None:
        """Stop the youngest stage first; each has its share of the time that is left."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while self._stages:
            grace_s = max(deadline - loop.time(), 0.1) / len(self._stages)
            stage = self._stages[-1]
            await asyncio.gather(*(child.stop(grace_s) for child in stage))
            self._stages.pop()

    def kill(self) -> None:
        """End everything now, with no regard for order."""
        for child in reversed(self.children):
            child.kill()


def _first(failures: BaseExceptionGroup[Exception]) -> Exception:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
