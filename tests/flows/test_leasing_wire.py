"""From a governed batch to the bytes that a device trusts."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import msgspec
import numpy as np
import pytest
from tests.unit.governor.towns import tables
from tests.worlds import EVENING, virtual

from manta.bus.leases import LeaseSender
from manta.bus.signing import BatchSigner, verify_batch
from manta.domain.market import Region
from manta.domain.time import DispatchInterval, epoch_ms
from manta.wire.batches import LeaseBatch
from manta.wire.columns import LEASE, REFUSAL
from manta.wire.device import Lease, SealedLease
from manta.wire.events import SealedLeases
from manta.wire.seal import device_key, is_sealed

MASTER = bytes(range(32))
SIGNER = BatchSigner(bytes(range(32, 64)))


class Wire:
    """Keeps what was published."""

    def __init__(self):
        self.messages = []

    async def publish(self, subject, body):
        assert subject == "manta.leases"
        self.messages.append(msgspec.msgpack.decode(body, type=SealedLeases))


def batch_of(homes, power_kw=5.0):
    rows = np.zeros(homes, LEASE)
    rows["device_no"], rows["power_kw"], rows["export_limit_kw"] = np.arange(homes) * 4, power_kw, 10.0
    rows["until_ms"], rows["ramp_kw_per_min"] = epoch_ms(EVENING) + 300_000, 2.0
    unsigned = LeaseBatch(
        id=UUID(int=1),
        intents=UUID(int=2),
        tenant="harbour",
        vpp="nsw",
        region=Region.NSW,
        interval=DispatchInterval.containing(EVENING),
        epoch=3,
        sequence=4,
        trace="t",
        expires_at=EVENING + timedelta(minutes=5),
        created_at=EVENING,
        rows=rows,
        refusals=np.zeros(1, REFUSAL),
        signature=b"",
    )
    return replace(unsigned, signature=SIGNER.sign(unsigned))


async def sent(batch, homes):
    wire = Wire()
    sender = LeaseSender(wire, MASTER)
    sender.enrol(*tables(homes))
    await sender.send(batch)
    return wire.messages


@virtual
async def test_each_device_gets_a_lease_that_only_its_own_key_opens():
    (message,) = await sent(batch_of(3, [5.0, -5.0, np.nan]), 3)
    assert (message.batch, message.until_ms) == (str(UUID(int=1)), epoch_ms(EVENING) + 300_000)
    for (site, body), power_kw in zip(message.leases, [5.0, -5.0, None], strict=True):
        sealed = msgspec.msgpack.decode(body, type=SealedLease)
        lease = msgspec.msgpack.decode(sealed.lease, type=Lease)
        assert lease.device == f"{site}-battery0"
        assert (lease.lease, lease.epoch, lease.sequence) == (str(UUID(int=1)), 3, 4)
        assert (lease.power_kw, lease.export_limit_kw, lease.trace) == (power_kw, 10.0, "t")
        assert is_sealed(device_key(MASTER, lease.device), sealed.lease, sealed.seal)
        assert not is_sealed(device_key(MASTER, "h-9-battery0"), sealed.lease, sealed.seal)


@virtual
async def test_no_message_carries_more_than_a_thousand_leases():
    messages = await sent(batch_of(2_300), 2_300)
    assert [len(m.leases) for m in messages] == [1_000, 1_000, 300]


@virtual
async def test_a_device_that_is_not_enrolled_is_left_out():
    (message,) = await sent(batch_of(3), 2)
    assert [site for site, _ in message.leases] == ["h-0", "h-1"]


def test_a_signature_covers_everything_in_the_batch():
    batch = batch_of(2)
    assert verify_batch(SIGNER.public_key, batch)
    other_rows, other_refusals = batch.rows.copy(), batch.refusals.copy()
    other_rows["power_kw"][1] += 1e-9
    other_refusals["guard"] = 7
    changes = {
        "id": UUID(int=3), "intents": UUID(int=3), "tenant": "rival", "vpp": "sa", "region": Region.SA,
        "interval": DispatchInterval(batch.interval.end + timedelta(minutes=5)), "epoch": 4, "sequence": 5,
        "trace": "u", "expires_at": EVENING, "created_at": EVENING + timedelta(seconds=1),
        "rows": other_rows, "refusals": other_refusals,
    }  # fmt: skip
    for name, value in changes.items():
        assert not verify_batch(SIGNER.public_key, replace(batch, **{name: value})), name
    assert {*changes, "signature"} == set(LeaseBatch.__slots__)


def test_another_key_signs_nothing_of_ours():
    assert not verify_batch(BatchSigner(bytes(32)).public_key, batch_of(1))
    with pytest.raises(ValueError, match="32"):
        BatchSigner(b"short")
