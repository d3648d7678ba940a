"""Refuse a number that does not say its unit, and a unit that is not ours, on the pure floors.

    python scripts/lint_units.py src/manta/domain src/manta/trading …

A float says kW, kWh, $/MWh, Hz, V, A, °C or hours in its name, or is a fraction with a known name. An integer
may be an instant in milliseconds (``…_ms``), micro-dollars or watt-hours. Watts, megawatts, percent and
seconds have died in the adapter that met them.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

UNITS = ("kw", "kwh", "per_mwh", "hz", "v", "a", "degc", "hours", "per_min", "per_hour", "aud")
"""What a float's name may end with, alone or after an underscore."""
FRACTIONS = ("soc", "efficiency", "share", "fraction", "scale", "speed")
FOREIGN = (
    "w",
    "mw",
    "wh",
    "mwh",
    "secs",
    "sec",
    "pct",
    "percent",
    "kva",
    "kvar",
    "cents",
    "dollars",
    "minutes",
    "min",
)
"""What no number's name may end with; ``per_…`` goes before."""
INTEGER_UNITS = ("ms", "micro_aud", "watt_hours")
"""What only an integer's name may end with."""
CONVERSIONS = "units.py"


def names(tree: ast.AST) -> Iterator[tuple[str, str, int]]:
    """Yield each annotated name with its annotation and line: fields, variables and parameters."""
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind):
                yield name, ast.unparse(kind), node.lineno
            case ast.arg(arg=name, annotation=kind) if kind:
                yield name, ast.unparse(kind), node.lineno


def offence(name: str, kind: str) -> str | None:
    """Return what is wrong with a name of this type, or None."""
    words = kind.replace("np.float64", "float").replace("np.int64", "int")
    bare = name.lower().strip("_")
    if "float" in words:
        if _ends(bare, FOREIGN) and not _ends(bare, UNITS) or _ends(bare, INTEGER_UNITS):
            return "its unit is not ours"
        if not _ends(bare, UNITS + FRACTIONS):
            return "it does not say its unit"
    elif words.split(" ")[0] == "int" and _ends(bare, FOREIGN) and not _ends(bare, INTEGER_UNITS):
        return "its unit is not ours"
    return None


def _ends(name: str, endings: tuple[str, ...]) -> bool:
    return any(name == ending or name.endswith("_" + ending) for ending in endings)


def main(roots: list[str]) -> int:
    """Print each offence; 1 if there are any, or nothing to look at."""
    paths = sorted(path for root in roots for path in Path(root).rglob("*.py") if path.name != CONVERSIONS)
    if not paths:
        print(f"no files in {roots}")
        return 1
    offences = [
        f"{path}:{line}: {name}: {wrong}"
        for path in paths
        for name, kind, line in names(ast.parse(path.read_text(encoding="utf-8")))
        if (wrong := offence(name, kind))
    ]
    print("\n".join(offences) or f"every number in {len(paths)} files says its unit")
    return int(bool(offences))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
