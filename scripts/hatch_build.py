"""Build hook: the wheel carries the built page, so that installing it needs no node."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SKIP = "MANTA_SKIP_PAGE"


class Page(BuildHookInterface):
    """Builds ``web/`` into ``src/manta/web`` unless that was done already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page for a wheel; an editable install and a built page are left alone."""
        root = Path(self.root)
        if version == "editable" or (root / "src" / "manta" / "web" / "index.html").exists():
            return
        if os.environ.get(SKIP):  # noqa: TID251 - the build has no settings of its own
            self.app.display_warning(f"{SKIP} is set: this wheel has no page")
            return
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(
                "the page is not built and there is no npm: "
                f"run ./manta up once, install node >= 20.19, or set {SKIP}=1"
            )
        for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run([npm, *command], cwd=root / "web", check=True)
