"""The API around two tenants in memory."""

from pathlib import Path

import pytest
from tests.unit.api.house import PASSWORD, House

from manta.door.passwords import Passwords


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    return Passwords()


@pytest.fixture(scope="session")
def password_hash(passwords: Passwords) -> str:
    return passwords.hash(PASSWORD)


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("web")
    (root / "assets").mkdir()
    (root / "index.html").write_text("<!doctype html><title>Manta</title>" + " " * 2_000)
    (root / "assets" / "index-1a2b3c.js").write_text("export const power_kw = 1;\n" * 100)
    (root / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return root


@pytest.fixture
def house(passwords: Passwords, password_hash: str, web: Path) -> House:
    return House(passwords, password_hash, web)
