import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("lint_units", ROOT / "scripts" / "lint_units.py")
lint_units = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lint_units)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("power_kw", "float"),
        ("export_limit_kw", "float | None"),
        ("per_mwh", "float"),
        ("price_per_mwh", "float"),
        ("ramp_kw_per_min", "float"),
        ("reserve_soc", "NDArray[np.float64]"),
        ("at_ms", "int"),
        ("micro_aud", "int"),
        ("watt_hours", "Sequence[int]"),
        ("sites", "int"),
    ],
)
def test_our_units_pass(name, kind):
    assert lint_units.offence(name, kind) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("power", "float"),
        ("power_w", "float"),
        ("capacity_mwh", "float"),
        ("charge_percent", "float"),
        ("age_ms", "float"),
        ("age_secs", "int"),
        ("power_mw", "NDArray[np.float64]"),
    ],
)
def test_foreign_or_unsaid_units_do_not(name, kind):
    assert lint_units.offence(name, kind)


def test_fields_and_parameters_are_looked_at():
    tree = ast.parse("class A:\n    power: float\ndef f(energy_wh: float) -> None: ...")
    assert [name for name, kind, _ in lint_units.names(tree) if lint_units.offence(name, kind)] == [
        "power",
        "energy_wh",
    ]
