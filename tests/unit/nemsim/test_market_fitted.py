"""The fitted days: pure, within the market's bounds, and with the statistics of the real years."""

import importlib.util
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from manta.domain.market import Region
from manta.domain.time import NEM_TIME, DispatchInterval
from manta.nemsim import fitted_days
from manta.nemsim.fitted_days import FittedDays
from manta.nemsim.market import SimulatedMarket
from manta.nemsim.summer_days import SERVICES

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared/data/nem"
DAY = 19_800
RANGES = {
    "mean, $/MWh": (54.777, 134.061),
    "median, $/MWh": (53.525, 101.61),
    "share above $300": (0.006317, 0.117514),
    "share above $1,000": (0.00022831, 0.00099886),
    "share above $5,000": (0.000028539, 0.00056922),
    "highest, $/MWh": (14_522.26, 17_500.0),
    "99.9 % of prices below, $/MWh": (449.97, 999.939),
    "of prices above $300, share above $1,000": (0.0085, 0.08234),
    "spike lasts, mean of intervals": (3.33668, 14.48183),
    "spike lasts, 90 % below": (6.0, 28.0),
    "spikes a year": (199.0, 853.0),
    "share below $0": (0.138365, 0.216315),
    "share below $0, 10:00-15:00": (0.333333, 0.53042),
    "below $0 lasts, mean of intervals": (7.62716, 11.69384),
    "evening median less midday's, $/MWh": (119.165, 157.605),
    "evening mean over the day's": (1.70627, 2.32539),
    "volatility clustering, 5 min": (0.36343, 0.41443),
    "volatility clustering, 1 h": (0.11561, 0.17808),
    "autocorrelation, 5 min": (0.964, 0.9702),
    "autocorrelation, 1 h": (0.8681, 0.8812),
    "autocorrelation, 24 h": (0.60019, 0.6754),
}
"""Of VIC1 in 2022, 2023 and 2024, as scripts/fit_market.py prints them."""


@pytest.fixture(scope="module")
def fit():
    """The script itself, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("fit_market", ROOT / "scripts/fit_market.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forget():
    for name in ("_prices", "_services", "_demand", "_rooftop", "_noise", "_unrest", "_carried", "_draws"):
        getattr(fitted_days, name).cache_clear()


def test_a_day_is_the_same_in_any_order_and_after_a_restart():
    days = FittedDays()
    forwards = [days.prices(r, DAY + n, 7).tolist() for n in range(4) for r in Region]
    forget()
    backwards = [days.prices(r, DAY + n, 7).tolist() for n in reversed(range(4)) for r in reversed(Region)]

    assert forwards == backwards[::-1]
    assert days.prices(Region.NSW, DAY, 8).tolist() != forwards[0]


def test_a_day_goes_on_from_the_day_before():
    days = [FittedDays().prices(Region.VIC, DAY + n, 3) for n in range(200)]
    within = np.abs(np.diff(np.arcsinh(np.array(days) / 50.0), axis=1)).mean()
    across = np.mean([abs(np.arcsinh(b[0] / 50) - np.arcsinh(a[-1] / 50))
                      for a, b in zip(days, days[1:], strict=False)])  # fmt: skip

    assert across < 2 * within


def test_prices_stay_within_the_floor_and_the_cap_in_force():
    for year, cap in ((2023, 15_500.0), (2027, 23_200.0)):
        first = (datetime(year, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
        prices = np.array([FittedDays().prices(Region.SA, first + n, seed)
                           for n in range(181) for seed in (1, 2, 3)])  # fmt: skip
        assert prices.min() >= -1_000
        assert 5_000 < prices.max() <= cap
        assert (np.round(prices, 5) == prices).all()


def test_neighbors_move_together_as_much_as_real_ones():
    days = range(DAY, DAY + 300)
    bent = {r: np.arcsinh(np.concatenate([FittedDays().prices(r, d, 2) for d in days]) / 50) for r in Region}

    def alike(one, other):
        return np.corrcoef(bent[one], bent[other])[0, 1]

    assert alike(Region.NSW, Region.QLD) > 0.7
    assert alike(Region.SA, Region.VIC) > 0.7
    assert alike(Region.QLD, Region.SA) < alike(Region.NSW, Region.QLD)


def test_services_are_never_negative_and_the_mainland_has_one_price():
    for service in SERVICES:
        nsw, vic, tas = (
            FittedDays().services(service, r, DAY, 1) for r in (Region.NSW, Region.VIC, Region.TAS)
        )
        assert nsw.tolist() == vic.tolist() != tas.tolist()
        assert nsw.min() >= 0


def test_demand_and_roofs_are_plausible():
    demand = np.concatenate([FittedDays().demand_mw(Region.VIC, DAY + n, 1) for n in range(365)])
    summer, winter = (np.array([FittedDays().rooftop_mw(Region.VIC, d, 1) for d in range(first, first + 30)])
                      for first in (19_723, 19_890))  # fmt: skip  # January and mid-June 2024

    assert 4_000 < demand.mean() < 5_500
    assert 0 < demand.min() < demand.max() < 12_000
    assert summer[:, :36].max() == 0 == winter[:, -36:].max()
    assert 4_900 > summer.max() > winter.max() > 500
    assert summer.sum() > 1.8 * winter.sum()


def test_the_demonstration_keeps_its_calm_evening_whatever_the_days_may_be():
    at = DispatchInterval(datetime(2027, 1, 14, 18, 0, tzinfo=NEM_TIME))

    assert 60 < SimulatedMarket(1).per_mwh(Region.NSW, at) < 180
    assert (
        SimulatedMarket(1, (), FittedDays()).per_mwh(Region.NSW, at)
        == FittedDays().prices(
            Region.NSW, (datetime(2027, 1, 14, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days, 1
        )[216]
    )


def test_a_simulated_year_and_the_middle_of_twelve_lie_within_the_range_of_the_real_years(fit):
    years = [fit.simulated(seed) for seed in fit.SEEDS]
    shown = years[fit.SEEDS.index(fit.SHOWN)]

    assert shown.keys() == RANGES.keys()
    for name, (least, most) in RANGES.items():
        assert least * 0.9999 <= shown[name] <= most * 1.0001, name
        assert least * 0.9999 <= np.median([year[name] for year in years]) <= most * 1.0001, name


@pytest.mark.skipif(not DATA.exists(), reason="the shared market data are not beside this checkout")
def test_the_ranges_are_those_of_the_real_years(fit):
    real = fit.real(DATA)

    for name, expected in RANGES.items():
        seen = [real[year][name] for year in fit.YEARS]
        assert (min(seen), max(seen)) == pytest.approx(expected, rel=1e-3), name


@pytest.mark.skipif(not DATA.exists(), reason="the shared market data are not beside this checkout")
def test_the_committed_table_is_the_one_that_the_script_makes(fit):
    made = {}
    exec(fit.table(DATA), made)  # the script's own text

    for name in fit.WHENCE:
        np.testing.assert_allclose(getattr(fitted_days.fitted, name), made[name], rtol=1e-6, atol=2e-4)
