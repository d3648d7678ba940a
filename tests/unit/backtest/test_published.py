import numpy as np
import pytest
from tests.unit.backtest.markets import prices, series

from manta.backtest.published import own_rows, predispatch, runs_of, trailing, truth, week_mean, yesterday
from manta.backtest.series import HALF_HOUR_MS, STEP_MS, SeriesError

COUNTING = np.arange(20 * 48, dtype=float)


def test_yesterday_is_the_last_day_that_is_known():
    told = yesterday(COUNTING, 96, 5)
    assert told[3, 0] == 99 - 48
    assert told[3, 47] == 99 - 1
    assert told[3, 48] == 99 - 48  # a day and more ahead the same day again


@pytest.mark.parametrize("fold", [yesterday, week_mean])
def test_no_issue_holds_what_came_after_it(fold):
    other = COUNTING.copy()
    other[8 * 48 + 10 :] = -1e6
    assert (fold(COUNTING, 8 * 48, 30)[:11] == fold(other, 8 * 48, 30)[:11]).all()
    assert (fold(COUNTING, 8 * 48, 60)[59] != fold(other, 8 * 48, 60)[59]).any()


def test_truth_is_what_came():
    assert truth(COUNTING)[7, 5] == 12


def test_whole_intervals_of_latency_delay_the_issue_at_the_half_hour():
    row, late = own_rows(18, 0)
    assert row.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    assert not late.any()
    row, late = own_rows(18, 2)
    assert row.tolist() == [0] * 8 + [1] * 6 + [2] * 4
    assert late[:9].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 0]


def test_a_run_is_seen_once_it_is_published_and_not_before():
    days = series(prices(3))
    starts = days.starts_ms + HALF_HOUR_MS * np.arange(len(days) // 6)
    run = np.repeat(starts + HALF_HOUR_MS, 4)
    ends = run + np.tile(np.arange(4), len(starts)) * HALF_HOUR_MS
    published = np.repeat(starts + 73_000, 4)
    told = np.repeat(np.arange(len(starts), dtype=float), 4)
    issues = runs_of(run, published, ends, told)
    beyond = np.full((len(days) // 6 - 48, 80), 7.0)
    for delay_ms, seen in ((0, [47, 48, 48]), (72_000, [47, 48, 48]), (73_000, [48, 48, 48])):
        chosen = predispatch(issues, days, 288, beyond, delay_ms, 1_000.0)
        assert [chosen.values[chosen.row[n], chosen.late[n]] for n in range(3)] == seen
        assert chosen.late[0] == (1 if seen[0] == 47 else 0)
    assert chosen.values[0, 4:].tolist() == [7.0] * 76


def test_a_foretold_price_is_believed_up_to_a_bound():
    days = series(prices(3))
    starts = days.starts_ms + HALF_HOUR_MS * np.arange(len(days) // 6)
    issues = runs_of(starts + HALF_HOUR_MS, starts, starts + HALF_HOUR_MS, np.full(len(starts), 15_000.0))
    chosen = predispatch(issues, days, 288, np.full((100, 80), 7.0), 0, 1_000.0)
    assert chosen.values.max() == 1_000.0


def test_a_replay_before_the_first_run_is_refused():
    days = series(prices(3))
    late = np.array([int(days.end_ms[-1])])
    issues = runs_of(late, late, late, np.array([50.0]))
    with pytest.raises(SeriesError, match="no pre-dispatch run had been published"):
        predispatch(issues, days, 288, np.zeros((100, 80)), 0, 1_000.0)


def test_a_trailing_quantile_looks_at_whole_half_hours_before():
    days = series(prices(9))
    other = days.per_mwh.copy()
    other[8 * 288 :] = 1_000.0
    first, second = trailing(days, 8 * 288, 0.25), trailing(series(other), 8 * 288, 0.25)
    assert (first[:6] == second[:6]).all()
    assert first[0] == np.quantile(days.per_mwh[288 : 8 * 288], 0.25)
    assert days.end_ms[1] - days.end_ms[0] == STEP_MS
