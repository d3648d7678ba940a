"""Which module each role lives in, and the shortest way to run one: ``python -m manta.app.run ROLE``."""

import importlib
import sys
from collections.abc import Mapping

from manta.settings.config import Config, ConfigError
from manta.settings.observe import run_role
from manta.settings.options import Role

MODULES: Mapping[Role, str] = {
    Role.GATEWAY: "manta.roles.gateway",
    Role.ENGINE: "manta.roles.engine",
    Role.GOVERNOR: "manta.roles.governor",
    Role.SETTLER: "manta.roles.settler",
    Role.HISTORIAN: "manta.roles.historian",
    Role.API: "manta.roles.server",
    Role.MARKET: "manta.roles.market",
    Role.MARKET_SIMULATOR: "manta.roles.market_simulator",
    Role.FLEET_SIMULATOR: "manta.roles.fleet_simulator",
    Role.RECORD: "manta.roles.record",
}
"""Each module has ``async def main(config)``; it is imported only when its role runs."""


def run(role: Role) -> int:
    """Run a role with the settings of the environment, and return its exit code."""
    try:
        config = Config.from_environment()
    except ConfigError as error:
        print(f"manta {role}: {error}", file=sys.stderr)
        return 2

    async def main(config: Config) -> None:
        await importlib.import_module(MODULES[role]).main(config)

    return run_role(role, main, config)


if __name__ == "__main__":
    sys.exit(run(Role(sys.argv[1])))
