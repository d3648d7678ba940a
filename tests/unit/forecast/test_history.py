import numpy as np
import pytest
from tests.unit.forecast.regions import BEGINS, after, region

from manta.domain.market import Region
from manta.domain.time import epoch_ms
from manta.forecast.history import HALF_HOUR_MS, History, HistoryError, half_hours, slot_of


def test_columns_of_different_lengths_are_refused():
    ends = np.array([300_000, 600_000])
    with pytest.raises(HistoryError, match="differ in length"):
        History(Region.VIC, ends, np.zeros(2), np.zeros(3))


@pytest.mark.parametrize("ends", [[300_000, 900_000], [600_000, 300_000], [1, 300_001]])
def test_a_history_with_holes_disorder_or_odd_marks_is_refused(ends):
    with pytest.raises(HistoryError, match="five minutes"):
        History(Region.VIC, np.array(ends), np.zeros(2), np.zeros(2))


def test_an_empty_history_is_refused():
    with pytest.raises(HistoryError, match="at least one"):
        History.from_rows(Region.VIC, np.array([], np.int64), np.array([]), np.array([]))


def test_rows_in_any_order_become_columns_with_what_is_missing_unknown():
    rows = np.array([1_500_000, 300_000, 900_000, 300_000])
    history = History.from_rows(Region.VIC, rows, np.array([5.0, 1.0, 3.0, 2.0]), np.arange(4.0))
    assert history.ends_ms.tolist() == [300_000, 600_000, 900_000, 1_200_000, 1_500_000]
    np.testing.assert_array_equal(history.per_mwh, [2, np.nan, 3, np.nan, 5])
    np.testing.assert_array_equal(history.demand_kw, [3, np.nan, 2, np.nan, 0])


def test_half_hours_are_whole_and_named_by_their_end():
    history = region(1)
    cut = History(Region.VIC, history.ends_ms[2:-1], history.per_mwh[2:-1], history.demand_kw[2:-1])
    halves = half_hours(cut)
    assert len(halves.ends_ms) == 46
    assert (halves.ends_ms % HALF_HOUR_MS == 0).all()
    assert halves.mean_per_mwh[0] == pytest.approx(history.per_mwh[6:12].mean())
    assert halves.highest_per_mwh[0] == history.per_mwh[6:12].max()
    assert slot_of(halves.ends_ms)[0] == 1


def test_a_half_hour_with_an_unknown_interval_is_unknown():
    history = region(1)
    history.per_mwh[8] = np.nan
    halves = half_hours(history)
    assert np.isnan([halves.mean_per_mwh[1], halves.highest_per_mwh[1]]).all()
    assert np.isfinite(halves.mean_per_mwh[2])


def test_less_than_a_half_hour_is_refused():
    history = region(1).last(5)
    with pytest.raises(HistoryError, match="shorter than a half-hour"):
        half_hours(history)


def test_what_is_known_by_an_instant_ends_by_it():
    history = region(2, rooftop=True).until(after(1))
    assert history.ends_ms[-1] == epoch_ms(after(1))
    assert len(history.rooftop_kw) == 288
    assert half_hours(region(2)).place(BEGINS) == 0
    assert half_hours(region(2)).place(after(1)) == 48
