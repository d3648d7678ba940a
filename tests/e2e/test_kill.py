"""Every process of a house is killed in the middle of a price spike; nothing is lost and nothing done twice.

Prints a JSON line for each kill: seconds until a home accepts a lease that was decided after it, and until
every role is healthy and readings come in.
"""

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import httpx
import pytest
from tests.e2e.house import House, HouseError, house
from tests.e2e.record import LeaseCount, broken_in, kept_by, lease_counts
from tests.streets import EVENING_MS, homes, lease, sealed

from manta.simulators.firmware import Firmware

HOMES, SPEED = 200, 10.0
LEASING = ("governor", "gateway", "engine", "postgres", "nats", "fleet-simulator")
"""What a lease passes through; each is killed at the moment when new leases were written."""
BESIDE = ("settler", "historian", "market-simulator", "api")
"""The settler is killed at the moment when the first region of an interval was posted."""
AGAIN_S = 40.0
"""At most, for one process, on a busy machine."""
MOMENT_S = 35.0
"""At this speed an interval ends every 30 s."""
ALL_S = 240.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """What one kill cost."""

    victim: str
    leased_s: float | None
    """Until a home accepted a lease that was written after the kill; None where leases do not pass."""
    healthy_s: float
    """Until every role was content, and the engine folded readings."""


@pytest.mark.house
def test_every_process_is_killed_in_a_spike_and_nothing_is_lost_or_done_twice():
    began = time.monotonic()
    with house() as place:
        place.open(HOMES, SPEED, story_after=1.0)
        place.until(lambda: len(accepted_batches(place)) >= 4, "leased in four regions", 60.0)
        place.until(place.is_healthy, "healthy", 30.0)
        memory, epochs, repeats = [], epochs_of(place), 0
        for victim in (*LEASING, *BESIDE):
            await_moment(place, victim)
            repeats += repeats_of(place) if victim == "fleet-simulator" else 0
            memory.append(kept_by(place))
            print(json.dumps(told(kill(place, victim))), flush=True)
            assert time.monotonic() - began < ALL_S, "it takes too long"

        place.until(lambda: not broken_in(place), f"sound: {broken_in(place)}", MOMENT_S)
        place.until(lambda: exact_share(lease_counts(place)) > 0.98, "answered by all homes", 30.0)
        counts, after = lease_counts(place), kept_by(place)
        print(json.dumps(figures(counts, after) | {"repeats": repeats + repeats_of(place)}), flush=True)

        for before in memory:
            lost = {name: len(rows - after[name]) for name, rows in before.items()}
            assert not any(lost.values()), lost
        assert broken_in(place) == {}
        assert {count.wrong for count in counts} == {""}
        assert min(count.applied for count in counts) > 0
        assert all(now > epochs[region] for region, now in epochs_of(place).items()), (
            "a new governor, a new epoch"
        )
        assert after["txns"], "an interval was settled meanwhile"
        assert place.close()[0] == 0
        assert place.family() == []


def test_the_count_shows_a_lease_that_is_taken_twice(monkeypatch):
    monkeypatch.setattr(Firmware, "_is_repeat", lambda self, home, lease: False)
    street = homes()
    for _ in range(2):
        street.offer([(0, sealed(lease()))], EVENING_MS)
    count = LeaseCount(written=1, accepted=1, refused=0, applied=street.firmware.applied)
    assert count.wrong.endswith("applied twice")


@pytest.mark.parametrize(
    ("count", "wrong"),
    [
        (LeaseCount(written=9, accepted=7, refused=1, applied=7), ""),
        (LeaseCount(written=9, accepted=7, refused=1, applied=8), ""),
        (LeaseCount(written=9, accepted=7, refused=1, applied=9), "applied twice"),
        (LeaseCount(written=9, accepted=7, refused=1, applied=6), "forgotten"),
    ],
)
def test_a_home_takes_up_no_more_leases_than_there_are_and_no_fewer_than_it_accepted(count, wrong):
    assert count.wrong.endswith(wrong)
    assert bool(count.wrong) == bool(wrong)


def kill(place: House, victim: str) -> Recovery:
    """Kill one process and wait until the house is whole again."""
    known, old = written_batches(place), place.pid_of(victim)
    assert old is not None, f"{victim} does not run"
    os.kill(old, signal.SIGKILL)
    began = time.monotonic()
    leased_s = healthy_s = None
    while healthy_s is None or (leased_s is None and victim in LEASING):
        waited_s = time.monotonic() - began
        if leased_s is None and victim in LEASING and accepted_batches(place) - known:
            leased_s = waited_s
        if healthy_s is None and place.pid_of(victim) not in (None, old) and is_whole(place):
            healthy_s = time.monotonic() - began
        if waited_s > AGAIN_S:
            raise HouseError(
                f"{victim} killed: leased {leased_s}, healthy {healthy_s}\n{place.words[-3_000:]}"
            )
        time.sleep(0.1)
    return Recovery(victim, leased_s, healthy_s)


def await_moment(place: House, victim: str) -> None:
    """Wait until the process is in the middle of something."""
    look = {"settler": txns} | dict.fromkeys(LEASING, written_batches)
    if victim in look:
        before = look[victim](place)
        deadline = time.monotonic() + MOMENT_S
        while look[victim](place) == before and time.monotonic() < deadline:
            time.sleep(0.01)


def is_whole(place: House) -> bool:
    """Tell whether every role is content and new readings are folded."""
    with suppress(HouseError, httpx.HTTPError):
        before = readings(place)
        if place.is_healthy():
            time.sleep(0.3)
            return readings(place) > before
    return False


def readings(place: House) -> float:
    return place.figures(place.health_port("engine")).get("manta_readings_total", 0.0)


def written_batches(place: House) -> set[UUID]:
    ((*rows,),) = place.read("select id from record.lease_batch")
    return {row[0] for row in rows}


def txns(place: House) -> int:
    (((count,),),) = place.read("select count(*) from ledger.txn")
    return int(count)


def repeats_of(place: House) -> int:
    """Return how many leases the homes heard again, and did not take up again, since the fleet's start."""
    homes = place.figures(place.health_port("fleet-simulator"))
    return int(homes.get("manta_homes_leases_repeated_total", 0))


def accepted_batches(place: House) -> set[UUID]:
    """Return the lease batches that some home has accepted; none while the record is away."""
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, IndexError):
        ((*rows,),) = place.read("select distinct batch from record.ack where outcome = 0")
        return {row[0] for row in rows}
    return set()


def epochs_of(place: House) -> dict[str, int]:
    ((*rows,),) = place.read("select region, max(epoch) from record.lease_batch group by region")
    return dict(rows)


def exact_share(counts: list[LeaseCount]) -> float:
    return sum(count.is_exact for count in counts) / len(counts)


def told(recovery: Recovery) -> dict[str, object]:
    figures: dict[str, object] = {
        "killed": recovery.victim,
        "healthy_again_s": round(recovery.healthy_s, 1),
    }
    return figures if recovery.leased_s is None else figures | {"leased_again_s": round(recovery.leased_s, 1)}


def figures(counts: list[LeaseCount], after: dict[str, set[str]]) -> dict[str, object]:
    return {name: len(rows) for name, rows in after.items()} | {
        "leases written": sum(count.written for count in counts),
        "accepted": sum(count.accepted for count in counts),
        "applied": sum(count.applied for count in counts),
        "homes counted exactly": round(exact_share(counts), 3),
    }
