"""The safety case holds: every interlock that is built is proved by tests that fail without it."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "check_safety_case.py"


@pytest.fixture
def check():
    spec = importlib.util.spec_from_file_location("check_safety_case", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_interlock_that_can_be_taken_out_is_missed_by_its_tests():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--mutate"], cwd=ROOT, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 faults" in done.stdout


def test_a_case_with_holes_is_found_out(check):
    case = {
        "interlocks": {
            "I1": {"status": "built"},
            "I2": {"status": "built", "proofs": [{"kept_by": "hope", "tests": []}]},
            "I3": {"status": "soon"},
        },
        "hazards": {"H1": {"interlocks": ["I1"]}, "H2": {"interlocks": ["I2", "I9"]}},
    }
    faults = list(check.faults_of_form(case))
    for fault in (
        "I1: what is built has proofs, what is planned has none",
        "I2: a proof without tests",
        "I3: the status is built or planned, not soon",
        "I3: stands in the way of no hazard",
        "H1: fewer than two interlocks",
        "H2: no interlock I9",
        "guard ramp: in no interlock",
    ):
        assert fault in faults


def test_a_removal_is_undone(check):
    from manta.flows import delivery
    from manta.flows.leasing import Leasing
    from manta.governor.govern import govern
    from manta.governor.guards import GUARDS

    before = delivery.RESEND, Leasing._holds
    for proof in (
        {"guard": "ramp"},
        {"remove": {"of": "manta.flows.delivery:RESEND", "is": {"hours": 1}}},
        {"remove": {"of": "manta.flows.leasing:Leasing._holds", "returns": True}},
    ):
        with check.removed(proof):
            assert (delivery.RESEND, Leasing._holds, len(govern.__kwdefaults__["guards"])) != (
                *before,
                len(GUARDS),
            )
        assert (delivery.RESEND, Leasing._holds) == before
        assert govern.__kwdefaults__["guards"] is GUARDS
