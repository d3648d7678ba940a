"""The fleet simulator: thousands of homes with real MQTT sessions, for a world without customers."""

import asyncio
from collections.abc import Iterable

import prometheus_client
import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from manta.settings.config import Address, Config
from manta.settings.observe import Health, served
from manta.simulators.fleet import FLEET_FILE, Fleet, FleetFile
from manta.supervisor.certificates import trusting

log = structlog.get_logger()

MEMORY_FILE = "simulated-homes.memory"
FAULT_FILE = "faults.txt"
"""Written by whoever wants to break something, while it runs; see manta.simulators.faults."""
LATEST_S = 5.0
WATCH_S = 1.0


async def main(config: Config) -> None:
    """Run until cancelled."""
    async with served("fleet-simulator", config) as health:
        file = FleetFile.read(config.data / FLEET_FILE)
        fleet = Fleet(file, config.clock(), config.data / MEMORY_FILE, config.data / FAULT_FILE)
        prometheus_client.REGISTRY.register(Figures(fleet))
        mqtt = config.require("mqtt", Address)
        tls = trusting(config.tls_authority) if config.tls_authority else None
        log.info("homes wake up", homes=len(file.homes), mqtt=str(mqtt))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fleet.run(config.speed))
                tasks.create_task(fleet.sessions.run(mqtt.host, mqtt.port, tls))
                tasks.create_task(_watch(fleet, health))
        finally:
            fleet.close()


async def _watch(fleet: Fleet, health: Health) -> None:
    """Tell our health that homes are heard and that we keep up with the clock."""
    health.expects("sessions", within_s=60.0)
    health.expects("keeping up", within_s=30.0)
    acknowledged = 0
    while True:
        await asyncio.sleep(WATCH_S)
        if fleet.sessions.counts.acknowledged > acknowledged:
            health.heard("sessions")
        if fleet.slipped_s < LATEST_S:
            health.heard("keeping up")
        acknowledged = fleet.sessions.counts.acknowledged


class Figures(Collector):
    """What /metrics shows of a simulated fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterable[Metric]:
        """Yield every figure as it stands."""
        counts, firmware = self._fleet.sessions.counts, self._fleet.homes.firmware
        yield GaugeMetricFamily("manta_homes_connected", "Sessions open", counts.connected)
        yield GaugeMetricFamily("manta_homes_slipped_seconds", "How late a turn was", self._fleet.slipped_s)
        yield CounterMetricFamily("manta_homes_connects", "Sessions opened", counts.connects)
        yield CounterMetricFamily("manta_homes_refused", "Sessions refused", counts.refused)
        yield CounterMetricFamily("manta_homes_published", "Reports and answers sent", counts.published)
        yield CounterMetricFamily("manta_homes_acknowledged", "Of these, acknowledged", counts.acknowledged)
        yield CounterMetricFamily("manta_homes_repeated", "Sent again after a reconnect", counts.repeated)
        yield CounterMetricFamily("manta_homes_dropped", "Given up, too many waiting", counts.dropped)
        yield CounterMetricFamily("manta_homes_leases_heard", "Leases that came down", counts.heard)
        yield CounterMetricFamily(
            "manta_homes_leases_applied", "Leases taken up, once each", firmware.applied
        )
        yield CounterMetricFamily(
            "manta_homes_leases_repeated", "Heard again, not taken up again", firmware.repeats
        )
        yield CounterMetricFamily(
            "manta_homes_leases_unreadable", "Leases nobody could read", firmware.unreadable
        )
