"""The back-test's report: one HTML file that loads nothing, prints well and follows light and dark."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from math import isnan

import numpy as np

from manta.app.backtest_charts import Bar, bars, lines
from manta.backtest.accounts import PARTS
from manta.backtest.compare import Comparison, Result
from manta.backtest.measures import Estimate, reliability, weekly
from manta.backtest.series import STEP_MS, STEPS_PER_DAY, half_hours
from manta.domain.time import NEM_TIME, from_epoch_ms
from manta.forecast.price import LEVELS

WEEK = 7 * STEPS_PER_DAY
PART_NAMES = {
    "arbitrage": "Arbitrage",
    "spike": "Spikes",
    "negative_price": "Negative prices",
    "self_consumption": "Self-consumption",
    "wear": "Wear",
    "shortfall": "Shortfall",
}
POLICY_NAMES = {
    "passive": "Passive",
    "thresholds": "Thresholds 25/75 %",
    "spike-rule": "Spike rule ($1,000)",
    "mpc-yesterday": "MPC yesterday",
    "mpc-shifted": "MPC yesterday, shifted",
    "mpc-predispatch": "MPC pre-dispatch",
    "mpc-forecast": "MPC forecast",
    "manta": "Manta",
    "foresight": "Perfect foresight",
}
STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5b6570;--rule:#d9dee3;
--c0:#8a939c;--c1:#b7791f;--c2:#c05621;--c3:#2b6cb0;--c4:#2c7a7b;--c5:#6b46c1;--c6:#2f855a;--c7:#1b1f24}
@media(prefers-color-scheme:dark){:root{--paper:#12161b;--ink:#e7ebef;--soft:#9aa5b1;--rule:#2d353d;
--c0:#9aa5b1;--c1:#ecc94b;--c2:#ed8936;--c3:#63b3ed;--c4:#4fd1c5;--c5:#b794f4;--c6:#68d391;--c7:#e7ebef}}
@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--rule:#bbb}section{break-inside:avoid}}
body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;
max-width:820px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.4rem 0}.soft{color:var(--soft)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .5rem;text-align:right;border-bottom:1px solid var(--rule)}
th:first-child,td:first-child{text-align:left}th{font-weight:600;color:var(--soft)}
svg{width:100%;height:auto;display:block}svg text{fill:var(--soft);font:12px system-ui,sans-serif}
svg .name{text-anchor:end;fill:var(--ink)}svg .tick{text-anchor:middle}
svg .grid{stroke:var(--rule);fill:none}svg .whisker{stroke:var(--ink);fill:none}
svg polyline{fill:none;stroke-width:1.6}
.legend span{margin-right:1rem;white-space:nowrap}
.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.35em}
"""


def report(comparison: Comparison, site: str, made_at: datetime) -> str:
    """Return the whole page. ``site`` says in words what was replayed."""
    question = comparison.question
    series = question.case.series
    span = f"{_day(series.starts_ms)} to {_day(int(series.end_ms[-1]) - STEP_MS)}"
    sections = [
        _table(comparison),
        _captures(comparison),
        _growth(comparison),
        _parts(comparison),
        _best_week(comparison),
        _calibration(comparison),
        _method(comparison),
    ]
    body = "".join(f"<section>{section}</section>" for section in sections if section)
    title = f"Back-test {series.region}, {span}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{escape(site)}</p>"
        f'<p class="soft">{series.days:.0f} days in five-minute steps · '
        f"news {_seconds(question.timing.latency)} late, "
        f"telemetry {_seconds(question.timing.telemetry_age)} old · seed {comparison.seed} · made "
        f"{made_at.astimezone(NEM_TIME):%Y/%m/%d %H:%M} market time</p>{body}</body></html>\n"
    )


def shown(estimate: Estimate) -> str:
    """Return a ratio as percent with its interval, or a dash."""
    if isnan(estimate.share):
        return "–"
    if isnan(estimate.low_share):
        return f"{estimate.share:.1%}"
    return f"{estimate.share:.1%} [{estimate.low_share:.0%}, {estimate.high_share:.0%}]"


def name_of(result: Result) -> str:
    """Return a policy's name in words."""
    return POLICY_NAMES[result.run.policy]


def _table(comparison: Comparison) -> str:
    days = comparison.question.case.series.days
    is_home = not isnan(comparison.results[0].uplift.share)
    heads = ["Policy", "Benefit", "a day", "Of perfect foresight", "Full cycles a day"]
    heads += ["Over passive", "Sun and battery over passive"] if is_home else ["Over MPC yesterday"]
    rows = []
    for result in comparison.results:
        cycles = result.run.discharged_kwh.sum() / comparison.question.battery.usable_kwh / days
        cells = [name_of(result), f"${result.benefit_aud:,.0f}", f"${result.benefit_aud / days:,.2f}"]
        cells += [shown(result.capture), f"{cycles:.2f}"]
        cells += [shown(result.uplift), shown(result.total_uplift)] if is_home else [shown(result.lead)]
        rows.append(cells)
    note = (
        "Benefit is the site's cash with the battery less its cash without, net of wear. "
        "In brackets: 95 % of years resampled by whole weeks."
    )
    return f'<h2>What each policy earned</h2>{_html(heads, rows)}<p class="soft">{note}</p>'


def _captures(comparison: Comparison) -> str:
    rows = [
        Bar(
            name_of(result),
            100 * result.capture.share,
            100 * result.capture.low_share,
            100 * result.capture.high_share,
        )
        for result in comparison.results
        if result.run.policy != "foresight"
    ]
    return "<h2>Capture of perfect foresight, %</h2>" + bars("Capture of perfect foresight", rows)


def _growth(comparison: Comparison) -> str:
    series = comparison.question.case.series
    columns = [np.append(0.0, np.cumsum(weekly(result.account.benefit_aud))) for result in comparison.results]
    marks = [_day(int(at)) for at in np.linspace(series.starts_ms, int(series.end_ms[-1]), 5)]
    names = [name_of(result) for result in comparison.results]
    return "<h2>Benefit so far</h2>" + lines("Benefit so far", "$", names, columns, marks)


def _parts(comparison: Comparison) -> str:
    heads = ["Policy", *PART_NAMES.values(), "Sum"]
    rows = [
        [
            name_of(result),
            *(f"{result.account.parts_aud[part].sum():,.2f}" for part in PARTS),
            f"{result.benefit_aud:,.2f}",
        ]
        for result in comparison.results
    ]
    note = (
        "In dollars. Spikes are intervals above $300/MWh; "
        "shortfall is what was asked of the battery and not delivered."
    )
    return f'<h2>Where it came from</h2>{_html(heads, rows)}<p class="soft">{note}</p>'


def _best_week(comparison: Comparison) -> str:
    """Show the week in which there was most to earn, price above and stored energy below."""
    series = comparison.question.case.series
    sums = weekly(comparison.of("foresight").account.benefit_aud)
    first = int(np.argmax(sums)) * WEEK
    part = slice(first, first + WEEK)
    chosen = (
        [comparison.results[-2], comparison.of("foresight")]
        if len(comparison.results) > 2
        else comparison.results
    )
    marks = [_day(int(at)) for at in np.linspace(series.end_ms[part][0], series.end_ms[part][-1], 4)]
    price = lines("Spot price", "$/MWh", ["Spot"], [half_hours(series.per_mwh[part])], marks)
    stored = [half_hours(result.run.stored_kwh[part]) for result in chosen]
    energy = lines("Stored energy", "kWh", [name_of(result) for result in chosen], stored, marks)
    return f"<h2>The week that mattered most</h2>{price}{energy}"


def _calibration(comparison: Comparison) -> str:
    told = comparison.question.foretold
    if told is None:
        return ""
    series = comparison.question.case.series
    mean_per_mwh = half_hours(series.per_mwh)
    highest_per_mwh = series.per_mwh.reshape(-1, 6).max(axis=1)
    rows = []
    for ahead, label in (
        (1, "30 minutes"),
        (2, "1 hour"),
        (8, "4 hours"),
        (24, "12 hours"),
        (48, "24 hours"),
    ):
        quantiles = told.quantiles_per_mwh[: len(mean_per_mwh) - ahead + 1, ahead - 1].astype(np.float64)
        truth = mean_per_mwh[ahead - 1 :]
        covered = (truth >= quantiles[:, LEVELS.index(0.05)]) & (truth <= quantiles[:, LEVELS.index(0.95)])
        error = np.abs(truth - quantiles[:, LEVELS.index(0.5)]).mean()
        rows.append([label, f"{covered.mean():.1%}", f"${error:,.2f}"])
    share = told.spike_share[:-1, 1].astype(np.float64)
    bins = [
        [f"{said:.1%}", f"{came:.1%}", f"{count:,}"]
        for said, came, count in reliability(share, highest_per_mwh[1:] > 300)
    ]
    return (
        "<h2>The forecasts that were used</h2>"
        + _html(["Ahead", "Within the 90 % interval", "Mean error of the median"], rows)
        + "<p>Spikes within the half-hour that begins in 30 minutes: foretold, and what came.</p>"
        + _html(["Foretold", "Came", "Forecasts"], bins)
    )


def _method(comparison: Comparison) -> str:
    battery = comparison.question.battery
    return (
        "<h2>How this was made</h2><p>Each decision saw what had been published by then: the price of its "
        "interval after the latency stated, forecasts fitted on what lay before, load and sun as last "
        "measured. Batteries "
        f"lose {1 - battery.charge_efficiency * battery.discharge_efficiency:.1%} a round trip and wear at "
        f"${battery.wear_per_mwh:,.0f} for each MWh taken from the cells; they are too small to move "
        "the price. Perfect foresight is the exact programme over the whole span, without latency. Energy "
        "left at the end is worth nothing to anybody. Past prices do not foretell earnings.</p>"
    )


def _html(heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _day(at_ms: int) -> str:
    return f"{from_epoch_ms(at_ms).astimezone(NEM_TIME):%Y/%m/%d}"


def _seconds(lasts: timedelta) -> str:
    return f"{lasts.total_seconds():g} s"
