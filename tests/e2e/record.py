"""What a test asks the record, and what the homes themselves remember, to compare the two."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.house import House

from manta.roles.fleet_simulator import MEMORY_FILE
from manta.simulators.fleet import FLEET_FILE, FleetFile
from manta.simulators.state import Memory, State
from manta.wire.columns import LEASE, unpack

KEPT: Mapping[str, str] = {
    "prices": "select md5((region, interval_end)::text) from record.price",
    "price revisions": "select md5(t::text) from record.price_revision t",
    "intents": "select md5(t::text) from record.intent_batch t",
    "leases": "select md5(t::text) from record.lease_batch t",
    "acks": "select md5(t::text) from record.ack t",
    "dispatches": "select md5(t::text) from record.dispatch t",
    "outcomes": "select md5(t::text) from record.dispatch_outcome t",
    "txns": "select md5(t::text) from ledger.txn t",
    "entries": "select md5(t::text) from ledger.entry t",
    "audit": "select md5(t::text) from record.audit t",
}
"""What is never to be lost. A row that is written once is known by all that it says, a price by its name."""

BROKEN: Mapping[str, str] = {
    "txn that does not sum to zero": """
        select t.key from ledger.txn t left join ledger.entry e on e.txn = t.id group by t.id, t.key, t.lines
        having (sum(e.micro_aud), sum(e.watt_hours), count(*)) is distinct from (0, 0, t.lines)""",
    "ledger that does not sum to zero": """
        select sum(micro_aud) from ledger.entry having sum(micro_aud) <> 0 or sum(watt_hours) <> 0""",
    "broken ledger chain": "select v from record.tenant t, ledger.verify(t.id) v where v is not null",
    "broken audit chain": "select v from record.tenant t, record.audit_verify(t.id) v where v is not null",
    "interval posted twice without a reversal": """
        select t.region, t.interval_end from ledger.txn t left join ledger.txn r on r.reverses = t.id
        where t.reverses is null and r.id is null
        group by t.tenant_id, t.kind, t.region, t.interval_end having count(*) > 1""",
    "reversal that is not the opposite of its txn": """
        select r.key from ledger.txn r join ledger.entry e on e.txn in (r.id, r.reverses)
        where r.reverses is not null group by r.id, r.key, e.account
        having sum(e.micro_aud) <> 0 or sum(e.watt_hours) <> 0""",
    "epoch and sequence given twice": """
        select region, epoch, sequence from record.lease_batch group by 1, 2, 3 having count(*) > 1""",
    "leases without intents": """
        select l.id from record.lease_batch l left join record.intent_batch i on i.id = l.intent_batch
        where i.id is null or l.created_at < i.created_at""",
    "ack without a lease": """
        select a.batch from record.ack a left join record.lease_batch l on l.id = a.batch
        where l.id is null""",
    "epoch that went back": """
        select region from (
            select region, epoch, lag(epoch) over (partition by region order by created_at) as before
            from record.lease_batch
        ) l where epoch < before""",
    "interval settled in some regions only": """
        select ended, region from unnest(array['NSW1', 'QLD1', 'SA1', 'VIC1']) as region,
            (select min(interval_end) as first, max(interval_end) as last from ledger.txn) p,
            generate_series(p.first, p.last, interval '5 minutes') as ended
        where not exists (
            select from ledger.txn t where t.interval_end = ended and t.region = region.region
        )""",
    "interval without a price": """
        select ended, region from unnest(array['NSW1', 'QLD1', 'SA1', 'TAS1', 'VIC1']) as region,
            (select min(interval_end) as first, max(interval_end) as last from record.price) p,
            generate_series(p.first, p.last - interval '5 minutes', interval '5 minutes') as ended
        where not exists (
            select from record.price k where k.interval_end = ended and k.region = region.region
        )""",
}
"""What must not be: each question finds nothing in a sound record."""


@dataclass(frozen=True, slots=True)
class LeaseCount:
    """Of one home: leases written for its battery, answered by it, and taken up by its own count."""

    written: int
    accepted: int
    refused: int
    applied: int

    @property
    def is_exact(self) -> bool:
        """Tell whether every lease was answered, so that the count can be told to the last one."""
        return self.written == self.accepted + self.refused

    @property
    def wrong(self) -> str:
        """Say what is wrong; empty if nothing is."""
        if self.applied > self.written - self.refused:
            return "more leases taken up than there are: one was applied twice"
        if self.applied < self.accepted:
            return "fewer leases taken up than were accepted: one was forgotten"
        return ""


def kept_by(house: House) -> dict[str, set[str]]:
    """Return what the record has now, in one snapshot."""
    return {
        name: {row[0] for row in rows} for name, rows in zip(KEPT, house.read(*KEPT.values()), strict=True)
    }


def broken_in(house: House) -> dict[str, list[tuple[object, ...]]]:
    """Return what is wrong with the record, by its name."""
    found = zip(BROKEN, house.read(*BROKEN.values()), strict=True)
    return {name: rows[:5] for name, rows in found if rows}


def lease_counts(house: House) -> list[LeaseCount]:
    """Count the leases of every home: acceptances before its own count is read, the leases after it."""
    answers = "select device_no, outcome, count(*) from record.ack group by 1, 2"
    ((*before,),) = house.read(answers)
    applied = applied_by_homes(house.data)
    after, bodies, devices = house.read(
        answers,
        "select body from record.lease_batch",
        "select no, id from record.device where kind = 'battery'",
    )
    written = Counter(no for (body,) in bodies for no in unpack(LEASE, body)["device_no"].tolist())
    accepted = {no: count for no, outcome, count in before if outcome == 0}
    refused = {no: count for no, outcome, count in after if outcome == 1}
    return [
        LeaseCount(written[no], accepted.get(no, 0), refused.get(no, 0), applied[battery])
        for no, battery in devices
    ]


def applied_by_homes(data: Path) -> dict[str, int]:
    """Return how many leases each battery has taken up in all its life, from the homes' own memory."""
    file = FleetFile.read(data / FLEET_FILE)
    kept = Memory(data / MEMORY_FILE, [home.site for home in file.homes]).recall()
    assert kept is not None, "the homes remember nothing"
    applied = State(kept[0]).leases_applied.tolist()
    return {home.battery: int(count) for home, count in zip(file.homes, applied, strict=True)}
