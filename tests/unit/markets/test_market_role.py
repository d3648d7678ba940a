"""The market process: every feed where it stopped, and a health that calls late late and absent absent."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from manta.domain.time import NEM_TIME
from manta.mms.catalogue import FEEDS
from manta.roles.market import followed, trouble, watch
from manta.settings.clock import ClockSetting
from manta.settings.config import Config, ConfigError
from manta.settings.observe import Health

EVENING = datetime(2027, 1, 14, 17, 52, tzinfo=NEM_TIME)


def config(tmp_path, **given):
    setting = ClockSetting(EVENING, datetime.now(UTC))  # noqa: TID251 - a real clock's origin
    return Config(data=tmp_path, clock_setting=setting, **({"nemweb_url": "http://nemweb.test"} | given))


@pytest.fixture
async def followers(tmp_path):
    async with httpx.AsyncClient() as client:
        yield followed(config(tmp_path), client)


async def test_it_follows_every_feed_that_there_is(followers):
    assert [follower.feed for follower in followers] == list(FEEDS)


async def test_without_an_address_it_says_what_is_missing(tmp_path):
    async with httpx.AsyncClient() as client:
        with pytest.raises(ConfigError, match="MANTA_NEMWEB_URL"):
            followed(config(tmp_path, nemweb_url=None), client)


async def test_every_feed_of_the_catalogue_has_a_rhythm_in_which_it_is_late_after_it_is_due(followers):
    for follower in followers:
        fresh_at = EVENING + timedelta(seconds=1)
        assert follower.late_since(fresh_at) is None, "nothing is late at the start"
        since = follower.late_since(EVENING + 3 * follower.feed.every + timedelta(days=2))
        assert since is not None
        assert since > EVENING


async def test_late_is_told_with_since_when_and_the_newest(followers):
    follower = followers[0]
    follower.state.newest = EVENING
    follower.state.because = "answers 503"

    told = trouble(follower, EVENING + timedelta(hours=1), absence_fails=True)

    assert told.startswith("late since 2027-01-14T07:")
    assert "the newest is 2027-01-14T17:52" in told
    assert told.endswith("answers 503")


async def test_a_directory_that_is_not_there_fails_the_live_world_alone(followers):
    follower = followers[0]
    follower.state.is_there = False
    much_later = EVENING + timedelta(hours=1)

    assert trouble(follower, much_later, absence_fails=True) == "there is no DispatchIS_Reports"
    assert trouble(follower, much_later, absence_fails=False) == ""


async def test_the_health_of_the_process_is_that_of_its_feeds(followers):
    class Later:
        at = EVENING

        def now(self):
            return self.at

    health, clock = Health("market"), Later()
    watch(health, followers, clock, from_at=EVENING, absence_fails=False)
    assert (await health.report()).ok

    clock.at = EVENING + timedelta(minutes=20)
    report = await health.report()

    failed = {check.name: check.because for check in report.checks if not check.ok}
    assert not report.ok
    assert "late since" in failed["DispatchIS_Reports"]
    assert "Next_Day_Dispatch" not in failed


async def test_a_house_that_opens_after_a_night_away_does_not_wait_for_the_feeds(followers):
    class Now:
        at = EVENING

        def now(self):
            return self.at

    health, clock = Health("market"), Now()
    for follower in followers:
        follower.state.newest = EVENING - timedelta(days=1)
    watch(health, followers, clock, from_at=EVENING + timedelta(minutes=2), absence_fails=False)
    clock.at = EVENING + timedelta(minutes=1, seconds=59)
    assert (await health.report()).ok

    clock.at = EVENING + timedelta(hours=1)
    assert not (await health.report()).ok
