"""A dispatch is read back with its reason, its outcome, its refusals and its pace."""

from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from tests.contract.store.houses import HARBOUR, MALLEE, NOW, dispatch, intents, leases, price

from manta.domain.lease import DispatchOutcome
from manta.domain.market import Region
from manta.store.acks import Acks
from manta.store.decisions import Decisions
from manta.store.leases import Leases
from manta.wire.columns import ACK

pytestmark = pytest.mark.engines

OUTCOME = DispatchOutcome(UUID(int=1), 1, 1, 1, 0, 0, NOW + timedelta(seconds=20))


def acks(batch, *answers: tuple[int, int, int]) -> np.ndarray:
    """Answers (device, outcome, milliseconds after NOW) to a batch."""
    at_ms = int(NOW.timestamp() * 1_000)
    return np.array([(batch.bytes, device, outcome, at_ms + ms) for device, outcome, ms in answers], ACK)


async def lease(record, no: int = 1):
    await Decisions(record.engine).save_intents(intents(no))
    governor = Leases(record.governor)
    epoch = await governor.take(Region.NSW, "a", timedelta(minutes=1))
    return await governor.write(leases(intents(no), epoch, sequence=no))


async def test_dispatches_are_listed_newest_first_with_their_outcome(record):
    engine = Decisions(record.engine)
    for no in (1, 2):
        await engine.save_dispatch(dispatch(no))
        await engine.save_dispatch(dispatch(no))
    await engine.save_dispatch(dispatch(3, MALLEE))
    await engine.save_outcome(HARBOUR, OUTCOME)
    await engine.save_outcome(HARBOUR, OUTCOME)

    second, first = await Decisions(record.api).recent(HARBOUR, None, 10)

    assert (second.dispatch, second.outcome) == (dispatch(2), None)
    assert (first.dispatch, first.outcome, first.vpp_name) == (dispatch(1), OUTCOME, "Harbour NSW1")
    assert await Decisions(record.api).recent(HARBOUR, Region.VIC, 10) == []
    assert len(await Decisions(record.api).recent(HARBOUR, Region.NSW, 1)) == 1


async def test_a_dispatch_is_shown_whole(record):
    batch = await lease(record)
    engine = Decisions(record.engine)
    await engine.save_prices([price(12_500.0)])
    await engine.save_dispatch(dispatch(1, intents=batch.intents))
    await Acks(record.gateway).save_acks(acks(batch.id, (0, 0, 150), (1, 1, 900)))

    detail = await Decisions(record.api).detail(HARBOUR, UUID(int=1))

    assert detail.refusals == {3: 1}
    assert (detail.steps.price_heard_at, detail.steps.intents_at, detail.steps.leases_at) == (NOW, NOW, NOW)
    assert detail.steps.first_ack_at == NOW + timedelta(milliseconds=150)
    assert detail.steps.last_ack_at == NOW + timedelta(milliseconds=900)
    assert await Decisions(record.api).detail(MALLEE, UUID(int=1)) is None


async def test_a_dispatch_without_intents_has_no_steps_after_it(record):
    await Decisions(record.engine).save_dispatch(dispatch(1))
    detail = await Decisions(record.api).detail(HARBOUR, UUID(int=1))
    assert (dict(detail.refusals), detail.steps.leases_at, detail.steps.first_ack_at) == ({}, None, None)


async def test_an_answer_is_kept_once_and_one_to_no_batch_of_ours_not_at_all(record):
    batch = await lease(record)
    gateway = Acks(record.gateway)
    await gateway.save_acks(acks(batch.id, (0, 0, 150), (0, 1, 200)))
    await gateway.save_acks(acks(batch.id, (0, 1, 300), (1, 1, 300)))
    await gateway.save_acks(acks(UUID(int=77), (0, 0, 1)))
    await gateway.save_acks(acks(batch.id, (4, 0, 1), (6, 0, 1))[1:])  # a device of the other tenant
    await gateway.save_acks(np.array([], ACK))

    async with record.superuser.acquire() as conn:
        rows = await conn.fetch("select device_no, outcome, tenant_id from record.ack order by device_no")
    assert [tuple(row) for row in rows] == [(0, 0, "harbour"), (1, 1, "harbour")]


async def test_a_batch_whose_id_ends_in_zeros_is_answered_too(record):
    batch = await lease(record)
    assert batch.id.bytes.endswith(b"\0")
    await Acks(record.gateway).save_acks(acks(batch.id, (0, 0, 150)))
    async with record.superuser.acquire() as conn:
        assert await conn.fetchval("select batch from record.ack") == batch.id
