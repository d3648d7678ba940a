"""Manta Edge as a whole: a day without the house, kill -9 in the middle of an order, and who is let in."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec
import nats as nats_client
import pytest
from tests.dumps_of_devices import device_of, modbus_dumps
from tests.flows.mutual_tls import DAY, serving
from tests.unit.edge.certificates import Authority
from tests.unit.edge.home import SITE, Street
from tests.unit.edge.leases import BATTERY, KEY, NOON_MS, lease, packed

import manta
from manta.domain.lease import Outcome
from manta.domain.time import epoch_ms
from manta.drivers import sungrow
from manta.drivers.catalogue import CATALOGUE, Endpoint
from manta.edge.hand import Hand
from manta.edge.identity import Identity
from manta.edge.memory import Memory
from manta.edge.uplink import Uplink
from manta.settings.clock import wall
from manta.supervisor.nats import site_password
from manta.supervisor.ports import free_port
from manta.wire import subjects
from manta.wire.device import LeaseAck, SiteReport

SOURCE = Path(manta.__file__).parents[1]
SUNGROW = modbus_dumps()["sungrow/SH10RT"]
RELEASED = {sungrow.MODE.address: sungrow.SELF_CONSUMPTION, sungrow.COMMAND.address: sungrow.STOP}
MOST_KIB = 96 * 1024
DAY_S = 86_400


@pytest.fixture
def memory_disk(tmp_path):
    """A folder in memory where there is one: a day's reports are 17,280 times on the disk."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shared)) if os.access(shared, os.W_OK) else tmp_path
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def test_a_box_cut_off_for_a_day_loses_no_reading_applies_no_stale_lease_and_comes_home_ramped(
    memory_disk,
):
    street = Street(memory_disk)
    home, house = street.home, street.house
    ahead = {"not_before_ms": NOON_MS + 300_000, "until_ms": NOON_MS + 690_000}
    street.box.hear(packed(lease(1, power_kw=4.0, until_ms=NOON_MS + 390_000)))
    street.box.hear(packed(lease(2, power_kw=-3.0, **ahead)))
    await street.live(60)
    house.connection = None
    before = len(house.reports)

    steps_kw, last_kw, held_s = [], home.battery_kw, 0

    def watch():
        nonlocal last_kw, held_s
        steps_kw.append(abs(home.battery_kw - last_kw))
        last_kw, held_s = home.battery_kw, held_s + (home.forced_kw is not None)

    await street.live(320, watch)
    assert home.battery_kw == pytest.approx(
        -3.0
    )  # the schedule that was signed is followed without the house
    await street.live(481, watch)
    assert home.forced_kw is None
    await street.live(DAY_S - 801, watch, turn_s=5)
    assert home.forced_kw is None
    assert held_s <= 690 - 60 + 60 * 3.5 / 6.0 + 2
    assert max(steps_kw) <= 0.2 + 1e-9  # a second of ramp at 6 kW a minute, and the smallest write

    late = {"not_before_ms": NOON_MS + 600_000, "until_ms": NOON_MS + 990_000}
    house.connection = 2
    for stale in (lease(1), lease(2, **ahead), lease(3, **late), lease(9, epoch=0)):
        street.box.hear(packed(stale))
    await street.live(DAY_S // 5 // 4 + 300, watch)
    assert [answer.outcome for answer in house.answers[-4:]] == ["refused"] * 4
    assert home.forced_kw is None

    sent = [report.sequence for report in house.reports]
    assert sorted(sent) == list(range(min(sent), min(sent) + len(sent)))  # none missing, none twice
    missed = [report for report in house.reports[before:] if report.at_ms < NOON_MS + 1_000 * (60 + DAY_S)]
    assert len(missed) == DAY_S // 5
    assert [report.at_ms for report in missed] == sorted(report.at_ms for report in missed)
    assert (street.buffer.waiting, street.buffer.dropped) == (0, 0)
    street.close()


CHILD = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from manta.domain.envelope import Envelope
from manta.drivers.catalogue import CATALOGUE, Endpoint
from manta.edge.hand import Hand
from manta.edge.memory import Memory
from manta.settings.clock import wall

async def main(port, disk, device):
    driver = CATALOGUE["sungrow"].connect(Endpoint("127.0.0.1", port))
    hand = Hand(device, driver, Memory(Path(disk)))
    print("ready", flush=True)
    await hand.hold(3.0, Envelope(-5.0, 5.0), wall() + timedelta(minutes=5), wall(), 0.0)
    await asyncio.sleep(60)

asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
"""


def environment():
    return {"PYTHONPATH": str(SOURCE), "PATH": "/usr/bin:/bin"}


class Killer:
    """Kills a process in the middle of the nth write to a device."""

    def __init__(self, at_write):
        self.process = None
        self.left = at_write

    def __call__(self, _address, _words):
        self.left -= 1
        if self.left == 0:
            os.kill(self.process.pid, signal.SIGKILL)


@pytest.mark.parametrize("at_write", [1, 2, 3])
async def test_killed_in_the_middle_of_an_order_the_device_is_released_at_the_next_start(tmp_path, at_write):
    killer, disk = Killer(at_write), tmp_path / "leases.json"
    device = device_of(SUNGROW, answer=killer)
    async with device.serving() as port:
        killer.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CHILD, str(port), str(disk), BATTERY), env=environment()
        )
        assert await killer.process.wait() == -signal.SIGKILL
        assert len(device.written) == at_write
        memory = Memory(disk)
        assert memory.of(BATTERY).is_undo_due
        hand = Hand(BATTERY, CATALOGUE["sungrow"].connect(Endpoint("127.0.0.1", port)), memory)
        assert await hand.release(wall(), 0.0) is Outcome.ACCEPTED
        assert {address: device.holding[address] for address in RELEASED} == RELEASED
        assert not Memory(disk).of(BATTERY).is_undo_due


@pytest.fixture(scope="module")
def authority():
    return Authority()


def told(folder, bus, device_port, health_port):
    """Write all that a box is told."""
    (folder / "password").write_text(site_password(bus.keys, SITE))
    (folder / "battery1.key").write_text(KEY.hex())
    for name in ("password", "battery1.key"):
        (folder / name).chmod(0o600)
    path = folder / "edge.toml"
    path.write_text(f"""\
site = "{SITE}"
report_s = 1.0
health_port = {health_port}
[uplink]
host = "localhost"
port = {bus.mqtt_port}
password_file = "password"
identity = "identity"
[limits]
import_kw = 10.0
export_kw = 10.0
[[device]]
make = "sungrow"
host = "127.0.0.1"
port = {device_port}
battery = "{BATTERY}"
meter = "h-box-meter1"
pv = "h-box-pv1"
load = "h-box-load1"
key_file = "battery1.key"
charge_kw = 5.0
discharge_kw = 5.0
reserve_soc = 0.2
""")
    return path


@asynccontextmanager
async def edge(path, *words):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "manta.app.cli", "edge", *words, "--config", str(path)),
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.communicate(), 30)


async def until(holds, within_s=30.0):
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)


async def health(port):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    writer.write(b"GET /healthz HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])


@pytest.mark.engines
async def test_the_process_reports_keeps_a_lease_is_killed_and_comes_back_released(tmp_path, authority):
    authority.enrol(tmp_path / "identity", SITE, wall() - DAY, wall() + 7 * DAY)
    killer, port = Killer(5), free_port()
    device = device_of(SUNGROW, answer=killer)
    async with serving(tmp_path / "bus", authority) as bus, device.serving() as device_port:
        path = told(tmp_path, bus, device_port, port)
        gateway = await nats_client.connect(
            bus.url, user_credentials=str(bus.credentials_of("gateway")), tls=bus.tls.client_context()
        )
        reports = await gateway.subscribe(subjects.SITE_TELEMETRY)
        answers = await gateway.subscribe(subjects.SITE_ACKS)
        begins_ms = epoch_ms(wall()) - 1_000
        given = lease(
            7, power_kw=3.0, not_before_ms=begins_ms, until_ms=begins_ms + 600_000, ramp_kw_per_min=30.0
        )
        async with edge(path) as process:
            killer.process = process
            first = msgspec.msgpack.decode((await reports.next_msg(timeout=30)).data, type=SiteReport)
            assert {reading.device for reading in first.readings} == {
                BATTERY,
                "h-box-meter1",
                "h-box-pv1",
                "h-box-load1",
            }
            assert _resident_kib(process.pid) <= MOST_KIB
            await gateway.publish(subjects.leases_of(SITE), packed(given))
            answer = msgspec.msgpack.decode((await answers.next_msg(timeout=30)).data, type=LeaseAck)
            assert (answer.lease, answer.outcome) == (given.lease, "accepted")
            assert await process.wait() == -signal.SIGKILL
        killer.left = 1_000
        assert device.holding[sungrow.MODE.address] == sungrow.FORCED

        async with edge(path) as process:
            await until(lambda: _is_released(device))
            await until(lambda: _is_up(port))
            await gateway.publish(subjects.leases_of(SITE), packed(given))
            answer = msgspec.msgpack.decode((await answers.next_msg(timeout=30)).data, type=LeaseAck)
            assert (answer.outcome, answer.because) == ("refused", "sequence")
            later = msgspec.msgpack.decode((await reports.next_msg(timeout=30)).data, type=SiteReport)
            assert later.sequence > first.sequence
        assert process.returncode == 0
        assert await _is_released(device)
        await gateway.close()


def _resident_kib(pid):
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"Rss:\s+(\d+)", rollup)[1])


async def _is_released(device):
    return all(device.holding[address] == value for address, value in RELEASED.items())


async def _is_up(port):
    now = await health(port)
    return now is not None and now["uplink"]


async def test_check_looks_once_writes_nothing_and_finds_what_is_wrong(tmp_path):
    device = device_of(SUNGROW)
    async with device.serving() as device_port:
        path = tmp_path / "edge.toml"
        for name in ("password", "battery1.key"):
            (tmp_path / name).write_text(KEY.hex())
            (tmp_path / name).chmod(0o600)
        path.write_text(CHECKED.format(port=device_port))
        async with edge(path, "check") as process:
            said = (await process.stdout.read()).decode()
            assert await process.wait() == 0
        assert "SH10RT" in said
        assert "battery" in said
        assert device.written == []
    async with edge(path, "check") as process:
        said = (await process.stdout.read()).decode()
        assert await process.wait() == 1
    assert "what to do" in said


CHECKED = f"""\
site = "{SITE}"
[uplink]
host = "127.0.0.1"
password_file = "password"
[limits]
import_kw = 10.0
export_kw = 10.0
[[device]]
make = "sungrow"
host = "127.0.0.1"
port = {{port}}
battery = "{BATTERY}"
meter = "h-box-meter1"
key_file = "battery1.key"
charge_kw = 5.0
discharge_kw = 5.0
reserve_soc = 0.2
"""


@pytest.mark.engines
async def test_only_a_box_of_our_authority_with_its_own_sites_credential_is_let_in(tmp_path, authority):
    began, ends = wall() - DAY, wall() + 7 * DAY
    authority.enrol(tmp_path / "good", SITE, began, ends)
    authority.enrol(tmp_path / "expired", SITE, began, wall() - timedelta(hours=1))
    Authority("somebody else").enrol(tmp_path / "foreign", SITE, began, ends)
    (tmp_path / "foreign" / "authority.pem").write_bytes(authority.pem())
    authority.enrol(tmp_path / "distrusts", SITE, began, ends)
    (tmp_path / "distrusts" / "authority.pem").write_bytes(Authority().pem())
    async with serving(tmp_path / "bus", authority) as bus:
        right, others = site_password(bus.keys, SITE), site_password(bus.keys, "h-other")
        bare = Identity(tmp_path / "good").context  # a context of its own, then without the certificate

        def without_certificate():
            context = bare()
            fresh = type(context)(context.protocol)
            fresh.load_verify_locations(tmp_path / "good" / "authority.pem")
            return fresh

        tried = [
            (others, Identity(tmp_path / "good").context),
            ("guess", Identity(tmp_path / "good").context),
            (right, Identity(tmp_path / "expired").context),
            (right, Identity(tmp_path / "foreign").context),
            (right, Identity(tmp_path / "distrusts").context),
            (right, without_certificate),
            (right, lambda: None),
        ]
        let_in = [await _is_let_in(bus.mqtt_port, *each) for each in tried]
        assert let_in == [False] * len(tried)
        assert await _is_let_in(bus.mqtt_port, right, Identity(tmp_path / "good").context)


async def _is_let_in(port, password, context):
    uplink = Uplink(SITE, "localhost", port, lambda: (password, context()), Random(1))
    running = asyncio.create_task(uplink._once(lambda _: None))
    while not running.done() and uplink.connection is None:  # noqa: ASYNC110 - in a thread
        await asyncio.sleep(0.01)
    was_open = uplink.connection is not None
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return was_open
