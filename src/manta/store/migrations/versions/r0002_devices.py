"""Devices: what they are, how they came into service, what is wrong with them, and their vendors' tokens."""

from manta.store.migrations.script import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the inventory and the vault, then who may do what with them."""
    for subject in ("inventory", "vault", "guards"):
        run(f"{revision}_{subject}")
