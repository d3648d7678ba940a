"""Compare the error of AEMO's pre-dispatch of January 2021 with the simulated one's.

Errors are on the scale asinh(price / 50), so that calm and dear years compare; spikes are half-hours above
$300. ``fit_forecasts.py [NEM DATA]``; the data are those of fit_market.py.
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
DATA = ROOT.parent / "shared/data/nem"
LEADS_MIN = (0, 30, 60, 120, 240, 420, 780, 1_140, 1_500)
type Pairs = dict[int, tuple[np.ndarray, np.ndarray]]


def real(data: Path) -> Pairs:
    """Return what was forecast and what came, by minutes from the run's first half-hour."""
    came = (
        pl.read_parquet(data / "PUBLIC_DVD_DISPATCHPRICE_202101010000.parquet")
        .filter(pl.col("INTERVENTION") == 0)
        .with_columns(pl.col("SETTLEMENTDATE").str.to_datetime("%Y/%m/%d %H:%M:%S").alias("AT"))
        .with_columns(
            pl.col("AT").dt.offset_by("-5m").dt.truncate("30m").dt.offset_by("30m").alias("DATETIME")
        )
        .group_by("REGIONID", "DATETIME")
        .agg(pl.col("RRP").mean().alias("CAME"))
    )
    runs = pl.read_parquet(data / "PUBLIC_DVD_PREDISPATCHPRICE_202101010000.parquet")
    lead = (pl.col("DATETIME") - pl.col("PREDISPATCH_RUN_DATETIME")).dt.total_minutes()
    kept = runs.select(pl.col("REGIONID").cast(pl.String), "DATETIME", "RRP", lead.alias("LEAD"))
    both = kept.join(came, on=["REGIONID", "DATETIME"])
    at = {minutes: both.filter(pl.col("LEAD") == minutes) for minutes in LEADS_MIN}
    return {m: (f["RRP"].to_numpy().astype(float), f["CAME"].to_numpy()) for m, f in at.items()}


def simulated(seed: int = 6) -> Pairs:
    from manta.domain.market import Region
    from manta.domain.time import HALF_HOUR, NEM_TIME, DispatchInterval
    from manta.nemsim.fitted_days import FittedDays
    from manta.nemsim.forecasts import Forecaster
    from manta.nemsim.market import SimulatedMarket

    market = SimulatedMarket(seed, (), FittedDays())
    forecaster, first = Forecaster(market), datetime(2024, 1, 10, tzinfo=NEM_TIME)
    ends = [first + n * HALF_HOUR for n in range(48 * 30)]
    of = [(region, end) for region in (Region.SA, Region.NSW) for end in ends]
    came = np.array([
        np.mean([market.per_mwh(r, DispatchInterval(e - n * timedelta(minutes=5))) for n in range(6)])
        for r, e in of
    ])  # fmt: skip
    found = {}
    for minutes in LEADS_MIN:
        begins = timedelta(minutes=minutes) + HALF_HOUR
        found[minutes] = np.array([forecaster.half_hour_per_mwh(r, e - begins, e) for r, e in of]), came
    return found


def figures(seen: np.ndarray, came: np.ndarray) -> dict[str, float]:
    """Return what a forecast is judged by."""
    error = np.arcsinh(seen / 50) - np.arcsinh(came / 50)
    spike, told = came > 300, seen > 300
    return {
        "median": float(np.median(np.abs(error))),
        "deviation": float(error.std()),
        "seen": float((spike & told).sum() / max(spike.sum(), 1)),
        "false": float((told & ~spike).mean()),
    }


def main(words: list[str]) -> int:
    """Print both, real first."""
    theirs, ours = real(Path(words[0]) if words else DATA), simulated()
    print(f"{'lead':>8}{'median |error|':>22}{'deviation':>22}{'spikes seen':>22}{'false spikes':>22}")
    for minutes in LEADS_MIN:
        both = figures(*theirs[minutes]), figures(*ours[minutes])
        print(f"{minutes:5} min" + "".join(f"{both[0][k]:12.3f} {both[1][k]:9.3f}" for k in both[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
