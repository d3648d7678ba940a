"""The ledger: balanced, posted once, revised by reversal, exact to the micro-dollar."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest
from tests.contract.store.houses import EVENING, HARBOUR, MALLEE, NOW, price

from manta.domain.identity import SiteId
from manta.domain.market import Region
from manta.domain.time import DispatchInterval
from manta.store.decisions import Decisions
from manta.store.earnings import Earnings
from manta.store.ledger import Books

pytestmark = pytest.mark.engines

ONE, TWO = SiteId("h-1"), SiteId("h-2")
PRICE = Decimal("12500.00")
POST = "select ledger.post('harbour', 'energy', 'NSW1', $1, 1, $2, $3, $4, '{}', $1)"


@pytest.fixture
def books(record):
    return Books(record.settler, lambda: NOW)


async def post(books, *figures, interval=EVENING, price=PRICE, tenant=HARBOUR):
    sites, micro_aud, watt_hours = zip(*figures, strict=True)
    return await books.post(tenant, interval, Region.NSW, sites, micro_aud, watt_hours, price)


async def sums(record):
    async with record.superuser.acquire() as conn:
        return tuple(
            await conn.fetchrow("select sum(micro_aud), sum(watt_hours), count(*) from ledger.entry")
        )


async def test_a_posting_balances_against_the_market(record, books):
    await Decisions(record.engine).save_prices([price(12_500.0)])
    assert await post(books, (ONE, 8_333_333, 667), (TWO, -5, -1))

    async with record.superuser.acquire() as conn:
        lines = await conn.fetch("select account, micro_aud, watt_hours from ledger.entry order by line")
        body = await conn.fetchval("select body from ledger.txn")
    assert [tuple(line) for line in lines] == [
        ("home/h-1", 8_333_333, 667),
        ("home/h-2", -5, -1),
        ("market/NSW1", -8_333_328, -666),
    ]
    assert body == {"price_status": "firm", "price_changed_at": NOW.isoformat()}
    assert await books.verify(HARBOUR) is None


async def test_what_stands_already_is_not_posted_again(record, books):
    assert await post(books, (ONE, 5, 1), (TWO, 7, 2))
    assert await post(books, (ONE, 5, 1), (TWO, 7, 2)) is None
    assert await post(books, (TWO, 7, 2), (ONE, 5, 1)) is None
    assert await sums(record) == (0, 0, 3)


@pytest.mark.parametrize(
    ("figures", "at_price"),
    [
        ([(ONE, 6, 1)], PRICE),
        ([(ONE, 5, 2)], PRICE),
        ([(ONE, 5, 1), (TWO, 0, 0)], PRICE),
        ([(TWO, 5, 1)], PRICE),
        ([(ONE, 5, 1)], Decimal("12500.00001")),
    ],
)
async def test_other_figures_reverse_what_stood_and_follow_as_the_next_revision(
    record, books, figures, at_price
):
    first = await post(books, (ONE, 5, 1))
    second = await post(books, *figures, price=at_price)

    async with record.superuser.acquire() as conn:
        rows = await conn.fetch("select no, id, revision, reverses, key from ledger.txn order by no")
    assert [(r["no"], r["revision"], r["reverses"]) for r in rows] == [
        (1, 0, None),
        (2, 0, first),
        (3, 1, None),
    ]
    assert rows[2]["id"] == second
    assert rows[1]["key"] == "energy/NSW1/2026-01-15T08:05Z/0/reversed"
    assert (await sums(record))[:2] == (0, 0)
    read = await Earnings(record.api).of_fleet(HARBOUR, EVENING.start, EVENING.end)
    assert read.total_aud == Decimal(sum(f[1] for f in figures)).scaleb(-6)
    assert await books.verify(HARBOUR) is None


async def test_figures_may_come_back_to_what_they_were(books):
    for micro_aud in (5, 6, 5, 5):
        await post(books, (ONE, micro_aud, 1))
    assert await books.verify(HARBOUR) is None


async def post_by_hand(record, accounts, micro_aud, watt_hours) -> None:
    async with record.settler.acquire() as conn, conn.transaction():
        await conn.execute("select set_config('manta.tenant', 'harbour', true)")
        await conn.execute(POST, NOW, accounts, micro_aud, watt_hours)


async def test_an_unbalanced_posting_is_refused(record):
    accounts = ["home/h-1", "market/NSW1"]
    with pytest.raises(asyncpg.CheckViolationError, match="unbalanced"):
        await post_by_hand(record, accounts, [1, -2], [0, 0])
    with pytest.raises(asyncpg.CheckViolationError, match="unbalanced"):
        await post_by_hand(record, accounts, [0, 0], [1, -2])
    assert (await sums(record))[2] == 0


@pytest.mark.parametrize(
    ("accounts", "micro_aud"),
    [
        (["home/h-1", "home/h-1"], [1, -1]),
        (["home/h-1", "market/NSW1"], [1]),
        (["home/h-1", "nowhere"], [1, -1]),
        (["home/h-1"], [0]),
    ],
)
async def test_a_malformed_posting_is_refused(record, accounts, micro_aud):
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await post_by_hand(record, accounts, micro_aud, [0] * len(accounts))


async def test_nobody_gets_around_the_balance_by_inserting_lines(record, books):
    """Also with every right: lines alone, a half more, a balanced pair later, a txn without any."""
    txn = await post(books, (ONE, 5, 1))
    line = "insert into ledger.entry values ($1, $2, 'harbour', $3, $4, 0)"
    pair = (
        "insert into ledger.entry values "
        "($1, 8, 'harbour', 'home/a', 4, 0), ($1, 9, 'harbour', 'home/b', -4, 0)"
    )
    empty = (
        "insert into ledger.txn select gen_random_uuid(), tenant_id, 9, 'x', kind, region, interval_end, 5, "
        "null, 1, 2, body, posted_at, prev, hash from ledger.txn"
    )
    async with record.superuser.acquire() as conn:
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(line, txn, 9, "home/h-2", 4)
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(pair, txn)
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(line, "00000000-0000-0000-0000-000000000000", 1, "home/h-2", 0)
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(empty)


async def test_a_posting_needs_homes_and_as_many_figures(books):
    with pytest.raises(ValueError, match="to post"):
        await books.post(HARBOUR, EVENING, Region.NSW, [], [], [], PRICE)
    with pytest.raises(ValueError, match="to post"):
        await books.post(HARBOUR, EVENING, Region.NSW, [ONE], [1, 2], [1], PRICE)


async def test_many_settlers_at_once_post_one_fact(record, books):
    posted = await asyncio.gather(*(post(books, (ONE, 5, 1)) for _ in range(8)))
    assert sum(txn is not None for txn in posted) == 1
    assert await sums(record) == (0, 0, 2)


async def test_tenants_have_chains_of_their_own(books):
    await post(books, (ONE, 5, 1))
    await post(books, (SiteId("m-1"), 5, 1), tenant=MALLEE)
    assert await books.verify(HARBOUR) is None
    assert await books.verify(MALLEE) is None


async def test_money_is_exact_beyond_what_a_float_holds(record, books):
    """2^53 + 1 micro-dollars, and a sum of many odd ones."""
    odd = 9_007_199_254_740_993
    await post(books, (ONE, odd, 1), (TWO, odd, 1))
    read = await Earnings(record.api).of_fleet(HARBOUR, EVENING.start, EVENING.end)
    assert read.total_aud == Decimal("18014398509.481986")
    assert (read.max_aud, read.mean_aud) == (Decimal("9007199254.740993"), Decimal("9007199254.740993"))
    revenue = await Earnings(record.api).by_region(HARBOUR, EVENING.start, EVENING.end)
    assert dict(revenue) == {Region.NSW: Decimal("18014398509.481986")}


async def test_earnings_are_of_the_intervals_that_lie_whole_in_the_time(record, books):
    later = DispatchInterval(EVENING.end + timedelta(minutes=5))
    await post(books, (ONE, 8_000_000, 667), (TWO, 1_000_000, 100))
    await post(books, (ONE, 2_000_000, 333), interval=later, price=Decimal("60.5"))
    await post(books, (ONE, 3_000_000, 333), interval=later, price=Decimal("61.5"))
    earnings = Earnings(record.api)

    read = await earnings.of_fleet(HARBOUR, EVENING.start, later.end)
    assert (read.homes, read.settled_intervals, read.energy_kwh) == (2, 2, 1.1)
    assert (read.total_aud, read.min_aud, read.max_aud) == (Decimal(12), Decimal(1), Decimal(11))
    assert [(h.site, h.name, h.amount_aud) for h in read.top] == [("h-1", "H-1", 11), ("h-2", "H-2", 1)]
    assert sum(b.homes for b in read.histogram) == 2
    assert (await earnings.of_fleet(HARBOUR, EVENING.end, later.end)).settled_intervals == 1
    assert (
        await earnings.of_fleet(HARBOUR, EVENING.start, later.end - timedelta(seconds=1))
    ).settled_intervals == 1
    nothing = await earnings.of_fleet(HARBOUR, EVENING.start, later.end, Region.VIC)
    assert (nothing.homes, nothing.total_aud, nothing.mean_aud, nothing.histogram) == (0, 0, None, [])

    entries = await earnings.of_site(HARBOUR, ONE, EVENING.start, later.end)
    assert [(e.entry.interval, e.entry.amount_aud, e.entry.revision, e.price_per_mwh) for e in entries] == [
        (EVENING, Decimal(8), 0, Decimal(12500)),
        (later, Decimal(3), 1, Decimal("61.5")),
    ]
    assert await earnings.of_site(MALLEE, ONE, EVENING.start, later.end) is None
    assert dict(await earnings.by_region(HARBOUR, EVENING.start, later.end)) == {Region.NSW: Decimal(12)}
