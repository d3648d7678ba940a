"""What a box is told: everything that makes no sense is refused, and says what to do."""

import re

import pytest

from manta.edge.config import ConfigError, read_config, read_key, read_secret
from manta.edge.uplink import LONGEST_WAIT_S, wait_s

GOOD = """\
site = "h-box"
[uplink]
host = "127.0.0.1"
port = 1883
password_file = "password"
[limits]
import_kw = 10.0
export_kw = 5
[[device]]
make = "sungrow"
host = "192.0.2.10"
battery = "h-box-battery1"
meter = "h-box-meter1"
key_file = "battery1.key"
charge_kw = 5.0
discharge_kw = 5.0
reserve_soc = 0.2
"""


def read(tmp_path, text):
    path = tmp_path / "edge.toml"
    path.write_text(text)
    return read_config(path)


def test_a_good_file_is_read_with_its_defaults(tmp_path):
    config = read(tmp_path, GOOD)
    assert (config.report_s, config.uplink.history_per_s, config.device[0].port) == (5.0, 4.0, 502)
    assert config.site_limits.export_kw == 5.0


@pytest.mark.parametrize(
    ("of", "to", "says"),
    [
        ('site = "h-box"', "", "site"),
        ("port = 1883", "port = 70000", "$.uplink.port"),
        ("port = 1883", "prot = 1883", "prot"),
        ('host = "127.0.0.1"', 'host = "vpp.example"', "mutual TLS"),
        ("export_kw = 5", "export_kw = -5", "export_kw"),
        ("export_kw = 5", "export_kw = nan", "export_kw"),
        ("export_kw = 5", "export_kw = inf", "export_kw"),
        ("reserve_soc = 0.2", "reserve_soc = 20", "reserve_soc"),
        ('make = "sungrow"', 'make = "nonesuch"', "one of"),
        ('make = "sungrow"', 'make = "manta-contract"', "a box can reach"),
        ('meter = "h-box-meter1"\n', "", "meter"),
        ('meter = "h-box-meter1"', 'meter = "h-box-battery1"', "named twice"),
        ('meter = "h-box-meter1"', 'meter = "h-other-meter1"', "h-box-"),
        ('site = "h-box"', 'site = "h.*"', "site"),
        ("[limits]", "[limits", "no TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_and_named(tmp_path, of, to, says):
    assert of in GOOD
    with pytest.raises(ConfigError, match=re.escape(says)):
        read(tmp_path, GOOD.replace(of, to))


def test_a_missing_file_says_where_an_example_is(tmp_path):
    with pytest.raises(ConfigError, match=r"docs/edge\.md"):
        read_config(tmp_path / "none.toml")


def test_secrets_that_others_may_read_are_refused(tmp_path):
    secret = tmp_path / "battery1.key"
    secret.write_text("ab" * 32)
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret(tmp_path, secret.name)
    secret.chmod(0o600)
    assert read_key(tmp_path, secret.name) == b"\xab" * 32
    secret.write_text("ab" * 31)
    with pytest.raises(ConfigError, match="64 hexadecimal"):
        read_key(tmp_path, secret.name)
    with pytest.raises(ConfigError, match="enrolled"):
        read_key(tmp_path, "none.key")


def test_the_wait_for_the_house_doubles_up_to_a_bound():
    assert [wait_s(n) for n in (0, 1, 2, 3)] == [1.0, 2.0, 4.0, 8.0]
    assert wait_s(50) == LONGEST_WAIT_S
