"""A home behind one meter, and the driver through which a box sees and moves it, in virtual time."""

from collections.abc import Callable

import msgspec
from tests.unit.edge.leases import BATTERY, KEY, Hands

from manta.domain.der import (
    ComponentKind,
    Measurement,
    Running,
    Sample,
    Status,
)
from manta.domain.identity import SiteId
from manta.domain.lease import Outcome
from manta.drivers import sungrow
from manta.drivers.port import Applied, DeviceError
from manta.edge.battery import Battery
from manta.edge.box import Box
from manta.edge.buffer import Buffer
from manta.edge.clock import SteadyClock
from manta.edge.hand import Hand
from manta.edge.keeper import Keeper
from manta.edge.limits import BatteryLimits, SiteLimits
from manta.edge.memory import Memory
from manta.edge.outbox import Outbox
from manta.wire.device import LeaseAck, SiteReport

SITE = SiteId("h-box")
LIMITS = BatteryLimits(charge_kw=5.0, discharge_kw=5.0, reserve_soc=0.2)
NAMES = {
    ComponentKind.BATTERY: BATTERY,
    ComponentKind.GRID_METER: "h-box-meter1",
    ComponentKind.PV_STRING: "h-box-pv1",
    ComponentKind.LOAD: "h-box-load1",
}


class Home:
    """A battery that obeys at once, a roof and a load; it forgets nothing that it is told."""

    descriptor = sungrow.DESCRIPTOR

    def __init__(self, pv_kw=1.0, load_kw=-1.5, soc=0.8) -> None:
        self.pv_kw, self.load_kw, self.soc = pv_kw, load_kw, soc
        self.forced_kw = None
        """What it was told to hold; None for its own self-consumption."""
        self.is_dead = False
        self.refuses = ""
        self.running = Running.RUNNING
        self.orders = []
        self.before_write: Callable[[], None] = lambda: None

    @property
    def battery_kw(self) -> float:
        if self.forced_kw is not None:
            return self.forced_kw
        return min(max(-(self.pv_kw + self.load_kw), -5.0), 5.0)

    @property
    def meter_kw(self) -> float:
        return self.pv_kw + self.load_kw + self.battery_kw

    async def identify(self):
        raise DeviceError("not asked here")

    async def read(self, at) -> Sample:
        if self.is_dead:
            raise DeviceError("no answer")
        return Sample(
            at,
            {
                ComponentKind.GRID_METER: Measurement(self.meter_kw),
                ComponentKind.PV_STRING: Measurement(self.pv_kw),
                ComponentKind.BATTERY: Measurement(self.battery_kw, soc=self.soc),
                ComponentKind.LOAD: Measurement(self.load_kw),
            },
            Status(self.running),
        )

    async def apply(self, order, at) -> Applied:
        self.before_write()
        if self.is_dead:
            return Applied(Outcome.SILENT, None, "no answer")
        if self.refuses and order is not None:
            return Applied(Outcome.REFUSED, None, self.refuses)
        self.orders.append((at, None if order is None else order.power_kw))
        self.forced_kw = None if order is None else order.power_kw
        return Applied(Outcome.ACCEPTED, self.forced_kw)

    async def close(self) -> None:
        self.forced_kw = None


class House:
    """The other end: what it was sent, in order; it acknowledges at once unless told otherwise."""

    def __init__(self) -> None:
        self.connection: int | None = 1
        self.acknowledges = True
        self.reports: list[SiteReport] = []
        self.answers: list[LeaseAck] = []

    def publish(self, topic, body, done=None) -> bool:
        if self.connection is None:
            return False
        if topic.endswith("/up"):
            self.reports.append(msgspec.msgpack.decode(body, type=SiteReport))
        else:
            self.answers.append(msgspec.msgpack.decode(body, type=LeaseAck))
        if done is not None and self.acknowledges:
            done()
        return True


class Street:
    """A box at a home, with all around it: started again as often as a test likes, on the same disk."""

    def __init__(self, folder, home=None, **limits) -> None:
        self.folder, self.hands, self.house = folder, Hands(), House()
        self.home = home or Home()
        self.limits = SiteLimits(**({"import_kw": 10.0, "export_kw": 5.0} | limits))
        self.buffer = None
        self.start()

    def close(self) -> None:
        """Leave no file open."""
        if self.buffer is not None:
            self.buffer.close()

    def start(self) -> None:
        """Begin as after a power cut: nothing but the disk is left."""
        self.close()
        clock = SteadyClock(self.hands.wall, self.hands.steady_s)
        self.memory = Memory(self.folder / "leases.json")
        self.buffer = Buffer(self.folder / "reports.sqlite", int(self.hands.at.timestamp() * 1e3))
        outbox = Outbox(self.buffer, self.house, f"manta/v1/s/{SITE}/up", history_per_s=4.0)
        keeper = Keeper(BATTERY, KEY, self.memory)
        self.battery = Battery(self.home, LIMITS, NAMES, keeper, Hand(BATTERY, self.home, self.memory))
        self.box = Box(SITE, self.limits, [self.battery], outbox, self.house, clock, 5.0)

    async def live(self, seconds: int, each: Callable[[], None] = lambda: None, *, turn_s: int = 1) -> None:
        """Let time go, a turn a second; a home at rest may be turned less often."""
        for _ in range(seconds // turn_s):
            self.hands.go(turn_s)
            await self.box.turn()
            each()
