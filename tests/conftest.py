"""Fixtures that every test may ask for, and how Hypothesis searches."""

import os

from hypothesis import settings
from tests.engines import database, engine_room, nats_server, postgres

__all__ = ["database", "engine_room", "nats_server", "postgres"]

# A landing is judged on the same examples every time; whoever works here searches new ones at every run.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):  # noqa: TID251 - how tests search is no setting of the product
    settings.load_profile("ci")
