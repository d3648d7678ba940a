"""Secrets that we hand out: random, shown once, kept only as a hash."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode

TOKEN_PREFIX = "mvp_"  # noqa: S105 - what a token begins with, so that scanners know one
LONGEST = 128


def new_session() -> str:
    """Return a new session secret of 256 bits."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """Return a new API token of 256 bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> bytes:
    """Return what the record keeps of a secret; it has 256 random bits, so one SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


def csrf_of(session: str) -> str:
    """Return the token that a page must send with each change; it follows from the session."""
    return urlsafe_b64encode(hmac.digest(session.encode(), b"manta csrf v1", "sha256")).decode().rstrip("=")


def is_csrf_of(offered: str, session: str) -> bool:
    """Tell whether a token belongs to a session, in constant time."""
    return hmac.compare_digest(offered.encode(), csrf_of(session).encode())
