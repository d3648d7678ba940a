"""The governor's signature over a whole lease batch: Ed25519, which anybody can check."""

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from manta.domain.time import epoch_ms
from manta.wire.batches import LeaseBatch
from manta.wire.columns import pack
from manta.wire.seal import digest

PURPOSE = "manta lease batch v1"


class BatchSigner:
    """Signs lease batches with a 32-byte seed."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> bytes:
        """Return what others check signatures with, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, batch: LeaseBatch) -> bytes:
        """Return the signature over everything in a batch but the signature."""
        return self._key.sign(canonical(batch))


def verify_batch(public_key: bytes, batch: LeaseBatch) -> bool:
    """Tell whether a batch is exactly what the holder of the key signed."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(batch.signature, canonical(batch))
    except InvalidSignature:
        return False
    return True


def canonical(batch: LeaseBatch) -> bytes:
    """Spell a batch in the one way that is signed: a MessagePack array of fixed order, bodies as digests."""
    return msgspec.msgpack.encode(
        (
            PURPOSE,
            batch.id.bytes,
            batch.intents.bytes,
            batch.tenant,
            batch.vpp,
            str(batch.region),
            epoch_ms(batch.interval.end),
            batch.epoch,
            batch.sequence,
            batch.trace,
            epoch_ms(batch.expires_at),
            epoch_ms(batch.created_at),
            digest(pack(batch.rows)),
            digest(pack(batch.refusals)),
        )
    )
