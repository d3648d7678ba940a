from datetime import datetime

import msgspec
import pytest
from tests.streets import EVENING_MS, fleet_file, lease, sealed, site

from manta.domain.time import epoch_ms, from_epoch_ms
from manta.simulators.fleet import Fleet, FleetFile
from manta.simulators.sessions import Sessions
from manta.wire.device import LeaseAck, SiteReport

COUNT = 20


class Hands:
    """A clock that is turned by hand."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now(self) -> datetime:
        return from_epoch_ms(self.at_ms)

    async def sleep_until(self, at: datetime) -> None:
        self.at_ms = max(self.at_ms, epoch_ms(at))


class World:
    """A fleet without a wire: what it would publish is kept by its sessions."""

    def __init__(self, directory):
        self.clock = Hands(EVENING_MS)
        self.directory = directory
        self.faults = directory / "faults.txt"
        self.wakes()

    def wakes(self):
        self.fleet = Fleet(fleet_file(COUNT), self.clock, self.directory / "memory", self.faults)

    def goes_on(self, seconds, step_ms=250):
        for _ in range(int(seconds * 1_000 / step_ms)):
            self.clock.at_ms += step_ms
            self.fleet.turn(self.clock.at_ms)

    def said(self, no, kind=SiteReport):
        kept = self.fleet.sessions.all[no]._kept
        wanted = "/up" if kind is SiteReport else "/ack"
        return [msgspec.msgpack.decode(body, type=kind) for topic, body in kept if topic.endswith(wanted)]


@pytest.fixture
async def world(tmp_path):
    return World(tmp_path)


async def test_every_home_reports_once_in_five_seconds_and_the_load_is_even(world):
    sent = []
    for _ in range(20):
        before = sum(session.waiting for session in world.fleet.sessions.all)
        world.goes_on(0.25)
        sent.append(sum(session.waiting for session in world.fleet.sessions.all) - before)
    assert sum(sent) == COUNT
    assert max(sent) <= 2
    world.goes_on(10)
    assert [report.sequence for report in world.said(3)] == [1, 2, 3]
    assert world.said(3)[1].at_ms - world.said(3)[0].at_ms == 5_000


async def test_a_frozen_home_repeats_its_last_sample_under_new_numbers(world):
    world.faults.write_text("at 17:53 freeze 100% for 1m")
    world.goes_on(180)
    reports = world.said(0)
    frozen = [report for report in reports if 60_000 <= report.sequence * 5_000 < 115_000]
    assert len({report.at_ms for report in frozen}) <= 2
    assert [report.sequence for report in reports] == list(range(1, len(reports) + 1))
    assert reports[-1].at_ms > EVENING_MS + 170_000


async def test_duplicates_and_skewed_clocks(world):
    world.faults.write_text("duplicate 100%; skew 100% by -7m")
    world.goes_on(10)
    first, again, *_ = world.said(5)
    assert first == again
    assert first.at_ms < EVENING_MS - 400_000


async def test_lost_comms_cut_the_session_and_mend_it(world):
    world.faults.write_text("at 17:53 lose comms 50% for 1m")
    world.goes_on(61)
    cut = [no for no, wanted in enumerate(world.fleet.sessions._wanted) if not wanted]
    assert 3 <= len(cut) <= 17
    world.goes_on(60)
    assert all(world.fleet.sessions._wanted)


async def test_a_fault_file_with_a_mistake_changes_nothing(world):
    world.faults.write_text("freeze 100%")
    world.goes_on(1)
    world.faults.write_text("freeze lots")
    world.goes_on(1)
    assert world.fleet._troubles.frozen.all()
    world.faults.unlink()
    world.goes_on(1)
    assert not world.fleet._troubles.frozen.any()


async def test_a_lease_is_answered_once_the_home_is_kept(world):
    world.goes_on(1)
    world.fleet._hear(4, sealed(lease(4)))
    world.fleet._hear(5, b"nonsense")
    assert world.said(4, LeaseAck) == [], "not before it is kept"
    world.fleet._answer()
    (ack,) = world.said(4, LeaseAck)
    assert (ack.outcome, ack.device) == ("accepted", f"{site(4)}-battery1")
    assert world.said(5, LeaseAck) == []
    world.wakes()  # killed and started again
    world.fleet._hear(4, sealed(lease(4)))
    assert world.fleet.homes.firmware.applied == 1, "a lease taken before the kill is not taken twice"
    assert world.fleet.homes.firmware.repeats == 1
    world.fleet._answer()
    assert world.said(4, LeaseAck)[0].outcome == "accepted"


async def test_sequences_and_counters_go_on_after_a_kill(world):
    world.goes_on(30)
    before = {no: world.said(no)[-1] for no in range(COUNT)}
    world.wakes()
    world.goes_on(5)
    for no in range(COUNT):
        after = world.said(no)[0]
        assert after.sequence == before[no].sequence + 1
        for was, is_ in zip(before[no].readings, after.readings, strict=True):
            assert is_.import_kwh >= was.import_kwh
            assert is_.export_kwh >= was.export_kwh


def test_a_fleet_file_is_ours_alone_and_comes_back_as_it_was(tmp_path):
    path = tmp_path / "simulated-fleet.msgpack"
    fleet_file(3).write(path)
    assert FleetFile.read(path) == fleet_file(3)
    assert path.stat().st_mode & 0o077 == 0


async def test_a_site_cut_off_is_not_dialled_until_it_is_mended():
    sessions = Sessions(["a", "b"], ["", ""], lambda no, payload: None, 1)
    sessions.cut(0)
    sessions.ended(sessions.all[0])
    assert sessions._due == []
    sessions.mend(0)
    sessions.mend(0)
    sessions.ended(sessions.all[1])
    assert sorted(no for _, no in sessions._due) == [0, 1]
