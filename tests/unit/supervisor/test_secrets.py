import pytest

from manta.domain.identity import SiteId
from manta.supervisor import secrets
from manta.supervisor.accounts import Account, reachable
from manta.supervisor.credentials import ROLES, SiteKey, role_credentials, site_credentials


def test_secrets_are_made_once_and_are_private(tmp_path):
    home = tmp_path / "secrets"
    first, again = secrets.ensure(home), secrets.ensure(home)
    assert first == again
    assert {p.stat().st_mode & 0o777 for p in home.iterdir()} == {0o600}
    assert home.stat().st_mode & 0o777 == 0o700
    passwords = {*first.database.values(), first.postgres, first.historian, first.admin}
    assert len(passwords) == len(first.database) + 3


def test_two_houses_share_no_secret(tmp_path):
    one, two = secrets.ensure(tmp_path / "a"), secrets.ensure(tmp_path / "b")
    texts = [{p.read_bytes() for p in (tmp_path / name).iterdir()} for name in "ab"]
    assert not texts[0] & texts[1]
    assert one != two


def test_no_secret_shows_when_printed(tmp_path):
    kept = secrets.ensure(tmp_path / "s")
    shown = repr(kept) + repr(kept.bus) + repr(kept.bus.site_key)
    hidden = [kept.postgres, kept.admin, kept.historian, kept.bus.operator, kept.bus.account, kept.bus.sites]
    assert not [secret for secret in hidden if secret in shown]


def test_the_governors_key_has_two_halves_and_is_refused_when_others_may_read_it(tmp_path):
    kept = secrets.ensure(tmp_path / "s")
    key = secrets.read_governor_key(kept.governor_key)
    assert kept.lease_master.read_bytes() == key.lease_master
    assert len(key.signing_seed) == 32
    assert key.signing_seed != key.lease_master
    kept.governor_key.chmod(0o644)
    with pytest.raises(PermissionError, match="can be read by others"):
        secrets.read_governor_key(kept.governor_key)
    kept.governor_key.chmod(0o600)
    kept.governor_key.write_bytes(b"short")
    with pytest.raises(ValueError, match="holds 5 bytes"):
        secrets.read_governor_key(kept.governor_key)


def test_a_site_key_is_read_as_it_was_written(tmp_path):
    kept = secrets.ensure(tmp_path / "s")
    assert SiteKey.read(kept.site_key) == kept.bus.site_key


@pytest.mark.parametrize("site", ["", "*", ">", "a.b", "a b", "h-1\n"])
def test_a_site_whose_name_would_mean_more_than_itself_gets_no_credentials(tmp_path, site):
    key = secrets.ensure(tmp_path / "s").bus.site_key
    with pytest.raises(ValueError, match="a site that signs in"):
        site_credentials(key, SiteId(site))


def test_each_roles_credentials_are_its_own(tmp_path):
    account = secrets.ensure(tmp_path / "s").bus.account
    assert len({role_credentials(account, role) for role in ROLES}) == len(ROLES)


def test_a_private_parent_is_not_reachable_for_another_user(tmp_path):
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    home.chmod(0o700)
    stranger = Account("stranger", 54_321, 54_321)
    assert not reachable(home / "data", stranger)
    assert not reachable(home / "data" / "not" / "yet", stranger)
    assert reachable(home, None)
