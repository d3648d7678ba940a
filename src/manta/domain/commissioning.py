"""How far a device has come on its way into service, and what stood in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from manta.domain.identity import DeviceId

type Evidence = Mapping[str, float | str]
"""What was seen, by names that say the units."""


class Stage(StrEnum):
    """How far a device has come; each stage is reached by passing its check, in this order."""

    DISCOVERED = "discovered"
    """Found or entered; nothing is known of it yet."""
    READ_ONLY = "read_only"
    """It answers, and tells power and charge."""
    IDENTIFIED = "identified"
    """It is the device that was entered."""
    CAPABLE = "capable"
    """It can be commanded, within a rating that fits."""
    TIMED = "timed"
    """Its clock is right, and it answers soon enough."""
    BALANCED = "balanced"
    """The site adds up: every sign is right."""
    TESTED = "tested"
    """It charged and discharged when told, and the meter saw it."""
    DEFAULTED = "defaulted"
    """It keeps an export limit, and left alone it goes back to its default."""
    LIVE = "live"
    """It takes part."""


STAGES = tuple(Stage)


class Fault(StrEnum):
    """Why a stage was not reached; each says what to do in flows.commissioning_texts."""

    NO_ANSWER = "no_answer"
    NOTHING_MEASURED = "nothing_measured"
    OTHER_DEVICE = "other_device"
    READ_ALONE = "read_alone"
    REMOTE_BARRED = "remote_barred"
    RATING_DIFFERS = "rating_differs"
    CLOCK_WRONG = "clock_wrong"
    TOO_SLOW = "too_slow"
    SIGN_INVERTED = "sign_inverted"
    UNBALANCED = "unbalanced"
    NO_ROOM = "no_room"
    REFUSED = "refused"
    DOES_NOTHING = "does_nothing"
    """It acknowledges a command, and nothing moves."""
    FALLS_SHORT = "falls_short"
    POWER_SCALE = "power_scale"
    """It does a multiple of what it was told."""
    COMMAND_INVERTED = "command_inverted"
    METER_INVERTED = "meter_inverted"
    METER_ELSEWHERE = "meter_elsewhere"
    """The battery moved and the meter did not: it is not this site's."""
    BATTERY_UNSEEN = "battery_unseen"
    """The meter saw the battery move, and the battery's own reading did not."""
    LIMIT_SCALE = "limit_scale"
    LIMIT_IGNORED = "limit_ignored"
    DEFAULT_NOT_KEPT = "default_not_kept"


@dataclass(frozen=True, slots=True)
class Remark:
    """One check, as it will be read a year later."""

    stage: Stage
    """The stage that was asked for."""
    fault: Fault | None
    """What stood in the way; None where the stage was reached."""
    at: datetime
    by: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Commissioning:
    """A device's way so far."""

    device: DeviceId
    stage: Stage = Stage.DISCOVERED
    remarks: tuple[Remark, ...] = ()

    @property
    def following(self) -> Stage | None:
        """Return the stage that comes next; None once it is live."""
        place = STAGES.index(self.stage) + 1
        return STAGES[place] if place < len(STAGES) else None

    def with_remark(self, remark: Remark) -> Commissioning:
        """Add a check; only the stage that follows can be reached, and only without a fault."""
        if remark.stage is not self.following:
            raise ValueError(f"{self.device} is {self.stage}: {remark.stage} is not the stage that follows")
        stage = self.stage if remark.fault else remark.stage
        return Commissioning(self.device, stage, (*self.remarks, remark))
