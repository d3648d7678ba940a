"""A home with a Sungrow hybrid: its registers, and a little physics that reacts to what is written."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pymodbus.constants import ExcCodes
from tests.dumps_of_devices import device_of, modbus_dumps

from manta.drivers.modbus import Line, Pace, Registers
from manta.drivers.sungrow import (
    BATTERY_POWER,
    CHARGE,
    COMMAND,
    DISCHARGE,
    EXPORT_LIMIT,
    EXPORT_LIMIT_ON,
    FORCED,
    FORCED_POWER,
    GRID_POWER,
    LOAD_POWER,
    MODE,
    ON,
    PV_POWER,
    SOC,
    Sungrow,
)

DUMP = modbus_dumps()["sungrow/SH10RT"]
NOON = datetime(2026, 1, 14, 2, 0, tzinfo=UTC)
MOST_W = 10_000
BATTERY_KW = 5.0


@dataclass
class SungrowSite:
    """One home; each fault is a field that is as it should be unless a test says otherwise."""

    load_kw: float = -1.0
    pv_kw: float = 3.0
    soc: float = 0.6
    meter_sign: int = 1
    neighbors_export_kw: float | None = None
    """The meter is the neighbor's, and says this."""
    obeys: bool = True
    turned: bool = False
    """Charge and discharge are mistaken for each other."""
    load_from_meter: bool = False
    """The inverter computes its load from the meter, as real ones do; else it has one of its own."""
    count_w: float = 1.0
    """What a count that is written to the export limit is worth."""
    limits: bool = True
    lets_go: bool = True
    powers_share: float = 1.0
    silent: bool = False
    now: datetime = NOON
    device: object = None

    def __post_init__(self):
        self.device = device_of(DUMP, answer=self.answer)
        self.settle()

    def answer(self, address, words):
        if address == EXPORT_LIMIT.address:
            watts = words[0] * self.count_w
            if watts > MOST_W:
                return ExcCodes.DEVICE_FAILURE
            words[0] = round(watts)
        if address == MODE.address and words[0] != FORCED and not self.lets_go:
            words[0] = FORCED
        return None

    def settle(self):
        """Let the site come to rest after what was written."""
        holding = self.device.holding
        battery_kw = max(-BATTERY_KW, min(BATTERY_KW, -(self.pv_kw + self.load_kw)))
        if self.obeys and holding[MODE.address] == FORCED:
            forced_kw = holding[FORCED_POWER.address] / 1_000 * self.powers_share
            sign = {DISCHARGE: 1, CHARGE: -1}.get(holding[COMMAND.address], 0)
            battery_kw = forced_kw * (-sign if self.turned else sign)
        export_kw = self.pv_kw + self.load_kw + battery_kw
        if self.limits and holding[EXPORT_LIMIT_ON.address] == ON:
            battery_kw -= max(0.0, export_kw - holding[EXPORT_LIMIT.address] / 1_000)
        meter_kw = self.meter_sign * (self.pv_kw + self.load_kw + battery_kw)
        if self.neighbors_export_kw is not None:
            meter_kw = self.neighbors_export_kw
        load_kw = meter_kw - self.pv_kw - battery_kw if self.load_from_meter else self.load_kw
        for register, value in (
            (PV_POWER, self.pv_kw),
            (BATTERY_POWER, battery_kw),
            (LOAD_POWER, load_kw),
            (GRID_POWER, meter_kw),
            (SOC, self.soc),
        ):
            words = register.words_of(value)
            self.device.inputs |= {register.address + n: word for n, word in enumerate(words)}

    def clock(self):
        return SiteClock(self)

    @asynccontextmanager
    async def driver(self, export_scale=None):
        """The product's own driver, on this home's registers over TCP."""
        async with self.device.serving() as port, Line("127.0.0.1", port, Pace(gap_s=0.0)) as line:
            yield Sungrow(Registers(line), export_scale)


@dataclass
class SiteClock:
    """Time that passes when somebody waits, and the home with it."""

    site: SungrowSite

    def now(self):
        return self.site.now

    async def sleep_until(self, at):
        self.site.now = max(self.site.now, at)
        self.site.settle()
