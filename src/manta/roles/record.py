"""Makes the record ready at each start: roles, database, schema and, if simulated, who lives in it."""

from urllib.parse import unquote, urlsplit

import structlog

from manta.roles import demo
from manta.settings.config import Config
from manta.settings.options import World
from manta.store import migrate

log = structlog.get_logger()


async def main(config: Config) -> None:
    """Create what is missing; what is there stays as it is."""
    passwords = {user: password for user, password in (_user(dsn) for dsn in config.dsns.values())}
    await migrate.create_roles(config.dsn("superuser"), passwords)
    await migrate.upgrade(config.dsn("owner"))
    log.info("record migrated")
    if config.world is World.SIMULATE:
        await demo.seed(config)
        log.info("record seeded", homes=config.homes)


def _user(dsn: str) -> tuple[str, str]:
    parts = urlsplit(dsn)
    return unquote(parts.username or ""), unquote(parts.password or "")
