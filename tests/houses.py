"""Small worlds for tests: each builder names only what the test is about."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import numpy as np
from tests.worlds import EVENING, VirtualClock

from manta.domain.identity import RuleId, TenantId, VppId
from manta.domain.lease import OUTCOMES, Outcome
from manta.domain.market import REGIONS, Price, PriceStatus, Region
from manta.domain.rule import SpotRule
from manta.domain.site import DEVICE_KINDS, DeviceKind
from manta.domain.time import DispatchInterval, epoch_ms
from manta.fleet.view import FleetView
from manta.flows.decision import Decision
from manta.store import memory
from manta.wire.batches import DeviceTable, SiteTable
from manta.wire.columns import ACK, READING
from manta.wire.events import DispatchMade, LeasesWritten

NAMES = UUID("00000000-0000-5000-8000-000000000001")
SELL_ABOVE, BUY_BELOW = 300.0, -20.0


@dataclass(frozen=True)
class Home:
    """A home of the demonstration: battery, roof, load, meter."""

    tenant: str = "harbour"
    vpp: str | None = "nsw-homes"
    region: Region = Region.NSW
    batteries: int = 1
    rated_kw: float = 11.04
    capacity_kwh: float = 13.5
    reserve_soc: float = 0.2
    import_kw: float = 15.0
    export_kw: float = 10.0


def tables(*homes: Home) -> tuple[SiteTable, DeviceTable]:
    """Number homes and their devices: each home's batteries, then its roof, load and meter."""
    tenants = sorted({home.tenant for home in homes})
    vpps = sorted({home.vpp for home in homes if home.vpp is not None})
    sites = SiteTable(
        ids=[f"h-{number}" for number in range(len(homes))],
        tenant_no=np.array([tenants.index(h.tenant) for h in homes], np.int32),
        vpp_no=np.array([-1 if h.vpp is None else vpps.index(h.vpp) for h in homes], np.int32),
        region=np.array([REGIONS.index(h.region) for h in homes], np.int8),
        feeder_no=np.zeros(len(homes), np.int32),
        import_limit_kw=np.array([h.import_kw for h in homes], float),
        export_limit_kw=np.array([h.export_kw for h in homes], float),
        tenants=tenants,
        vpps=vpps,
    )
    rows = []
    for number, home in enumerate(homes):
        store = (DeviceKind.BATTERY, home.rated_kw, home.rated_kw, home.capacity_kwh, home.reserve_soc)
        kinds = [
            *[store] * home.batteries,
            (DeviceKind.PV, 0.0, 6.6, np.nan, np.nan),
            (DeviceKind.LOAD, 2.2, 0.0, np.nan, np.nan),
            (DeviceKind.METER, 0.0, 0.0, np.nan, np.nan),
        ]
        rows += [(f"h-{number}-{kind}{n}", number, kind, *rest) for n, (kind, *rest) in enumerate(kinds)]
    columns = list(zip(*rows, strict=True))
    devices = DeviceTable(
        ids=columns[0],
        site_no=np.array(columns[1], np.int32),
        kind=np.array([DEVICE_KINDS.index(kind) for kind in columns[2]], np.int8),
        charge_kw=np.array(columns[3], float),
        discharge_kw=np.array(columns[4], float),
        capacity_kwh=np.array(columns[5], float),
        reserve_soc=np.array(columns[6], float),
    )
    return sites, devices


def readings(*rows: dict) -> np.ndarray:
    """Build READING columns; what a row does not name is ordinary."""
    columns = np.zeros(len(rows), READING)
    for number, row in enumerate(rows):
        at = row.pop("at", EVENING)
        usual = {
            "device_no": 0, "sequence": 1, "at_ms": epoch_ms(at), "heard_ms": epoch_ms(at), "power_kw": 0.0,
            "soc": np.nan, "import_kwh": np.nan, "export_kwh": np.nan, "quality": 0,
        }  # fmt: skip
        columns[number] = tuple((usual | row).values())
    return columns


def price(
    per_mwh: float,
    at: datetime = EVENING,
    region: Region = Region.NSW,
    status: PriceStatus = PriceStatus.FIRM,
    changed_at: datetime | None = None,
) -> Price:
    """Price the interval that holds an instant."""
    return Price(region, DispatchInterval.containing(at), per_mwh, status, changed_at, heard_at=at)


def rule(vpp: str = "nsw-homes", **figures: float) -> SpotRule:
    """Build the demonstration's rule."""
    usual = {
        "sell_above_per_mwh": SELL_ABOVE,
        "buy_below_per_mwh": BUY_BELOW,
        "site_export_kw": 8.7,
        "reserve_soc": 0.2,
    }
    named = usual | figures
    return SpotRule(RuleId(uuid5(NAMES, f"{vpp}{named}")), VppId(vpp), "Evening spike", enabled=True, **named)


class PlainGovernor:
    """Leases all that is asked, and answers for the devices; it can be told to keep silent."""

    def __init__(self, record: memory.Decisions) -> None:
        self._record = record
        self.asked: list[UUID] = []
        self.is_silent = False
        self.refuses: dict[str, int] = {}

    async def ask(self, ready) -> LeasesWritten:
        batch = self._record.intents[UUID(ready.batch)]
        self.asked.append(batch.id)
        if self.is_silent:
            raise TimeoutError("no answer from the governor")
        leased = len(batch.rows) - sum(self.refuses.values())
        if not leased:
            return LeasesWritten(None, 0, self.refuses, "every site was refused")
        return LeasesWritten(str(leases_of(batch.id)), leased, self.refuses)


def leases_of(intents: UUID) -> UUID:
    """Return the lease batch that answers an intent batch."""
    return uuid5(NAMES, str(intents))


def acks(batch: UUID, *device_no: int, outcome: Outcome = Outcome.ACCEPTED) -> np.ndarray:
    """Build the answers of some devices to a lease batch."""
    rows = np.zeros(len(device_no), ACK)
    rows["batch"], rows["device_no"], rows["outcome"] = batch.bytes, device_no, OUTCOMES.index(outcome)
    return rows


@dataclass
class Evening:
    """An engine on a summer evening: homes, rules, a record, a governor, in virtual time."""

    homes: list[Home]
    rules: list[SpotRule] = field(default_factory=lambda: [rule()])

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.sites, self.devices = tables(*self.homes)
        self.view = FleetView(self.sites, self.devices)
        self.record = memory.Decisions()
        self.governor = PlainGovernor(self.record)
        self.told: list = []
        self.restart()
        self._sequence = 0

    def restart(self) -> None:
        """Begin again with an empty memory; the record stays."""
        self.decision = Decision(self.clock, self.view, self.record, self.governor, self._tell)
        self.enrol(*self.rules)

    def enrol(self, *rules: SpotRule) -> None:
        """Tell the engine of its rules."""
        tenants = {home.vpp: TenantId(home.tenant) for home in self.homes}
        self.decision.enrol(self.sites, self.devices, [(tenants[rule.vpp], rule) for rule in rules])

    async def _tell(self, news) -> None:
        self.told.append(news)

    def hears(self, *sites: int, soc: float = 0.9, load_kw: float = -1.0, pv_kw: float = 0.0) -> None:
        """Let some homes report, or all of them."""
        self._sequence += 1
        powers = {DeviceKind.BATTERY: 0.0, DeviceKind.PV: pv_kw, DeviceKind.LOAD: load_kw}
        rows = []
        for device_no, (site_no, kind) in enumerate(
            zip(self.devices.site_no, self.devices.kind, strict=True)
        ):
            named = DEVICE_KINDS[kind]
            if site_no in (sites or range(len(self.homes))):
                power_kw = powers.get(named, load_kw + pv_kw)
                known = {"soc": soc} if named is DeviceKind.BATTERY else {}
                rows.append(
                    {"device_no": device_no, "sequence": self._sequence, "power_kw": power_kw, **known}
                    | {"at": self.clock.now()}
                )
        self.view.fold(readings(*rows))

    async def published(self, per_mwh: float, **more) -> None:
        """Publish a price for the present interval and let the engine answer it."""
        await self.decision.on_prices([price(per_mwh, self.clock.now(), **more)])

    async def reaches(self, *, seconds: float, hearing: tuple[int, ...] | None = ()) -> None:
        """Let time pass while homes report every five seconds and the engine looks; ``None``: all silent."""
        ends_at = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < ends_at:
            if hearing is not None:
                self.hears(*hearing)
            await self.decision.refresh()
            await self.clock.sleep(seconds=5)

    @property
    def dispatches(self) -> list:
        """Every dispatch on record, oldest first."""
        return list(self.record.dispatches.values())

    @property
    def batches(self) -> list:
        """Every intent batch on record, oldest first."""
        return list(self.record.intents.values())

    def wanted_kw(self, batch: int = -1) -> dict[str, float | None]:
        """Return what a batch asks of each battery; None lets it go."""
        rows = self.batches[batch].rows
        return {
            self.devices.ids[row["device_no"]]: None if np.isnan(row["power_kw"]) else float(row["power_kw"])
            for row in rows
        }

    def stages(self) -> list[str]:
        """Return the stages of dispatches as they were told."""
        return [news.stage for news in self.told if isinstance(news, DispatchMade)]
