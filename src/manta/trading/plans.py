"""Which plan is in force at each site: the new one where it is proved, else the last good one, else none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manta.trading.curves import CurveParts, Curves
from manta.trading.proof import Proof


class Origin(IntEnum):
    """Where the plan in force at a site comes from."""

    NEW = 0
    LAST_GOOD = 1
    """The new one was refused, late or not proved: the last that was is still in force."""
    SELF_CONSUMPTION = 2
    """There is no plan young enough: the site consumes its own."""


@dataclass(frozen=True, slots=True)
class Plans:
    """The plans in force, one row a site."""

    curves: Curves
    """Empty where the site consumes its own."""
    origin: NDArray[np.uint8]
    """``Origin`` of each."""
    age: NDArray[np.int64]
    """How many plannings ago it was made."""
    refused: NDArray[np.uint8]
    """Why there was no new plan, as ``Refusal``; 0 where that is not the reason."""
    fault: NDArray[np.uint8]
    """Why the new plan was not published, as ``Fault``; 0 where that is not the reason."""

    @classmethod
    def none(cls, sites: int) -> Plans:
        """Begin without any plan: every site consumes its own."""
        empty = Curves(np.zeros(sites + 1, np.int64), np.empty(0), np.empty(0), np.zeros(sites))
        zeros = np.zeros(sites, np.uint8)
        origin = np.full(sites, Origin.SELF_CONSUMPTION, np.uint8)
        return cls(empty, origin, np.zeros(sites, np.int64), zeros, zeros.copy())

    def follow(self, curves: Curves, refused: NDArray[np.uint8], proof: Proof, *, oldest: int) -> Plans:
        """Put new plans in force where they are proved; keep old ones elsewhere, while not older than that.

        ``oldest`` is how many plannings a plan may outlive.
        """
        if not len(curves) == len(self.origin) == len(refused) == len(proof.fault):
            raise ValueError(f"plans of {len(curves)} sites cannot follow those of {len(self.origin)}")
        is_new = (refused == 0) & proof.holds & (np.diff(curves.first) > 0)
        had_one = np.diff(self.curves.first) > 0
        age = np.where(is_new, 0, self.age + 1)
        kept = ~is_new & had_one & (age <= oldest)
        origin = np.where(is_new, Origin.NEW, np.where(kept, Origin.LAST_GOOD, Origin.SELF_CONSUMPTION))
        chosen = _chosen(origin.astype(np.uint8), curves, self.curves)
        fault = np.where(refused == 0, proof.fault, 0).astype(np.uint8)
        return Plans(chosen, origin.astype(np.uint8), age, refused, fault)


def _chosen(origin: NDArray[np.uint8], new: Curves, old: Curves) -> Curves:
    """Take each site's curve from where its plan comes from."""
    lengths = [np.diff(new.first), np.diff(old.first), np.zeros(len(origin), np.int64)]
    first = np.zeros(len(origin) + 1, np.int64)
    np.cumsum(np.choose(origin, lengths), out=first[1:])
    width, value = np.empty(first[-1]), np.empty(first[-1])
    _take(origin, new.parts, old.parts, (first, width, value))
    floor_kwh = np.choose(origin, [new.floor_kwh, old.floor_kwh, np.zeros(len(origin))])
    return Curves(first, width, value, floor_kwh)


@njit(cache=True)
def _take(origin: NDArray[np.uint8], new: CurveParts, old: CurveParts, out: CurveParts) -> None:
    first, width, value = out
    for i in range(len(origin)):
        source = new if origin[i] == 0 else old
        begin = source[0][i]
        for k in range(first[i + 1] - first[i]):
            width[first[i] + k] = source[1][begin + k]
            value[first[i] + k] = source[2][begin + k]
