"""The API over a real record: a cluster of its own, two tenants, and the api's own database role."""

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.unit.api.house import NAMES, NOW, PASSWORD, ROLES, House, snapshot, user_of

from manta.desk.board import Board
from manta.domain.envelope import Envelope
from manta.domain.identity import DeviceId, Nmi, SiteId, TenantId, VppId
from manta.domain.market import Region
from manta.domain.site import Device, DeviceKind, Site
from manta.door.passwords import Passwords
from manta.store import migrate
from manta.store.audit import Audit
from manta.store.decisions import Decisions
from manta.store.earnings import Earnings
from manta.store.enrolment import Enrolment, Tenant, Vpp
from manta.store.pool import Pool, open_pool
from manta.store.prices import Prices
from manta.store.rules import Rules
from manta.store.tokens import Tokens
from manta.store.users import NewUser, Users
from manta.supervisor import postgres as postgres_engine
from manta.supervisor.accounts import unprivileged
from manta.supervisor.children import Child
from manta.supervisor.ports import free_port


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    return Passwords()


@pytest.fixture
def house(passwords: Passwords, tmp_path: Path) -> House:
    (tmp_path / "index.html").write_text("<!doctype html><title>Manta</title>" + " " * 2_000)
    return House(passwords, passwords.hash(PASSWORD), tmp_path)


@pytest.fixture(scope="session")
def dsns(engine_room) -> dict[str, str]:
    """Role → DSN of a record with two tenants. The cluster is ours alone: roles belong to a cluster."""
    cluster = postgres_engine.Cluster(
        home=engine_room.directory / "postgres-api",
        port=free_port(),
        password=secrets.token_urlsafe(24),
        account=unprivileged(),
    )
    engine_room.run(postgres_engine.prepare(cluster))
    engine_room.start(Child(postgres_engine.program(cluster)))
    words = {role: secrets.token_urlsafe(12) for role in migrate.ROLES}
    where = cluster.dsn().split("@")[1].split("/")[0]
    found = {
        role: f"postgresql://{role}:{quote(word)}@{where}/{migrate.DATABASE}" for role, word in words.items()
    }

    async def build() -> None:
        await migrate.create_roles(cluster.dsn(), words)
        await migrate.upgrade(found[migrate.OWNER])
        async with await open_pool(found[migrate.OWNER], size=1) as pool:
            await _enrol(pool)

    engine_room.run(build())
    return found


@pytest.fixture
async def recorded(house: House, dsns: dict[str, str]) -> AsyncIterator[House]:
    """The API with the store in the place of the fakes."""
    pool = await open_pool(dsns["manta_api"], size=4)
    prices, earnings, audit = Prices(pool), Earnings(pool), Audit(pool)
    board = Board(prices, earnings, house.clock)
    for tenant in NAMES:
        board.heard(snapshot(tenant))
    yield house.rebuilt(
        users=Users(pool),
        tokens=Tokens(pool),
        rules=Rules(pool),
        vpps=Enrolment(pool),
        prices=prices,
        dispatches=Decisions(pool),
        earnings=earnings,
        audit=audit,
        board=board,
    )
    await pool.close()


async def _enrol(pool: Pool) -> None:
    passwords = Passwords()
    for number, (tenant, name) in enumerate(NAMES.items()):
        vpp = Vpp(VppId(f"{tenant}-nsw"), "NSW homes", Region.NSW)
        site = _site(tenant, number)
        await Enrolment(pool).enrol(
            Tenant(tenant, name, 10_000.0), [vpp], [site], {site.id: vpp.id}, NOW - timedelta(days=1)
        )
        for role in ROLES:
            user = user_of(tenant, role)
            await Users(pool).add(
                tenant, NewUser(user.id, user.email, user.name, passwords.hash(PASSWORD), role)
            )


def _site(tenant: TenantId, number: int) -> Site:
    site = SiteId(f"{tenant}-h1")
    battery = Device(
        DeviceId(f"{site}-battery1"),
        DeviceKind.BATTERY,
        Envelope.from_limits(import_kw=11.04, export_kw=11.04),
        13.5,
        0.2,
    )
    connection = Envelope.from_limits(import_kw=15, export_kw=10)
    return Site(site, Nmi(f"410000000{number}"), "Home 1", Region.NSW, "feeder-1", connection, (battery,))
