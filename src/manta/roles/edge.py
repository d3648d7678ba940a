"""Manta Edge as a process: what a box is wired from. Light on purpose: memory is scarce there."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import ssl
import sys
import time
from contextlib import suppress
from math import inf
from pathlib import Path
from random import SystemRandom

from manta.domain.der import ComponentKind
from manta.domain.identity import SiteId
from manta.domain.time import epoch_ms
from manta.drivers.catalogue import CATALOGUE, Endpoint
from manta.edge.battery import FRESH_S, Battery
from manta.edge.box import Box
from manta.edge.buffer import Buffer
from manta.edge.check import check
from manta.edge.clock import SteadyClock
from manta.edge.config import DeviceTable, EdgeConfig, read_config, read_key, read_secret
from manta.edge.hand import Hand
from manta.edge.health import BoxHealth, DeviceHealth, answering
from manta.edge.identity import Identity, IdentityError, Rotation
from manta.edge.keeper import LONGEST_LEASE_MS, Keeper
from manta.edge.memory import Memory
from manta.edge.outbox import Outbox
from manta.edge.uplink import Uplink
from manta.settings.clock import wall
from manta.wire import subjects

log = logging.getLogger(__name__)

ROTATE_S = 3_600.0
STALLED_S = 30.0
_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line: the event, and the fields it carries."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "at": wall().isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _ORDINARY}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Edge:
    """A box, its way home and how it stands."""

    def __init__(self, config: EdgeConfig, folder: Path) -> None:
        state = folder / config.state
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        site = SiteId(config.site)
        self.clock = SteadyClock(wall, steady_s)
        self.memory = Memory(state / "leases.json")
        self.buffer = Buffer(state / "reports.sqlite", epoch_ms(self.clock.now()))
        told = config.uplink
        self.identity = None if told.identity is None else Identity(folder / told.identity)
        self.uplink = Uplink(site, told.host, told.port, self._credential, SystemRandom())
        outbox = Outbox(
            self.buffer, self.uplink, subjects.topic(subjects.telemetry_of(site)), told.history_per_s
        )
        batteries = [self._battery(device, folder) for device in config.device]
        self.box = Box(site, config.site_limits, batteries, outbox, self.uplink, self.clock, config.report_s)
        self._config = config
        self._folder = folder
        self._began_s = steady_s()
        self._identity_state = ""

    async def run(self) -> None:
        """Run until cancelled, then let go of every device."""
        async with answering(self._config.health_port, self.health), asyncio.TaskGroup() as tasks:
            tasks.create_task(self.uplink.run(self.box.hear))
            tasks.create_task(self._rotate_often())
            tasks.create_task(self.box.run())

    def health(self) -> BoxHealth:
        """Return how the box stands; well is: every device seen, the house reached, turns on time."""
        now_s, uplink = self.clock.steady_s(), self.uplink
        devices = [_device_health(battery, now_s) for battery in self.box.batteries.values()]
        is_turning = now_s - self.box.turned_s < STALLED_S
        is_open = uplink.connection is not None
        return BoxHealth(
            site=self._config.site,
            ok=is_turning and is_open and all(device.ok for device in devices),
            up_s=round(now_s - self._began_s, 1),
            uplink=is_open,
            uplink_because=uplink.because,
            connects=uplink.connects,
            waiting=self.buffer.waiting,
            dropped=self.buffer.dropped,
            clock_jumps=self.clock.jumps,
            last_jump_s=round(self.clock.last_jump_s, 3),
            identity=self._identity_state,
            devices=devices,
        )

    def _battery(self, device: DeviceTable, folder: Path) -> Battery:
        connect = CATALOGUE[device.make].connect
        if connect is None:
            raise ValueError(f"{device.make} is not reached from a box")
        driver = connect(Endpoint(device.host, device.port, device.unit))
        deaf_until_s = -inf
        if self.memory.is_lost:
            # Which leases were heard is not known: whatever was signed before now is over by then.
            deaf_until_s = steady_s() + LONGEST_LEASE_MS / 1e3
            self.memory.owe_undo(device.battery)
            log.error("memory lost, no lease is taken for a while", extra={"device": device.battery})
        keeper = Keeper(device.battery, read_key(folder, device.key_file), self.memory, deaf_until_s)
        return Battery(
            driver, device.limits, _names(device), keeper, Hand(device.battery, driver, self.memory)
        )

    def _credential(self) -> tuple[str, ssl.SSLContext | None]:
        password = read_secret(self._folder, self._config.uplink.password_file)
        return password, None if self.identity is None else self.identity.context()

    async def _rotate_often(self) -> None:
        """Keep the certificate alive; what stands in its way is said each hour until somebody acts."""
        while self.identity is not None:
            try:
                rotation = await asyncio.to_thread(self.identity.rotate, self.clock.now())
                self._identity_state = f"ends {self.identity.ends_at():%Y-%m-%d %H:%M}Z, next: {rotation}"
                if rotation is Rotation.ASKED:
                    log.warning("the certificate is near its end, and no other came: sign next.csr")
            except (IdentityError, OSError, ValueError) as error:
                self._identity_state = str(error)
                log.error("the certificate cannot be renewed", extra={"because": str(error)})
            await asyncio.sleep(ROTATE_S)


def steady_s() -> float:
    """Return seconds since the machine started, asleep or not; nobody can set them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def run(path: Path) -> int:
    """Run a box until SIGTERM or SIGINT, and return its exit code; ValueError where it is told nonsense."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for library in ("asyncio", "pymodbus"):
        logging.getLogger(library).setLevel(logging.WARNING)
    asyncio.run(_until_asked(read_config(path), path.parent))
    return 0


def look(path: Path) -> int:
    """Look at each device once and print what is seen; return 0 if all is well."""
    is_well, lines = asyncio.run(check(read_config(path), path.parent, wall()))
    print("\n".join(lines))
    return 0 if is_well else 1


async def _until_asked(config: EdgeConfig, folder: Path) -> None:
    edge = Edge(config, folder)
    task = asyncio.create_task(edge.run(), name="edge")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        edge.buffer.close()
    log.info("edge ended")


def _names(device: DeviceTable) -> dict[ComponentKind, str]:
    named = {
        ComponentKind.BATTERY: device.battery,
        ComponentKind.GRID_METER: device.meter,
        ComponentKind.PV_STRING: device.pv,
        ComponentKind.LOAD: device.load,
    }
    return {kind: name for kind, name in named.items() if name is not None}


def _device_health(battery: Battery, now_s: float) -> DeviceHealth:
    seen_s = None if battery.look is None else round(now_s - battery.look.seen_s, 1)
    schedule = battery.keeper.schedule
    return DeviceHealth(
        device=battery.device,
        ok=seen_s is not None and seen_s < FRESH_S and battery.hand.failures == 0,
        seen_s=seen_s,
        held_kw=battery.hand.held_kw,
        is_undo_due=battery.hand.is_undo_due,
        lease=schedule[0].lease if schedule else None,
        leases_taken=battery.keeper.taken,
        leases_refused=battery.keeper.refused,
        because=battery.because or battery.hand.because,
    )
