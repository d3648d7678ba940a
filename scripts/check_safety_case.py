"""Check the safety case: every hazard has its interlocks, every interlock that is built has tests that exist.

With ``--mutate`` each interlock that can be taken out is taken out in turn, in this process, and each of its
tests has to fail; one that stays green proves nothing. Run
``python scripts/check_safety_case.py [--mutate]``.
"""

import asyncio
import contextlib
import importlib
import inspect
import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from _pytest.runner import runtestprotocol

ROOT = Path(__file__).parents[1]
CASE = ROOT / "safety" / "case.yaml"
PROMISE = "tests/unit/governor/test_guards.py::test_a_promise_is_kept[{}]"
QUIET = ["-q", "--no-header", "--no-summary", "--tb=no", "-o", "log_cli=false"]


class Found:
    """A pytest plugin that notes which tests there are."""

    def __init__(self) -> None:
        self.tests: set[str] = set()

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        """Note what exists."""
        self.tests = {item.nodeid for item in items}


class Mutants:
    """A pytest plugin: runs tests once with every interlock in place, then each proof's without its own."""

    def __init__(self, proofs: Sequence[tuple[str, dict[str, Any]]]) -> None:
        self.proofs = proofs
        self.faults: list[str] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run, in place of the usual once for all."""
        items = {item.nodeid: item for item in session.items}
        self.faults += [
            f"{test} fails with all in place" for test, item in items.items() if not _passes(item)
        ]
        for name, proof in () if self.faults else self.proofs:
            self._mutate(name, proof, [items[test] for test in tests_of(proof)])
        return True

    def _mutate(self, name: str, proof: dict[str, Any], items: Sequence[pytest.Item]) -> None:
        what = proof.get("guard") or proof["remove"]["of"]
        with removed(proof):
            green = [item.nodeid for item in items if _passes(item)]
        self.faults += [f"{name}: {test} stays green without {what}" for test in green]
        print(
            f"  {name:4} without {what}: {len(items) - len(green)} of {len(items)} red", file=sys.__stdout__
        )


def _passes(item: pytest.Item) -> bool:
    reports = runtestprotocol(item, nextitem=None, log=False)
    return all(report.passed for report in reports)


def run_pytest(plugin: object, tests: Sequence[str], *options: str) -> None:
    """Run pytest in this process, in silence."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main([*QUIET, *options, *dict.fromkeys(tests)], plugins=[plugin])


def tests_of(proof: dict[str, Any]) -> list[str]:
    """Return the tests that a proof rests on."""
    if "tests" in proof or "guard" not in proof:
        return list(proof.get("tests", []))
    from tests.unit.governor.promises import PROMISES

    return [PROMISE.format(promise.__name__) for guard, promise in PROMISES if guard == proof["guard"]]


def faults_of_form(case: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the case as it is written."""
    from manta.governor.guards import GUARD_NAMES

    interlocks = case["interlocks"]
    for name, interlock in interlocks.items():
        proofs = interlock.get("proofs", [])
        if interlock["status"] not in ("built", "planned"):
            yield f"{name}: the status is built or planned, not {interlock['status']}"
        if (interlock["status"] == "built") != bool(proofs):
            yield f"{name}: what is built has proofs, what is planned has none"
        yield from (f"{name}: a proof without tests" for proof in proofs if not tests_of(proof))
    for name, hazard in case["hazards"].items():
        if len(set(hazard["interlocks"])) < 2:
            yield f"{name}: fewer than two interlocks"
        yield from (f"{name}: no interlock {i}" for i in hazard["interlocks"] if i not in interlocks)
    used = {i for hazard in case["hazards"].values() for i in hazard["interlocks"]}
    yield from (f"{name}: stands in the way of no hazard" for name in interlocks if name not in used)
    proved = {proof.get("guard") for i in interlocks.values() for proof in i.get("proofs", [])}
    yield from (f"guard {guard}: in no interlock" for guard in GUARD_NAMES if guard not in proved)


def faults_of_tests(case: dict[str, Any]) -> Iterator[str]:
    """Yield the tests that are named and do not exist."""
    named = {test for _, proof in proofs_of(case) for test in tests_of(proof)}
    files = sorted({test.split("::")[0] for test in named})
    yield from (f"{file} does not exist" for file in files if not (ROOT / file).exists())
    found = Found()
    run_pytest(found, [file for file in files if (ROOT / file).exists()], "--collect-only")
    known = found.tests | {test.split("[")[0] for test in found.tests}
    yield from (f"{test} does not exist" for test in sorted(named - known))


def proofs_of(case: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every proof with the name of its interlock."""
    for name, interlock in case["interlocks"].items():
        yield from ((name, proof) for proof in interlock.get("proofs", []))


@contextlib.contextmanager
def removed(proof: dict[str, Any]) -> Iterator[None]:
    """Run the body without an interlock."""
    with contextlib.ExitStack() as undo:
        if "guard" in proof:
            _without_guard(proof["guard"], undo)
        else:
            _without(proof["remove"], undo)
        yield


def _without_guard(guard: str, undo: contextlib.ExitStack) -> None:
    from manta.governor.govern import govern

    defaults = govern.__kwdefaults__
    kept = defaults["guards"]
    undo.callback(defaults.__setitem__, "guards", kept)
    defaults["guards"] = tuple((name, g) for name, g in kept if name != guard)


def _without(removal: dict[str, Any], undo: contextlib.ExitStack) -> None:
    module, _, path = removal["of"].partition(":")
    *holders, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for holder in holders:
        owner = getattr(owner, holder)
    kept = getattr(owner, name)
    undo.callback(setattr, owner, name, kept)
    setattr(owner, name, _instead(kept, removal))


def _instead(kept: object, removal: dict[str, Any]) -> object:
    if "is" in removal:
        return timedelta(**removal["is"])

    def now(*given: object, **_: object) -> object:
        return given[-1] if "gives_back" in removal else removal["returns"]

    async def soon(*given: object, **_: object) -> object:
        await asyncio.sleep(0)
        return now(*given)

    instead: Callable[..., object] = soon if inspect.iscoroutinefunction(kept) else now
    return instead


def survivors(case: dict[str, Any]) -> list[str]:
    """Return the tests that stay green without the interlock that they are to prove."""
    removable = [(name, proof) for name, proof in proofs_of(case) if "kept_by" not in proof]
    mutants = Mutants(removable)
    run_pytest(mutants, [test for _, proof in removable for test in tests_of(proof)])
    return mutants.faults


def summary(case: dict[str, Any]) -> str:
    """Say how far the case has come, open hazards by name."""
    built = {name for name, interlock in case["interlocks"].items() if interlock["status"] == "built"}
    thin = [h for h, hazard in case["hazards"].items() if len(built & set(hazard["interlocks"])) < 2]
    return (
        f"{len(case['hazards'])} hazards, {len(built)} of {len(case['interlocks'])} interlocks built; "
        f"fewer than two built: {', '.join(thin) or 'none'}"
    )


def main(arguments: Sequence[str]) -> int:
    """Check, print what is wrong, and return how it went."""
    began = time.perf_counter()
    sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
    case = yaml.safe_load(CASE.read_text())
    faults = [*faults_of_form(case), *faults_of_tests(case)]
    if not faults and "--mutate" in arguments:
        faults += survivors(case)
    for fault in faults:
        print(f"safety case: {fault}", file=sys.stderr)
    print(f"safety case: {summary(case)}; {len(faults)} faults, {time.perf_counter() - began:.1f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
