"""Secrets made at first start, each in a private file, and given only to the role that needs them."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from manta.supervisor.accounts import private_directory, private_file
from manta.supervisor.credentials import seed_from
from manta.supervisor.nats import BusKeys

DATABASE_ROLES = ("owner", "api", "engine", "governor", "gateway", "settler")
KEY_BYTES = 32
UNMISTAKABLE = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that nobody confuses when typing them from a screen."""


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What this house keeps to itself."""

    postgres: str
    """The superuser's password; migrations and roles are made with it, nothing runs with it."""
    database: Mapping[str, str]
    """Password by database role: owner, api, engine, governor, gateway, settler."""
    historian: str
    admin: str
    """The first user's password, to be typed by a person."""
    bus: BusKeys
    governor_key: Path
    """The governor's alone: 32 bytes of lease master key, then 32 bytes of Ed25519 seed."""
    lease_master: Path
    """The first half of it, for what gives devices their keys: provisioning, and the simulated fleet."""
    site_key: Path
    """What makes sites on the bus (credentials.SiteKey)."""


@dataclass(frozen=True, slots=True, repr=False)
class GovernorKey:
    """The two halves of the governor's key."""

    lease_master: bytes
    signing_seed: bytes


def ensure(home: Path) -> Secrets:
    """Return this house's secrets, making those that are missing."""
    private_directory(home, None)
    bus = BusKeys(
        operator=_text(home / "bus-operator.seed", lambda: _seed("operator")),
        account=_text(home / "bus-account.seed", lambda: _seed("account")),
        sites=_text(home / "bus-sites.seed", lambda: _seed("account")),
    )
    governor_key = home / "governor.key"
    master = _bytes(governor_key, lambda: secrets.token_bytes(2 * KEY_BYTES))[:KEY_BYTES]
    return Secrets(
        postgres=_text(home / "postgres.password", secrets.token_urlsafe),
        database={
            role: _text(home / f"database-{role}.password", secrets.token_urlsafe) for role in DATABASE_ROLES
        },
        historian=_text(home / "historian.password", secrets.token_urlsafe),
        admin=_text(home / "admin.password", _typable),
        bus=bus,
        governor_key=governor_key,
        lease_master=private_file(home / "lease-master.key", master),
        site_key=private_file(home / "sites.key", bus.site_key.text().encode()),
    )


def read_governor_key(path: Path) -> GovernorKey:
    """Read the governor's key; a file of another length or open to others is refused."""
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others: chmod 600 {path}")
    both = path.read_bytes()
    if len(both) != 2 * KEY_BYTES:
        raise ValueError(f"{path} holds {len(both)} bytes, a governor's key has {2 * KEY_BYTES}")
    return GovernorKey(both[:KEY_BYTES], both[KEY_BYTES:])


def _bytes(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.exists():
        private_file(path, make())
    return path.read_bytes()


def _text(path: Path, make: Callable[[], str]) -> str:
    return _bytes(path, lambda: make().encode()).decode()


def _seed(kind: str) -> str:
    return seed_from(secrets.token_bytes(KEY_BYTES), kind)


def _typable() -> str:
    return "-".join("".join(secrets.choice(UNMISTAKABLE) for _ in range(5)) for _ in range(4))
