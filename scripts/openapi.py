"""Write the OpenAPI description, from which the web client is generated. Needs nothing that runs.

python scripts/openapi.py [FILE]
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from manta.api.app import describe, pages  # noqa: E402 - the path comes first


def main() -> None:
    """Write to the file named, or to standard output."""
    text = json.dumps(describe(pages()), indent=2, ensure_ascii=False) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
