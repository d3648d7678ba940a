from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.settings.clock import FIRST_EVENING, SimulatedClock, WallClock
from manta.settings.config import Address, Config, ConfigError, LogStyle
from manta.settings.options import World

CLOCK = f"{FIRST_EVENING.isoformat()}|{FIRST_EVENING.isoformat()}|2.0"
ports = st.integers(1, 65_535)


def read(**environment: str) -> Config:
    return Config.from_environment(environment)


def test_an_empty_environment_is_a_simulated_world_on_the_wall():
    config = read()
    assert (config.world, config.homes, config.api_host) == (World.SIMULATE, 5_000, "127.0.0.1")
    assert isinstance(config.clock(), WallClock)


@given(ports, ports, st.integers(1, 1_000_000), st.integers(0, 2**62), st.floats(0, 1440))
def test_a_child_reads_what_its_parent_was_told(api_port, health_port, homes, seed, minutes):
    config = Config(
        data=Path("/somewhere/else"),
        clock_setting=None,
        dsns={"engine": "postgresql://manta_engine:x@127.0.0.1:5/manta"},
        nats_url="nats://127.0.0.1:4222",
        mqtt=Address(host="::1", port=1883),
        clickhouse_url="http://manta:x@127.0.0.1:8123",
        api_port=api_port,
        health_port=health_port,
        governor_key=Path("key"),
        homes=homes,
        seed=seed,
        story_after=timedelta(minutes=minutes),
        log=LogStyle.JSON,
    )
    assert Config.from_environment(config.environment()) == config


def test_the_clock_is_told_by_the_environment():
    config = read(MANTA_CLOCK=CLOCK)
    assert isinstance(config.clock(), SimulatedClock)
    assert config.speed == 2.0
    assert Config.from_environment(config.environment()) == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MANTA_WORLD", "paper"),
        ("MANTA_API_PORT", "0"),
        ("MANTA_API_PORT", "65536"),
        ("MANTA_API_PORT", "eighty"),
        ("MANTA_MQTT", "1883"),
        ("MANTA_MQTT", "here:there"),
        ("MANTA_CLOCK", "yesterday"),
        ("MANTA_HOMES", "0"),
        ("MANTA_HOMES", "-5"),
        ("MANTA_HOMES", "1e3"),
        ("MANTA_SEED", "x"),
        ("MANTA_STORY_AFTER", "nan"),
        ("MANTA_NATS_URL", "http://127.0.0.1"),
        ("MANTA_CLICKHOUSE_URL", "127.0.0.1:8123"),
        ("MANTA_LOG", "loud"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f"{name} makes no sense"):
        read(**{name: value})


def test_a_setting_that_nobody_knows_is_refused_rather_than_ignored():
    with pytest.raises(ConfigError, match="MANTA_HOME is no setting of ours; we know .*MANTA_HOMES"):
        read(MANTA_HOME="5")


def test_what_belongs_together_is_asked_for_together():
    with pytest.raises(ConfigError, match="the live one follows the wall"):
        read(MANTA_WORLD="live", MANTA_CLOCK=CLOCK)
    with pytest.raises(ConfigError, match="go together"):
        read(MANTA_TLS_CERTIFICATE="server.pem")


def test_a_role_that_lacks_a_setting_is_told_which():
    with pytest.raises(ConfigError, match="MANTA_DSN_ENGINE is not set"):
        read().dsn("engine")
    with pytest.raises(ConfigError, match="MANTA_GOVERNOR_KEY is not set"):
        read().require("governor_key", Path)


def test_no_secret_shows_in_a_printed_config():
    config = read(
        MANTA_DSN_API="postgresql://manta_api:hunter2@127.0.0.1/manta",
        MANTA_CLICKHOUSE_URL="http://manta:hunter2@127.0.0.1:8123",
    )
    assert config.dsn("api").startswith("postgresql://")
    assert "hunter2" not in repr(config)
