"""The historian: ClickHouse's engine over the data directory, for those who are told its password."""

import asyncio
from urllib.parse import unquote, urlsplit

import structlog

from manta.roles.serving import listening
from manta.settings.config import Config, ConfigError
from manta.settings.observe import served
from manta.store.historian import Historian

log = structlog.get_logger()

DIRECTORY = "historian"


async def main(config: Config) -> None:
    """Run until cancelled."""
    address = urlsplit(config.require("clickhouse_url", str))
    if not (address.hostname and address.port and address.username and address.password):
        raise ConfigError("MANTA_CLICKHOUSE_URL is http://user:password@host:port for the historian")
    historian = await asyncio.to_thread(
        Historian,
        config.data / DIRECTORY,
        user=unquote(address.username),
        password=unquote(address.password),
    )
    try:
        async with (
            served("historian", config) as health,
            listening(historian.application(), address.hostname, address.port) as ended,
        ):
            health.depends("engine", historian.ping)
            log.info("historian open", port=address.port, data=str(config.data / DIRECTORY))
            await ended()
    finally:
        await asyncio.to_thread(historian.close)
