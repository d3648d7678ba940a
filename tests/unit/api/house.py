"""Two tenants with their people, kept in memory, and the API around them; the fakes live in tests alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid5

import httpx
import msgspec
import numpy as np
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from manta.api.app import create_app
from manta.desk.access import ABSOLUTE, COOKIE, CSRF_HEADER
from manta.desk.board import Board
from manta.desk.deps import Deps
from manta.desk.hub import PACE, Hub, Pace
from manta.desk.outlook import LEVELS, Spread
from manta.domain.identity import RuleId, SiteId, TenantId, UserId, VppId
from manta.domain.lease import Dispatch, DispatchOutcome
from manta.domain.ledger import LedgerEntry
from manta.domain.market import REGIONS, Price, PriceStatus, Region
from manta.domain.proposal import Target
from manta.domain.rule import SpotRule
from manta.domain.time import FIVE_MINUTES, DispatchInterval, epoch_ms, from_epoch_ms
from manta.door import credentials
from manta.door.limits import Buckets, Limits
from manta.door.passwords import Passwords
from manta.door.shapes import PowerPoint
from manta.store.audit import AuditEntry, Deed
from manta.store.decisions import DispatchDetail, RecordedDispatch, Steps
from manta.store.earnings import EarningsBin, FleetEarnings, HomeEarnings, PricedEntry
from manta.store.enrolment import Vpp, VppSize
from manta.store.rules import Conflict, RecordedRule
from manta.store.tokens import Token, TokenHolder
from manta.store.users import Claimed, Session, User
from manta.wire.events import FleetSnapshot, RegionNow, StartStory, StoryStarted
from manta.wire.series import PriceForecast, PriceSeries

NOW = datetime(2027, 1, 14, 8, 0, 30, tzinfo=UTC)
HARBOUR, COASTAL = TenantId("harbour"), TenantId("coastal")
NAMES = {HARBOUR: "Harbour Energy", COASTAL: "Coastal Power"}
ROLES = ("viewer", "operator", "trader", "admin")
ORIGIN = "http://testserver"
PASSWORD = "correct horse battery"
SPACE = UUID("6f0d1a52-8d6e-4f43-9d5e-0d5bb3b5a111")


EMPTY = PriceSeries(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.uint8), np.zeros(0))


def uid(name: str) -> UUID:
    return uuid5(SPACE, name)


class HandClock:
    """A clock whose hands the test turns."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    async def sleep_until(self, at: datetime) -> None:
        self.at = max(self.at, at)


def user_of(tenant: TenantId, role: str) -> User:
    return User(
        UserId(uid(f"{tenant}/{role}")), tenant, NAMES[tenant], f"{role}@{tenant}.example", role.title(), role
    )


def interval(minutes_ago: int = 0) -> DispatchInterval:
    return DispatchInterval.containing(NOW - timedelta(minutes=minutes_ago))


@dataclass
class Record:
    """The record of all tenants, as plain values."""

    password_hash: str
    disabled: set[UserId] = field(default_factory=set)
    sessions: dict[bytes, Session] = field(default_factory=dict)
    keys: dict[bytes, TokenHolder] = field(default_factory=dict)
    kept: dict[tuple[TenantId, RuleId], RecordedRule] = field(default_factory=dict)
    deeds: list[tuple[TenantId, Deed]] = field(default_factory=list)
    down: Exception | None = None

    def check(self) -> None:
        if self.down:
            raise self.down


class Users:
    def __init__(self, record: Record) -> None:
        self.record = record

    async def by_email(self, email: str) -> Claimed | None:
        for tenant in NAMES:
            for role in ROLES:
                user = user_of(tenant, role)
                if user.email == email.lower() and user.id not in self.record.disabled:
                    return Claimed(user, self.record.password_hash)
        return None

    async def open_session(self, user: User, id_hash: bytes, at: datetime, expires_at: datetime) -> None:
        self.record.sessions[id_hash] = Session(user, at, expires_at)
        self.record.deeds.append((user.tenant, Deed(at, user.email, "session.opened", str(user.id), {})))

    async def session(self, id_hash: bytes) -> Session | None:
        self.record.check()
        found = self.record.sessions.get(id_hash)
        return found if found and found.user.id not in self.record.disabled else None

    async def touch_session(self, id_hash: bytes, at: datetime) -> None:
        self.record.sessions[id_hash] = replace(self.record.sessions[id_hash], seen_at=at)

    async def close_session(self, id_hash: bytes) -> None:
        self.record.sessions.pop(id_hash, None)


class Tokens:
    def __init__(self, record: Record) -> None:
        self.record = record

    def _of(self, tenant: TenantId) -> dict[bytes, TokenHolder]:
        return {h: k for h, k in self.record.keys.items() if k.user.tenant == tenant}

    async def list(self, tenant: TenantId) -> Sequence[Token]:
        return [holder.token for holder in self._of(tenant).values()]

    async def create(self, tenant: TenantId, token: Token, token_hash: bytes) -> None:
        owner = next(user_of(tenant, role) for role in ROLES if user_of(tenant, role).id == token.user)
        self.record.keys[token_hash] = TokenHolder(token, owner)

    async def revoke(self, tenant: TenantId, id: UUID, actor: str, at: datetime) -> Token | None:
        for hashed, holder in self._of(tenant).items():
            if holder.token.id == id:
                revoked = replace(holder.token, revoked_at=holder.token.revoked_at or at)
                self.record.keys[hashed] = replace(holder, token=revoked)
                return revoked
        return None

    async def by_hash(self, token_hash: bytes) -> TokenHolder | None:
        return self.record.keys.get(token_hash)

    async def touch(self, token_hash: bytes, at: datetime) -> None:
        holder = self.record.keys[token_hash]
        self.record.keys[token_hash] = replace(holder, token=replace(holder.token, last_used_at=at))


class Rules:
    def __init__(self, record: Record) -> None:
        self.record = record

    async def list(self, tenant: TenantId) -> Sequence[RecordedRule]:
        return [rule for (owner, _), rule in self.record.kept.items() if owner == tenant]

    async def create(self, tenant: TenantId, rule: SpotRule, actor: str, at: datetime) -> RecordedRule | None:
        if rule.vpp != f"{tenant}-nsw":
            return None
        self.record.kept[tenant, rule.id] = RecordedRule(rule, "NSW homes", Region.NSW, 1, actor, at)
        return self.record.kept[tenant, rule.id]

    async def update(
        self, tenant: TenantId, rule: SpotRule, version: int, actor: str, at: datetime
    ) -> RecordedRule | Conflict | None:
        before = self.record.kept.get((tenant, rule.id))
        if before is None:
            return None
        if before.version != version:
            return Conflict(before)
        after = replace(
            before, rule=replace(rule, vpp=before.rule.vpp), version=version + 1, changed_by=actor
        )
        self.record.kept[tenant, rule.id] = after
        return after

    async def delete(self, tenant: TenantId, id: RuleId, actor: str, at: datetime) -> RecordedRule | None:
        return self.record.kept.pop((tenant, id), None)


class Vpps:
    async def vpps(self, tenant: TenantId) -> Sequence[VppSize]:
        return [VppSize(Vpp(VppId(f"{tenant}-nsw"), "NSW homes", Region.NSW), 2_000)]


class Prices:
    async def latest(self) -> Mapping[Region, Price]:
        return {Region.NSW: Price(Region.NSW, interval(), 12_500.0, heard_at=NOW - timedelta(seconds=4))}

    async def between(self, region: Region, start: datetime, end: datetime) -> Sequence[Price]:
        return [Price(region, interval(5), 84.2), Price(region, interval(), 12_500.0)]


class Market:
    """A market whose history is what a test gives it."""

    def __init__(self) -> None:
        self.series = {region: EMPTY for region in REGIONS}
        self.runs: list[PriceForecast] = []
        self.spreads = Spread(np.zeros((0, LEVELS), np.int64), np.zeros((0, LEVELS)), np.zeros((0, LEVELS)))
        self.demands: dict[Region, float] = {}

    async def prices(self, region: Region, start: datetime, end: datetime) -> PriceSeries:
        ends_ms = self.series[region].ends_ms
        return self.series[region].take((ends_ms > epoch_ms(start)) & (ends_ms <= epoch_ms(end)))

    async def extent(self, region: Region) -> tuple[datetime, datetime] | None:
        ends_ms = self.series[region].ends_ms.tolist()
        return (from_epoch_ms(ends_ms[0]), from_epoch_ms(ends_ms[-1])) if ends_ms else None

    async def forecasts(self, region: Region, at: datetime) -> Sequence[PriceForecast]:
        return [run for run in self.runs if run.made_at <= at]

    async def spread(self, region: Region, run: PriceForecast, at: datetime) -> Spread:
        return self.spreads

    async def demand_kw(self, region: Region, start: datetime, end: datetime) -> float | None:
        return self.demands.get(region)


class Dispatches:
    def _one(self, tenant: TenantId) -> RecordedDispatch:
        made = Dispatch(
            id=uid(f"{tenant}/dispatch"),
            tenant=tenant,
            vpp=VppId(f"{tenant}-nsw"),
            price=Price(Region.NSW, interval(), 12_500.0, PriceStatus.FIRM),
            cycle=0,
            target=Target(17_400.0, "selling above $300.00/MWh, price is $12,500.00"),
            shortfall_kw=0.0,
            sites=2_000,
            unheard=3,
            intents=None,
            trace="t-1",
            decided_at=NOW,
        )
        return RecordedDispatch(made, "NSW homes", DispatchOutcome(made.id, 1_990, 10, 1_985, 2, 3, NOW))

    async def recent(self, tenant: TenantId, region: Region | None, limit: int) -> Sequence[RecordedDispatch]:
        return [self._one(tenant)][:limit] if region in (None, Region.NSW) else []

    async def detail(self, tenant: TenantId, id: UUID) -> DispatchDetail | None:
        if id != uid(f"{tenant}/dispatch"):
            return None
        steps = Steps(NOW, NOW, NOW + timedelta(milliseconds=80), NOW + timedelta(milliseconds=140), None)
        return DispatchDetail(self._one(tenant), {1: 10, 250: 1}, steps)


class Earnings:
    async def of_fleet(
        self, tenant: TenantId, start: datetime, end: datetime, region: Region | None = None
    ) -> FleetEarnings:
        fifty = Decimal("50.000000")
        return FleetEarnings(
            homes=1,
            settled_intervals=6,
            total_aud=fifty,
            energy_kwh=4.0,
            mean_aud=fifty,
            min_aud=fifty,
            max_aud=fifty,
            histogram=[EarningsBin(fifty, fifty + 1, 1)],
            top=[HomeEarnings(SiteId(f"{tenant}-h1"), "Home 1", fifty, 4.0)],
        )

    async def of_site(
        self, tenant: TenantId, site: SiteId, start: datetime, end: datetime
    ) -> Sequence[PricedEntry] | None:
        if site != f"{tenant}-h1":
            return None
        entry = LedgerEntry(site, interval(5), 0.725, Decimal("9.062500"), 0)
        return [PricedEntry(entry, Decimal("12500.00000"))]

    async def by_region(self, tenant: TenantId, start: datetime, end: datetime) -> Mapping[Region, Decimal]:
        return {Region.NSW: Decimal("100000.000000")}


class Audit:
    def __init__(self, record: Record) -> None:
        self.record = record

    async def write(self, tenant: TenantId, deed: Deed) -> int:
        self.record.deeds.append((tenant, deed))
        return len(self.record.deeds)

    async def recent(self, tenant: TenantId, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        own = [deed for owner, deed in self.record.deeds if owner == tenant]
        found = [AuditEntry(no, deed, b"\0" * 32, b"\1" * 32) for no, deed in enumerate(own, 1)]
        return [entry for entry in reversed(found) if before is None or entry.no < before][:limit]


class History:
    async def power(
        self, tenant: TenantId, region: Region | None, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[PowerPoint]:
        return [PowerPoint(start, 10.0, 12.0, 100.0), PowerPoint(start + step, None, None, None)]


class FakeBus:
    def __init__(self) -> None:
        self.answer: StoryStarted | Exception = StoryStarted(
            "spike", epoch_ms(interval().end), epoch_ms(interval().end + 6 * FIVE_MINUTES)
        )

        self.asked: list[StartStory] = []

    async def request(self, subject: str, body: bytes, timeout: float) -> bytes:
        self.asked.append(msgspec.msgpack.decode(body, type=StartStory))
        if isinstance(self.answer, Exception):
            raise self.answer
        return msgspec.msgpack.encode(self.answer)


@dataclass(frozen=True)
class Standing:
    ok: bool
    checks: list[str] = field(default_factory=list)


class Health:
    def __init__(self) -> None:
        self.ok = True

    async def report(self) -> Standing:
        return Standing(self.ok, ["database", "bus", "historian"])


def snapshot(tenant: TenantId, at: datetime = NOW, power_kw: float = 17_400.0) -> FleetSnapshot:
    region = RegionNow(
        "NSW1", 2_000, 1_997, power_kw, 18_000.0, 0.0, -600.0, 20_000.0, 27_000.0, 0.0, 40.0, 1_990
    )
    return FleetSnapshot(tenant, epoch_ms(at), [region])


class House:
    """The API with its fakes, and how somebody comes in."""

    def __init__(self, passwords: Passwords, password_hash: str, web: Path, pace: Pace = PACE) -> None:
        self.record = Record(password_hash)
        self.clock, self.wall = HandClock(), HandClock()
        self.bus, self.health, self.market = FakeBus(), Health(), Market()
        self.registry = CollectorRegistry()
        self.board = Board(Prices(), Earnings(), self.clock)
        self.hub = Hub(self.board, self.registry, pace)
        for tenant in NAMES:
            self.board.heard(snapshot(tenant))
            rule = SpotRule(
                RuleId(uid(f"{tenant}/rule")),
                VppId(f"{tenant}-nsw"),
                "Evening spike",
                300.0,
                -20.0,
                8.7,
                0.2,
                True,
            )
            self.record.kept[tenant, rule.id] = RecordedRule(rule, "NSW homes", Region.NSW, 3, "Trader", NOW)
        self.deps = Deps(
            world="simulate",
            speed=1.0,
            clock=self.clock,
            wall=self.wall,
            origins=frozenset({ORIGIN}),
            web=web,
            users=Users(self.record),
            tokens=Tokens(self.record),
            rules=Rules(self.record),
            vpps=Vpps(),
            prices=Prices(),
            market=self.market,
            dispatches=Dispatches(),
            earnings=Earnings(),
            audit=Audit(self.record),
            history=History(),
            bus=self.bus,
            board=self.board,
            hub=self.hub,
            health=self.health,
            guards=("finite", "known"),
            registry=self.registry,
            passwords=passwords,
            limits=Limits(addresses=Buckets(burst=100_000, per_s=1), users=Buckets(burst=100_000, per_s=1)),
        )
        self.app: FastAPI = create_app(self.deps)

    def rebuilt(self, **changes: object) -> House:
        """Build the application again with other dependencies."""
        self.deps = replace(self.deps, registry=CollectorRegistry(), **changes)  # type: ignore[arg-type]
        self.app = create_app(self.deps)
        return self

    def session(self, tenant: TenantId, role: str) -> str:
        """Open a session without its password and return its secret."""
        secret = credentials.new_session()
        at = self.wall.now()
        self.record.sessions[credentials.hash_of(secret)] = Session(user_of(tenant, role), at, at + ABSOLUTE)
        return secret

    def client(
        self, headers: Mapping[str, str] | None = None, address: str = "127.0.0.1"
    ) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 5_000))
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)

    def signed_in(self, tenant: TenantId = HARBOUR, role: str = "admin") -> httpx.AsyncClient:
        """Return a client with a session, as our own page would send it."""
        secret = self.session(tenant, role)
        cookie = {"cookie": f"{COOKIE}={secret}"}
        return self.client(cookie | {"origin": ORIGIN, CSRF_HEADER: credentials.csrf_of(secret)})

    async def tokens_for_both(self) -> None:
        """Give each tenant's administrator a token."""
        for tenant in NAMES:
            await self.token(tenant, "admin", "admin")

    async def token(self, tenant: TenantId, maker: str, role: str, days: int = 30) -> str:
        """Make a token and return its secret."""
        secret, owner, at = credentials.new_token(), user_of(tenant, maker), self.wall.now()
        ends = at + timedelta(days=days)
        token = Token(uid(f"{tenant}/token"), "nightly", role, owner.id, owner.email, at, ends, None, None)
        await Tokens(self.record).create(tenant, token, credentials.hash_of(secret))
        return secret
