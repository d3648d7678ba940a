import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest

from manta.supervisor.certificates import UnprotectedListenerError, ensure, is_loopback, require_tls

AT = datetime.now(UTC)  # noqa: TID251 - the TLS library compares with the wall


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return ensure(tmp_path_factory.mktemp("tls") / "certificates", ["127.0.0.1", "localhost"], AT)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "manta.example", ""])
def test_a_listener_beyond_loopback_needs_tls(host, made):
    with pytest.raises(UnprotectedListenerError, match="refusing to listen"):
        require_tls(host, None)
    require_tls(host, made)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.8.9.1"])
def test_loopback_may_be_plain(host):
    assert is_loopback(host)
    require_tls(host, None)


def handshake(made, client: ssl.SSLContext) -> str | None:
    """Return the protocol agreed upon; a refusal raises."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            try:
                made.server_context().wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=5) as raw,
                client.wrap_socket(raw, server_hostname="127.0.0.1") as secured,
            ):
                return secured.version()
        finally:
            thread.join()


def test_tls_1_3_is_spoken_and_1_2_refused(made):
    assert handshake(made, made.client_context()) == "TLSv1.3"
    old = ssl.create_default_context(cafile=made.authority)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError):  # noqa: PT011 - SSLError or a reset, as the system has it
        handshake(made, old)


def test_a_client_that_does_not_know_our_authority_refuses(made):
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(made, ssl.create_default_context())


def test_keys_are_private_and_certificates_last_until_they_are_renewed(tmp_path):
    home = tmp_path / "certificates"
    first = ensure(home, ["127.0.0.1"], AT)
    assert {p.stat().st_mode & 0o777 for p in (first.key, home / "authority.key")} == {0o600}
    before = first.certificate.read_bytes()
    assert ensure(home, ["127.0.0.1"], AT + timedelta(days=10)).certificate.read_bytes() == before
    assert ensure(home, ["127.0.0.1"], AT + timedelta(days=380)).certificate.read_bytes() != before
    renewed = first.certificate.read_bytes()
    assert (
        ensure(home, ["127.0.0.1", "10.0.0.9"], AT + timedelta(days=380)).certificate.read_bytes() != renewed
    )
