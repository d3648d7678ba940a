"""One small fit and a short walk, looked at from all sides."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import msgspec
import numpy as np
import pytest
from tests.unit.forecast.regions import LITTLE, after, region

from manta.domain.market import Region
from manta.domain.time import epoch_ms
from manta.forecast.calibration import Platt, conform, misses, shifts
from manta.forecast.chain import Armed, arm, fit_season, forecast_price
from manta.forecast.features import Features, squash
from manta.forecast.history import History, HistoryError, half_hours
from manta.forecast.nodes import NODES, hazards, node_prices, place_all, rank_of, transitions
from manta.forecast.price import HORIZONS, LEVELS, Link
from manta.forecast.registry import RegistryError, keep_model, open_model
from manta.forecast.scores import score
from manta.forecast.spike import fit_severity, severity_of
from manta.forecast.walk import Refit, cuts, fit, walk_forward

DAYS = 150
HISTORY = region(DAYS)
HALVES = half_hours(HISTORY)
FEATURES = Features.of(HALVES)
CUT = 115 * 48


@pytest.fixture(scope="module")
def fitted():
    return fit(HALVES, FEATURES, CUT, LITTLE)


@pytest.fixture(scope="module")
def walk():
    return walk_forward(HISTORY, after(DAYS - 10), after(DAYS - 1), Refit.ONCE, LITTLE)


@pytest.fixture(scope="module")
def kept(fitted):
    season = fit_season(HALVES.first(CUT))
    return keep_model(fitted, season, FEATURES, Region.VIC, (after(0), after(115)), {"pinball": 5.0})


def test_too_short_a_history_is_refused():
    with pytest.raises(HistoryError, match="days of history"):
        walk_forward(region(60), after(50), after(55), Refit.ONCE, LITTLE)


def test_a_span_outside_the_history_is_refused():
    with pytest.raises(HistoryError, match="outside"):
        walk_forward(region(20), after(30), after(31), Refit.ONCE, LITTLE)


def test_every_half_hour_of_the_span_has_a_forecast_in_order(walk):
    told = walk.forecasts
    assert told.issued_ms[0] == epoch_ms(after(DAYS - 10))
    assert len(told.issued_ms) == 9 * 48
    assert told.quantiles_per_mwh.shape == (9 * 48, HORIZONS, 9)
    assert np.isfinite(told.quantiles_per_mwh).all()
    assert (np.diff(told.quantiles_per_mwh, axis=2) >= 0).all()
    assert ((told.spike_share > 0) & (told.spike_share < 1)).all()


def test_fitted_anew_on_a_shuffled_future_every_forecast_before_it_is_the_same_to_the_bit(walk):
    seen = DAYS - 5
    luck = np.random.default_rng(5)
    price, demand = HISTORY.per_mwh.copy(), HISTORY.demand_kw.copy()
    price[seen * 288 :] = luck.permutation(price[seen * 288 :]) * 7 - 100
    demand[seen * 288 :] = luck.permutation(demand[seen * 288 :]) * 3
    other = History(HISTORY.region, HISTORY.ends_ms, price, demand)
    told = walk_forward(other, after(DAYS - 10), after(DAYS - 1), Refit.ONCE, LITTLE)
    known = 5 * 48 + 1
    for name in ("quantiles_per_mwh", "spike_share"):
        before, now = getattr(walk.forecasts, name), getattr(told.forecasts, name)
        assert before[:known].tobytes() == now[:known].tobytes()
        assert before[known:].tobytes() != now[known:].tobytes()
    assert told.nodes.rank_step.tobytes() == walk.nodes.rank_step.tobytes()


def test_the_model_beats_yesterday_and_covers_what_it_says(walk):
    near = score(walk.forecasts, HALVES, 1)
    assert near.relative_error_scale < 0.9
    assert 0.8 < near.coverage_share < 0.97


def test_one_issue_is_given_as_a_planner_takes_it(walk):
    one = walk.forecasts.at(3)
    assert one.made_at == after(DAYS - 10) + timedelta(minutes=90)
    assert one.ends_ms[0] == epoch_ms(one.made_at) + 1_800_000
    assert one.made_by is Link.MODEL
    assert one.quantiles_per_mwh.shape == (HORIZONS, 9)


def test_models_are_fitted_anew_on_the_first_of_a_quarter_or_month():
    begin, end = after(10), after(200)
    assert [cut.strftime("%m-%d %H") for cut in cuts(begin, end, Refit.QUARTERLY)] == ["04-01 00", "07-01 00"]
    assert len(cuts(begin, end, Refit.MONTHLY)) == 6
    assert not cuts(begin, end, Refit.ONCE)


def test_a_model_that_is_kept_and_opened_answers_to_the_bit(fitted, kept):
    card, body = kept
    opened, season = open_model(card, body)
    issues = np.arange(CUT + 5, CUT + 25)
    for told, again in zip(fitted.raw(FEATURES, issues), opened.raw(FEATURES, issues), strict=True):
        assert told.tobytes() == again.tobytes()
    assert opened.nodes.calm().tobytes() == fitted.nodes.calm().tobytes()
    assert season.quantiles_per_mwh.shape == (12, 48, 9)
    assert msgspec.json.decode(msgspec.json.encode(card), type=type(card)) == card
    assert card.trained_until == after(115)


def test_a_body_that_is_not_on_the_card_is_refused(kept):
    card, body = kept
    with pytest.raises(RegistryError, match="hash differs"):
        open_model(card, body[:-1] + b"\x00")
    with pytest.raises(RegistryError, match="version 9"):
        open_model(msgspec.structs.replace(card, version=9), body)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda told: told | {"nodes": {}}, "lacks rank_step"),
        (lambda told: told | {"price": told["price"][:2]}, "other bands"),
        (lambda told: told | {"price": [["tree\nnonsense"] * 9] * 5}, "cannot be read"),
        (lambda told: told | {"spike": [["import os"]] * 5}, "not the text of boosted trees"),
        (
            lambda told: told | {"ridge": told["ridge"] | {"misses": told["ridge"]["centre"]}},
            "misses has shape",
        ),
        (
            lambda told: told | {"price": [*told["price"][:4], told["spike"][0] * 4 + told["spike"][0][:1]]},
            "features",
        ),
    ],
)
def test_a_body_with_a_good_hash_and_bad_contents_is_refused(kept, spoil, says):
    card, body = kept
    bad = msgspec.msgpack.encode(spoil(msgspec.msgpack.decode(body)))
    with pytest.raises(RegistryError, match=says):
        open_model(msgspec.structs.replace(card, sha256=hashlib.sha256(bad).hexdigest()), bad)


def test_numbers_that_are_none_are_refused(fitted, kept):
    bad = replace(fitted, nodes=replace(fitted.nodes, rank_five=np.full((9, 9), np.nan)))
    card, body = keep_model(bad, fit_season(HALVES), FEATURES, Region.VIC, (after(0), after(1)), {})
    with pytest.raises(RegistryError, match="not a number"):
        open_model(card, body)


def test_the_chain_asks_the_model_first(fitted):
    history = region(DAYS).until(after(130))
    armed = Armed(fitted, np.zeros((HORIZONS, 9)), (Platt(0.0, 1.0),) * 5, after(115))
    season = fit_season(HALVES.first(CUT))
    made = forecast_price(history, after(130), armed, season)
    assert (made.forecast.made_by, made.refused) == (Link.MODEL, ())
    place = HALVES.place(after(130)) - 1
    raw, share = fitted.raw(FEATURES, np.array([place]))
    assert made.forecast.spike_share == pytest.approx(share[0], abs=1e-6)
    assert made.forecast.ends_ms[0] == epoch_ms(after(130)) + 1_800_000


def test_a_model_is_set_right_by_what_came_after_its_training_as_the_walk_does(fitted):
    now = CUT + 21 * 48
    seen = HALVES.first(now)
    armed = arm(fitted, seen, Features.of(seen), CUT)
    assert armed.trained_until == after(115)
    issues = np.arange(CUT, now)
    raw, _ = fitted.raw(FEATURES, issues)
    outcomes = squash(HALVES.mean_per_mwh[issues])
    told = conform(raw, outcomes, LEVELS)[20 * 48]
    again = raw[20 * 48] + shifts(misses(raw, outcomes)[: 20 * 48 + 1], LEVELS)
    np.testing.assert_allclose(told, np.sort(again), rtol=1e-5, atol=1e-5)
    assert armed.shift.any()
    assert len(armed.odds) == 5


def test_a_fit_of_the_same_day_serves_as_it_is(fitted):
    assert not arm(fitted, HALVES.first(CUT + 48), FEATURES, CUT).shift.any()
    with pytest.raises(HistoryError, match="since the training"):
        arm(fitted, HALVES.first(CUT), FEATURES, CUT)


def test_node_moves_are_probabilities_for_any_chance_of_a_spike(walk):
    model = walk.nodes
    hazard = hazards(model, walk.forecasts.spike_share[:50])
    for one in hazard:
        moves = transitions(model, one)
        assert moves.shape == (HORIZONS, NODES, NODES)
        assert (moves >= 0).all()
        np.testing.assert_allclose(moves.sum(2), 1.0, atol=1e-12)


def test_following_the_moves_comes_to_the_chance_that_was_forecast(walk):
    model = walk.nodes
    share = np.linspace(0.01, 0.2, HORIZONS)
    moves = transitions(model, hazards(model, share))
    whole = share * model.severity.mean_over_highest_share
    state = np.append(np.full(9, (1 - whole[0]) / 9), whole[0] * model.severity.entry)
    reached = [state[9:].sum()]
    for move in moves[1:]:
        state = state @ move
        reached.append(state[9:].sum())
    np.testing.assert_allclose(reached, whole, rtol=0.25, atol=2e-3)


def test_ranks_follow_prices_and_spikes_go_by_severity(walk):
    prices = node_prices(walk.nodes, walk.forecasts.quantiles_per_mwh[:4])
    assert prices.shape == (4, HORIZONS, NODES)
    assert (prices[:, :, :9] < 300).all()
    first = np.repeat(prices[:1, 0], 5, axis=0)
    nodes = place_all(first, np.array([-900.0, 301.0, 1_001.0, 15_000.0, first[0, 4]]))
    assert nodes.tolist() == [0, 9, 10, 11, 4]
    assert rank_of(first[:1], np.array([299.9]))[0] == 8


def test_severities_begin_above_their_edges():
    assert severity_of(np.array([300.0, 300.1, 1_000.0, 5_000.1])).tolist() == [0, 1, 1, 3]


def test_a_history_without_spikes_still_has_their_severity():
    calm = region(15)
    quiet = History(calm.region, calm.ends_ms, np.minimum(calm.per_mwh, 200), calm.demand_kw)
    halves = half_hours(quiet)
    severity = fit_severity(halves, Features.of(halves).level)
    assert severity.entry.sum() == pytest.approx(1)
    assert (severity.stay_step.sum(1) < 1).all()
    assert (np.diff(severity.per_mwh) > 0).all()
