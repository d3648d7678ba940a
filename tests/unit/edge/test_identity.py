"""A box's certificate: pinned, short-lived, and followed by the next."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.edge.certificates import Authority

from manta.edge.identity import Identity, IdentityError, Rotation

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
ENDS = BEGAN + timedelta(days=9)
EARLY, LATE = BEGAN + timedelta(days=5), BEGAN + timedelta(days=7)


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def identity(tmp_path, authority):
    authority.enrol(tmp_path / "identity", "h-box", BEGAN, ENDS)
    return Identity(tmp_path / "identity")


def test_it_speaks_tls_1_3_and_trusts_its_authority_alone(identity):
    context = identity.context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("missing", ["box.pem", "authority.pem"])
def test_without_its_files_it_says_what_is_missing(identity, missing):
    (identity.folder / missing).unlink()
    with pytest.raises(IdentityError, match=missing):
        identity.context()


def test_nothing_is_asked_while_most_of_its_life_is_left(identity):
    assert identity.rotate(EARLY) is Rotation.NOT_DUE
    assert not (identity.folder / "next.csr").exists()
    assert identity.ends_at() == ENDS


def test_the_next_is_asked_for_once_and_taken_when_it_comes(identity, authority):
    assert [identity.rotate(LATE), identity.rotate(LATE)] == [Rotation.ASKED] * 2
    request = (identity.folder / "next.csr").read_bytes()
    assert (identity.folder / "next.key").stat().st_mode & 0o077 == 0
    after = LATE + timedelta(days=9)
    (identity.folder / "next.pem").write_bytes(authority.sign(request, BEGAN, after))
    assert identity.rotate(LATE) is Rotation.TAKEN
    assert identity.ends_at() == after
    assert sorted(path.name for path in identity.folder.iterdir()) == ["authority.pem", "box.pem"]
    identity.context()


@pytest.mark.parametrize("wrong", ["authority", "key", "name", "past", "rubbish"])
def test_a_certificate_that_does_not_fit_is_refused_and_the_old_one_stays(identity, authority, wrong):
    identity.rotate(LATE)
    request, before = (identity.folder / "next.csr").read_bytes(), (identity.folder / "box.pem").read_bytes()
    after = LATE + timedelta(days=9)
    came = {
        "authority": lambda: Authority("somebody else").sign(request, BEGAN, after),
        "key": lambda: authority.issue("h-box", BEGAN, after)[1],
        "name": lambda: authority.sign(request, BEGAN, after, "h-other"),
        "past": lambda: authority.sign(request, BEGAN, LATE),
        "rubbish": lambda: b"rubbish",
    }[wrong]()
    (identity.folder / "next.pem").write_bytes(came)
    with pytest.raises(IdentityError):
        identity.rotate(LATE)
    assert (identity.folder / "box.pem").read_bytes() == before
