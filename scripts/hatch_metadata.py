"""Build metadata: what the package needs is said once, in requirements/runtime.in."""

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RuntimeRequirements(MetadataHookInterface):
    """Fills in ``dependencies``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Read the requirements as they are written: names and bounds, no options and no addresses."""
        metadata["dependencies"] = dependencies((Path(self.root) / "requirements" / "runtime.in").read_text())


def dependencies(text: str) -> list[str]:
    """Return a file's requirements; an option or an address is refused, for a wheel carries neither."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    found = [line for line in lines if line]
    for line in found:
        if line.startswith("-") or "://" in line or "@" in line:
            raise ValueError(f"requirements/runtime.in holds names and bounds alone, not {line!r}")
    return found
