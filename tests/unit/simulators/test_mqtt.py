import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.simulators.mqtt import (
    KEPT,
    Counts,
    MalformedError,
    Packet,
    Session,
    packet,
    publication,
    split,
    text,
)


class Wire:
    """A transport that notes what is written."""

    def __init__(self):
        self.written = []
        self.aborted = False

    def write(self, data):
        self.written += split(data)[0]

    def abort(self):
        self.aborted = True


class House:
    """The owner of a session."""

    def __init__(self):
        self.counts = Counts()
        self.leases = []
        self.lost = 0

    def password(self, session):
        return "secret"

    def heard(self, session, payload):
        self.leases.append(payload)

    def ended(self, session):
        self.lost += 1


class Site:
    """One session, its wire and the server's words."""

    def __init__(self):
        self.house, self.now_s = House(), 0.0
        self.session = Session(0, "h-1", "manta/v1/s/h-1/down", self.house, lambda: self.now_s)

    def dials(self):
        self.wire = Wire()
        self.session.connection_made(self.wire)
        self.session.data_received(packet(Packet.CONNACK, b"\x00\x00"))
        self.session.data_received(packet(Packet.SUBACK, b"\xff\xff\x00"))
        return self

    def loses(self):
        self.session.connection_lost(None)

    def acknowledges(self, number):
        self.session.data_received(packet(Packet.PUBACK, number.to_bytes(2)))

    @property
    def published(self):
        return [
            (first & 0x08 != 0, body[-1:])
            for first, body in self.wire.written
            if first >> 4 == Packet.PUBLISH
        ]


def test_it_signs_in_with_a_clean_session_and_hears_its_own_topic():
    (first, body), (second, subscription) = Site().dials().wire.written
    assert (first >> 4, second >> 4) == (Packet.CONNECT, Packet.SUBSCRIBE)
    assert body == text("MQTT") + b"\x04\xc2\x00\x3c" + text("h-1") + text("h-1") + text("secret")
    assert subscription == b"\xff\xff" + text("manta/v1/s/h-1/down") + b"\x00"


def test_what_is_not_acknowledged_is_repeated_in_order_after_a_reconnect():
    site = Site().dials()
    for word in (b"1", b"2", b"3"):
        site.session.publish("t", word)
    site.acknowledges(2)
    site.loses()
    site.session.publish("t", b"4")
    site.dials()
    assert site.published == [(True, b"1"), (True, b"3"), (False, b"4")]
    assert (site.house.lost, site.house.counts.repeated) == (1, 2)
    for number in (1, 3, 4):
        site.acknowledges(number)
    assert (site.session.waiting, site.house.counts.acknowledged) == (0, 4)


def test_a_few_are_under_way_at_once_and_the_rest_follow():
    site = Site().dials()
    for word in range(20):
        site.session.publish("t", bytes([word]))
    assert len(site.published) == 8
    for number in range(1, 21):
        site.acknowledges(number)
    assert [body for _, body in site.published] == [bytes([word]) for word in range(20)]


def test_without_a_connection_the_newest_are_kept_and_the_rest_counted():
    site = Site()
    for number in range(KEPT + 5):
        site.session.publish("t", number.to_bytes(2))
    assert (site.session.waiting, site.house.counts.dropped) == (KEPT, 5)


def test_a_server_that_falls_silent_is_dialled_anew():
    site = Site().dials()
    site.session.publish("t", b"1")
    site.now_s = 29.0
    site.session.publish("t", b"2")
    assert not site.wire.aborted
    site.now_s = 31.0
    site.session.publish("t", b"3")
    assert site.wire.aborted


def test_a_lease_is_handed_over_at_either_quality_of_service():
    site = Site().dials()
    topic = text("manta/v1/s/h-1/down")
    site.session.data_received(packet(Packet.PUBLISH, topic + b"lease"))
    site.session.data_received(packet(Packet.PUBLISH, topic + b"\x00\x09again", 0x02))
    assert site.house.leases == [b"lease", b"again"]
    assert site.wire.written[-1] == (Packet.PUBACK << 4, b"\x00\x09")


@pytest.mark.parametrize(
    "answer",
    [packet(Packet.CONNACK, b"\x00\x05"), packet(Packet.CONNACK, b""), b"\x20\xff\xff\xff\xff\x7f"],
)
def test_a_refusal_or_nonsense_ends_the_connection(answer):
    site = Site()
    site.wire = Wire()
    site.session.connection_made(site.wire)
    site.session.data_received(answer)
    assert site.wire.aborted
    assert not site.session.open


def test_a_refused_subscription_ends_the_connection():
    site = Site()
    site.wire = Wire()
    site.session.connection_made(site.wire)
    site.session.data_received(packet(Packet.CONNACK, b"\x00\x00") + packet(Packet.SUBACK, b"\xff\xff\x80"))
    assert site.wire.aborted
    assert site.house.counts.refused == 1


@given(st.lists(st.binary(max_size=400), max_size=5), st.lists(st.integers(1, 200), max_size=30))
def test_packets_come_out_whole_however_they_are_cut(payloads, cuts):
    stream = b"".join(publication("a/b", payload, 1, repeated=False) for payload in payloads)
    got, rest = [], b""
    for size in [*cuts, len(stream)]:
        piece, stream = stream[:size], stream[size:]
        packets, rest = split(rest + piece)
        got += packets
    assert [body[7:] for _, body in got] == payloads
    assert rest == b""


@given(st.binary(max_size=200))
def test_nonsense_is_refused_or_waits(data):
    try:
        packets, rest = split(data)
    except MalformedError:
        return
    assert sum(len(body) for _, body in packets) + len(rest) <= len(data)
