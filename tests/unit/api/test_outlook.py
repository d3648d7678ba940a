"""How far a forecast may be out: compared like with like, or not said at all."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manta.desk.outlook import LEAST_RUNS, LEVELS, PastRuns, past_runs, spread_of
from manta.domain.time import epoch_ms
from manta.wire.series import PriceForecast

STEP_MS = 300_000
CALM = 1
PEAK = 4
BOUNDS = (-1_000.0, 20_300.0)


def grid(count: int):
    return np.arange(1, count + 1, dtype=np.int64) * STEP_MS


def of_lead_0(forecast: np.ndarray, ends_ms: np.ndarray):
    return PastRuns(np.zeros(len(forecast), np.int64), ends_ms, forecast)


def test_too_few_runs_give_no_range():
    ends_ms = grid(LEAST_RUNS - 1)
    spread = spread_of(of_lead_0(np.full(len(ends_ms), 80.0), ends_ms), ends_ms, np.full(len(ends_ms), 90.0))
    assert spread.runs[0, CALM] == LEAST_RUNS - 1
    assert np.isnan(spread.low[0, CALM])
    low, high = spread.around(np.array([80.0]), *BOUNDS)
    assert np.isnan(low[0])
    assert np.isnan(high[0])


def test_nothing_compared_gives_no_range_for_any_lead():
    spread = spread_of(past_runs([]), np.zeros(0, np.int64), np.zeros(0))
    assert spread.most_runs == 0
    assert np.isnan(spread.around(np.array([1.0, 2.0]), *BOUNDS)[0]).all()


def test_a_calm_forecast_says_nothing_of_a_dear_one():
    ends_ms = grid(100)
    spread = spread_of(of_lead_0(np.full(100, 80.0), ends_ms), ends_ms, np.full(100, 90.0))
    assert spread.low[0, CALM] == spread.high[0, CALM] == 10.0
    assert spread.runs[0, PEAK] == 0
    low, _ = spread.around(np.array([5_000.0]), *BOUNDS)
    assert np.isnan(low[0])


def test_an_interval_whose_price_never_came_is_not_compared():
    ends_ms = grid(40)
    spread = spread_of(of_lead_0(np.full(40, 80.0), ends_ms), ends_ms[::2], np.full(20, 90.0))
    assert spread.most_runs == 20


def test_a_half_hour_is_compared_with_the_mean_of_its_six_prices_and_only_if_all_are_known():
    ends_ms = grid(12)
    per_mwh = np.array([10.0, 20, 30, 40, 50, 60, 10, 20, 30, 40, 50, 60])
    half_hours = ends_ms[[5, 11]]
    past = PastRuns(np.zeros(2, np.int64), half_hours, np.array([35.0, 35.0]))
    whole = spread_of(past, ends_ms, per_mwh, intervals=6)
    holed = spread_of(past, np.delete(ends_ms, 8), np.delete(per_mwh, 8), intervals=6)
    assert whole.most_runs == 2
    assert holed.most_runs == 1


def test_leads_are_counted_from_the_first_interval_of_each_run():
    at = datetime(2027, 1, 14, 8, tzinfo=UTC)
    first = epoch_ms(at)
    half_hour = 6 * STEP_MS
    runs = [
        PriceForecast(
            at,
            "PREDISPATCH",
            np.array([first, first + half_hour, first + 3 * half_hour]),
            np.array([1.0, 2, 3]),
        ),
        PriceForecast(
            at + timedelta(minutes=5), "P5MIN", np.array([first, first + STEP_MS]), np.array([4.0, 5])
        ),
    ]
    past = past_runs(runs)
    assert past.lead.tolist() == [0, 1, 3, 0, 1]
    assert past.per_mwh.tolist() == [1, 2, 3, 4, 5]


errors = st.lists(st.floats(-500, 500), min_size=LEAST_RUNS, max_size=60)


@settings(max_examples=40)
@given(errors, st.floats(0, 149))
def test_a_tenth_of_the_errors_lies_outside_each_side(errors, forecast):
    ends_ms = grid(len(errors))
    came = forecast + np.array(errors)
    spread = spread_of(of_lead_0(np.full(len(errors), forecast), ends_ms), ends_ms, came)
    low, high = spread.around(np.array([forecast]), -1e9, 1e9)
    assert low[0] <= high[0]
    assert (came < low[0] - 1e-6).mean() <= 0.1
    assert (came > high[0] + 1e-6).mean() <= 0.1
    assert spread.runs.shape == (1, LEVELS)


@settings(max_examples=40)
@given(errors, st.floats(0, 149))
def test_a_range_never_leaves_the_market_s_bounds(errors, forecast):
    ends_ms = grid(len(errors))
    spread = spread_of(
        of_lead_0(np.full(len(errors), forecast), ends_ms), ends_ms, forecast + 100 * np.array(errors)
    )
    low, high = spread.around(np.array([forecast]), *BOUNDS)
    assert BOUNDS[0] <= low[0] <= high[0] <= BOUNDS[1]


@pytest.mark.parametrize(
    ("forecast", "level"), [(-0.01, 0), (0.0, 1), (149.99, 1), (150.0, 2), (300.0, 3), (1_000.0, 4)]
)
def test_levels_are_those_that_the_pages_colour(forecast, level):
    ends_ms = grid(LEAST_RUNS)
    spread = spread_of(of_lead_0(np.full(LEAST_RUNS, forecast), ends_ms), ends_ms, np.full(LEAST_RUNS, 0.0))
    assert spread.runs[0].argmax() == level
