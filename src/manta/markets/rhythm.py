"""When each feed's files appear, and from when on one that has not is late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from manta.domain.time import FIVE_MINUTES, HALF_HOUR, NEM_TIME
from manta.mms.catalogue import Feed

_ORIGIN = datetime(2000, 1, 1, tzinfo=NEM_TIME)
_DAY = timedelta(days=1)
_LONGEST = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a file of a feed appears, counted from the time in its name; before it where a run is ahead."""

    due: timedelta
    """As soon as that."""
    late: timedelta
    """What is not there by then is late."""


def _after(begins: timedelta, due_s: float, late_s: float) -> Rhythm:
    return Rhythm(begins + timedelta(seconds=due_s), begins + timedelta(seconds=late_s))


RHYTHMS: Mapping[str, Rhythm] = {
    "DISPATCHIS": _after(-FIVE_MINUTES, 20, 90),
    "TRADINGIS": _after(FIVE_MINUTES, 6, 120),
    "P5MIN": _after(-FIVE_MINUTES, 32, 120),
    "PREDISPATCHIS": _after(-HALF_HOUR, 50, 300),
    "DISPATCHSCADA": _after(-FIVE_MINUTES, 20, 180),
    "ROOFTOP_PV_ACTUAL_MEASUREMENT": _after(timedelta(minutes=18), 0, 900),
    "ROOFTOP_PV_FORECAST": _after(timedelta(), 5, 1_800),
    "NEXT_DAY_DISPATCH": _after(timedelta(days=1, hours=4), 300, 7_200),
    "BIDMOVE_COMPLETE": _after(timedelta(days=1, hours=4), 300, 7_200),
}
"""By prefix. Seen on genuine files: dispatch 5 to 15 s into its interval, P5MIN 33 to 48 s, SCADA 22 s,
pre-dispatch 50 to 136 s into its half-hour, a trading price changed 5 min 7 s after its interval, rooftop 19
min after its half-hour and its forecast at once, next-day dispatch at 04:05 to 04:10. That offers come with
the last, and what counts as late, is chosen."""


def newest_expected(feed: Feed, now: datetime, after: timedelta) -> datetime:
    """Return the latest time, UTC, for which a file ought to be there if each comes ``after`` its time."""
    return on_grid(feed, now - after)


def on_grid(feed: Feed, at: datetime) -> datetime:
    """Return the last time of a feed's rhythm that is not after an instant, UTC."""
    return (at - (at - _ORIGIN) % feed.every).astimezone(UTC)


def steady(feed: Feed) -> timedelta:
    """Return how long not to look while there is nothing to come; sooner files than we know of are seen."""
    return min(feed.every / 2.5, _LONGEST)


def kept(feed: Feed) -> timedelta:
    """Return for how long it is remembered which files were read: longer than they are listed."""
    return max(3 * _DAY, 7 * feed.every)
