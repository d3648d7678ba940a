"""The life of a house: it opens, answers, ends when asked or killed, and leaves nothing behind."""

import os
import signal
import socket
from datetime import datetime

import httpx
import psutil
import pytest
from tests.e2e.house import EMAIL, LOOPBACK, ROLES, House, house

pytestmark = pytest.mark.house

ENDED_WITHIN_S = 10.0
ALL_GONE_WITHIN_S = 8.0
READY_AGAIN_S = 30.0


@pytest.fixture
def place():
    with house() as ours:
        yield ours


def test_an_open_house_answers_and_ends_in_order_when_asked(place):
    place.open()

    answers_everywhere(place)
    refuses_another_on_its_directory(place)
    assert place.written_elsewhere() == set()
    family, ports, memory = place.family(), place.listeners(), place.shared_memory()
    assert len(ports) >= 14, "page, engines and a health port for every role"
    code, took_s = place.close(signal.SIGINT)

    assert (code, took_s < ENDED_WITHIN_S) == (0, True), f"{code} after {took_s:.1f} s"
    assert place.family() == []
    assert nobody_of(family, ports)
    assert place.written_elsewhere() == set()
    assert not any(path.exists() for path in memory)
    assert "starting it again" not in place.words


def test_a_port_that_is_taken_is_named_and_another_used(place):
    with socket.socket() as taken:
        taken.bind((LOOPBACK, place.port))
        taken.listen()
        place.open()

        assert f"page: port {place.port} is taken by" in place.words
        assert f"(process {os.getpid()})" in place.words
        assert f":{place.port}" not in place.page
        assert httpx.get(place.page, timeout=10).status_code == 200
        assert place.close()[0] == 0


def test_a_second_start_goes_on_where_the_first_ended_and_its_clock_never_runs_back(place):
    cold_s = place.open()
    first = now_of(place)
    homes = place.read("select count(*), max(no) from record.site")
    assert place.close(signal.SIGTERM)[0] == 0

    warm_s = place.open()

    assert now_of(place) > first
    assert place.read("select count(*), max(no) from record.site") == homes
    assert warm_s < READY_AGAIN_S, f"{warm_s:.1f} s, and {cold_s:.1f} s from nothing"
    assert place.close()[0] == 0


def test_when_the_supervisor_is_killed_nothing_is_left_and_the_next_start_recovers(place):
    place.open()
    before, family, ports = now_of(place), place.family(), place.listeners()
    known = place.read("select count(*) from record.price")
    assert len({process.pid for process in family}) > len(ROLES) + 4, "backends too"
    place.up.kill()
    place.up.wait(5)

    gone_s = place.until(lambda: place.family() == [], "gone", ALL_GONE_WITHIN_S)
    assert nobody_of(family, ports), f"after {gone_s:.1f} s"

    place.open()
    assert now_of(place) > before
    assert place.read("select count(*) from record.price") >= known
    answers_everywhere(place)
    assert place.close()[0] == 0
    assert place.family() == []


def test_one_wish_to_end_that_arrives_twice_kills_nothing(place):
    place.open()
    place.up.send_signal(signal.SIGINT)  # as `timeout` and some terminals do: to the process and to its group
    assert place.close(signal.SIGINT)[0] == 0
    assert "killed" not in place.words
    assert place.family() == []


def test_a_house_asked_to_end_while_it_opens_ends(place):
    place.up = place.begin()
    place.until(lambda: place.pid_of("postgres") is not None, "on its way", 30.0)
    code, took_s = place.close()
    assert (code, took_s < ENDED_WITHIN_S) == (0, True), f"{code} after {took_s:.1f} s"
    assert place.family() == []


def answers_everywhere(place: House) -> None:
    """Ask the page, the API and every role, as people and monitors do."""
    page = httpx.get(place.page, timeout=10)
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    refused = httpx.post(f"{place.page}/api/session", json={"email": EMAIL, "password": "guess"}, timeout=10)
    assert refused.status_code == 401
    assert httpx.get(f"{place.page}/api/overview", timeout=10).status_code == 401
    with place.signed_in() as client:
        place.until(
            lambda: client.get("/api/overview").json()["fleet"]["heard"] == 20, "heard by all homes", 30.0
        )
    place.until(place.is_healthy, "healthy", 30.0)
    ports = place.health_ports()
    assert set(ROLES) <= set(ports)
    for role in ROLES:
        assert place.figures(ports[role])["process_cpu_seconds_total"] > 0.0


def refuses_another_on_its_directory(place: House) -> None:
    """Start the same house twice; who has it is named, and who has it goes on."""
    second = place.begin()
    assert second.wait(20) == 1
    assert f"another manta (process {place.up.pid}) runs in" in " ".join(place.words.split())
    assert httpx.get(place.page, timeout=10).status_code == 200


def now_of(place: House) -> datetime:
    """Return how late it is in a house."""
    with place.signed_in() as client:
        return datetime.fromisoformat(client.get("/api/session").json()["world"]["now"])


def nobody_of(family: list[psutil.Process], ports: set[int]) -> bool:
    """Tell whether none of these processes lives, and none of the ports is theirs."""
    pids = {process.pid for process in family if process.is_running() and process.status() != "zombie"}
    held = {c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr[1] in ports}
    return not pids and not held & {process.pid for process in family}
