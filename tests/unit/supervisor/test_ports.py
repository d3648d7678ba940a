import os
import socket

import structlog
from structlog.testing import capture_logs

from manta.supervisor.ports import Ports, free_port, holder_of, is_free


def listening(port: int = 0) -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


def test_the_usual_port_is_taken_when_it_is_free():
    usual = free_port()
    assert Ports().take("page", usual) == usual


def test_a_port_in_use_is_named_with_its_holder_and_another_is_taken():
    structlog.reset_defaults()
    with listening() as other, capture_logs() as events:
        usual = other.getsockname()[1]
        port = Ports().take("page", usual)
        assert port != usual
        assert is_free(port)
        assert not is_free(usual)
        assert f"(process {os.getpid()})" in holder_of(usual)
    (event,) = events
    assert (event["event"], event["purpose"], event["usual"], event["instead"]) == (
        "port taken",
        "page",
        usual,
        port,
    )
    assert f"(process {os.getpid()})" in event["by"]


def test_no_port_is_given_twice():
    ports, usual = Ports(), free_port()
    given = [ports.take("one", usual), ports.take("two", usual), ports.take("three", usual)]
    assert len(set(given)) == 3
