"""Every make of device that Manta can drive; a plain table, to be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

from manta.drivers import sites


@dataclass(frozen=True, slots=True)
class Make:
    """One way in which devices speak."""

    caption: str
    reached: str
    driver: ModuleType


CATALOGUE: Mapping[str, Make] = {
    "manta-contract": Make(
        caption="Any home whose own controller speaks Manta's device contract",
        reached="MQTT 3.1.1, the site dials in",
        driver=sites,
    ),
}
"""Name of the make, as the register has it → what it is."""
