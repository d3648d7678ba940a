"""A home over MQTT, the gateway, and what the house hears and says, against a real NATS."""

import asyncio
from datetime import datetime
from uuid import UUID

import msgspec
import numpy as np
import pytest
from tests.streets import EVENING_MS, fleet_file, lease, sealed, site, street, tables

from manta.bus.nats import Bus
from manta.domain.time import epoch_ms, from_epoch_ms
from manta.drivers.quarantine import Cause, Quarantine
from manta.drivers.sites import Register
from manta.roles.gateway import Gateway
from manta.simulators.fleet import Fleet
from manta.wire import subjects
from manta.wire.columns import ACK, READING, unpack
from manta.wire.events import SealedLeases

pytestmark = pytest.mark.engines

COUNT = 5
BATCH = UUID("0189d1c5-0000-7000-8000-00000000ab00")


class Hands:
    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now(self) -> datetime:
        return from_epoch_ms(self.at_ms)

    async def sleep_until(self, at: datetime) -> None:
        self.at_ms = max(self.at_ms, epoch_ms(at))


class Book:
    """A history and a record of answers that keep what they are given."""

    def __init__(self):
        self.rows, self.acks, self.away = [], [], False

    async def append(self, rows):
        self.rows.append(rows)

    async def save_acks(self, rows):
        if self.away:
            raise ConnectionError("the record is away")
        self.acks.append(rows)


class House:
    """A few homes, their gateway, and an engine that listens."""

    def __init__(self, fleet, gateway, governor, book, dialling):
        self.fleet, self.gateway, self.governor, self.book = fleet, gateway, governor, book
        self.readings, self.answers = asyncio.Queue(), asyncio.Queue()
        self.dialling = dialling

    async def hear_readings(self, _, body):
        self.readings.put_nowait(unpack(READING, body))

    async def hear_answers(self, _, body):
        self.answers.put_nowait(unpack(ACK, body))

    def sends(self, *asked):
        leases = [(site(no), sealed(one)) for no, one in enumerate(asked)]
        message = SealedLeases(str(BATCH), EVENING_MS + 300_000, leases)
        return self.governor.publish(subjects.LEASES, msgspec.msgpack.encode(message))


async def until(condition, within_s=5.0):
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what we wait for is across a wire
            await asyncio.sleep(0.005)


@pytest.fixture
async def house(nats_server, tmp_path):
    clock, book = Hands(EVENING_MS), Book()
    buses = {
        role: await Bus.connect(nats_server.url, name=role, credentials=nats_server.credentials(role))
        for role in ("gateway", "engine", "governor")
    }
    register = Register(*tables(street(COUNT)))
    quarantine = Quarantine(tmp_path / "quarantine.jsonl")
    gateway = Gateway(buses["gateway"], clock, register, quarantine, book, book)
    fleet = Fleet(fleet_file(COUNT, nats_server.site_password), clock, tmp_path / "memory")
    dialling = asyncio.create_task(fleet.sessions.run("127.0.0.1", nats_server.mqtt_port))
    house = House(fleet, gateway, buses["governor"], book, dialling)
    await buses["engine"].subscribe(subjects.READINGS, house.hear_readings)
    await buses["engine"].subscribe(subjects.ACKS, house.hear_answers)
    await gateway.listen()
    await until(lambda: fleet.sessions.counts.connected == COUNT)
    yield house
    dialling.cancel()
    await asyncio.gather(dialling, return_exceptions=True)
    fleet.close()
    for bus in buses.values():
        await bus.close()


async def report(house, at_ms):
    house.fleet.turn(at_ms)
    await until(lambda: len(house.gateway.reports) == 4 * COUNT)
    await house.gateway.flush()
    return await asyncio.wait_for(house.readings.get(), 5)


async def test_a_report_reaches_history_and_the_engine(house):
    rows = await report(house, EVENING_MS + 5_000)
    assert sorted(rows["device_no"]) == list(range(4 * COUNT))
    assert np.isfinite(rows["power_kw"]).all()
    await house.gateway.history.flush()
    assert np.concatenate(house.book.rows).tobytes() == rows.tobytes()
    await until(lambda: house.fleet.sessions.counts.acknowledged == COUNT)


async def test_a_lease_reaches_its_home_and_the_answer_is_in_the_record_before_it_is_told(house):
    await house.sends(*(lease(no, lease=str(BATCH)) for no in range(COUNT)))
    await until(lambda: len(house.gateway.answers) == COUNT)
    house.book.away = True
    assert not await house.gateway.save_answers()
    assert house.answers.empty()
    house.book.away = False
    assert await house.gateway.save_answers()
    rows = await asyncio.wait_for(house.answers.get(), 5)
    assert {UUID(bytes=raw.ljust(16, b"\0")) for raw in rows["batch"].tolist()} == {BATCH}
    assert sorted(rows["device_no"]) == [0, 4, 8, 12, 16]
    assert set(rows["outcome"]) == {0}
    assert np.array_equal(house.book.acks[0], rows)
    assert house.fleet.homes.firmware.applied == COUNT
    await report(house, EVENING_MS + 5_000)
    assert (house.fleet.homes.state.held == 1.0).all()


async def test_a_forged_lease_is_refused_and_said_to_be(house):
    forged = (site(0), sealed(lease(0, lease=str(BATCH)), key=b"f" * 32))
    message = SealedLeases(str(BATCH), EVENING_MS + 300_000, [forged])
    await house.governor.publish(subjects.LEASES, msgspec.msgpack.encode(message))
    await until(lambda: len(house.gateway.answers) == 1)
    assert house.gateway.answers.drain()["outcome"].tolist() == [1]
    assert house.fleet.homes.firmware.applied == 0


async def test_nonsense_from_a_site_is_quarantined_and_stops_nothing(house):
    topic = subjects.topic(subjects.telemetry_of(site(1)))
    house.fleet.sessions.all[1].publish(topic, b"nonsense")
    await until(lambda: house.gateway.quarantine.counts[Cause.UNREADABLE] == 1)
    assert len(await report(house, EVENING_MS + 5_000)) == 4 * COUNT


async def test_a_site_may_not_speak_for_another(house):
    elsewhere = subjects.topic(subjects.telemetry_of(site(2)))
    house.fleet.sessions.all[1].publish(elsewhere, b"nonsense")
    await report(house, EVENING_MS + 5_000)
    assert not house.gateway.quarantine.counts


async def test_what_a_site_says_while_it_is_cut_off_arrives_when_it_is_back(house):
    house.fleet.sessions.cut(3)
    await until(lambda: house.fleet.sessions.counts.connected == COUNT - 1)
    house.fleet.turn(EVENING_MS + 5_000)
    await until(lambda: len(house.gateway.reports) == 4 * (COUNT - 1))
    house.fleet.sessions.mend(3)
    await until(lambda: len(house.gateway.reports) == 4 * COUNT)
    assert house.fleet.sessions.counts.connected == COUNT
