"""Which leases a box believes, and until when."""

from math import inf, nan

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.edge.leases import BATTERY, KEY, NOON_MS, lease, packed

from manta.edge.keeper import EARLIEST_HOME_MS, Keeper, read_lease
from manta.edge.memory import Memory
from manta.wire.seal import device_key

FOREIGN = "h-other-battery1"


@pytest.fixture
def disk(tmp_path):
    return tmp_path / "leases.json"


def keeper_on(disk):
    return Keeper(BATTERY, KEY, Memory(disk))


def hear(keeper, given, now_ms=NOON_MS, steady_s=0.0, key=KEY):
    return keeper.hear(*read_lease(packed(given, key)), now_ms, steady_s)


def test_a_sound_lease_is_taken_and_is_in_force_until_about_its_end(disk):
    keeper = keeper_on(disk)
    assert hear(keeper, lease()).outcome == "accepted"
    assert keeper.current(NOON_MS, 0.0) == lease()
    assert keeper.current(NOON_MS + 300_000 - EARLIEST_HOME_MS - 1, 1.0) == lease()
    assert keeper.current(NOON_MS + 300_000, 2.0) is None


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"device": FOREIGN}, "device"),
        ({"until_ms": NOON_MS}, "expired"),
        ({"until_ms": NOON_MS - 1, "not_before_ms": NOON_MS - 300_000}, "expired"),
        ({"not_before_ms": NOON_MS + 60_000, "until_ms": NOON_MS + 60_000}, "expired"),
        ({"until_ms": NOON_MS + 17 * 60_000}, "too long"),
        ({"power_kw": nan}, "power"),
        ({"power_kw": inf}, "power"),
        ({"ramp_kw_per_min": 0.0}, "power"),
        ({"ramp_kw_per_min": nan}, "power"),
        ({"export_limit_kw": -1.0}, "power"),
    ],
)
def test_what_is_not_for_us_now_and_sound_is_refused_with_its_reason(disk, changed, because):
    keeper = keeper_on(disk)
    answer = hear(keeper, lease(**changed))
    assert (answer.outcome, answer.because) == ("refused", because)
    assert keeper.current(NOON_MS, 0.0) is None
    assert not disk.exists()


def test_a_lease_with_any_one_bit_changed_is_refused(disk):
    keeper, body = keeper_on(disk), packed(lease())
    refused = 0
    for bit in range(8 * len(body)):
        forged = bytearray(body)
        forged[bit // 8] ^= 1 << bit % 8
        read = read_lease(bytes(forged))
        refused += read is None or keeper.hear(*read, NOON_MS, 0.0).outcome == "refused"
    assert refused == 8 * len(body)
    assert keeper.schedule == ()


def test_a_lease_sealed_for_another_device_is_refused(disk):
    foreign = device_key(b"m" * 32, FOREIGN)
    assert hear(keeper_on(disk), lease(), key=foreign).because == "seal"


@pytest.mark.parametrize(
    "rubbish", [b"", b"\x00", b"\x92\xc4\x01x\xc4\x00", b"\xff" * 64, packed(lease())[:-9]]
)
def test_what_is_no_lease_is_not_even_answered(rubbish):
    assert read_lease(rubbish) is None


def test_a_repeat_is_answered_again_and_not_taken_twice(disk):
    keeper = keeper_on(disk)
    answers = [hear(keeper, lease()).outcome for _ in range(3)]
    assert (answers, keeper.taken) == (["accepted"] * 3, 1)


def test_a_repeat_after_a_restart_is_refused(disk):
    hear(keeper_on(disk), lease(7))
    assert [hear(keeper_on(disk), lease(n)).because for n in (7, 6, 1)] == ["sequence"] * 3
    assert hear(keeper_on(disk), lease(8)).outcome == "accepted"


def test_a_lower_epoch_is_refused_after_a_restart(disk):
    hear(keeper_on(disk), lease(1, epoch=5))
    assert hear(keeper_on(disk), lease(99, epoch=4)).because == "epoch"
    assert hear(keeper_on(disk), lease(1, epoch=6)).outcome == "accepted"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6), st.booleans()), max_size=12))
def test_what_is_taken_only_ever_rises_whatever_comes_and_however_often_it_restarts(tmp_path_factory, heard):
    disk = tmp_path_factory.mktemp("box") / "leases.json"
    keeper, taken = keeper_on(disk), []
    for epoch, sequence, restarts in heard:
        if restarts:
            keeper = keeper_on(disk)
        before = keeper.taken
        hear(keeper, lease(sequence, epoch=epoch, lease=f"{epoch}-{sequence}"))
        if keeper.taken > before:
            taken.append((epoch, sequence))
    assert taken == sorted(set(taken))


def test_the_schedule_is_followed_and_a_newer_lease_replaces_what_was_to_come(disk):
    keeper = keeper_on(disk)
    later = {"not_before_ms": NOON_MS + 300_000, "until_ms": NOON_MS + 600_000}
    for each in (lease(1, until_ms=NOON_MS + 390_000), lease(2, **later), lease(3, power_kw=-2.0, **later)):
        assert hear(keeper, each).outcome == "accepted"
    assert [held.sequence for held in keeper.schedule] == [1, 3]
    assert keeper.current(NOON_MS + 299_000, 299.0).sequence == 1
    assert keeper.current(NOON_MS + 300_000, 300.0).power_kw == -2.0


def test_a_release_ends_what_is_held_and_what_is_to_come(disk):
    keeper = keeper_on(disk)
    hear(keeper, lease(1, not_before_ms=NOON_MS - 1_000))
    hear(keeper, lease(2, not_before_ms=NOON_MS + 60_000))
    hear(keeper, lease(3, power_kw=None))
    assert keeper.current(NOON_MS, 0.0) is None
    assert keeper.current(NOON_MS + 61_000, 61.0) is None


def test_the_schedule_is_bounded(disk):
    keeper = keeper_on(disk)
    heard = [hear(keeper, lease(n, not_before_ms=NOON_MS + 1_000 * n)) for n in range(1, 12)]
    assert [answer.because for answer in heard] == [""] * 8 + ["full"] * 3


@given(st.integers(-86_400_000, 86_400_000), st.floats(0.0, 300.0))
@settings(max_examples=25, deadline=None)
def test_a_wall_that_is_set_never_lengthens_a_lease(tmp_path_factory, jump_ms, after_s):
    keeper = keeper_on(tmp_path_factory.mktemp("box") / "leases.json")
    hear(keeper, lease())
    in_force = keeper.current(NOON_MS + jump_ms + int(after_s * 1e3), 300.0 + after_s)
    assert in_force is None


def test_devices_whose_leases_end_together_turn_home_at_moments_of_their_own(disk):
    ends = set()
    keeper = keeper_on(disk)
    for no in range(60):
        hear(keeper, lease(no + 1, lease=f"l-{no}"))
        home_ms = next(t for t in range(268_000, 300_001, 500) if keeper.current(NOON_MS + t, 0.0) is None)
        ends.add(home_ms)
    assert 300_000 - EARLIEST_HOME_MS <= min(ends) < 278_000
    assert 292_000 < max(ends) <= 300_000
    assert len(ends) > 20


def test_where_the_memory_is_lost_nothing_is_taken_until_all_that_was_signed_is_over(disk):
    disk.write_bytes(b"{torn")
    memory = Memory(disk)
    assert memory.is_lost
    assert memory.of(BATTERY).is_undo_due
    keeper = Keeper(BATTERY, KEY, memory, deaf_until_s=960.0)
    assert hear(keeper, lease(), steady_s=959.0).because == "memory lost"
    assert hear(keeper, lease(), steady_s=960.0).outcome == "accepted"


def test_the_memory_is_replaced_whole_and_private(disk):
    memory = Memory(disk)
    memory.take(BATTERY, 3, 4)
    memory.owe_undo(BATTERY)
    memory.take(FOREIGN, 1, 1)
    assert disk.stat().st_mode & 0o077 == 0
    assert list(disk.parent.iterdir()) == [disk]
    known = Memory(disk).of(BATTERY)
    assert (known.epoch, known.sequence, known.is_undo_due) == (3, 4, True)
    assert msgspec.json.decode(disk.read_bytes()).keys() == {BATTERY, FOREIGN}
