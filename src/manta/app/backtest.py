"""``manta backtest``: past prices, a battery, several policies; a table, an HTML report, CSV and Parquet."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import isnan
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # the same
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from manta.app.backtest_files import MarketFiles, paths_in, read_home, read_market
from manta.app.backtest_report import name_of, report, shown
from manta.backtest.accounts import PARTS
from manta.backtest.compare import (
    FORECAST_POLICIES,
    POLICIES,
    Comparison,
    PolicyError,
    Question,
    check_policies,
    measured_runs,
    replayed,
)
from manta.backtest.series import Series
from manta.backtest.site import Battery, Meter, Timing, delivering, grid_meter, home_meter
from manta.backtest.told import Foretold, foretold
from manta.domain.market import Region
from manta.domain.tariff import Hours, LossFactors, Tariff, Window
from manta.domain.time import NEM_TIME, from_epoch_ms
from manta.domain.units import KW_PER_MW
from manta.forecast.history import History
from manta.forecast.walk import walk_forward
from manta.settings.clock import wall

ALL = (
    "passive",
    "thresholds",
    "spike-rule",
    "mpc-yesterday",
    "mpc-shifted",
    "mpc-forecast",
    "manta",
    "foresight",
)
"""What is played unless told; with pre-dispatch runs among the files, control on them too."""
HOME_WEAR_PER_MWH, GRID_WEAR_PER_MWH = 30.0, 20.0
LEAST_HISTORY = timedelta(days=230)
"""Before the span, for walk-forward forecasts: what a fit needs, and the weeks that set it right."""
_BATTERY = re.compile(r"([\d.]+)\s*(kW|MW)\s*/\s*([\d.]+)\s*(kWh|MWh)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line said."""

    prices: tuple[Path, ...]
    region: Region
    battery: str
    home: Path | None
    policies: tuple[str, ...]
    begins: date | None
    ends: date | None
    """The first day that is not replayed any more."""
    timing: Timing
    export_kw: float
    load_scale: float
    pv_scale: float
    wear_per_mwh: float | None
    seed: int
    out: Path


def backtest(asked: Asked, console: Console) -> int:
    """Replay, print the table, write the files; return the exit code."""
    check_policies(asked.policies)
    battery = battery_of(asked.battery, is_home=asked.home is not None, wear_per_mwh=asked.wear_per_mwh)
    with Progress(
        TextColumn("{task.description:28}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True
    ) as progress:
        reading = progress.add_task("reading", total=None)
        files = read_market(paths_in(asked.prices), asked.region)
        policies = asked.policies or (*ALL, *(("mpc-predispatch",) if files.predispatch else ()))
        first, last = span_of(files.series, asked.begins, asked.ends, needs_forecast(policies))
        history = files.series.between(0, last)
        question = Question(
            history, first, battery, meter_of(asked, history), asked.timing, files.predispatch, None
        )
        progress.remove_task(reading)
        if needs_forecast(policies):
            question = told(question, progress)
        comparison = played(question, policies, asked.seed, progress)
    console.print(table(comparison))
    for path in written(comparison, asked, files):
        console.print(f"written: {path}", highlight=False)
    return 0


def needs_forecast(policies: Sequence[str]) -> bool:
    """Say whether some policy goes by our own forecasts."""
    return bool(FORECAST_POLICIES.intersection(policies))


def battery_of(text: str, *, is_home: bool, wear_per_mwh: float | None) -> Battery:
    """Read ``1MW/2MWh``, which the grid's can deliver, or ``5kW/13.5kWh``, which a home's cells hold."""
    match = _BATTERY.fullmatch(text.strip())
    if not match:
        raise ValueError(f"a battery is power and energy, such as 1MW/2MWh or 5kW/13.5kWh, not {text!r}")
    power_kw = float(match[1]) * (KW_PER_MW if match[2].upper() == "MW" else 1)
    energy_kwh = float(match[3]) * (KW_PER_MW if match[4].upper() == "MWH" else 1)
    wear = wear_per_mwh if wear_per_mwh is not None else HOME_WEAR_PER_MWH if is_home else GRID_WEAR_PER_MWH
    if is_home:
        return Battery(power_kw, power_kw, energy_kwh, wear_per_mwh=wear)
    return delivering(power_kw, energy_kwh, wear_per_mwh=wear)


def pass_through() -> Tariff:
    """Return a tariff that passes spot through, with three network windows in market time."""
    windows = ((0, 10, 80.0), (10, 15, 30.0), (15, 21, 200.0), (21, 24, 80.0))
    retail_per_mwh = 25.0
    return Tariff(
        network="none",
        code="pass-through",
        name="Spot passed through",
        zone="Australia/Brisbane",
        since=date(1998, 12, 13),
        until=date(2100, 1, 1),
        import_windows=tuple(
            Window(f"from {begins}", Hours(time(begins), time(ends % 24)), network_per_mwh + retail_per_mwh)
            for begins, ends, network_per_mwh in windows
        ),
        export_windows=(Window("all day", Hours(time(), time()), -5.0),),
        losses=LossFactors(dlf_scale=1.06),
    )


def meter_of(asked: Asked, history: Series) -> Meter:
    """Return the meter over all of the history: a home's, or one of a battery alone."""
    if asked.home is None:
        return grid_meter(len(history))
    home = read_home(asked.home)
    load_kw, pv_kw = home.over(history, asked.load_scale, asked.pv_scale)
    return home_meter(history, load_kw, pv_kw, pass_through(), asked.export_kw)


def span_of(
    series: Series, begins: date | None, ends: date | None, needs_forecasts: object
) -> tuple[int, int]:
    """Return the rows to be replayed: as asked, else all that has enough history before it."""
    lead = LEAST_HISTORY if needs_forecasts else timedelta(days=8)
    if begins is None:
        earliest = from_epoch_ms(series.starts_ms) + lead
        midnight = datetime.combine(earliest.astimezone(NEM_TIME).date(), time(), NEM_TIME)
        begins = (midnight + timedelta(days=1)).date()
    last = len(series) if ends is None else series.place(datetime.combine(ends, time(), NEM_TIME))
    start = datetime.combine(begins, time(), NEM_TIME)
    held = from_epoch_ms(series.starts_ms)
    if start - held < lead or start >= from_epoch_ms(int(series.end_ms[-1])):
        raise PolicyError(
            f"{lead.days} days of prices are needed before {begins:%Y-%m-%d}; the files begin on "
            f"{held.astimezone(NEM_TIME):%Y-%m-%d}: add earlier files, or leave out forecasts with --policy"
        )
    first = series.place(start)
    if last - first < 288:
        raise ValueError(
            "less than a day is left to be replayed; move --from and --to apart or give more files"
        )
    return first, last


def told(question: Question, progress: Progress) -> Question:
    """Fit and forecast, walking forward, and return the question with the forecasts."""
    task = progress.add_task("forecasts, walking forward", total=1.0)
    series = question.case.series
    history = question.history
    walk = walk_forward(
        History(history.region, history.end_ms, history.per_mwh, history.demand_kw),
        from_epoch_ms(series.starts_ms),
        from_epoch_ms(int(series.end_ms[-1])),
        progress=lambda share: progress.update(task, completed=share),
    )
    progress.remove_task(task)
    return with_forecasts(question, foretold(walk, series))


def with_forecasts(question: Question, forecasts: Foretold) -> Question:
    """Return a question with our own forecasts."""
    return Question(
        *(question.history, question.first, question.battery, question.meter, question.timing),
        *(question.predispatch, forecasts),
    )


def played(question: Question, policies: Sequence[str], seed: int, progress: Progress) -> Comparison:
    """Play the policies, one bar for them all."""
    names = [name for name in POLICIES if name in {*policies, "passive", "foresight"}]
    task = progress.add_task("replay", total=len(names))
    runs = []
    for run in replayed(question, policies):
        runs.append(run)
        progress.update(task, advance=1, description=f"replay: {run.policy}")
    return measured_runs(question, runs, seed)


def table(comparison: Comparison) -> Table:
    """Return what is printed."""
    series = comparison.question.case.series
    is_home = not isnan(comparison.results[0].uplift.share)
    drawn = Table(title=f"{series.region}, {series.days:.0f} days", title_justify="left")
    beside = "over passive" if is_home else "over MPC yesterday"
    for head in ("policy", "$ a day", "of perfect foresight", beside):
        drawn.add_column(head, justify="left" if head == "policy" else "right", no_wrap=True)
    for result in comparison.results:
        other = result.uplift if is_home else result.lead
        daily_aud = f"{result.benefit_aud / series.days:,.2f}"
        drawn.add_row(name_of(result), daily_aud, shown(result.capture), shown(other))
    return drawn


def written(comparison: Comparison, asked: Asked, files: MarketFiles) -> list[Path]:
    """Write the report, the summary and every interval; return where."""
    asked.out.mkdir(parents=True, exist_ok=True)
    paths = [asked.out / name for name in ("report.html", "summary.csv", "intervals.parquet")]
    site = (
        f"{asked.battery}, alone at the grid"
        if asked.home is None
        else f"{asked.battery} in the home {asked.home.stem}"
    )
    paths[0].write_text(report(comparison, f"{asked.region}: {site}", wall()), encoding="utf-8")
    with paths[1].open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened, lineterminator="\n").writerows(summary(comparison))
    pq.write_table(intervals(comparison), paths[2], compression="zstd")
    return paths


def summary(comparison: Comparison) -> list[list[str]]:
    """Return the results as rows, the first of them names."""
    estimates = ("capture", "uplift", "total_uplift", "lead")
    heads = ["policy", "benefit_aud", *(f"{part}_aud" for part in PARTS)]
    heads += [f"{name}_{end}" for name in estimates for end in ("share", "low_share", "high_share")]
    rows = [heads]
    for result in comparison.results:
        row = [result.run.policy, f"{result.benefit_aud:.6f}"]
        row += [f"{result.account.parts_aud[part].sum():.6f}" for part in PARTS]
        for name in estimates:
            estimate = getattr(result, name)
            row += [f"{getattr(estimate, end):.6f}" for end in ("share", "low_share", "high_share")]
        rows.append(row)
    return rows


def intervals(comparison: Comparison) -> pa.Table:
    """Return every interval of every policy as one table, a group of columns a policy."""
    series = comparison.question.case.series
    columns = {
        "end_at": pa.array(series.end_ms).cast(pa.timestamp("ms", "UTC")),
        "spot_per_mwh": pa.array(series.per_mwh),
    }
    for result in comparison.results:
        name = result.run.policy.replace("-", "_")
        columns[f"{name}_battery_kw"] = pa.array(result.run.battery_kw)
        columns[f"{name}_stored_kwh"] = pa.array(result.run.stored_kwh)
        columns[f"{name}_benefit_aud"] = pa.array(result.account.benefit_aud)
    return pa.table(columns)
