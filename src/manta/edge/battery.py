"""One battery of the site: how it is seen, what its lease asks, and what it is told."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from manta.domain.der import ComponentKind, Running, Sample
from manta.domain.envelope import Envelope
from manta.domain.lease import Outcome
from manta.domain.time import from_epoch_ms
from manta.drivers.port import DeviceError, Driver
from manta.edge.course import Course
from manta.edge.hand import Hand
from manta.edge.keeper import Keeper
from manta.edge.limits import BatteryLimits, SiteLimits, of_battery, permitted, self_consumption
from manta.wire.device import DeviceReading, Lease, LeaseAck, SealedLease

log = logging.getLogger(__name__)

FRESH_S = 15.0
"""An older look is no ground to hold a power on."""
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
LONGEST_STEP_S = 2.0
"""A box that was held up goes on with its ramp; it does not make up for it."""


@dataclass(slots=True)
class Look:
    """The last that was seen of a device."""

    sample: Sample
    seen_s: float
    """On the steady clock."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a battery is to do this second."""

    power_kw: float | None
    """To hold, toward the grid; None lets go."""
    permitted: Envelope
    lease: Lease | None


class Battery:
    """A battery with its inverter, and the meter where that is read through it."""

    def __init__(
        self,
        driver: Driver,
        limits: BatteryLimits,
        names: Mapping[ComponentKind, str],
        keeper: Keeper,
        hand: Hand,
    ) -> None:
        self.keeper = keeper
        self.hand = hand
        self.names = names
        """What its parts are called in the register."""
        self.driver = driver
        self.look: Look | None = None
        self.failures = 0
        """Looks in a row that it did not answer."""
        self.because = ""
        self.course = Course()
        self._limits = limits
        self._asked_s = 0.0
        self._stepped_s: float | None = None
        self._unanswered: LeaseAck | None = None
        self._until = from_epoch_ms(0)

    @property
    def device(self) -> str:
        """Its name in the register."""
        return self.keeper.device

    def is_busy(self, now_ms: int, steady_s: float) -> bool:
        """Tell whether it holds or moves, so that it is looked at each second."""
        return not self.course.is_home or self.keeper.current(now_ms, steady_s) is not None

    async def see(self, at: datetime, steady_s: float) -> None:
        """Look at the device; one that does not answer is left alone for a while that doubles each time."""
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self.failures - 1, 10))
        if self.failures and steady_s - self._asked_s < wait_s:
            return
        self._asked_s = steady_s
        try:
            self.look = Look(await self.driver.read(at), steady_s)
            self.failures, self.because = 0, ""
        except (DeviceError, ValueError) as error:
            self.failures += 1
            self.because = str(error)
            if self.failures == 1:
                log.warning("device silent", extra={"device": self.device, "because": self.because})

    def seen(self, kind: ComponentKind, steady_s: float) -> float | None:
        """Return a part's power, kW toward the grid; None where it is unknown or seen too long ago."""
        if self.look is None or steady_s - self.look.seen_s > FRESH_S:
            return None
        part = self.look.sample.measurements.get(kind)
        return None if part is None else part.power_kw

    def readings(self, steady_s: float) -> list[DeviceReading]:
        """Return what to report of its parts; what is unknown or old is left out."""
        if self.look is None or steady_s - self.look.seen_s > FRESH_S:
            return []
        parts = self.look.sample.measurements
        return [
            DeviceReading(
                device=name,
                power_kw=part.power_kw,
                soc=part.soc,
                import_kwh=part.import_kwh,
                export_kwh=part.export_kwh,
            )
            for kind, name in self.names.items()
            if (part := parts.get(kind)) is not None and part.power_kw is not None
        ]

    def hear(self, sealed: SealedLease, lease: Lease, now_ms: int, steady_s: float) -> LeaseAck | None:
        """Judge a lease; return the answer to give now, None where the device itself is to answer first."""
        answer = self.keeper.hear(sealed, lease, now_ms, steady_s)
        if answer.outcome == "accepted" and lease.power_kw is not None and self._is_islanded():
            self.keeper.forget(lease.lease)
            return LeaseAck(answer.lease, answer.device, "refused", now_ms, "island")
        if answer.outcome == "refused" or lease.power_kw is None or lease.not_before_ms > now_ms:
            return answer
        self._unanswered = answer
        return None

    def turn(self, site: SiteLimits, rest_kw: float | None, now_ms: int, steady_s: float) -> Turn:
        """Decide what to do this second, while the rest of the site flows at ``rest_kw`` (None: unknown)."""
        elapsed_s = 0.0 if self._stepped_s is None else min(steady_s - self._stepped_s, LONGEST_STEP_S)
        self._stepped_s = steady_s
        lease = self.keeper.current(now_ms, steady_s)
        power_kw = self.seen(ComponentKind.BATTERY, steady_s)
        if rest_kw is None or power_kw is None or self._is_islanded():
            # A power whose effect nobody sees is not held: the device's own limits are surer than ours.
            self.course.drop()
            return Turn(None, Envelope(), None)
        own = of_battery(self._limits, self._soc())
        default_kw = self_consumption(own, rest_kw)
        may = permitted(own, site, rest_kw, None if lease is None else lease.export_limit_kw)
        goal_kw = None
        if lease is not None and lease.power_kw is not None:
            self.course.turn_to(lease.lease, lease.ramp_kw_per_min, power_kw=power_kw, default_kw=default_kw)
            goal_kw = may.clamp(lease.power_kw)
            self._until = from_epoch_ms(lease.until_ms)
        else:
            self.course.turn_home(power_kw=power_kw, default_kw=default_kw)
        asked_kw = self.course.step(goal_kw, default_kw, elapsed_s)
        return Turn(None if asked_kw is None else may.clamp(asked_kw), may, lease)

    async def act(self, turn: Turn, at: datetime, steady_s: float) -> LeaseAck | None:
        """Do it, and return the answer that a new lease was waiting for."""
        if turn.power_kw is None:
            outcome = await self.hand.release(at, steady_s)
        else:
            # On the way home there is no lease any more; the device is told just enough time to get there.
            until = max(self._until, at + 2 * self.driver.descriptor.refresh)
            outcome = await self.hand.hold(turn.power_kw, turn.permitted, until, at, steady_s)
        waiting, self._unanswered = self._unanswered, None
        if waiting is None or outcome is Outcome.SILENT or turn.lease is None:
            return None
        if outcome is Outcome.ACCEPTED:
            return waiting
        return LeaseAck(
            waiting.lease, waiting.device, "refused", waiting.at_ms, f"device: {self.hand.because}"
        )

    def _is_islanded(self) -> bool:
        return self.look is not None and self.look.sample.status.running is Running.ISLANDED

    def _soc(self) -> float | None:
        battery = self.look.sample.measurements.get(ComponentKind.BATTERY) if self.look else None
        return None if battery is None else battery.soc
