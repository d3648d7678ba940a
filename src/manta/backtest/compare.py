"""Many policies on one site and span in one run: what each earned, beside the default and foresight."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from manta.backtest.accounts import Account, Run, account, settle
from manta.backtest.foresight import foresight
from manta.backtest.measures import SEED, Estimate, capture, lead, uplift
from manta.backtest.published import HORIZON, Places, Predispatch, Published, own_rows, predispatch, yesterday
from manta.backtest.receding import FADES_SCALE, SHIFTS_SCALE, control
from manta.backtest.rules import passive, spike_rule, thresholds
from manta.backtest.series import STEPS_PER_DAY, STEPS_PER_HALF_HOUR, Series, half_hours
from manta.backtest.site import Battery, Case, Meter, Timing
from manta.backtest.stochastic import control_stochastic
from manta.backtest.told import Foretold

PREDISPATCH_BELIEVED_PER_MWH = 1_000.0
"""Pre-dispatch above this comes true too seldom to hold energy for."""


class PolicyError(ValueError):
    """A policy that is not known or cannot be played on what was given; says what would help."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A battery at a site, the prices, and the span to be replayed; what comes before it is history."""

    history: Series
    first: int
    """Row of the history with which the replay begins."""
    battery: Battery
    meter: Meter
    """Over all of the history."""
    timing: Timing = Timing()
    predispatch: Predispatch | None = None
    foretold: Foretold | None = None
    """Our own forecasts, one issue for each half-hour of the span."""

    @property
    def case(self) -> Case:
        """The span to be replayed."""
        last = len(self.history)
        return Case(
            self.history.between(self.first, last),
            self.battery,
            self.meter.between(self.first, last),
            self.timing,
        )

    @property
    def before(self) -> Meter | None:
        """The meter before the span, as far as forecasts of load look back; None where there is none."""
        first = max(0, self.first - 8 * STEPS_PER_DAY)
        return self.meter.between(first, self.first) if first < self.first else None


def _yesterday(question: Question, policy: str, fades_scale: float) -> Run:
    case = question.case
    spot_per_mwh = half_hours(question.history.per_mwh)
    first, count = question.first // STEPS_PER_HALF_HOUR, len(case.series) // STEPS_PER_HALF_HOUR
    price = Published(yesterday(spot_per_mwh, first, count), *_rows(question))
    return control(case, policy, price, question.before, fades_scale)


def _predispatch(question: Question) -> Run:
    if question.predispatch is None:
        raise PolicyError("mpc-predispatch needs AEMO's runs; add PREDISPATCHPRICE files to --prices")
    case = question.case
    first, count = question.first // STEPS_PER_HALF_HOUR, len(case.series) // STEPS_PER_HALF_HOUR
    beyond = yesterday(half_hours(question.history.per_mwh), first, count, HORIZON + 24)
    delay_ms = round(question.timing.latency.total_seconds() * 1_000)
    price = predispatch(
        question.predispatch, question.history, question.first, beyond, delay_ms, PREDISPATCH_BELIEVED_PER_MWH
    )
    return control(case, "mpc-predispatch", price, question.before, FADES_SCALE)


def _forecast(question: Question) -> Run:
    foretold = _foretold(question)
    price = Published(foretold.expected_per_mwh, *_rows(question))
    return control(question.case, "mpc-forecast", price, question.before, foretold.fades_scale)


def _manta(question: Question) -> Run:
    foretold = _foretold(question)
    price = Published(foretold.expected_per_mwh, *_rows(question))
    return control_stochastic(question.case, "manta", price, foretold.nodes, question.before)


def _rows(question: Question) -> tuple[Places, Places]:
    late_steps = int(question.timing.latency.total_seconds() // 300)
    return own_rows(len(question.history) - question.first, late_steps)


def _foretold(question: Question) -> Foretold:
    if question.foretold is None:
        raise PolicyError("this policy needs forecasts; give at least 180 days of prices before --from")
    return question.foretold


POLICIES: dict[str, Callable[[Question], Run]] = {
    "passive": lambda question: passive(question.case),
    "thresholds": lambda question: thresholds(question.case, question.history, question.first),
    "spike-rule": lambda question: spike_rule(question.case, question.history, question.first),
    "mpc-yesterday": lambda question: _yesterday(question, "mpc-yesterday", FADES_SCALE),
    "mpc-shifted": lambda question: _yesterday(question, "mpc-shifted", SHIFTS_SCALE),
    "mpc-predispatch": _predispatch,
    "mpc-forecast": _forecast,
    "manta": _manta,
    "foresight": lambda question: foresight(question.case),
}
"""By name, from the least to the most that is known."""
BOUNDS = ("passive", "foresight")
"""What every policy is measured between."""
FORECAST_POLICIES = frozenset(("mpc-forecast", "manta"))


@dataclass(frozen=True, slots=True)
class Result:
    """One policy's run, account and measures."""

    run: Run
    account: Account
    benefit_aud: float
    """Of the battery over the span, net of wear."""
    capture: Estimate
    """Of perfect foresight's benefit."""
    uplift: Estimate
    """Of the battery's benefit over the passive battery's; NaN for a battery without a home."""
    total_uplift: Estimate
    """Of what sun and battery are worth together over the same with the passive battery."""
    lead: Estimate
    """In capture, over mpc-yesterday; NaN where that was not played."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All policies on one question."""

    question: Question
    results: tuple[Result, ...]
    seed: int

    def of(self, policy: str) -> Result:
        """Return one policy's result."""
        return next(result for result in self.results if result.run.policy == policy)


def check_policies(names: Sequence[str]) -> None:
    """Refuse a name that is no policy's."""
    if unknown := [name for name in names if name not in POLICIES]:
        raise PolicyError(f"no policy is called {', '.join(unknown)}; there are {', '.join(POLICIES)}")


def replayed(question: Question, names: Sequence[str]) -> Iterator[Run]:
    """Play the policies one after the other, and the two that they are measured between."""
    check_policies(names)
    for name in POLICIES:
        if name in names or name in BOUNDS:
            yield POLICIES[name](question)


def measured_runs(question: Question, runs: Sequence[Run], seed: int = SEED) -> Comparison:
    """Value runs and measure them against the passive battery and perfect foresight."""
    case = question.case
    accounts = {run.policy: account(case, run) for run in runs}
    benefits = {policy: kept.benefit_aud for policy, kept in accounts.items()}
    best, least = benefits["foresight"], benefits["passive"]
    none = np.zeros(len(case.series))
    roof_aud = settle(case, none) - settle(case, none, pv_kw=none)
    other = benefits.get("mpc-yesterday")
    nothing = np.zeros_like(best)
    results = tuple(
        Result(
            run=run,
            account=accounts[run.policy],
            benefit_aud=float(benefits[run.policy].sum()),
            capture=capture(benefits[run.policy], best, seed),
            uplift=uplift(benefits[run.policy], least, seed),
            total_uplift=uplift(roof_aud + benefits[run.policy], roof_aud + least, seed),
            lead=lead(benefits[run.policy], other, best, seed)
            if other is not None
            else lead(nothing, nothing, nothing, seed),
        )
        for run in runs
    )
    return Comparison(question, results, seed)
