"""Planning lot by lot: compiled code lets go of the interpreter, so that threads work side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def in_lots(sites: int, size: int, work: Callable[[slice], None], *, threads: int = 1) -> None:
    """Do some work for every lot of neighboring sites, each once; an error in one is raised."""
    lots = [slice(begin, min(begin + size, sites)) for begin in range(0, sites, size)]
    if threads <= 1:
        for lot in lots:
            work(lot)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, lot) for lot in lots]:
            done.result()
