"""What the devices answered to each lease batch, counted once the answers are due."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from manta.domain.lease import OUTCOMES, DispatchOutcome, Outcome
from manta.domain.time import epoch_ms

type Rows = NDArray[Any]

_ACCEPTED, _REFUSED = OUTCOMES.index(Outcome.ACCEPTED), OUTCOMES.index(Outcome.REFUSED)
_MOST_BATCHES = 1_024


@dataclass(slots=True)
class Expected:
    """A lease batch whose answers are awaited, and those that came."""

    releases: NDArray[np.int32] | None = None
    """Devices that it lets go; None while the answers are here before the governor's own."""
    until_ms: int = 0
    came: list[Rows] = field(default_factory=list)

    def outcomes(self) -> NDArray[np.uint8]:
        """Return one outcome a device, the first that it gave."""
        if not self.came:
            return np.zeros(0, np.uint8)
        rows = np.concatenate(self.came)
        _, first = np.unique(rows["device_no"], return_index=True)
        outcomes: NDArray[np.uint8] = rows["outcome"][first]
        return outcomes


class Answers:
    """Counts ACK columns by lease batch, and knows from them which devices are under a lease."""

    def __init__(self) -> None:
        self._expected: OrderedDict[bytes, Expected] = OrderedDict()
        self.leased_until_ms = np.zeros(0, np.int64)
        """Until when each device has accepted a power; 0 once it has accepted its release."""

    def enrol(self, devices: int) -> None:
        """Make room for more devices."""
        grown = np.zeros(devices, np.int64)
        grown[: len(self.leased_until_ms)] = self.leased_until_ms[:devices]
        self.leased_until_ms = grown

    def hear(self, rows: Rows) -> None:
        """Take in ACK columns, of any batches and also before their batch is expected."""
        rows = rows[(rows["device_no"] >= 0) & (rows["device_no"] < len(self.leased_until_ms))]
        for batch in np.unique(rows["batch"]):
            expected = self._of(bytes(batch))
            came = rows[rows["batch"] == batch]
            expected.came.append(came)
            self._note_leases(expected, came)

    def expect(self, batch: UUID, asked: Rows, until: datetime) -> None:
        """Say what a lease batch asked for, so that its answers mean something."""
        expected = self._of(batch.bytes)
        expected.releases = asked["device_no"][np.isnan(asked["power_kw"])]
        expected.until_ms = epoch_ms(until)
        for came in expected.came:
            self._note_leases(expected, came)

    def count(
        self, dispatch: UUID, batch: UUID, leased: int, refused_by_governor: int, at: datetime
    ) -> DispatchOutcome:
        """Close a batch: who was asked and gave no answer was silent."""
        expected = self._of(batch.bytes)
        outcomes = expected.outcomes()
        expected.came.clear()
        accepted, refused = int((outcomes == _ACCEPTED).sum()), int((outcomes == _REFUSED).sum())
        silent = max(0, leased - accepted - refused)
        return DispatchOutcome(dispatch, leased, refused_by_governor, accepted, refused, silent, at)

    def _of(self, batch: bytes) -> Expected:
        expected = self._expected.setdefault(_key(batch), Expected())
        while len(self._expected) > _MOST_BATCHES:
            self._expected.popitem(last=False)
        return expected

    def _note_leases(self, expected: Expected, came: Rows) -> None:
        if expected.releases is None:
            return
        accepted = came["device_no"][came["outcome"] == _ACCEPTED]
        released = np.isin(accepted, expected.releases)
        self.leased_until_ms[accepted[released]] = 0
        self.leased_until_ms[accepted[~released]] = expected.until_ms


def _key(batch: bytes) -> bytes:
    """Undo what NumPy does to bytes that end in zero: it drops them."""
    return batch.rstrip(b"\0")
