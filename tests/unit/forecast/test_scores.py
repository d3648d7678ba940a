from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.forecast.regions import after, region

from manta.domain.time import epoch_ms
from manta.forecast.champion import Days, Verdict, days_of, drift, judge, normal_of
from manta.forecast.history import half_hours
from manta.forecast.price import HORIZONS, LEVELS, Forecasts
from manta.forecast.scores import average_precision, pinball, reliability, score

HALVES = half_hours(region(20, seed=6))


def perfect(days=6, error_per_mwh=0.0):
    first = HALVES.place(after(5)) - 1
    issues = first + np.arange(days * 48)
    happened = HALVES.mean_per_mwh[issues[:, None] + np.arange(1, HORIZONS + 1)]
    fan = happened[:, :, None] + error_per_mwh + 10 * (np.array(LEVELS) - 0.5)
    spiked = HALVES.highest_per_mwh[issues[:, None] + np.arange(1, HORIZONS + 1)] > 300
    return Forecasts(
        region(1).region,
        HALVES.ends_ms[issues],
        fan.astype(np.float32),
        spiked.astype(np.float32) * 0.9 + 0.05,
    )


@given(st.lists(st.floats(-500, 500), min_size=9, max_size=9), st.floats(-500, 500))
def test_pinball_is_never_negative_and_zero_only_when_all_quantiles_are_right(fan, happened):
    loss = float(pinball(np.array(fan), np.array(happened)))
    assert loss >= 0
    assert float(pinball(np.full(9, happened), np.array(happened))) == 0


def test_average_precision_is_1_for_a_perfect_order_and_the_base_rate_for_none():
    happened = np.array([True, False, True, False, False])
    assert average_precision(happened, happened.astype(float)) == 1
    assert average_precision(happened, np.zeros(5)) == pytest.approx(0.4)
    assert average_precision(happened, np.array([0.9, 0.8, 0.7, 0.1, 0.0])) == pytest.approx((1 + 2 / 3) / 2)
    assert np.isnan(average_precision(np.zeros(3, bool), np.arange(3.0)))


def test_reliability_counts_every_forecast_once():
    luck = np.random.default_rng(1)
    share = luck.random(5_000)
    bins = reliability(share, luck.random(5_000) < share)
    assert sum(count for _, _, count in bins) == 5_000
    assert all(abs(told - came) < 0.1 for told, came, _ in bins)
    assert reliability(np.array([1.0]), np.array([True])) == [(1.0, 1.0, 1)]


def test_a_perfect_forecast_scores_so():
    told = score(perfect(), HALVES, 2)
    assert told.relative_error_scale < 1e-5
    assert told.coverage_share == 1
    assert told.spike_precision_share == 1
    assert told.count == 6 * 48


def test_leads_without_an_outcome_are_refused():
    late = perfect(1)
    beyond = Forecasts(
        late.region, late.issued_ms + 40 * 86_400_000, late.quantiles_per_mwh, late.spike_share
    )
    with pytest.raises(ValueError, match="no outcome"):
        score(beyond, HALVES, 1)


def test_days_without_all_outcomes_do_not_count():
    days = days_of(perfect(6), HALVES)
    assert len(days.coverage) == 6
    assert (days.coverage == 1).all()
    assert (days.naive_per_mwh > 0).all()
    assert after(5) + timedelta(days=6) <= after(20)
    early = perfect(6)
    shifted = Forecasts(
        early.region,
        early.issued_ms - epoch_ms(after(5)) + epoch_ms(after(1)),
        early.quantiles_per_mwh,
        early.spike_share,
    )
    assert len(days_of(shifted, HALVES).coverage) == 0


def test_a_challenger_serves_only_where_it_was_clearly_better():
    luck = np.random.default_rng(3)
    champion = 10 + luck.normal(size=56)
    assert judge(champion, champion - 0.5) is Verdict.REPLACE
    assert judge(champion, champion) is Verdict.KEEP
    assert judge(champion, champion + 0.5) is Verdict.KEEP
    assert judge(champion, champion - 0.01) is Verdict.KEEP
    assert judge(champion, champion - 0.1 + luck.normal(0, 6, 56)) is Verdict.KEEP
    assert judge(champion[:20], champion[:20] - 5) is Verdict.TOO_SOON
    with pytest.raises(ValueError, match="same days"):
        judge(champion, champion[1:])


def test_drift_is_told_against_the_models_own_band():
    luck = np.random.default_rng(4)
    calm = Days(5 + luck.normal(0, 0.5, 200), 20 + luck.normal(0, 1, 200), 0.9 + luck.normal(0, 0.02, 200))
    normal = normal_of(calm)
    assert drift(Days(calm.pinball_per_mwh[:60], calm.naive_per_mwh[:60], calm.coverage[:60]), normal) == []
    dull = Days(calm.pinball_per_mwh[:40] * 2, calm.naive_per_mwh[:40], calm.coverage[:40] - 0.2)
    coverage, skill = drift(dull, normal)
    assert "covered 0.69" in coverage
    assert "of the naive error" in skill
    assert (
        drift(
            Days(*(column[:10] for column in (dull.pinball_per_mwh, dull.naive_per_mwh, dull.coverage))),
            normal,
        )
        == ()
    )
    with pytest.raises(ValueError, match="needs 56 days"):
        normal_of(dull)
