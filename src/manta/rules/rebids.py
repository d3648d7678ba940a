"""Changing an offer: prices are fixed from 12:30 the day before; then only amounts move, with a reason.

NER 3.8.22 and 3.8.22A. Whether a reason is true is not for a function to judge; whether it is there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta

from manta.domain.offer import Offer, Problem, Rebid
from manta.domain.time import NEM_TIME, TradingDay

LONGEST_REASON = 500
"""Characters."""
_LOCKS_AT = time(12, 30)
_CATEGORY = re.compile("[A-Z]")


def locks_at(day: TradingDay) -> datetime:
    """Return the instant from which a trading day's prices are fixed: 12:30 NEM time on the day before."""
    before = day.starts_on - timedelta(days=1)
    return datetime.combine(before, _LOCKS_AT, NEM_TIME).astimezone(UTC)


def is_locked(day: TradingDay, at: datetime) -> bool:
    """Tell whether prices are fixed at an instant."""
    return at >= locks_at(day)


def change_problems(before: Offer | None, after: Offer, at: datetime) -> Sequence[Problem]:
    """Return what forbids putting one offer in the place of another at an instant."""
    found = list(_identity(before, after))
    if at >= after.day.end:
        found.append(Problem("day", f"the trading day {after.day.starts_on} is over", "offer a later day"))
    if not is_locked(after.day, at):
        return found
    if before is None:
        found.append(
            Problem(
                "day",
                "prices are locked and there is no offer to change",
                "offer before 12:30 the day before",
            )
        )
    elif before.prices != after.prices:
        moved = [
            f"{i + 1}" for i, (a, b) in enumerate(zip(before.prices, after.prices, strict=False)) if a != b
        ]
        where = f"band {', '.join(moved)} changed" if moved else "their number changed"
        found.append(Problem("prices", f"prices are locked: {where}", "change megawatts only"))
    return [*found, *_explained(after.rebid, at)]


def _identity(before: Offer | None, after: Offer) -> Iterator[Problem]:
    if before is None:
        return
    for name, was, now in (
        ("duid", before.duid, after.duid),
        ("day", before.day.starts_on, after.day.starts_on),
        ("service", before.kind, after.kind),
        ("direction", before.direction, after.direction),
    ):
        if was != now:
            yield Problem(name, f"{now} is not {was}", "change an offer of the same unit, day and kind")


def _explained(rebid: Rebid | None, at: datetime) -> Iterator[Problem]:
    if rebid is None:
        yield Problem("rebid", "a rebid without explanation", "give reason, category and three times")
        return
    if not rebid.reason.strip():
        yield Problem("rebid.reason", "it is empty", "give a brief, verifiable reason")
    if len(rebid.reason) > LONGEST_REASON:
        yield Problem("rebid.reason", f"{len(rebid.reason)} characters", f"shorten it to {LONGEST_REASON}")
    if rebid.category is None or not _CATEGORY.fullmatch(rebid.category):
        yield Problem("rebid.category", f"{rebid.category!r} is not a letter", "give one capital letter")
    yield from _in_order(rebid, at)


def _in_order(rebid: Rebid, at: datetime) -> Iterator[Problem]:
    """Yield what is missing or out of order: it happens, somebody learns of it, decides, and sends."""
    times = (("event_at", rebid.event_at), ("aware_at", rebid.aware_at), ("decided_at", rebid.decided_at))
    latest: tuple[str, datetime] | None = None
    for name, instant in times:
        if instant is None:
            yield Problem(f"rebid.{name}", "it is missing", "say when")
            continue
        if latest is not None and instant < latest[1]:
            yield Problem(
                f"rebid.{name}", f"it is before {latest[0]}", "put event, aware and decided in order"
            )
        latest = name, instant
    if latest is not None and latest[1] > at:
        yield Problem(f"rebid.{latest[0]}", "it is in the future", "send a rebid once it is decided")
