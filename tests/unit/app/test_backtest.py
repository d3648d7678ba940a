import csv
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.unit.backtest.markets import BEGINS_AT, home, prices, question, series
from typer.testing import CliRunner

from manta.app.backtest import battery_of, pass_through, summary
from manta.app.backtest_charts import Axis, Bar, bars
from manta.app.backtest_files import paths_in, read_home, read_market
from manta.app.backtest_report import report
from manta.app.cli import app
from manta.backtest.compare import measured_runs, replayed
from manta.backtest.site import Timing
from manta.domain.market import Region
from manta.domain.time import NEM_TIME, from_epoch_ms
from manta.mms.lines import MarketFileError

NAIVE = "passive,thresholds,mpc-yesterday"


def price_file(path, per_mwh, region="VIC1"):
    days = series(per_mwh)
    rows = ["REGION,SETTLEMENTDATE,TOTALDEMAND,RRP,PERIODTYPE"]
    for end, price in zip(days.end_ms.tolist(), days.per_mwh.tolist(), strict=True):
        at = from_epoch_ms(end).astimezone(NEM_TIME)
        rows.append(f"{region},{at:%Y/%m/%d %H:%M:%S},5000.0,{price},TRADE")
    path.write_text("\n".join(rows) + "\n")
    return path


def said(*words):
    done = CliRunner().invoke(app, ["backtest", *map(str, words)])
    return done.exit_code, " ".join(done.output.split())


def test_a_back_test_prints_a_table_and_writes_report_csv_and_parquet(tmp_path):
    file = price_file(tmp_path / "prices.csv", prices(12))
    out = tmp_path / "out"
    code, text = said(
        "--prices", file, "--policy", NAIVE, "--latency", 0, "--out", out, "--from", "2027-01-12"
    )
    assert code == 0, text
    assert "Perfect foresight" in text
    rows = list(csv.DictReader((out / "summary.csv").read_text().splitlines()))
    assert [row["policy"] for row in rows] == ["passive", "thresholds", "mpc-yesterday", "foresight"]
    table = pq.read_table(out / "intervals.parquet")
    assert table.num_rows == 4 * 288
    for row in rows:
        name = row["policy"].replace("-", "_")
        earned = np.asarray(table[f"{name}_benefit_aud"]).sum()
        assert float(row["benefit_aud"]) == pytest.approx(earned, abs=0.005)
    page = (out / "report.html").read_text()
    assert "Where it came from" in page
    assert "MPC yesterday" in page


def test_prices_may_be_given_as_several_files_or_a_directory(tmp_path):
    per_mwh = prices(12)
    price_file(tmp_path / "one.csv", per_mwh)
    assert paths_in([tmp_path]) == [tmp_path / "one.csv"]
    held = read_market([tmp_path / "one.csv", tmp_path / "one.csv"], Region.VIC)
    assert (held.series.per_mwh == per_mwh).all()
    assert held.predispatch is None


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("--policy", "magic"), "no policy is called magic"),
        (("--region", "SA1"), "no price of SA1; the files hold VIC1"),
        (("--battery", "2MWh"), "such as 1MW/2MWh"),
        (("--policy", "manta"), "add earlier files, or leave out forecasts"),
        (("--from", "2027-01-05", "--policy", "thresholds"), "8 days of prices are needed"),
        (("--from", "2027-01-12", "--to", "2027-01-12", "--policy", NAIVE), "less than a day"),
        (("--to", "2027-03-01", "--policy", NAIVE), "hold 2027/01/04 00:00 to 2027/01/16 00:00"),
        (("--policy", "mpc-predispatch", "--from", "2027-01-12"), "PREDISPATCHPRICE"),
        (("--homes", "nowhere.csv", "--policy", NAIVE), "nowhere.csv"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_a_remedy(tmp_path, words, cause):
    file = price_file(tmp_path / "prices.csv", prices(12))
    code, text = said("--prices", file, "--out", tmp_path / "out", *words)
    assert code == 1
    assert cause in text
    assert not (tmp_path / "out").exists()


def test_no_files_and_a_file_that_is_not_there_are_refused(tmp_path):
    assert "add --prices FILE" in said("--policy", NAIVE)[1]
    assert "there is no" in said("--prices", tmp_path / "none.csv")[1]


def test_a_file_of_something_else_is_refused_by_name(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(MarketFileError, match=r"other\.csv"):
        read_market([tmp_path / "other.csv"], Region.VIC)


def test_a_battery_is_read_as_power_and_energy():
    grid = battery_of("1MW/2MWh", is_home=False, wear_per_mwh=None)
    assert grid.discharge_kw == 1_000
    assert grid.capacity_kwh * grid.discharge_efficiency == pytest.approx(2_000)
    small = battery_of("5 kW / 13.5 kWh", is_home=True, wear_per_mwh=None)
    assert (small.capacity_kwh, small.wear_per_mwh) == (13.5, 30.0)


def test_the_pass_through_tariff_holds_in_every_hour_and_imports_cost_more_than_exports_earn():
    days = series(np.full(288, 100.0))
    from manta.tariffs.pricing import price

    both = price(pass_through(), days.end_ms, days.per_mwh)
    assert (both.import_per_mwh > both.export_per_mwh).all()
    assert both.import_per_mwh[16 * 12] == pytest.approx((106 + 200 + 25) * 1.1)


def test_a_home_is_read_by_day_of_year_and_a_broken_row_is_named(tmp_path):
    rows = ["at,load,pv"]
    for day in range(366):
        for slot in range(48):
            at = (
                np.datetime64("2028-01-01")
                + np.timedelta64(day * 48 + slot, "30m").astype("timedelta64[m]") * 1
            )
            rows.append(f"{at},{0.5 + slot / 100},{day / 1000}")
    path = tmp_path / "home.csv"
    path.write_text("\n".join(rows))
    load_kw, pv_kw = read_home(path).over(series(prices(2)), 2.0, 1.0)
    assert load_kw[:7] == pytest.approx([1.0] * 6 + [1.02])
    assert pv_kw[0] == pytest.approx((BEGINS_AT + timedelta(hours=10)).timetuple().tm_yday / 1000 - 0.001)
    path.write_text("\n".join([*rows[:9], "2028-01-01 04:00,none,0"]))
    with pytest.raises(ValueError, match=r"home\.csv, line 10"):
        read_home(path)


def test_the_report_loads_nothing_and_follows_light_dark_and_paper():
    asked = question(days=12, meter=home(12), timing=Timing())
    comparison = measured_runs(asked, list(replayed(asked, ["mpc-yesterday", "manta"])))
    page = report(comparison, "a home <&>", BEGINS_AT)
    for foreign in ("http://", "https://", "<script", "<img", "<link", "@import", "url("):
        assert foreign not in page
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    assert "a home &lt;&amp;&gt;" in page
    assert page.count("<svg") == page.count("</svg>") == 4
    assert "The forecasts that were used" in page
    assert page == report(comparison, "a home <&>", BEGINS_AT)
    assert len(summary(comparison)) == 5


def test_an_axis_has_round_ticks_within_and_bars_stand_on_zero():
    assert Axis(0, 103, 0, 100).ticks() == [0, 20, 40, 60, 80, 100]
    drawn = bars("any", [Bar("one", 10, 5, 15), Bar("none", float("nan"), float("nan"), float("nan"))])
    assert drawn.count("whisker") == 1
