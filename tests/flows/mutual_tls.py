"""NATS whose MQTT listener lets in nobody without a certificate of one authority."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes

from tests.unit.edge.certificates import Authority

from manta.settings.clock import wall
from manta.supervisor import credentials, nats
from manta.supervisor.certificates import Certificates
from manta.supervisor.children import Child
from manta.supervisor.ports import free_port

DAY = timedelta(days=1)


def bus_in(folder: Path, authority: Authority) -> nats.Bus:
    """Write everything that such a server needs."""
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = authority.issue("server", wall() - DAY, wall() + 7 * DAY)
    files = Certificates(folder / "server.pem", folder / "server.key", folder / "authority.pem")
    for path, pem in ((files.key, key), (files.certificate, certificate), (files.authority, authority.pem())):
        path.write_bytes(pem)
    seeds = [credentials.seed_from(token_bytes(32), kind) for kind in ("operator", "account", "account")]
    bus = nats.Bus(
        home=folder / "nats",
        keys=nats.BusKeys(*seeds),
        port=free_port(),
        mqtt_port=free_port(),
        monitor_port=free_port(),
        tls=files,
    )
    nats.prepare(bus)
    before, mqtt = nats.configuration(bus).split("mqtt {", 1)
    verified = mqtt.replace(
        'min_version: "1.3" }', f'min_version: "1.3", ca_file: "{files.authority}", verify: true }}', 1
    )
    (bus.home / "nats.conf").write_text(f"{before}mqtt {{{verified}")
    return bus


@asynccontextmanager
async def serving(folder: Path, authority: Authority) -> AsyncIterator[nats.Bus]:
    """Run such a server while the body runs."""
    bus = bus_in(folder, authority)
    child = Child(nats.program(bus, folder / "nats.log"))
    await child.start()
    try:
        yield bus
    finally:
        await child.stop()
