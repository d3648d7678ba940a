"""The record: enrolment, dispatch, audit, ledger, and who may do what."""

from manta.store.migrations.script import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Build everything."""
    for subject in ("enrolment", "dispatch", "audit", "ledger", "guards"):
        run(f"{revision}_{subject}")
