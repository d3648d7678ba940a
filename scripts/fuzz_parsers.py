"""Throw damaged inputs at every parser, or at some.

    python -m scripts.fuzz_parsers --inputs 1000000 --only nem12 --seed 7

Prints a line of JSON a parser: how many ran and were accepted, the worst time, how much the process grew, and
how many causes of refusal there were, with the commonest. ``--first N --inputs 1`` makes one input again.
"""

import argparse
import faulthandler
import json
import resource
import sys
import time

from scripts.fuzz_market import MARKET
from scripts.fuzz_metering import METERING
from scripts.fuzzing import Figures, Parser, run

PARSERS = {parser.name: parser for parser in (*MARKET, *METERING)}
MOST_MEMORY = 6 * 2**30
"""Of address space; more ends in a MemoryError, which fails the run."""
SILENCE_S = 300
"""A parser in C cannot be interrupted: without a sign of life Python says where it stands, and ends."""
_COMMONEST = 12


def main() -> int:
    """Run what was asked for; 1 if any input did what it must not."""
    chosen = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    chosen.add_argument("--inputs", type=int, default=10_000)
    chosen.add_argument("--only", choices=PARSERS, action="append")
    chosen.add_argument("--seed", type=int, default=1)
    chosen.add_argument("--first", type=int, default=0)
    given = chosen.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    failed = 0
    for name in given.only or PARSERS:
        tell(f"{name} begins")
        figures = run(PARSERS[name], given.seed, range(given.first, given.first + given.inputs), tell)
        print(json.dumps(summary(PARSERS[name], figures)), flush=True)
        failed += figures.failed
    return int(failed > 0)


def tell(line: str) -> None:
    """Show where it stands."""
    faulthandler.dump_traceback_later(SILENCE_S, exit=True)
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def summary(parser: Parser, figures: Figures) -> dict[str, object]:
    """Return what came of a run."""
    return {
        "parser": parser.name,
        "inputs": figures.inputs,
        "accepted": figures.accepted,
        "failed": figures.failed,
        "seconds": round(figures.seconds, 1),
        "a_second": round(figures.inputs / max(figures.seconds, 1e-9)),
        "worst_ms": round(figures.worst_ms, 1),
        "grown_mb": round(figures.grown_mb, 1),
        "causes": len(figures.causes),
        "commonest": dict(figures.causes.most_common(_COMMONEST)),
    }


if __name__ == "__main__":
    sys.exit(main())
