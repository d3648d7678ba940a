"""``manta replay``: what a person sees, and the parts of the replay house that nobody else has."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import structlog
from tests.houses import Home, readings, tables
from tests.worlds import EVENING, VirtualClock, virtual
from typer.testing import CliRunner

from manta.app import cli
from manta.app.replay import summed_up
from manta.app.replay_house import STORY_AT, Counters, Evening, opened
from manta.app.virtual import play
from manta.domain.time import FIVE_MINUTES, DispatchInterval
from manta.nemsim.dispatchis import NOT_FIRM, packed, report
from manta.nemsim.market import SimulatedMarket
from manta.roles import demo
from manta.store import memory

GENUINE = Path(__file__).parents[3] / "shared/data/nem/PUBLIC_DISPATCHIS_202508201810_0000000477155219.CSV"
STORY = Evening().stories[0]


@pytest.fixture(autouse=True)
def _logging():
    yield
    structlog.reset_defaults()


def manta(*words):
    cli.console.width = 200
    return CliRunner().invoke(cli.app, ["replay", *map(str, words)])


def published(directory, interval, standing="FIRM", stories=(STORY,)):
    """Write one file of the simulated market where a person might have kept it."""
    at = interval.start + timedelta(seconds=20)
    body = report(SimulatedMarket(1, stories), interval, at, 1, standing)
    stem = f"PUBLIC_DISPATCHIS_{str(interval).translate(str.maketrans('', '', '/ :'))}_{1:016d}"
    path = directory / f"{stem}.zip"
    path.write_bytes(packed(f"{stem}.CSV", body, at))
    return path


def test_an_evening_is_played_and_its_figures_are_shown_and_written(tmp_path):
    shown = manta("spike", "--homes", 20, "--json", tmp_path / "played.json")

    assert shown.exit_code == 0, shown.output
    played = json.loads((tmp_path / "played.json").read_text())
    assert (played["homes"], played["ledger"]["micro_aud"], played["ledger"]["unbalanced"]) == (20, 0, 0)
    assert 48 <= float(played["earned"]["min_aud"]) <= float(played["earned"]["max_aud"]) <= 52
    for words in ("12,500.00", "adds up to nothing", "Refused by the governor: nothing", "kept", "A home"):
        assert words in shown.output
    assert played["earned"]["mean_aud"] in shown.output


def test_an_evening_that_was_not_settled_to_its_end_is_not_sound():
    async def scenario():
        async with opened(Evening(20)) as house:
            await house.until(STORY_AT + FIVE_MINUTES)
            return summed_up(house)

    played = play(scenario())
    assert (played.ledger.unbalanced, played.ledger.unsettled, played.is_sound) == (0, 40, False)


def test_a_dear_price_sells_and_an_ordinary_one_does_nothing(tmp_path):
    published(tmp_path, DispatchInterval.containing(STORY_AT - FIVE_MINUTES))
    published(tmp_path, STORY.intervals[0])

    shown = manta("prices", tmp_path)

    assert shown.exit_code == 0, shown.output
    calm, dear = (
        [line for line in shown.output.splitlines() if "NSW1" in line and time in line]
        for time in ("17:55", "18:00")
    )
    assert "crosses no threshold" in calm[0]
    assert f"is above $300: sell up to {demo.SITE_EXPORT_KW} kW a home" in dear[0]
    assert f"+{demo.SITE_EXPORT_KW + 1:.2f}" in dear[0], "the export and a load of 1 kW"
    assert shown.output.count("no homes of ours there") == 2  # Tasmania


def test_a_price_that_is_not_firm_is_named_so(tmp_path):
    shown = manta("prices", published(tmp_path, STORY.intervals[0], NOT_FIRM))

    assert "(not firm) is above $300" in shown.output


@pytest.mark.skipif(not GENUINE.exists(), reason="the shared market data are not beside this checkout")
def test_a_genuine_file_is_read():
    shown = manta("prices", GENUINE)

    assert shown.exit_code == 0, shown.output
    assert "2025/08/20 18:10" in shown.output
    assert "crosses no threshold" in shown.output


def test_a_file_that_cannot_be_believed_is_named_and_the_others_are_shown(tmp_path):
    published(tmp_path, STORY.intervals[0])
    (tmp_path / "PUBLIC_DISPATCHIS_202701141810_0000000000000001.csv").write_text("not a report\n")

    shown = manta("prices", tmp_path)

    assert shown.exit_code == 1
    assert "not read: PUBLIC_DISPATCHIS_202701141810" in shown.output
    assert "sell up to" in shown.output


def test_a_directory_without_prices_is_refused(tmp_path):
    shown = manta("prices", tmp_path)

    assert shown.exit_code == 1
    assert "holds no PUBLIC_DISPATCHIS file" in shown.output


@virtual
async def test_counters_are_those_that_the_whole_history_has():
    _, devices = tables(*[Home()] * 5)
    meters = np.array([no for no, id_ in enumerate(devices.ids) if "meter" in id_])
    counters, history = Counters(meters, len(devices.ids)), memory.History(meters)
    draw = np.random.default_rng(3)
    for sequence in range(60):
        at = EVENING + timedelta(seconds=float(draw.integers(0, 900)))  # late and in disorder
        rows = readings(*[
            {"device_no": no, "sequence": sequence, "at": at, "import_kwh": 0.0, "export_kwh": draw.random()}
            for no in draw.permutation(len(devices.ids))[:6]
        ])  # fmt: skip
        await counters.append(rows)
        await history.append(rows)
    intervals = [DispatchInterval(EVENING + n * FIVE_MINUTES) for n in range(5)]

    ours, theirs = await counters.meter_counters(intervals), await history.meter_counters(intervals)

    for interval in intervals:
        np.testing.assert_array_equal(ours[interval], theirs[interval])


@virtual
async def test_what_is_given_to_a_thread_is_done_at_once():
    clock = VirtualClock()

    assert await asyncio.to_thread(lambda: 42) == 42
    with pytest.raises(ValueError, match="broken"):
        await asyncio.to_thread(_broken)
    assert clock.now() == EVENING


def _broken():
    raise ValueError("broken")


def test_a_world_in_which_nothing_can_happen_says_so():
    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        play(_wait_for_ever())


async def _wait_for_ever():
    await asyncio.Event().wait()
