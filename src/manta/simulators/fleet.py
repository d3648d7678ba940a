"""The simulated fleet: homes, their sessions and their faults, turned by one clock.

Each home reports every five seconds of simulated time, in its own moment of the five, so that the load is
even. Whatever leaves the process, a report or an answer, was kept in the homes' memory before, hence a
kill -9 never takes back what was said.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from manta.domain.identity import SiteId
from manta.domain.market import REGIONS, Region
from manta.domain.time import epoch_ms
from manta.simulators.faults import FaultError, Faults, Troubles, parse
from manta.simulators.homes import HomeColumns, Homes
from manta.simulators.sessions import Sessions
from manta.simulators.state import Memory
from manta.wire import subjects
from manta.wire.device import SiteReport

FLEET_FILE = "simulated-fleet.msgpack"
"""Its name in the data directory."""
REPORT_MS = 5_000
TICK_S = 0.25
ANSWER_S = 0.02
"""Answers are gathered for so long before homes are kept and all are sent."""
FLUSH_S = 10.0

log = structlog.get_logger()


class SimulatedHome(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolled home as the simulator needs to know it."""

    site: str
    vpp: str
    region: str
    battery: str
    pv: str
    load: str
    meter: str
    key: bytes
    """The battery's sealing key (wire.seal.device_key)."""
    password: str
    """What the site signs in to the bus with; its user name is its id."""
    charge_kw: float
    discharge_kw: float
    capacity_kwh: float
    reserve_soc: float
    pv_kw: float
    import_limit_kw: float
    export_limit_kw: float


class FleetFile(msgspec.Struct, frozen=True, kw_only=True):
    """Who lives in a simulated world: written by enrolment, read by the simulator. Holds secrets."""

    seed: int
    homes: list[SimulatedHome]

    @classmethod
    def read(cls, path: Path) -> FleetFile:
        """Read ``simulated-fleet.msgpack``."""
        return msgspec.msgpack.decode(path.read_bytes(), type=cls)

    def write(self, path: Path) -> None:
        """Write it for ourselves alone, whole or not at all."""
        fresh = path.with_suffix(".new")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(msgspec.msgpack.encode(self))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)

    def columns(self) -> HomeColumns:
        """Return the homes as columns."""
        homes = self.homes
        region_no = {region: no for no, region in enumerate(REGIONS)}
        return HomeColumns(
            sites=[home.site for home in homes],
            batteries=[home.battery for home in homes],
            pvs=[home.pv for home in homes],
            loads=[home.load for home in homes],
            meters=[home.meter for home in homes],
            keys=[home.key for home in homes],
            region=np.array([region_no[Region(home.region)] for home in homes], dtype=np.int8),
            charge_kw=np.array([home.charge_kw for home in homes]),
            discharge_kw=np.array([home.discharge_kw for home in homes]),
            capacity_kwh=np.array([home.capacity_kwh for home in homes]),
            reserve_soc=np.array([home.reserve_soc for home in homes]),
            pv_kw=np.array([home.pv_kw for home in homes]),
            import_limit_kw=np.array([home.import_limit_kw for home in homes]),
            export_limit_kw=np.array([home.export_limit_kw for home in homes]),
        )


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
        ...

    async def sleep_until(self, at: datetime) -> None:
        """Return once it is that late."""
        ...


class Fleet:
    """Every home of a fleet file, alive."""

    def __init__(self, file: FleetFile, clock: Clock, memory: Path, faults: Path | None = None) -> None:
        self.homes = Homes(file.columns(), file.seed)
        self.sessions = Sessions(
            [home.site for home in file.homes], [home.password for home in file.homes], self._hear, file.seed
        )
        self.slipped_s = 0.0
        """How late the last turn was; growing means that the process cannot keep up."""
        self._file = file
        self._clock = clock
        self._memory = Memory(memory, self.homes.enrolled.sites)
        self._fault_path = faults
        self._fault_seen: float | None = None
        self._started_ms = epoch_ms(clock.now())
        self._faults = self._with_faults("")
        self._troubles = self._faults.at(self._started_ms)
        self._at_ms = self._started_ms
        self._phase_ms = (
            np.random.default_rng(file.seed).permutation(len(file.homes)) * REPORT_MS // len(file.homes)
        )
        self._frozen: dict[int, SiteReport] = {}
        self._answers: list[tuple[int, bytes]] = []
        self._encode = msgspec.msgpack.Encoder().encode
        self._up, self._ack = _topics(self.homes.enrolled.sites)
        if kept := self._memory.recall():
            self.homes.resume(*kept, now_ms=self._at_ms)
            log.info("homes resumed", homes=len(file.homes), kept_ms=kept[1])

    async def run(self, speed: float = 1.0) -> None:
        """Turn, and again a quarter of a second later, for ever."""
        loop = asyncio.get_running_loop()
        tick = timedelta(seconds=TICK_S * speed)
        due, flush_s = self._clock.now() + tick, loop.time() + FLUSH_S
        while True:
            await self._clock.sleep_until(due)
            now = self._clock.now()
            self.slipped_s = (now - due).total_seconds() / speed
            due = max(due + tick, now)
            self.turn(epoch_ms(now))
            if loop.time() > flush_s:
                flush_s = loop.time() + FLUSH_S
                await asyncio.to_thread(self._memory.flush)

    def turn(self, now_ms: int) -> None:
        """Move every home on to now and have those report whose moment has come."""
        if now_ms <= self._at_ms:
            return
        self.homes.advance(self._at_ms, now_ms)
        self._trouble(now_ms)
        due = np.flatnonzero(
            (now_ms - self._phase_ms) // REPORT_MS > (self._at_ms - self._phase_ms) // REPORT_MS
        )
        reports = self.homes.reports(due, now_ms)
        self._at_ms = now_ms
        self._memory.keep(self.homes.block, now_ms)
        for no, report in zip(due.tolist(), reports, strict=True):
            self._report(no, report)

    def close(self) -> None:
        """Keep the homes and end their sessions."""
        self._memory.keep(self.homes.block, self._at_ms)
        self._memory.close()
        self.sessions.close()

    def _report(self, no: int, report: SiteReport) -> None:
        """Publish a report as this site's faults leave it."""
        troubles = self._troubles
        if troubles.frozen[no]:
            old = self._frozen.setdefault(no, report)
            report = SiteReport(report.sequence, old.at_ms, old.readings)
        if skew_ms := int(troubles.skew_ms[no]):
            report = SiteReport(report.sequence, report.at_ms + skew_ms, report.readings)
        payload = self._encode(report)
        for _ in range(2 if troubles.doubled[no] else 1):
            self.sessions.all[no].publish(self._up[no], payload)

    def _hear(self, no: int, payload: bytes) -> None:
        """Have a home judge a lease; its answer goes out once the home is kept."""
        ack = self.homes.firmware.hear(no, payload, epoch_ms(self._clock.now()))
        if ack is None:
            return
        if not self._answers:
            asyncio.get_running_loop().call_later(ANSWER_S, self._answer)
        self._answers.append((no, self._encode(ack)))

    def _answer(self) -> None:
        self._memory.keep(self.homes.block, self._at_ms)
        answers, self._answers = self._answers, []
        loop = asyncio.get_running_loop()
        for no, body in answers:
            session, topic = self.sessions.all[no], self._ack[no]
            if delay_ms := int(self._troubles.ack_delay_ms[no]):
                loop.call_later(delay_ms / 1_000, session.publish, topic, body)
            else:
                session.publish(topic, body)

    def _trouble(self, now_ms: int) -> None:
        """Bring the faults up to date: cut and mend what they cut and no longer cut."""
        self._read_faults()
        before, now = self._troubles, self._faults.at(now_ms)
        if now is before:
            return
        self._troubles = now
        for no in np.flatnonzero(now.cut & ~before.cut).tolist():
            self.sessions.cut(no)
        for no in np.flatnonzero(before.cut & ~now.cut).tolist():
            self.sessions.mend(no)
        for no in np.flatnonzero(before.frozen & ~now.frozen).tolist():
            self._frozen.pop(no, None)
        log.info("faults changed", **_counts(now))

    def _read_faults(self) -> None:
        """Take up the faults' file when somebody has changed it; one with a mistake changes nothing."""
        changed_s = (
            self._fault_path.stat().st_mtime if self._fault_path and self._fault_path.exists() else None
        )
        if self._fault_path is None or changed_s == self._fault_seen:
            return
        self._fault_seen = changed_s
        try:
            self._faults = self._with_faults(self._fault_path.read_text() if changed_s else "")
        except (FaultError, OSError, UnicodeDecodeError) as error:
            log.error("faults not understood", file=str(self._fault_path), because=str(error))

    def _with_faults(self, text: str) -> Faults:
        homes = self._file.homes
        sites = [home.site for home in homes]
        regions, vpps = [home.region for home in homes], [home.vpp for home in homes]
        return Faults(parse(text), sites, regions, vpps, self._file.seed, self._started_ms)


def _topics(sites: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return where each site reports and where it answers."""
    return (
        [subjects.topic(subjects.telemetry_of(SiteId(site))) for site in sites],
        [subjects.topic(subjects.acks_of(SiteId(site))) for site in sites],
    )


def _counts(troubles: Troubles) -> dict[str, int]:
    """Count the sites that each kind of trouble falls on."""
    columns: dict[str, NDArray[np.generic]] = {
        "cut": troubles.cut,
        "frozen": troubles.frozen,
        "doubled": troubles.doubled,
        "skewed": troubles.skew_ms,
        "answering_late": troubles.ack_delay_ms,
    }
    return {name: int(np.count_nonzero(column)) for name, column in columns.items()}
