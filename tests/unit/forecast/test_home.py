import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.unit.forecast.regions import DATA, region

from manta.forecast.demand import fit_demand, inputs
from manta.forecast.features import WARM_UP
from manta.forecast.history import half_hours
from manta.forecast.home import cluster_days, lacks_days, load_ahead, mean_of_days, sun_ahead
from manta.forecast.sun import fit_sun

HALVES = half_hours(region(120, rooftop=True))


def test_the_mean_is_of_the_same_half_hours_that_are_known():
    power = np.arange(48.0 * 8).reshape(1, -1)
    power[0, -48] = np.nan
    mean = mean_of_days(power, 50)
    assert mean[0, 0] == pytest.approx(np.mean([48.0 * day for day in range(1, 7)]))
    assert mean[0, 1] == pytest.approx(np.mean([48.0 * day + 1 for day in range(1, 8)]))
    assert mean[0, 48] == mean[0, 0]


def test_what_is_not_known_is_not_0():
    assert np.isnan(load_ahead(np.full((2, 100), np.nan), 4)).all()
    assert lacks_days(np.full((2, 300), np.nan)).all()
    assert not lacks_days(np.zeros((2, 300))).any()


@given(arrays(float, (3, 400), elements=st.floats(-20, 0)))
def test_a_load_is_never_positive(load_kw):
    ahead = load_ahead(load_kw, 56)
    assert (ahead <= 0).all()
    assert ahead.min() >= 2 * load_kw.min() - 1e-9


@given(arrays(float, (3, 400), elements=st.floats(0, 20)))
def test_pv_is_never_negative(pv_kw):
    ahead = sun_ahead(pv_kw, 56)
    assert (ahead >= 0).all()
    assert np.isfinite(ahead).all()


def test_each_site_is_forecast_for_itself():
    luck = np.random.default_rng(1)
    load_kw = -luck.random((40, 400))
    together = load_ahead(load_kw, 10)
    alone = load_ahead(load_kw[7:8], 10)
    assert together[7].tobytes() == alone[0].tobytes()


def test_a_surprise_is_believed_for_a_while_and_then_forgotten():
    load_kw = np.full((1, 400), -1.0)
    load_kw[0, -1] = -3.0
    ahead = load_ahead(load_kw, 12)[0]
    usual = mean_of_days(load_kw, 12)[0]
    assert ahead[0] < -2
    assert ahead[-1] == pytest.approx(usual[-1], abs=0.02)


def test_a_real_home_is_forecast_better_than_by_its_week_alone_and_than_by_yesterday():
    path = DATA / "homes" / "ausgrid_customer12_2011-2012_30min.csv"
    if not path.exists():
        pytest.skip("the real home is not here")
    with path.open() as file:
        rows = [(-2 * float(row["GC"]), 2 * float(row["GG"])) for row in csv.DictReader(file)]
    for column, ahead in ((0, load_ahead), (1, sun_ahead)):
        power = np.array(rows)[:, column]
        issues = np.arange(9_000, 17_000, 11)
        seen = np.stack([power[issue - 335 : issue + 1] for issue in issues])
        told, mean = ahead(seen, 48), mean_of_days(seen, 48)
        errors = [
            np.abs(each - power[issues + 1]).mean() for each in (told[:, 0], mean[:, 0], power[issues - 47])
        ]
        assert errors[0] < 0.9 * min(errors[1:])
        far = np.abs(told[:, 47] - power[issues + 48]).mean()
        assert far < np.abs(power[issues] - power[issues + 48]).mean()


def test_homes_are_grouped_by_the_shape_of_their_day():
    luck = np.random.default_rng(2)
    evening, night = np.ones(48), np.ones(48)
    evening[34:42], night[0:12] = 6, 6
    kinds = luck.integers(0, 2, 60)
    profile = -np.where(kinds[:, None] == 1, evening, night) * luck.uniform(0.2, 3, (60, 1))
    profile += 0.01 * luck.normal(size=profile.shape)
    profile[5] = 0
    clusters = cluster_days(profile, 2)
    told = clusters.member[np.arange(60) != 5]
    assert len({tuple(pair) for pair in zip(told, kinds[np.arange(60) != 5], strict=True)}) == 2
    assert clusters.shapes.mean(1) == pytest.approx(np.ones(2))
    ahead = clusters.ahead(np.array([-0.5]), clusters.member[:1], 40, 56)
    assert ahead.shape == (1, 56)
    assert (ahead < 0).all()
    with pytest.raises(ValueError, match="as many sites"):
        cluster_days(profile[:1], 2)


def test_demand_is_forecast_better_than_by_yesterday_and_what_comes_later_changes_nothing():
    demand = HALVES.demand_kw
    model = fit_demand(demand[: 100 * 48], HALVES.ends_ms[: 100 * 48])
    issues = np.arange(100 * 48, 117 * 48)
    fan = model.quantiles(demand, HALVES.ends_ms, issues)
    assert (np.diff(fan, axis=2) >= 0).all()
    error = np.abs(fan[:, 3, 4] - demand[issues + 4]).mean()
    assert error < np.abs(demand[issues - 44] - demand[issues + 4]).mean()
    other = demand.copy()
    other[issues[10] + 1 :] *= 5
    again = model.quantiles(other, HALVES.ends_ms, issues[:11])
    assert fan[:11].tobytes() == again.tobytes()
    raw = inputs(demand, HALVES.ends_ms)
    assert np.isfinite(raw[WARM_UP + 336 :]).all()


def test_the_sun_does_not_shine_at_night_and_is_never_negative():
    sun = HALVES.rooftop_kw
    model = fit_sun(sun[: 100 * 48], HALVES.ends_ms[: 100 * 48])
    fan = model.quantiles(sun, HALVES.ends_ms, np.array([110 * 48 - 1]))[0]
    assert (fan >= 0).all()
    assert not fan[:12].any()
    assert fan[24, 4] > 1_000_000
