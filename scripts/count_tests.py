"""Add up the tests of several JUnit files and say so in one line: ``count_tests.py FILE…``."""

import sys
from pathlib import Path
from xml.etree import ElementTree


def main(paths: list[str]) -> int:
    """Print ``N passed, N failed, N skipped``; 1 if any failed, if none ran or a file is missing."""
    suites = [
        suite for path in paths if Path(path).exists() for suite in ElementTree.parse(path).iter("testsuite")
    ]
    run, skipped = (sum(int(suite.get(kind, 0)) for suite in suites) for kind in ("tests", "skipped"))
    failed = sum(int(suite.get(kind, 0)) for suite in suites for kind in ("failures", "errors"))
    print(f"{run - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return int(failed > 0 or run == skipped or len(suites) < len(paths))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
