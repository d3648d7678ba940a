"""Leases on their way out: each sealed for its own device, many to a message."""

import asyncio
from collections.abc import Iterator
from math import isnan
from typing import Any, Protocol

import msgspec
import structlog
from numpy.typing import NDArray

from manta.domain.time import epoch_ms
from manta.wire.batches import DeviceTable, LeaseBatch, SiteTable
from manta.wire.device import Lease, SealedLease
from manta.wire.events import SealedLeases
from manta.wire.seal import device_key, seal
from manta.wire.subjects import LEASES

CHUNK = 1_000

log = structlog.get_logger()


class Publisher(Protocol):
    """What sending needs of the bus."""

    async def publish(self, subject: str, body: bytes) -> None:
        """Send; ConnectionError if the bus is gone for too long."""
        ...


class LeaseSender:
    """Seals leases and hands them to the gateways."""

    def __init__(self, bus: Publisher, master: bytes) -> None:
        self._bus = bus
        self._master = master
        self._encoder = msgspec.msgpack.Encoder()
        self._ids: list[str] = []
        self._sites: list[str] = []
        self._keys: list[bytes] = []
        self.sent = 0
        """Leases handed over since the start, repeats too."""

    def enrol(self, sites: SiteTable, devices: DeviceTable) -> None:
        """Learn where devices stand and derive the keys of the new ones; the known keep their rows."""
        ids = list(devices.ids)
        kept = len(self._keys) if ids[: len(self._keys)] == self._ids else 0
        self._keys = self._keys[:kept] + [device_key(self._master, id) for id in ids[kept:]]
        self._ids = ids
        self._sites = [sites.ids[no] for no in devices.site_no.tolist()]

    async def send(self, batch: LeaseBatch) -> None:
        """Seal each lease for its device and pass it on; sending again is harmless.

        Before each chunk others get a turn, so that sealing never keeps an answer waiting.
        """
        known = batch.rows[batch.rows["device_no"] < len(self._keys)]
        if len(known) < len(batch.rows):
            log.error(
                "leases of unknown devices not sent", batch=str(batch.id), leases=len(batch.rows) - len(known)
            )
        for begin in range(0, len(known), CHUNK):
            await asyncio.sleep(0)
            chunk = known[begin : begin + CHUNK]
            message = SealedLeases(
                str(batch.id), epoch_ms(batch.expires_at), list(self._sealed(batch, chunk))
            )
            await self._bus.publish(LEASES, self._encoder.encode(message))
            self.sent += len(chunk)

    def _sealed(self, batch: LeaseBatch, rows: NDArray[Any]) -> Iterator[tuple[str, bytes]]:
        id, encode = str(batch.id), self._encoder.encode
        for device_no, power_kw, export_kw, begins_ms, until_ms, ramp in rows.tolist():
            lease = encode(
                Lease(
                    id,
                    self._ids[device_no],
                    batch.epoch,
                    batch.sequence,
                    None if isnan(power_kw) else power_kw,
                    None if isnan(export_kw) else export_kw,
                    begins_ms,
                    until_ms,
                    ramp,
                    "self_consumption",
                    batch.trace,
                )
            )
            yield self._sites[device_no], encode(SealedLease(lease, seal(self._keys[device_no], lease)))
