"""Passwords: argon2id, checked off the event loop and just as slowly for people whom we do not know."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2
"""Each check takes 46 MiB and a core for about 50 ms."""


class Passwords:
    """Hashes passwords and checks them."""

    def __init__(self) -> None:
        # OWASP's first choice for argon2id (Password Storage Cheat Sheet, 2025).
        self._hasher = PasswordHasher(time_cost=1, memory_cost=46 * 1024, parallelism=1)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))
        self._turns = asyncio.Semaphore(AT_ONCE)

    def hash(self, password: str) -> str:
        """Return what the record keeps of a password."""
        return self._hasher.hash(password)

    async def fits(self, password: str, hashed: str | None) -> bool:
        """Tell whether a password is right; None stands for an unknown person and takes as long."""
        async with self._turns:
            right = await asyncio.to_thread(self._verify, hashed or self._nobody, password)
        return right and hashed is not None

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False
