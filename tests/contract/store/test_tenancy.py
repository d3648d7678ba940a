"""Nothing of one tenant is seen or touched on behalf of another: every table × every role, generated."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.contract.store.houses import EVENING, HARBOUR, NOW, dispatch, intents, leases, price, rule
from tests.contract.store.test_decisions import acks

from manta.domain.commissioning import Commissioning, Remark, Stage
from manta.domain.finding import Finding, FindingKind
from manta.domain.identity import DeviceId, SiteId, UserId
from manta.domain.lease import DispatchOutcome
from manta.domain.market import Region
from manta.store.acks import Acks
from manta.store.decisions import Decisions
from manta.store.inventory import Inventory, View
from manta.store.keys import KeyRing, add_key
from manta.store.leases import Leases
from manta.store.ledger import Books
from manta.store.migrate import ROLES, SERVICES
from manta.store.rules import Rules
from manta.store.tokens import Token, Tokens
from manta.store.users import NewUser, Users
from manta.store.vault import Secret, Vault

pytestmark = pytest.mark.engines

OF_NO_TENANT = {"record.numbering", "record.price", "record.price_revision", "record.writer_lease"}
TABLES = """
select format('%s.%s', t.table_schema, t.table_name) as name,
       exists (select from information_schema.columns c where c.table_schema = t.table_schema
               and c.table_name = t.table_name and c.column_name = 'tenant_id') as owned,
       c.relrowsecurity and c.relforcerowsecurity as guarded
from information_schema.tables t
join pg_class c on c.oid = format('%I.%I', t.table_schema, t.table_name)::regclass
where t.table_schema in ('record', 'ledger') order by 1
"""


async def furnish(record) -> None:
    """Give the tenant 'harbour' at least one row in every table."""
    ada = NewUser(UserId(UUID(int=1)), "ada@harbour.example", "Ada", "$argon2id$…", "trader")
    await Users(record.owner).add(HARBOUR, ada)
    users = Users(record.api)
    await users.open_session((await users.by_email(ada.email)).user, b"hash", NOW, NOW + timedelta(days=1))
    token = Token(UUID(int=9), "export", "viewer", ada.id, "Ada", NOW, NOW + timedelta(days=1), None, None)
    await Tokens(record.api).create(HARBOUR, token, b"token")
    await Rules(record.api).create(HARBOUR, rule(), "ada", NOW)
    engine = Decisions(record.engine)
    await engine.save_prices([price(12_500.0)])
    await engine.save_intents(intents())
    governor = Leases(record.governor)
    epoch = await governor.take(Region.NSW, "a", timedelta(minutes=5))
    batch = await governor.write(leases(intents(), epoch))
    await Acks(record.gateway).save_acks(acks(batch.id, (0, 0, 150)))
    await engine.save_dispatch(dispatch(1, intents=batch.intents))
    await engine.save_outcome(HARBOUR, DispatchOutcome(UUID(int=1), 1, 1, 1, 0, 0, NOW))
    books = Books(record.settler, lambda: NOW)
    await books.post(HARBOUR, EVENING, Region.NSW, [SiteId("h-1")], [5], [1], price=5)
    await furnish_devices(record)


async def furnish_devices(record) -> None:
    """Give it a device in commissioning, a finding, a saved view and a credential."""
    inventory = Inventory(record.api)
    remark = Remark(Stage.READ_ONLY, None, NOW, "ada", {})
    way = Commissioning(DeviceId("h-1-battery1")).with_remark(remark)
    await inventory.save_remark(HARBOUR, way, remark)
    wrong = Finding(FindingKind.SILENT, 0, "", NOW, {"heard_share": 0.5}, Decimal("0.10"), "mend_link")
    await Inventory(record.engine).save_findings(HARBOUR, [0], [wrong], NOW)
    await inventory.save_view(HARBOUR, View(UUID(int=3), UserId(UUID(int=1)), "mine", {}), NOW)
    with TemporaryDirectory() as home:
        add_key(Path(home) / "keys")
        vault = Vault(record.api, KeyRing(Path(home) / "keys"))
        await vault.seal(HARBOUR, SiteId("h-1"), "tesla", Secret("token"), "ada", NOW)


async def owned_tables(conn) -> list[str]:
    return [row["name"] for row in await conn.fetch(TABLES) if row["owned"]]


async def fingerprint(conn, table: str) -> str:
    digest: str = await conn.fetchval(f"select md5(string_agg(t::text, '|' order by t::text)) from {table} t")
    return digest


async def attempt(pool, tenant: str | None, statement: str, *args: Any) -> str | int:
    """Run a statement for a tenant, undo it, and return what came of it: the refusal or the rows."""
    async with pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        try:
            if tenant:
                await conn.execute("select set_config('manta.tenant', $1, true)", tenant)
            return len(await conn.fetch(statement, *args))
        except asyncpg.InsufficientPrivilegeError:
            return "refused"
        finally:
            await transaction.rollback()


async def test_every_table_is_guarded_or_known_to_belong_to_nobody(record):
    tables = await record.superuser.fetch(TABLES)
    for table in tables:
        if table["name"] == "record.tenant" or table["owned"]:
            assert table["guarded"], f"{table['name']} has no forced row-level security"
        else:
            assert table["name"] in OF_NO_TENANT, f"{table['name']} has no tenant_id: is it really nobody's?"
    assert await record.superuser.fetchval(
        "select count(*) from information_schema.views where table_schema in ('record', 'ledger')"
    ) == 0  # fmt: skip


async def test_no_service_owns_or_may_bypass_anything(record):
    rows = await record.superuser.fetch(
        "select rolname, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb as mighty, "
        "exists (select from pg_class c where c.relowner = r.oid) as owns "
        "from pg_roles r where rolname like 'manta%'"
    )
    assert {row["rolname"] for row in rows} == set(ROLES)
    assert not [row["rolname"] for row in rows if row["mighty"]]
    assert [row["rolname"] for row in rows if row["owns"]] == ["manta_owner"]


async def test_functions_that_act_as_the_owner_have_a_fixed_path_and_are_not_public(record):
    rows = await record.superuser.fetch(
        "select p.oid::regprocedure::text as name, p.prosecdef as definer, p.proconfig, "
        "has_function_privilege('public', p.oid, 'execute') as public from pg_proc p "
        "where p.pronamespace in ('record'::regnamespace, 'ledger'::regnamespace)"
    )
    assert not [row["name"] for row in rows if row["public"]]
    definers = [row for row in rows if row["definer"]]
    assert len(definers) == 4
    assert all(row["proconfig"] == ["search_path=pg_catalog, pg_temp"] for row in definers)


async def test_no_role_sees_or_changes_another_tenants_rows(record):
    """Print how many combinations were tried; a table without rows would prove nothing, so there is none."""
    await furnish(record)
    tried = 0
    async with record.superuser.acquire() as conn:
        tables = await owned_tables(conn)
        before = {table: await fingerprint(conn, table) for table in tables}
        rows = {
            table: await conn.fetchval(
                f"select to_jsonb(t) from {table} t where tenant_id = 'harbour' limit 1"
            )
            for table in tables
        }
    for table in tables:
        assert rows[table] is not None, f"{table} is empty: nothing would be proven"
        insert = (
            f"insert into {table} overriding system value "
            f"select * from jsonb_populate_record(null::{table}, $1) returning 1"
        )
        for role in ROLES:
            for tenant in ("mallee", "", None):
                pool = record.of(role)
                for verb in ("select 1 from {}", "update {} set tenant_id = tenant_id", "delete from {}"):
                    returning = "" if verb.startswith("select") else " returning 1"
                    theirs = verb.format(table) + " where tenant_id = 'harbour'" + returning
                    assert await attempt(pool, tenant, theirs) in (0, "refused"), (theirs, role, tenant)
                written = await attempt(pool, tenant, insert, rows[table])
                assert written == "refused", (table, role, tenant)
                tried += 4
    async with record.superuser.acquire() as conn:
        assert before == {table: await fingerprint(conn, table) for table in tables}
    print(f"\ncross-tenant attempts: {tried} over {len(tables)} tables × {len(ROLES)} roles, 0 leaks")


async def test_no_function_writes_for_another_tenant(record):
    post = (
        "select ledger.post('harbour', 'energy', 'NSW1', now(), 1, array['home/h-1', 'market/NSW1'], "
        "array[1, -1], array[0, 0], '{}', now())"
    )
    append = "select record.audit_append('harbour', now(), 'eve', 'x', 'x', '{}')"
    take = "select record.take_writer_lease('region/NSW1', 'eve', '1 minute')"
    for role in SERVICES:
        pool = record.of(role)
        for tenant in ("mallee", None):
            assert await attempt(pool, tenant, post) == "refused"
            assert await attempt(pool, tenant, append) == "refused"
        assert await attempt(pool, "harbour", post) == (1 if role == "manta_settler" else "refused")
        assert await attempt(pool, "harbour", append) == (1 if role == "manta_api" else "refused")
        assert await attempt(pool, "harbour", take) == (1 if role == "manta_governor" else "refused")


WRITERS = {
    "manta_api": {
        "app_user",
        "api_token",
        "session",
        "rule",
        "outbox",
        "device",
        "commissioning",
        "saved_view",
    }
    | {"data_key", "credential"},
    "manta_engine": {
        "price",
        "price_revision",
        "intent_batch",
        "dispatch",
        "dispatch_outcome",
        "outbox",
        "finding",
    },
    "manta_governor": {"lease_batch"},
    "manta_gateway": {"ack"},
    "manta_settler": set(),
}


async def test_each_role_writes_its_own_tables_and_truncates_none(record):
    tables = [row["name"] for row in await record.superuser.fetch(TABLES)]
    may = "select has_any_column_privilege($1, $2, 'insert, update'), has_table_privilege($1, $2, 'truncate')"
    for role, own in WRITERS.items():
        for table in tables:
            writes, truncates = await record.superuser.fetchrow(may, role, table)
            assert writes == (table.removeprefix("record.") in own), (role, table)
            assert not truncates


async def test_a_governor_that_freezes_in_the_middle_is_cut_off(record):
    assert await record.governor.fetchval("show transaction_timeout") == "5s"
