"""The ledger against a model of it: whatever is posted in whatever order, it says what was last said."""

from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.contract.store.houses import EVENING, NOW

from manta.domain.identity import SiteId, TenantId
from manta.domain.market import Region
from manta.domain.time import FIVE_MINUTES, DispatchInterval
from manta.store.earnings import Earnings
from manta.store.ledger import Books

pytestmark = pytest.mark.engines

HOMES = tuple(SiteId(f"home-{n}") for n in range(4))
INTERVALS = tuple(DispatchInterval(EVENING.end + n * FIVE_MINUTES) for n in range(3))
FIGURE = st.tuples(st.integers(-(2**60), 2**60), st.integers(-(2**40), 2**40))
POSTING = st.dictionaries(st.sampled_from(HOMES), FIGURE, min_size=1)
PRICE = st.integers(-100_000_000, 2_030_000_000).map(lambda n: Decimal(n).scaleb(-5))
FACT = st.tuples(st.sampled_from([Region.NSW, Region.VIC]), st.sampled_from(INTERVALS))
TENANT_NO = count(100)


def machine(room, record):
    class Ledger(RuleBasedStateMachine):
        @initialize()
        def a_tenant_begins(self):
            no = next(TENANT_NO)
            self.tenant = TenantId(f"tenant-{no}")
            self.stands = {}
            self.revisions = {}
            room.run(
                record.superuser.execute("insert into record.tenant values ($1, $2, '', 0)", self.tenant, no)
            )
            self.books = Books(record.settler, lambda: NOW)

        def post(self, fact, posting, price):
            region, interval = fact
            figures = zip(*posting.values(), strict=True)
            return room.run(self.books.post(self.tenant, interval, region, list(posting), *figures, price))

        @rule(fact=FACT, posting=POSTING, price=PRICE)
        def settle(self, fact, posting, price):
            txn = self.post(fact, posting, price)
            assert (txn is None) == (self.stands.get(fact) == (posting, price))
            if txn is not None:
                self.stands[fact] = (posting, price)
                self.revisions[fact] = self.revisions.get(fact, -1) + 1

        @precondition(lambda self: self.stands)
        @rule(data=st.data())
        def replay(self, data):
            fact = data.draw(st.sampled_from(sorted(self.stands, key=str)))
            posting, price = self.stands[fact]
            assert self.post(fact, dict(reversed(posting.items())), price) is None

        @invariant()
        def both_columns_sum_to_zero(self):
            row = room.run(
                record.superuser.fetchrow(
                    "select coalesce(sum(micro_aud), 0) as money, coalesce(sum(watt_hours), 0) as energy, "
                    "count(distinct txn) as txns from ledger.entry where tenant_id = $1",
                    self.tenant,
                )
            )
            txns = sum(1 + 2 * revision for revision in self.revisions.values())
            assert tuple(row) == (0, 0, txns)

        @invariant()
        def each_home_has_what_was_last_said(self):
            read = room.run(Earnings(record.api).of_fleet(self.tenant, INTERVALS[0].start, INTERVALS[-1].end))
            money = sum(figure[0] for posting, _ in self.stands.values() for figure in posting.values())
            assert read.total_aud == Decimal(money).scaleb(-6)

        def teardown(self):
            assert room.run(self.books.verify(self.tenant)) is None

    return Ledger


def test_the_ledger_says_what_was_last_said(engine_room, lasting_record):
    run_state_machine_as_test(
        machine(engine_room, lasting_record),
        settings=settings(
            max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
