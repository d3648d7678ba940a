"""Seals: how a device knows that a lease comes from the governor and is meant for it."""

import hashlib
import hmac

_PURPOSE = b"manta lease seal v1\0"


def device_key(master: bytes, device: str) -> bytes:
    """Derive the sealing key of one device from the governor's master key (HKDF-Expand, one block).

    A device holds only its own, so a stolen device can forge nothing for another.
    Source: RFC 5869 §2.3.
    """
    if len(master) < 32:
        raise ValueError("the master key has at least 32 bytes")
    return hmac.digest(master, _PURPOSE + device.encode() + b"\x01", "sha256")


def seal(key: bytes, lease: bytes) -> bytes:
    """Return the seal of an encoded lease, 32 bytes."""
    return hmac.digest(key, lease, "sha256")


def is_sealed(key: bytes, lease: bytes, seal_: bytes) -> bool:
    """Tell whether a seal fits, in constant time."""
    return hmac.compare_digest(hmac.digest(key, lease, "sha256"), seal_)


def digest(body: bytes) -> bytes:
    """Return the SHA-256 of a packed batch, as the record keeps it."""
    return hashlib.sha256(body).digest()
