"""Write docs/drivers.md from the drivers' catalogue. Needs nothing that runs.

python scripts/drivers_page.py [FILE]
"""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME / "src"))

from manta.drivers.catalogue import CATALOGUE, Make  # noqa: E402 - the path comes first

COLUMNS = (
    "Make",
    "Reached",
    "Latency",
    "Set-points",
    "Lets go by itself",
    "Repeat within",
    "Polled every",
    "Needs our watchdog",
    "Budget",
    "Writes wear",
    "Read-back",
)

OPENING = """\
# Drivers

Printed from `src/manta/drivers/catalogue.py` by `scripts/drivers_page.py`; a test holds the two together.

*Lets go by itself* is how long the device holds a command without hearing from us. Where it never does, the
undo is prepared before the command is given and a watchdog of ours stands beside it. A make whose set-points
are "none" is read and never written to.
"""

BLUEPRINT = """\
## A new driver: one file, one dump, one line

1. **One file**, `src/manta/drivers/<make>.py`: its docstring says how the vendor counts and where the facts
   come from; then a table of registers, each with the scale that makes it kW, kWh and positive toward the
   grid, and `writable=True` on those few that may be written; a `DESCRIPTOR`; and a class with `identify`,
   `read`, `apply` and `close`. A fact that no source tells is not written: the make is then read alone.
2. **One dump**, `tests/dumps/<make>/<model>.json`: the device's registers, what they mean in our words, the
   writes that orders and their release are to make, and the addresses that may be written. Its `source` says
   whether it was recorded from a device or built from the map.
3. **One line** in `src/manta/drivers/catalogue.py`, and `python scripts/drivers_page.py` for this page.

The contract in `tests/contract/drivers` then tries the driver on its dump: identity, units and signs, that
the site adds up, every write of every order, release, refusal, silence, and that no other register can be
written.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join((OPENING, *table(), "", *makes(), BLUEPRINT))


def table() -> Iterator[str]:
    """Yield the makes as rows."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---|' * len(COLUMNS)}"
    for name, make in CATALOGUE.items():
        yield f"| {' | '.join(row(name, make))} |"


def row(name: str, make: Make) -> tuple[str, ...]:
    """Return a make's cells, in the order of the columns."""
    facts = make.descriptor
    commanded = facts.setpoints.value != "none"
    budget = "none" if facts.calls_per_day is None else f"{facts.calls_per_day:,} calls a day"
    cost = f", ${facts.call_aud:g} each" if facts.call_aud else ""
    return (
        f"`{name}`",
        make.reached,
        facts.latency.value,
        facts.setpoints.value,
        lasting(facts.expiry) if commanded else "",
        lasting(facts.refresh) if commanded else "",
        lasting(facts.poll),
        ("yes" if facts.needs_watchdog else "no") if commanded else "",
        budget + cost,
        ("yes" if facts.writes_wear else "no") if commanded else "",
        facts.read_back.value,
    )


def makes() -> Iterator[str]:
    """Yield what each make is, and what an installer must know."""
    yield "## What an installer must know\n"
    for name, make in CATALOGUE.items():
        yield f"- **`{name}`**: {make.caption}.{f' {make.note}' if make.note else ''}"
    yield ""


def lasting(time: timedelta | None) -> str:
    """Return a time as a reader says it."""
    if time is None:
        return "never"
    seconds = int(time.total_seconds())
    return f"{seconds // 60} min" if seconds >= 60 and seconds % 60 == 0 else f"{seconds} s"


def main() -> None:
    """Write to the file named, or to the page itself."""
    to = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / "docs" / "drivers.md"
    to.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
