"""Sites that speak Manta's own device contract (wire/device.py): their reports and answers, as columns.

What comes in is believed only as far as the register goes: a site speaks for its own devices, in finite
numbers, of about now. A reading that does not is quarantined alone; its neighbors in the report go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from manta.domain.identity import SiteId
from manta.domain.lease import OUTCOMES
from manta.domain.telemetry import QUALITIES
from manta.drivers.quarantine import Cause, Quarantine
from manta.wire import subjects
from manta.wire.batches import DeviceTable, SiteTable
from manta.wire.columns import ACK, READING
from manta.wire.device import DeviceReading, LeaseAck, SiteReport
from manta.wire.events import SealedLeases

LARGEST_REPORT = 16 * 1024
FUTURE_MS = 10 * 60_000
PAST_MS = 7 * 24 * 3_600_000
BEYOND_RATING = 3.0
_HIGHEST_SEQUENCE = 2**62
_QUALITY = {str(quality): place for place, quality in enumerate(QUALITIES)}
_OUTCOME = {str(outcome): place for place, outcome in enumerate(OUTCOMES)}
_REPORT = msgspec.msgpack.Decoder(SiteReport)
_ACK = msgspec.msgpack.Decoder(LeaseAck)
_SEALED = msgspec.msgpack.Decoder(SealedLeases)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a device stands."""

    device_no: int
    site_no: int
    most_kw: float
    """No power beyond this, either way, is believed."""


class Register:
    """Who may speak for what; looked up once a message."""

    def __init__(self, sites: SiteTable, devices: DeviceTable) -> None:
        self.sites = {site: no for no, site in enumerate(sites.ids)}
        rated = np.fmax(devices.charge_kw, devices.discharge_kw)
        connection = np.fmax(sites.import_limit_kw, sites.export_limit_kw)[devices.site_no]
        most_kw = BEYOND_RATING * np.where(rated > 0.0, rated, connection)
        self.devices = {
            device: _Place(no, site_no, most)
            for no, (device, site_no, most) in enumerate(
                zip(devices.ids, devices.site_no.tolist(), most_kw.tolist(), strict=True)
            )
        }


class Reports:
    """Site reports on their way to READING columns."""

    def __init__(self, register: Register, quarantine: Quarantine) -> None:
        self.register = register
        """Replace it when the enrolment has changed."""
        self.taken = 0
        """Readings believed since the start."""
        self._quarantine = quarantine
        self._rows: list[tuple[int, int, int, int, float, float, float, float, int]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, site: str, body: bytes, heard_ms: int) -> None:
        """Decode a report and keep the readings that are ours."""
        site_no = self.register.sites.get(site)
        report = None
        if site_no is None:
            self._refuse(Cause.UNKNOWN_SITE, site, body, heard_ms)
        elif len(body) > LARGEST_REPORT:
            self._refuse(Cause.TOO_LARGE, site, body, heard_ms)
        else:
            report = self._decode(site, body, heard_ms)
        if report is None or site_no is None:
            return
        if cause := _refuses_report(report, heard_ms):
            self._refuse(cause, site, body, heard_ms, f"sequence {report.sequence}, at {report.at_ms}")
            return
        devices, keep = self.register.devices, self._rows.append
        sequence, at_ms = report.sequence, report.at_ms
        for reading in report.readings:
            place = devices.get(reading.device)
            if cause := _refuses_reading(reading, place, site_no):
                self._refuse(cause, site, body, heard_ms, reading.device)
                continue
            assert place is not None  # noqa: S101 - an unknown device was refused above
            soc, imported, exported = reading.soc, reading.import_kwh, reading.export_kwh
            keep(
                (
                    place.device_no,
                    sequence,
                    at_ms,
                    heard_ms,
                    reading.power_kw,
                    nan if soc is None else soc,
                    nan if imported is None else imported,
                    nan if exported is None else exported,
                    _QUALITY[reading.quality],
                )
            )

    def drain(self) -> NDArray[Any]:
        """Return what was kept as READING columns, and begin anew."""
        rows, self._rows = self._rows, []
        self.taken += len(rows)
        return np.array(rows, dtype=READING)

    def _decode(self, site: str, body: bytes, heard_ms: int) -> SiteReport | None:
        try:
            return _REPORT.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(Cause.UNREADABLE, site, body, heard_ms, str(error))
            return None

    def _refuse(self, cause: Cause, site: str, body: bytes, heard_ms: int, detail: str = "") -> None:
        self._quarantine.put(cause, site, body, heard_ms, detail)


class Answers:
    """Answers to leases on their way to ACK columns."""

    def __init__(self, register: Register, quarantine: Quarantine) -> None:
        self.register = register
        self.taken = 0
        self._quarantine = quarantine
        self._rows: list[tuple[bytes, int, int, int]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, site: str, body: bytes, heard_ms: int) -> None:
        """Decode an answer and keep it if the device is the site's and the lease could be ours."""
        site_no = self.register.sites.get(site)
        if site_no is None:
            self._quarantine.put(Cause.UNKNOWN_SITE, site, body, heard_ms)
            return
        if len(body) > LARGEST_REPORT:
            self._quarantine.put(Cause.TOO_LARGE, site, body, heard_ms)
            return
        try:
            ack = _ACK.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._quarantine.put(Cause.UNREADABLE, site, body, heard_ms, str(error))
            return
        place = self.register.devices.get(ack.device)
        cause = _refuses_place(place, site_no) or _refuses_instant(ack.at_ms, heard_ms)
        batch = _batch(ack.lease)
        if cause or batch is None or place is None:
            self._quarantine.put(cause or Cause.UNKNOWN_LEASE, site, body, heard_ms, ack.device)
            return
        self._rows.append((batch, place.device_no, _OUTCOME[ack.outcome], ack.at_ms))

    def drain(self) -> NDArray[Any]:
        """Return what was kept as ACK columns, and begin anew."""
        rows, self._rows = self._rows, []
        self.taken += len(rows)
        return np.array(rows, dtype=ACK)


def addressed(message: bytes, now_ms: int) -> Iterator[tuple[str, bytes]]:
    """Yield each sealed lease of a message with the subject it goes to; none once they are over."""
    sealed = _SEALED.decode(message)
    if sealed.until_ms > now_ms:
        for site, lease in sealed.leases:
            yield subjects.leases_of(SiteId(site)), lease


def _refuses_report(report: SiteReport, heard_ms: int) -> Cause | None:
    if not 0 <= report.sequence < _HIGHEST_SEQUENCE:
        return Cause.SEQUENCE
    return _refuses_instant(report.at_ms, heard_ms)


def _refuses_instant(at_ms: int, heard_ms: int) -> Cause | None:
    if at_ms > heard_ms + FUTURE_MS:
        return Cause.FUTURE
    return Cause.PAST if at_ms < heard_ms - PAST_MS else None


def _refuses_place(place: _Place | None, site_no: int) -> Cause | None:
    if place is None:
        return Cause.UNKNOWN_DEVICE
    return None if place.site_no == site_no else Cause.FOREIGN_DEVICE


def _refuses_reading(reading: DeviceReading, place: _Place | None, site_no: int) -> Cause | None:
    if place is None or place.site_no != site_no:
        return _refuses_place(place, site_no)
    power_kw, soc = reading.power_kw, reading.soc
    imported, exported = reading.import_kwh or 0.0, reading.export_kwh or 0.0
    if not isfinite(power_kw + imported + exported + (soc or 0.0)):
        return Cause.NOT_FINITE
    if not -place.most_kw <= power_kw <= place.most_kw:
        return Cause.POWER
    if soc is not None and not 0.0 <= soc <= 1.0:
        return Cause.SOC
    return Cause.COUNTER if imported < 0.0 or exported < 0.0 else None


def _batch(lease: str) -> bytes | None:
    """Return the lease batch's id that a lease is named by; None if it is no such name."""
    try:
        return UUID(lease).bytes
    except ValueError:
        return None
