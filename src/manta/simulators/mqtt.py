"""MQTT 3.1.1 sessions by the thousand in one event loop: what a home's gateway needs of it and no more.

Written out, although paho-mqtt 2.2 on an external loop carries 5,000 sessions too (0.09 core for the wire
alone, against 0.05 for this with the homes' physics): its connect and its TLS handshake block the loop that
also moves every home, up to five seconds a session while a broker is slow, and reconnecting is what we test.
A session publishes at QoS 1 and keeps what is not acknowledged, in order and bounded, also across reconnects
(repeats carry DUP). It hears at QoS 0: NATS delivers to MQTT at most once, and leases bear being sent again.
Source: MQTT Version 3.1.1, OASIS Standard, 29 October 2014, chapters 2 and 3.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

KEEP_ALIVE_S = 60
AT_ONCE = 8
"""Publications under way in one session; the rest wait their turn."""
KEPT = 240
"""Publications kept per session while there is no connection; beyond, the oldest go and are counted."""
SILENCE_S = 30.0
"""Without an answer for so long a connection is taken for dead."""
LONGEST_PACKET = 64 * 1024
_LENGTH = struct.Struct(">H")


class Packet(IntEnum):
    """The first four bits of a packet."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class MalformedError(ValueError):
    """Bytes that are no MQTT."""


@dataclass(slots=True)
class Counts:
    """What all sessions of a process did together."""

    connected: int = 0
    """Sessions open now."""
    connects: int = 0
    refused: int = 0
    published: int = 0
    acknowledged: int = 0
    repeated: int = 0
    dropped: int = 0
    heard: int = 0


def text(word: str | bytes) -> bytes:
    """Encode a string as MQTT does, its length before it."""
    raw = word.encode() if isinstance(word, str) else word
    return _LENGTH.pack(len(raw)) + raw


def packet(kind: Packet, body: bytes, flags: int = 0) -> bytes:
    """Put a fixed header before a packet's body."""
    head, left = bytearray([kind << 4 | flags]), len(body)
    while True:
        left, low = left >> 7, left & 0x7F
        head.append(low | 0x80 if left else low)
        if not left:
            return bytes(head) + body


def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Cut a stream into whole packets (first byte, body) and the rest; MalformedError if it is none."""
    packets, at, end = [], 0, len(data)
    while end - at >= 2:
        length, shift, body = 0, 0, at + 1
        while body < end and data[body] & 0x80 and shift < 21:
            length |= (data[body] & 0x7F) << shift
            shift, body = shift + 7, body + 1
        if body >= end:
            break
        if data[body] & 0x80:
            raise MalformedError("a length of more than four bytes")
        length |= data[body] << shift
        body += 1
        if length > LONGEST_PACKET:
            raise MalformedError(f"a packet of {length} bytes")
        if body + length > end:
            break
        packets.append((data[at], data[body : body + length]))
        at = body + length
    return packets, data[at:]


def connect(client: str, user: str, password: str) -> bytes:
    """Encode a CONNECT with a clean session."""
    body = text("MQTT") + bytes([4, 0xC2]) + _LENGTH.pack(KEEP_ALIVE_S)
    return packet(Packet.CONNECT, body + text(client) + text(user) + text(password))


def publication(topic: str, payload: bytes, number: int, *, repeated: bool) -> bytes:
    """Encode a PUBLISH at QoS 1."""
    body = text(topic) + _LENGTH.pack(number) + payload
    return packet(Packet.PUBLISH, body, 0x0A if repeated else 0x02)


class Owner(Protocol):
    """Who a session belongs to."""

    counts: Counts

    def password(self, session: Session) -> str:
        """Return what the session signs in with."""
        ...

    def heard(self, session: Session, payload: bytes) -> None:
        """Take what came down."""
        ...

    def ended(self, session: Session) -> None:
        """Note that a connection is gone; whether it comes back is the owner's affair."""
        ...


class Session(asyncio.Protocol):
    """One site's session, over as many connections as it takes."""

    __slots__ = (
        "_kept",
        "_now_s",
        "_number",
        "_owner",
        "_rest",
        "_sent",
        "_transport",
        "no",
        "open",
        "site",
        "topic",
    )

    def __init__(self, no: int, site: str, topic: str, owner: Owner, now_s: Callable[[], float]) -> None:
        self.no = no
        self.site = site
        self.topic = topic
        """Where it hears."""
        self.open = False
        """Signed in and listening."""
        self._owner = owner
        self._now_s = now_s
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._number = 0
        self._sent: dict[int, tuple[str, bytes, float]] = {}
        self._kept: deque[tuple[str, bytes]] = deque()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send now if there is a connection and room, else keep it; at least once, or counted as dropped."""
        if self._sent and self.open:
            _, _, oldest_s = next(iter(self._sent.values()))
            if self._now_s() - oldest_s > SILENCE_S:
                self.abort()
        if self.open and len(self._sent) < AT_ONCE and not self._kept:
            self._send(topic, payload)
            return
        self._kept.append((topic, payload))
        if len(self._kept) > KEPT:
            self._kept.popleft()
            self._owner.counts.dropped += 1

    def abort(self) -> None:
        """Drop the connection as a cut wire does."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """End the session politely."""
        if self._transport is not None:
            self._transport.write(packet(Packet.DISCONNECT, b""))
            self._transport.close()

    @property
    def waiting(self) -> int:
        """Publications not yet acknowledged."""
        return len(self._sent) + len(self._kept)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sign in."""
        self._transport = transport  # type: ignore[assignment] # create_connection makes no other kind
        self._rest = b""
        self._write(connect(self.site, self.site, self._owner.password(self)))

    def connection_lost(self, error: Exception | None) -> None:
        """Keep what is unacknowledged and tell the owner."""
        self._transport = None
        if self.open:
            self.open = False
            self._owner.counts.connected -= 1
        self._owner.ended(self)

    def data_received(self, data: bytes) -> None:
        """Take what the server sent, in pieces of any size."""
        try:
            packets, self._rest = split(self._rest + data if self._rest else data)
            for first, body in packets:
                self._take(first, body)
        except (MalformedError, struct.error, IndexError):
            self.abort()

    def _take(self, first: int, body: bytes) -> None:
        match first >> 4:
            case Packet.PUBACK:
                self._acknowledged(*_LENGTH.unpack(body))
            case Packet.PUBLISH:
                self._heard(first, body)
            case Packet.CONNACK:
                self._signed_in(body[1])
            case Packet.SUBACK:
                self._listening(body[2])

    def _signed_in(self, code: int) -> None:
        if code:
            self._owner.counts.refused += 1
            self.abort()
            return
        self._write(packet(Packet.SUBSCRIBE, b"\xff\xff" + text(self.topic) + b"\x00", 0x02))

    def _listening(self, code: int) -> None:
        if code > 2:
            self._owner.counts.refused += 1
            self.abort()
            return
        self.open = True
        self._owner.counts.connected += 1
        self._owner.counts.connects += 1
        now_s = self._now_s()
        for number, (topic, payload, _) in self._sent.items():
            self._sent[number] = (topic, payload, now_s)
            self._owner.counts.repeated += 1
            self._write(publication(topic, payload, number, repeated=True))
        self._send_kept()

    def _acknowledged(self, number: int) -> None:
        if self._sent.pop(number, None) is not None:
            self._owner.counts.acknowledged += 1
        self._send_kept()

    def _heard(self, first: int, body: bytes) -> None:
        payload_at = 2 + _LENGTH.unpack_from(body)[0]
        if first & 0x06:
            self._write(packet(Packet.PUBACK, body[payload_at : payload_at + 2]))
            payload_at += 2
        self._owner.counts.heard += 1
        self._owner.heard(self, body[payload_at:])

    def _send_kept(self) -> None:
        while self.open and self._kept and len(self._sent) < AT_ONCE:
            self._send(*self._kept.popleft())

    def _send(self, topic: str, payload: bytes) -> None:
        self._number = self._number % 0xFFFE + 1  # 0xFFFF is the subscription's
        self._sent[self._number] = (topic, payload, self._now_s())
        self._owner.counts.published += 1
        self._write(publication(topic, payload, self._number, repeated=False))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
