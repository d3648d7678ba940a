"""The stories on the command line, and what ``manta up`` may be told of its market."""

import pytest
from typer.testing import CliRunner

from manta.app.cli import app
from manta.app.replay_day import IDLE, TOLD_AT, TRADING, the_day
from manta.domain.time import FIVE_MINUTES, TradingDay
from manta.nemsim.stories import STORIES
from manta.settings.config import Config, ConfigError
from manta.settings.options import MarketDays
from manta.wire.stories import OUTLINES, StoryName

runner = CliRunner()


def test_the_list_has_every_story_with_its_length_and_one_line_and_needs_no_house():
    said = runner.invoke(app, ["story", "--list"], env={"COLUMNS": "120"})

    lines = said.output.splitlines()
    assert said.exit_code == 0
    assert len(lines) == len(StoryName) == len(OUTLINES) == len(STORIES)
    for line, (name, outline) in zip(lines, OUTLINES.items(), strict=True):
        assert line.split()[0] == name
        assert f"{outline.lasts.total_seconds() / 60:.0f} min" in line
        assert line.rstrip().endswith(outline.about)


def test_the_list_fits_a_terminal_of_eighty_columns():
    said = runner.invoke(app, ["story", "--list"], env={"COLUMNS": "80"})

    assert len(said.output.splitlines()) == len(StoryName)


@pytest.mark.parametrize("name", ["flood", "SPIKE", "administered_floor", ""])
def test_a_story_that_nobody_knows_is_refused_with_those_that_are_known(name):
    said = runner.invoke(app, ["story", name], env={"COLUMNS": "200"})

    assert said.exit_code == 2
    assert repr(name) in said.output
    assert "administered-floor" in said.output


def test_a_story_lasts_whole_intervals():
    assert all(outline.lasts % FIVE_MINUTES == 0 * FIVE_MINUTES for outline in OUTLINES.values())


def test_the_day_holds_every_story_and_no_two_at_once():
    told = sorted(the_day(20, 1).stories, key=lambda story: story.begins)

    assert {story.name for story in told} == set(TOLD_AT) == set(StoryName)
    assert all(one.ends <= other.begins for one, other in zip(told, told[1:], strict=False))
    assert {TradingDay.of(i) for story in told for i in story.intervals} == {TradingDay.of(told[0].first)}
    assert not TRADING & IDLE


@pytest.mark.parametrize("days", MarketDays)
def test_the_markets_days_are_spelled_for_a_child_as_they_are_read(days):
    given = Config(market=days)

    assert Config.from_environment(given.environment()).market is days


@pytest.mark.parametrize("spelled", ["winter", "FITTED", ""])
def test_days_that_nobody_knows_are_refused(spelled):
    with pytest.raises(ConfigError, match="MANTA_MARKET makes no sense"):
        Config.from_environment({"MANTA_MARKET": spelled})
    assert runner.invoke(app, ["up", "--market", spelled]).exit_code == 2


def test_a_live_world_has_its_own_days():
    with pytest.raises(ConfigError, match="MANTA_MARKET is for a simulated world"):
        Config.from_environment({"MANTA_WORLD": "live", "MANTA_MARKET": "fitted"})
