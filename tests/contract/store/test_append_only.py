"""What was written once stays, and whoever changes it behind the triggers is found out."""

import asyncpg
import pytest
from tests.contract.store.houses import EVENING, HARBOUR, MALLEE, NOW
from tests.contract.store.test_tenancy import furnish

from manta.domain.identity import SiteId
from manta.domain.market import Region
from manta.store.audit import Audit, Deed
from manta.store.ledger import Books

pytestmark = pytest.mark.engines

KEPT = (
    "record.price_revision",
    "record.intent_batch",
    "record.lease_batch",
    "record.ack",
    "record.dispatch",
    "record.dispatch_outcome",
    "record.audit",
    "ledger.txn",
    "ledger.entry",
)
ANOTHER = {
    "bigint": "{0} + 100",
    "integer": "{0} + 100",
    "numeric": "{0} + 0.00001",
    "timestamp with time zone": "{0} + interval '1 microsecond'",
    "jsonb": "{0} || '{{\"x\": 1}}'",
    "bytea": "set_byte({0}, length({0}) - 1, get_byte({0}, length({0}) - 1) # 1)",
    "text": "{0} || 'x'",
}
OTHERWISE = {
    "tenant_id": "'nobody'",
    "region": "case region when 'VIC1' then 'NSW1' else 'VIC1' end",
    "id": "gen_random_uuid()",
    "txn": "gen_random_uuid()",
    "reverses": "gen_random_uuid()",
}
COLUMNS = """
select column_name, data_type from information_schema.columns
where table_schema = $1 and table_name = $2 order by ordinal_position
"""


async def test_nobody_changes_or_removes_a_row(record):
    await furnish(record)
    for table in KEPT:
        name = await a_column(record, table)
        for verb in (
            f"update {table} set {name} = {name}",
            f"delete from {table}",
            f"truncate {table} cascade",
        ):
            for pool in (record.owner, record.superuser):
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                    await pool.execute(verb)


async def a_column(record, table) -> str:
    name: str = await record.superuser.fetchval(COLUMNS + "desc limit 1", *table.split("."))
    return name


async def keep_books(record) -> None:
    """Two intervals' worth of ledger, one revised, and as many deeds."""
    books, audit = Books(record.settler, lambda: NOW), Audit(record.api)
    for micro_aud in (5, 6):
        await books.post(
            HARBOUR, EVENING, Region.NSW, [SiteId("h-1"), SiteId("h-2")], [micro_aud, 0], [1, 2], price=5
        )
        await audit.write(HARBOUR, Deed(NOW, "ada", "rule.changed", "x", {"per_mwh": micro_aud}))
    await books.post(HARBOUR, EVENING, Region.VIC, [SiteId("h-1")], [7], [1], price=5)
    await audit.write(HARBOUR, Deed(NOW, "bob", "rule.deleted", "x", {}))
    await books.post(MALLEE, EVENING, Region.VIC, [SiteId("m-1")], [7], [1], price=5)
    await audit.write(MALLEE, Deed(NOW, "mo", "rule.deleted", "x", {}))


async def broken_by(conn, change: str, verify: str) -> int | None:
    """Make a change as someone who can silence every trigger; return what verification says, and undo it."""
    transaction = conn.transaction()
    await transaction.start()
    await conn.execute("set local session_replication_role = replica")
    changed = await conn.execute(change)
    broken: int | None = await conn.fetchval(f"select {verify}('harbour')")
    await transaction.rollback()
    assert not changed.endswith(" 0"), f"changed nothing: {change}"
    return broken


@pytest.mark.parametrize(
    ("table", "verify"),
    [
        ("ledger.txn", "ledger.verify"),
        ("ledger.entry", "ledger.verify"),
        ("ledger.chain_head", "ledger.verify"),
        ("record.audit", "record.audit_verify"),
        ("record.audit_head", "record.audit_verify"),
    ],
)
async def test_a_change_to_any_column_of_any_row_is_found(record, table, verify):
    await keep_books(record)
    found = tried = 0
    async with record.superuser.acquire() as conn:
        rows = [
            row["ctid"]
            for row in await conn.fetch(f"select ctid::text from {table} where tenant_id = 'harbour'")
        ]
        for column in await conn.fetch(COLUMNS, *table.split(".")):
            name, kind = column["column_name"], column["data_type"]
            value = OTHERWISE.get(name) or ANOTHER[kind].format(name)
            for ctid in rows:
                change = f"update {table} set {name} = {value} where ctid = '{ctid}'"
                tried += 1
                found += await broken_by(conn, change, verify) is not None
        assert await conn.fetchval(f"select {verify}('harbour')") is None
    print(f"\n{table}: {found} of {tried} changes found")
    assert found == tried


async def test_a_bit_of_a_hash_is_found_at_its_place(record):
    await keep_books(record)
    async with record.superuser.acquire() as conn:
        for bit in range(0, 256, 5):
            flipped = f"set_bit(hash, {bit}, 1 - get_bit(hash, {bit}))"
            for table, verify in (("ledger.txn", "ledger.verify"), ("record.audit", "record.audit_verify")):
                change = f"update {table} set hash = {flipped} where tenant_id = 'harbour' and no = 2"
                assert await broken_by(conn, change, verify) == 2


SECOND = "(select id from ledger.txn where tenant_id = 'harbour' and no = 2)"
TURNED = (
    f"delete from ledger.entry where txn = {SECOND}",
    f"delete from ledger.entry where txn = {SECOND} and micro_aud = 0",
    "delete from ledger.txn where tenant_id = 'harbour' and no = 2",
    "delete from ledger.txn where tenant_id = 'harbour' and no = 4",
    "delete from ledger.txn where tenant_id = 'harbour'",
    "delete from ledger.chain_head where tenant_id = 'harbour'",
    "insert into ledger.entry select id, 9, tenant_id, 'home/eve', 0, 0 from ledger.txn where no = 1",
    "update ledger.entry set micro_aud = -micro_aud, watt_hours = -watt_hours",
    "update ledger.entry set line = line + 10",
)
FORGOTTEN = ("delete from record.audit where no = 1", "delete from record.audit where no = 3")


async def test_a_line_txn_or_deed_removed_added_or_turned_is_found(record):
    await keep_books(record)
    async with record.superuser.acquire() as conn:
        for change in TURNED:
            assert await broken_by(conn, change, "ledger.verify") is not None, change
        for change in FORGOTTEN:
            assert await broken_by(conn, change, "record.audit_verify") is not None, change


async def test_an_untouched_chain_is_whole_to_those_who_keep_it(record):
    await keep_books(record)
    assert await Books(record.settler, lambda: NOW).verify(HARBOUR) is None
    assert await Books(record.api, lambda: NOW).verify(MALLEE) is None
    assert await Audit(record.api).verify(HARBOUR) is None
