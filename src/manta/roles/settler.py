"""The settler: metered energy at the market's price, into the ledger."""

from manta.domain.time import FIVE_MINUTES
from manta.flows.settlement import Settlement
from manta.roles.wiring import recorded
from manta.settings.config import Config
from manta.settings.observe import served
from manta.store.enrolment import Enrolment
from manta.store.history import History
from manta.store.ledger import Books


async def main(config: Config) -> None:
    """Run until cancelled."""
    async with served("settler", config) as health, recorded(config, "settler", health) as pool:
        history = await History.open(config.require("clickhouse_url", str))
        health.depends("historian", history.ping)
        health.expects("settled", within_s=2 * FIVE_MINUTES.total_seconds() / config.speed + 60)
        clock = config.clock()
        settlement = Settlement(
            clock, Enrolment(pool), history, Books(pool, clock.now), tell=lambda: health.heard("settled")
        )
        try:
            await settlement.run()
        finally:
            await history.close()
