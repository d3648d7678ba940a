"""A change of a rule, its audit entry and its message are one."""

from datetime import timedelta

import msgspec
import pytest
from tests.contract.store.houses import HARBOUR, MALLEE, NOW, rule

from manta.domain.identity import VppId
from manta.store.audit import Audit, Deed
from manta.store.outbox import Outbox
from manta.store.rules import Conflict, Rules
from manta.wire.events import Changed

pytestmark = pytest.mark.engines


@pytest.fixture
def rules(record):
    return Rules(record.api)


async def relayed(record) -> list[Changed]:
    sent = []

    async def publish(subject, body):
        assert subject == "manta.changes"
        sent.append(msgspec.msgpack.decode(body, type=Changed))

    assert await Outbox(record.engine).relay(publish, NOW) == len(sent)
    return sent


async def test_a_rule_lives_and_every_change_is_told_and_audited(record, rules):
    created = await rules.create(HARBOUR, rule(), "ada", NOW)
    assert (created.rule, created.version, created.vpp_name) == (rule(), 1, "Harbour NSW1")
    dearer = rule(sell_above_per_mwh=450.55)
    changed = await rules.update(HARBOUR, dearer, 1, "bob", NOW)
    assert (changed.rule, changed.version, changed.changed_by) == (dearer, 2, "bob")
    assert list(await rules.list(HARBOUR)) == [changed]
    assert await rules.delete(HARBOUR, rule().id, "cy", NOW) == changed
    assert list(await rules.list(HARBOUR)) == []

    entries = await Audit(record.api).recent(HARBOUR, 10)
    assert [(e.no, e.deed.actor, e.deed.action) for e in entries] == [
        (3, "cy", "rule.deleted"),
        (2, "bob", "rule.changed"),
        (1, "ada", "rule.created"),
    ]
    assert entries[1].deed.detail["before"]["sell_above_per_mwh"] == 300.0
    assert await relayed(record) == [Changed(HARBOUR, "rules")] * 3
    assert await relayed(record) == []


async def test_a_change_to_a_version_that_has_gone_conflicts_and_leaves_no_trace(record, rules):
    await rules.create(HARBOUR, rule(), "ada", NOW)
    current = await rules.update(HARBOUR, rule(sell_above_per_mwh=400), 1, "bob", NOW)
    assert await rules.update(HARBOUR, rule(sell_above_per_mwh=500), 1, "cy", NOW) == Conflict(current)
    assert len(await Audit(record.api).recent(HARBOUR, 10)) == 2
    assert len(await relayed(record)) == 2


async def test_a_rule_of_another_tenant_is_not_there(record, rules):
    await rules.create(HARBOUR, rule(), "ada", NOW)
    assert await rules.update(MALLEE, rule(), 1, "eve", NOW) is None
    assert await rules.delete(MALLEE, rule().id, "eve", NOW) is None
    assert await rules.create(MALLEE, rule(2), "eve", NOW) is None
    assert await rules.create(HARBOUR, rule(2, vpp=VppId("nowhere")), "ada", NOW) is None
    assert len(await rules.list(HARBOUR)) == 1


async def test_a_message_whose_sending_fails_stays(record, rules):
    await rules.create(HARBOUR, rule(), "ada", NOW)

    async def broken(subject, body):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await Outbox(record.engine).relay(broken, NOW)
    assert len(await relayed(record)) == 1


async def test_two_relays_never_take_the_same_message(record, rules):
    await rules.create(HARBOUR, rule(), "ada", NOW)
    during = []

    async def publish(subject, body):
        during.append(await Outbox(record.engine).relay(publish, NOW))

    assert await Outbox(record.engine).relay(publish, NOW) == 1
    assert during == [0]


async def test_the_bell_rings_when_something_was_left_to_send(record, rules):
    async with Outbox(record.engine).bell() as rung:
        assert not rung.is_set()
        await rules.create(HARBOUR, rule(), "ada", NOW)
        await rung.wait()


async def test_the_audit_is_paged_and_each_tenant_has_its_own_chain(record):
    audit = Audit(record.api)
    for n in range(5):
        await audit.write(HARBOUR, Deed(NOW + timedelta(seconds=n), "ada", "signed in", "x", {"n": n}))
    assert await audit.write(MALLEE, Deed(NOW, "mo", "signed in", "x", {})) == 1

    assert [e.no for e in await audit.recent(HARBOUR, 2, before=4)] == [3, 2]
    assert (await audit.recent(HARBOUR, 1))[0].prev == (await audit.recent(HARBOUR, 1, before=5))[0].hash
    assert await audit.verify(HARBOUR) is None
    assert await audit.verify(MALLEE) is None
