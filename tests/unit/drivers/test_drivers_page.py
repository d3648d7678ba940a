import importlib.util
from pathlib import Path

from manta.drivers.catalogue import CATALOGUE

HOME = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("drivers_page", HOME / "scripts" / "drivers_page.py")
drivers_page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(drivers_page)


def test_the_page_of_drivers_is_what_the_catalogue_prints():
    assert (HOME / "docs" / "drivers.md").read_text() == drivers_page.page(), "run scripts/drivers_page.py"


def test_every_make_has_its_row_and_its_note():
    page = drivers_page.page()
    for name, make in CATALOGUE.items():
        assert f"| `{name}` | {make.reached} |" in page
        assert f"**`{name}`**: {make.caption}." in page
        assert make.note in page


def test_a_make_that_never_lets_go_is_shown_to_need_our_watchdog():
    rows = {name: drivers_page.row(name, make) for name, make in CATALOGUE.items()}
    watched = {name for name, row in rows.items() if row[7] == "yes"}
    assert watched == {name for name, make in CATALOGUE.items() if make.descriptor.needs_watchdog}
    assert {"sungrow", "goodwe", "sigenergy"} <= watched
