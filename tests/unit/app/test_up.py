from datetime import timedelta

import pytest
from typer.testing import CliRunner

from manta.app import plan
from manta.app.cli import app
from manta.app.summary import story_begins
from manta.app.up import running, sole_user_of
from manta.settings.clock import FIRST_EVENING
from manta.settings.options import Options, World
from manta.supervisor.accounts import Account

runner = CliRunner()
STRANGER = Account("stranger", 54_321, 54_321)


def test_a_data_directory_belongs_to_one_house_at_a_time(tmp_path):
    refusal = pytest.raises(BlockingIOError, match=r"another manta \(process \d+\) runs in")
    with sole_user_of(tmp_path), refusal, sole_user_of(tmp_path):
        pass
    with sole_user_of(tmp_path):
        pass


def test_a_directory_that_the_engines_cannot_reach_is_refused_when_asked_for(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(PermissionError, match="'stranger' may not enter; choose another with --data"):
        plan.data_directory(private / "data", STRANGER)
    assert private.stat().st_mode & 0o777 == 0o700


def test_a_default_directory_that_the_engines_cannot_reach_is_moved(tmp_path, monkeypatch):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    monkeypatch.chdir(private)
    monkeypatch.setattr(plan, "SHARED_DATA", tmp_path / "shared")
    monkeypatch.setattr(plan, "reachable", lambda path, account: not path.is_relative_to(private))
    assert plan.data_directory(None, STRANGER) == tmp_path / "shared"
    assert not (private / ".manta").exists()


def test_each_role_is_told_its_own_secrets_and_no_others(tmp_path):
    house = plan.draw(Options(), tmp_path, None)
    for role in (*house.roles, "record"):
        words = " ".join(house.config_of(role).environment().values())
        for name, password in house.secrets.database.items():
            assert (password in words) == (role in (name, "record"))
        assert ("governor.key" in words) == (role == "governor")
        assert house.secrets.postgres not in words or role == "record"
        assert house.secrets.admin not in words


def test_beyond_loopback_the_page_and_the_bus_have_certificates(tmp_path):
    house = plan.draw(Options(host="0.0.0.0", bus_host="0.0.0.0"), tmp_path, None)
    assert house.page.startswith("https://127.0.0.1:")
    assert house.bus.url.startswith("tls://127.0.0.1:")
    assert house.config_of("api").tls_key == house.data / "certificates" / "server.key"
    assert house.config_of("engine").tls_key is None
    assert house.config_of("engine").tls_authority == house.data / "certificates" / "authority.pem"


def test_a_live_house_follows_the_wall_and_has_no_simulators(tmp_path):
    house = plan.draw(Options(world=World.LIVE), tmp_path, None)
    assert house.config.clock_setting is None
    assert not set(house.roles) & set(plan.SIMULATORS)
    assert house.config.nemweb_url == plan.NEMWEB


@pytest.mark.parametrize(("after_minutes", "begins_minutes"), [(3, 3), (0, 3), (1, 3), (3.1, 8), (8, 8)])
def test_a_story_begins_with_a_dispatch_interval(after_minutes, begins_minutes):
    begins = story_begins(FIRST_EVENING + timedelta(minutes=after_minutes))
    assert begins == FIRST_EVENING + timedelta(minutes=begins_minutes)


def test_nothing_runs_in_an_empty_directory(tmp_path):
    assert running(tmp_path) is None
    (tmp_path / "running.json").write_text('{"pid":0,"page":"","nats_url":"","mqtt":"","world":"simulate"}')
    assert running(tmp_path) is None


def test_the_help_names_every_verb_and_a_first_step():
    said = runner.invoke(app, ["--help"])
    assert said.exit_code == 0
    for word in ("up", "story", "doctor", "run", "A first visit"):
        assert word in said.output


def test_a_story_without_a_house_says_how_to_start_one(tmp_path):
    said = runner.invoke(app, ["story", "--data", str(tmp_path)])
    assert said.exit_code == 1
    assert "manta up" in said.output


def test_a_role_that_is_none_is_refused():
    assert runner.invoke(app, ["run", "janitor"]).exit_code == 2


def test_a_role_with_a_mistaken_setting_says_which(monkeypatch):
    monkeypatch.setenv("MANTA_API_PORT", "no")
    said = runner.invoke(app, ["run", "api"])
    assert said.exit_code == 2
    assert "MANTA_API_PORT makes no sense" in said.stderr
