"""There is always a forecast, and it says which link made it and why no better one did."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.unit.forecast.regions import after, region

from manta.domain.time import epoch_ms
from manta.forecast.blend import Run, blend, blend_spikes, fit_weights, on_half_hours, table
from manta.forecast.chain import Season, fit_season, forecast_price, refusal
from manta.forecast.history import FIVE_MINUTES_MS, HALF_HOUR_MS, HistoryError, half_hours
from manta.forecast.price import HORIZONS, Link

HISTORY = region(12)
NOW = after(12)
SEASON = fit_season(half_hours(HISTORY))


def predispatch(at, per_mwh, published=None, halves=40):
    ends_ms = epoch_ms(at) + HALF_HOUR_MS * np.arange(1, halves + 1)
    return Run(epoch_ms(published or at), ends_ms, np.full(halves, float(per_mwh)))


def spoiled(**places):
    column = HISTORY.per_mwh.copy()
    for place, value in places.items():
        column[-int(place[1:])] = value
    return replace(HISTORY, per_mwh=column)


@pytest.mark.parametrize(
    ("history", "at", "says"),
    [
        (HISTORY, NOW + timedelta(minutes=11), "11 minutes old"),
        (HISTORY, after(-1), "begins after"),
        (spoiled(_1=np.nan), NOW, "last half-hour are unknown"),
        (spoiled(_900=np.inf), NOW, "is not a price"),
        (spoiled(_900=-2e5), NOW, "-200000"),
    ],
)
def test_stale_and_absurd_histories_are_refused_at_the_door_with_a_reason(history, at, says):
    assert says in refusal(history, at)


def test_a_good_history_is_let_in():
    assert refusal(HISTORY, NOW) is None
    assert refusal(spoiled(_900=np.nan), NOW) is None


def test_without_model_and_predispatch_the_last_seven_days_make_it():
    made = forecast_price(HISTORY, NOW, None, SEASON)
    assert made.forecast.made_by is Link.SEVEN_DAYS
    assert made.refused == ("model: none is fitted", "pre-dispatch prices too few half-hours")
    halves = half_hours(HISTORY)
    same = halves.mean_per_mwh.reshape(12, 48)[-7:, 9:12].ravel()
    assert made.forecast.quantiles_per_mwh[10, 4] == pytest.approx(np.median(same))
    assert (np.diff(made.forecast.quantiles_per_mwh, axis=1) >= 0).all()


def test_predispatch_comes_before_the_seven_days():
    made = forecast_price(HISTORY, NOW, None, SEASON, [predispatch(NOW, 250)])
    assert made.forecast.made_by is Link.PREDISPATCH
    assert made.forecast.quantiles_per_mwh[:40, 4] == pytest.approx(np.full(40, 250))
    assert made.refused == ("model: none is fitted",)


def test_a_stale_history_without_predispatch_ends_in_the_season():
    made = forecast_price(HISTORY, NOW + timedelta(hours=5), None, SEASON)
    assert made.forecast.made_by is Link.SEASON
    assert [reason.split(":")[0] for reason in made.refused][0] == "model"
    assert "300 minutes old" in made.refused[-1]
    assert made.forecast.quantiles_per_mwh[0] == pytest.approx(SEASON.quantiles_per_mwh[0, 10])


def test_unknown_same_half_hours_of_a_whole_week_end_in_the_season():
    column = HISTORY.per_mwh.copy()
    column.reshape(12, 288)[:, 100:140] = np.nan
    made = forecast_price(replace(HISTORY, per_mwh=column), NOW, None, SEASON)
    assert made.forecast.made_by is Link.SEASON
    assert np.isfinite(made.forecast.quantiles_per_mwh).all()


def test_what_comes_after_the_forecast_changes_nothing():
    at = after(11)
    told = forecast_price(HISTORY, at, None, SEASON).forecast
    other = HISTORY.per_mwh.copy()
    other[11 * 288 :] = 9_999
    again = forecast_price(replace(HISTORY, per_mwh=other), at, None, SEASON).forecast
    assert told.quantiles_per_mwh.tobytes() == again.quantiles_per_mwh.tobytes()


def test_a_season_of_unseen_months_has_the_half_hours_own_quantiles():
    assert isinstance(SEASON, Season)
    assert np.isfinite(SEASON.quantiles_per_mwh).all()
    with pytest.raises(HistoryError, match="a day of prices"):
        fit_season(half_hours(region(1).last(100)))


def test_a_run_that_is_not_out_yet_is_not_looked_at():
    late = predispatch(NOW, 999, published=NOW + timedelta(minutes=1))
    assert np.isnan(on_half_hours([late], epoch_ms(NOW), HORIZONS)).all()


def test_of_two_runs_the_later_wins_where_it_reaches():
    old, new = predispatch(NOW, 50), predispatch(NOW, 80, halves=4)
    new = replace(new, published_ms=epoch_ms(NOW))
    old = replace(old, published_ms=epoch_ms(NOW) - HALF_HOUR_MS)
    laid = on_half_hours([new, old], epoch_ms(NOW), 10)
    assert laid.tolist() == [80] * 4 + [50] * 6


def test_five_minute_runs_count_for_whole_half_hours_only():
    ends_ms = epoch_ms(NOW) + FIVE_MINUTES_MS * np.arange(1, 12)
    laid = on_half_hours([Run(epoch_ms(NOW), ends_ms, np.arange(11.0))], epoch_ms(NOW), 3)
    assert laid[0] == pytest.approx(2.5)
    assert np.isnan(laid[1:]).all()


def test_the_weight_fades_to_nothing_beyond_six_hours():
    weights = table(HORIZONS)
    assert (np.diff(weights) <= 0).all()
    assert weights[0] > 0.3
    assert not weights[12:].any()
    fan = np.sort(np.random.default_rng(1).normal(60, 20, (HORIZONS, 9)), axis=1)
    told = blend(fan, np.full(HORIZONS, 500.0), weights)
    assert (told[:12] > fan[:12]).all()
    assert told[12:] == pytest.approx(fan[12:])
    assert blend(fan, np.full(HORIZONS, np.nan), weights) == pytest.approx(fan)


def test_predispatch_above_300_raises_the_chance_of_a_spike():
    share = blend_spikes(np.full(HORIZONS, 0.1), np.full(HORIZONS, 900.0))
    assert share[0] == pytest.approx(1 - 0.9 * 0.7)
    assert share[20] == pytest.approx(0.1)
    assert blend_spikes(np.full(4, 0.1), np.full(4, np.nan)) == pytest.approx(np.full(4, 0.1))


def test_history_teaches_to_trust_a_good_aemo_and_not_a_bad_one():
    luck = np.random.default_rng(2)
    happened = 60 + 20 * luck.normal(size=(600, 16))
    fan = np.sort(60 + 20 * luck.normal(size=(600, 16, 9)) * 0.2 + np.linspace(-30, 30, 9), axis=2)
    good, bad = happened + luck.normal(size=happened.shape), 60 + 200 * luck.normal(size=happened.shape)
    trusted, doubted = fit_weights(fan, good, happened), fit_weights(fan, bad, happened)
    assert trusted[0] > 0.9
    assert doubted[0] < 0.1
    assert not trusted[12:].any()
    assert (np.diff(trusted) <= 0).all()
