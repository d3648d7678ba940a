"""The description, and whatever anybody may send by it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from tests.unit.api.house import HARBOUR, ORIGIN, House

from manta.api.app import describe, pages
from manta.desk.access import COOKIE, CSRF_HEADER
from manta.door.credentials import csrf_of

CHECKS = [  # what fits the description may still make no sense, such as a rule that buys dearer than it sells
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
ROOT = Path(__file__).resolve().parents[3]


def test_the_description_names_every_role_and_problem():
    document = describe(pages())
    assert document["openapi"].startswith("3.1")
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == 24
    assert all("x-manta-role" in operation for operation in operations)
    assert all({"4XX", "5XX"} <= set(operation["responses"]) for operation in operations)
    assert len({operation["operationId"] for operation in operations}) == 24
    assert {"Problem", "LiveMessage", "FleetMessage", "PingMessage"} <= set(document["components"]["schemas"])


def test_every_reference_of_the_description_leads_somewhere():
    document = describe(pages())
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    for reference in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert reference in schemas, reference


def test_the_script_writes_it_without_any_engine(tmp_path: Path):
    target = tmp_path / "openapi.json"
    subprocess.run([sys.executable, str(ROOT / "scripts" / "openapi.py"), str(target)], check=True)  # noqa: S603
    assert json.loads(target.read_text()) == json.loads(json.dumps(describe(pages())))


async def test_it_is_served(house: House):
    async with house.client() as client:
        answer = await client.get("/api/openapi.json")
    assert answer.json()["info"]["title"] == "Manta VPP"


def operations() -> list[tuple[str, str]]:
    return [(path, method.upper()) for path, some in describe(pages())["paths"].items() for method in some]


@pytest.mark.parametrize(("path", "method"), operations())
def test_whatever_is_sent_is_answered_as_described(house: House, path: str, method: str):
    operation = schemathesis.openapi.from_asgi("/api/openapi.json", house.app)[path][method]

    @given(case=operation.as_strategy() | operation.as_strategy(schemathesis.GenerationMode.NEGATIVE))
    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def send(case: schemathesis.Case) -> None:
        secret = house.session(HARBOUR, "admin")
        ours = {"cookie": f"{COOKIE}={secret}", "origin": ORIGIN, CSRF_HEADER: csrf_of(secret)}
        case.call_and_validate(headers=ours, checks=CHECKS)

    send()
