"""Fixtures that every test may ask for, and how Hypothesis searches."""

import os

from hypothesis import HealthCheck, settings
from tests.engines import database, engine_room, nats_server, postgres

__all__ = ["database", "engine_room", "nats_server", "postgres"]

# No example is timed: a busy machine, or a compiler at its first call, is no fault of the code.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ours", UNTIMED)
# A landing is judged on the same examples every time; whoever works here searches new ones at every run.
settings.register_profile("ci", UNTIMED, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "ours")  # noqa: TID251 - no setting of the product
