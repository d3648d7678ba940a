"""Fit the simulated market to real prices, and compare the two: ``fit_market.py [NEM DATA] [--table]``.

Reads the shared market data (``../shared/data/nem`` beside the checkout unless told otherwise). With
``--table`` it prints src/manta/nemsim/fitted.py; else the statistics of real years and of simulated ones.
"""

import sys
from pathlib import Path
from statistics import NormalDist
from textwrap import fill, indent

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
DATA = ROOT.parent / "shared/data/nem"
YEARS = (2022, 2023, 2024)
REGIONS = ("NSW1", "QLD1", "SA1", "TAS1", "VIC1")
SHARES = (0.0005, 0.002, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
SHARES += (0.995, 0.998, 0.9995)
SCORES = tuple(NormalDist().inv_cdf(p) for p in (0.5 / 13_140, *SHARES, 1 - 0.5 / 13_140))
COUNTED = 3
"""Of 2022, the year of the suspension, one interval in so many counts in the quantiles."""
SEEDS, SHOWN = range(1, 13), 6
"""The simulated years that are compared, and the one that is shown: one in which every figure is within."""
LASTS = (1, 6, 48, 288, 4_032)
UNREST, UNREST_WEIGHTS = 0.87, (0.0, 0.3, 0.5, 0.2, 0.0)
JUMPS = 0.94
"""Share of what the five-minute lag leaves unexplained that is made noise; not all of it, for the prices of
neighboring quantiles are further apart where it matters."""
SERVICES = ("RAISE6SEC", "RAISE60SEC", "RAISE5MIN", "RAISEREG", "LOWER6SEC", "LOWER60SEC", "LOWER5MIN")
SERVICES += ("LOWERREG", "RAISE1SEC", "LOWER1SEC")
SERVICE_SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999)

HEAD = '''"""The simulated market's parameters, fitted to AEMO's prices by ``scripts/fit_market.py --table``.

Do not edit by hand. Regions stand in the order of domain.market.REGIONS, hours in that of the day, NEM time.
"""
# ruff: noqa: E501
# fmt: off
'''
_VIC = "VIC1, every interval of 2022 to 2024"
_JANUARY = "January 2021, every interval"
_SOME = "NSW1 and SA1, some days of January 2022 and of July, August, September and December 2024"
WHENCE = {
    "SCORES": "Normal scores of the columns of HOURLY_PER_MWH.",
    "HOURLY_PER_MWH": f"Quantiles of price by hour, $/MWh. {_VIC}, 2022 with a third of its weight.",
    "SEASON": f"How the score turns with the year, by hour: times cosine, times sine. {_VIC}.",
    "LASTS": "Intervals after which each part of the noise has forgotten 63 %; chosen.",
    "WEIGHTS": f"Variance of each part, so that lags from 5 minutes to 14 days correlate as in {_VIC}.",
    "UNREST": "How the size of jumps varies (deviation of its logarithm); tried against volatility.",
    "UNREST_WEIGHTS": "Variance of the parts of that unrest, in the order of LASTS; tried likewise.",
    "TOGETHER": f"Correlation of the regions' scores. {_JANUARY}.",
    "OFFSETS": f"Score less VIC1's: by night, from 08:00 to 17:00. {_SOME}; QLD1, TAS1: {_JANUARY}.",
    "DEMAND_MW": f"VIC1's demand by hour: mean, times cosine, times sine of the year. {_VIC}.",
    "DEMAND_NOISE": f"Its relative deviation, correlation with price, weekend factor. {_VIC}.",
    "SERVICE_SCORES": "Normal scores of the columns of SERVICE_PER_MW.",
    "SERVICE_PER_MW": f"Quantiles of mainland FCAS prices, $/MW/h, by service. {_JANUARY}; {_SOME}.",
    "SERVICE_WITH_ENERGY": f"Rank correlation of each service with energy. {_SOME}.",
}
WHENCE = {name: f'"""{text}"""' for name, text in WHENCE.items()}


def year_of(data: Path, year: int) -> pl.DataFrame:
    return pl.read_parquet(data / f"VIC1_5min_{year}.parquet").sort("SETTLEMENTDATE")


def hours(ends: np.ndarray) -> np.ndarray:
    """Return the hour of the day in which each interval begins."""
    return (ends - np.timedelta64(5, "m")).astype("datetime64[h]").astype(int) % 24


def season(ends: np.ndarray) -> np.ndarray:
    day = (ends.astype("datetime64[D]") - ends.astype("datetime64[Y]")).astype(int)
    turn = 2 * np.pi * day / 365.25
    return np.c_[np.ones(len(ends)), np.cos(turn), np.sin(turn)]


def scores(values: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """Return each value's normal score among those of its slot."""
    inverse, out = NormalDist().inv_cdf, np.empty(len(values))
    for slot in np.unique(slots):
        where = np.flatnonzero(slots == slot)
        rank = np.argsort(np.argsort(values[where], kind="stable"), kind="stable")
        out[where] = [inverse((r + 0.5) / len(where)) for r in rank]
    return out


def statistics(per_mwh: np.ndarray, ends: np.ndarray) -> dict[str, float]:
    """Return what a year of prices is judged by."""
    hour, bent = hours(ends), np.arcsinh(per_mwh / 50.0)
    moves = np.abs(np.diff(bent))
    moves -= moves.mean()
    midday, evening = (hour >= 10) & (hour < 15), (hour >= 17) & (hour < 20)
    spikes, negatives = _runs(per_mwh > 300), _runs(per_mwh < 0)
    dear = per_mwh[per_mwh > 300]
    return {
        "mean, $/MWh": per_mwh.mean(),
        "median, $/MWh": np.median(per_mwh),
        "share above $300": (per_mwh > 300).mean(),
        "share above $1,000": (per_mwh > 1_000).mean(),
        "share above $5,000": (per_mwh > 5_000).mean(),
        "highest, $/MWh": per_mwh.max(),
        "99.9 % of prices below, $/MWh": np.quantile(per_mwh, 0.999),
        "of prices above $300, share above $1,000": (dear > 1_000).mean(),
        "spike lasts, mean of intervals": spikes.mean(),
        "spike lasts, 90 % below": np.quantile(spikes, 0.9),
        "spikes a year": float(len(spikes)),
        "share below $0": (per_mwh < 0).mean(),
        "share below $0, 10:00-15:00": (per_mwh[midday] < 0).mean(),
        "below $0 lasts, mean of intervals": negatives.mean(),
        "evening median less midday's, $/MWh": np.median(per_mwh[evening]) - np.median(per_mwh[midday]),
        "evening mean over the day's": per_mwh[evening].mean() / per_mwh.mean(),
        "volatility clustering, 5 min": (moves[1:] * moves[:-1]).mean() / moves.var(),
        "volatility clustering, 1 h": (moves[12:] * moves[:-12]).mean() / moves.var(),
        "autocorrelation, 5 min": np.corrcoef(bent[1:], bent[:-1])[0, 1],
        "autocorrelation, 1 h": np.corrcoef(bent[12:], bent[:-12])[0, 1],
        "autocorrelation, 24 h": np.corrcoef(bent[288:], bent[:-288])[0, 1],
    }


def _runs(flags: np.ndarray) -> np.ndarray:
    edges = np.diff(np.r_[0, flags.astype(int), 0])
    return np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)


def real(data: Path) -> dict[int, dict[str, float]]:
    """Return the statistics of each real year."""
    years = {year: year_of(data, year) for year in YEARS}
    return {y: statistics(f["RRP"].to_numpy(), f["SETTLEMENTDATE"].to_numpy()) for y, f in years.items()}


def simulated(seed: int, year: int = 2024, region: str = "VIC1") -> dict[str, float]:
    """Return the statistics of a simulated calendar year."""
    from manta.domain.market import Region
    from manta.nemsim.fitted_days import FittedDays

    first = (np.datetime64(f"{year}-01-01") - np.datetime64("1970-01-01")).astype(int)
    count = (np.datetime64(f"{year + 1}-01-01") - np.datetime64(f"{year}-01-01")).astype(int)
    days = [FittedDays().prices(Region(region), int(first) + n, seed) for n in range(count)]
    ends = np.datetime64(f"{year}-01-01T00:00") + np.arange(count * 288) * np.timedelta64(5, "m")
    return statistics(np.concatenate(days), ends)


def table(data: Path) -> str:
    """Return the text of the module of fitted figures."""
    frame = pl.concat([year_of(data, year) for year in YEARS])
    ends, prices = frame["SETTLEMENTDATE"].to_numpy(), frame["RRP"].to_numpy()
    hour, turns = hours(ends), season(ends)
    shares = (0.0, *SHARES, 1.0)
    counted = (frame["SETTLEMENTDATE"].dt.year().to_numpy() != 2022) | (np.arange(len(prices)) % COUNTED == 0)
    quantiles = np.array([np.quantile(prices[(hour == h) & counted], shares) for h in range(24)])
    score = scores(prices, hour)
    swing = np.array([_fit(turns[hour == h], score[hour == h])[1:] for h in range(24)])
    rest = score - (turns[:, 1:] * swing[hour]).sum(axis=1)
    rest /= rest.std()
    demand = frame["TOTALDEMAND"].to_numpy()
    level = np.array([_fit(turns[hour == h], demand[hour == h]) for h in range(24)])
    fitted_mw = (turns * level[hour]).sum(axis=1)
    day = (ends - np.timedelta64(5, "m")).astype("datetime64[D]").astype(int)
    weekend = np.isin(day % 7, (2, 3))  # 1 January 1970 was a Thursday
    off = (demand / fitted_mw)[weekend].mean()
    left = demand / fitted_mw / np.where(weekend, off, (7 - 2 * off) / 5) - 1
    pairs = [
        ("SCORES", np.round(SCORES, 4)),
        ("HOURLY_PER_MWH", np.round(quantiles, 1)),
        ("SEASON", np.round(swing, 3)),
        ("LASTS", np.array(LASTS)),
        ("WEIGHTS", np.round(_weights(rest), 4)),
        ("UNREST", np.array(UNREST)),
        ("UNREST_WEIGHTS", np.array(UNREST_WEIGHTS)),
        ("TOGETHER", np.round(_together(data), 3)),
        ("OFFSETS", np.round(_offsets(data, quantiles), 3)),
        ("DEMAND_MW", np.round(level, 1)),
        ("DEMAND_NOISE", np.round([left.std(), np.corrcoef(left, rest)[0, 1], off], 3)),
        ("SERVICE_SCORES", np.round([NormalDist().inv_cdf(p) for p in SERVICE_SHARES], 4)),
        ("SERVICE_PER_MW", np.round(_services(data), 2)),
        ("SERVICE_WITH_ENERGY", np.round(_with_energy(data), 3)),
    ]
    text = "\n".join(f"{name} = {_spelled(value)}\n{WHENCE[name]}" for name, value in pairs)
    return f"{HEAD}\n{text}"


def _fit(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(known, wanted, rcond=None)[0]


def _weights(rest: np.ndarray) -> np.ndarray:
    """Return each component's variance, none negative, so that they correlate as the real scores do."""
    lags = np.array([0, 1, 2, 3, 6, 12, 24, 48, 72, 288, 576, 864, 1_440, 2_016, 4_032])
    seen = np.array([1.0 if k == 0 else (rest[k:] * rest[:-k]).mean() for k in lags])
    memory = np.exp(-lags[:, None] / np.array(LASTS))
    memory[:, 0] = lags == 0
    trust = np.where(np.isin(lags, (0, 1, 12, 288)), 4.0, 1.0)
    weights = np.full(len(LASTS), 1 / len(LASTS))
    for _ in range(200_000):
        weights = np.maximum(weights + 0.005 * memory.T @ (trust * (seen - memory @ weights)), 0.0)
    weights[0] *= JUMPS
    return weights / weights.sum()


def january(data: Path) -> pl.DataFrame:
    frame = pl.read_parquet(data / "PUBLIC_DVD_DISPATCHPRICE_202101010000.parquet")
    at = pl.col("SETTLEMENTDATE").str.to_datetime("%Y/%m/%d %H:%M:%S")
    return frame.filter(pl.col("INTERVENTION") == 0).with_columns(at).sort("SETTLEMENTDATE")


def samples(data: Path) -> pl.DataFrame:
    frame = pl.read_parquet(data / "DISPATCHPRICE_NSW1_SA1_samples_2018_2024.parquet")
    kept = frame.filter((pl.col("INTERVENTION") == 0) & (pl.col("SETTLEMENTDATE").dt.year() >= 2022))
    return kept.unique(subset=["SETTLEMENTDATE", "REGIONID"], keep="last").sort("SETTLEMENTDATE")


def _together(data: Path) -> np.ndarray:
    wide = january(data).pivot(on="REGIONID", index="SETTLEMENTDATE", values="RRP").sort("SETTLEMENTDATE")
    hour = hours(wide["SETTLEMENTDATE"].to_numpy())
    return np.corrcoef(np.array([scores(wide[r].to_numpy(), hour) for r in REGIONS]))


def _offsets(data: Path, quantiles: np.ndarray) -> np.ndarray:
    """Return how a region's scores on VIC1's scale lie to VIC1's own: (by night, by day)."""
    vic = pl.concat([year_of(data, year) for year in YEARS]).select("SETTLEMENTDATE", VIC1="RRP")
    wide = samples(data).pivot(on="REGIONID", index="SETTLEMENTDATE", values="RRP")
    wide = wide.join(vic, on="SETTLEMENTDATE").drop_nulls()
    then = january(data).pivot(on="REGIONID", index="SETTLEMENTDATE", values="RRP")
    found = {"VIC1": np.zeros(2)}
    for region, base, frame in (("NSW1", "VIC1", wide), ("SA1", "VIC1", wide), ("QLD1", "NSW1", then),
                                ("TAS1", "NSW1", then)):  # fmt: skip
        hour = hours(frame["SETTLEMENTDATE"].to_numpy())
        ours, theirs = (_on_scale(frame[r].to_numpy(), hour, quantiles) for r in (region, base))
        sun = (hour >= 8) & (hour < 17)
        found[region] = found[base] + [(ours - theirs)[~sun].mean(), (ours - theirs)[sun].mean()]
    return np.array([found[r] for r in REGIONS])


def _on_scale(prices: np.ndarray, hour: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    return np.array([np.interp(p, quantiles[h], SCORES) for p, h in zip(prices, hour, strict=True)])


def _mainland(data: Path, service: str) -> np.ndarray:
    column = f"{service}RRP"
    new = samples(data).filter(pl.col("REGIONID") == "NSW1")[column].drop_nulls().to_numpy()
    old = january(data).filter(pl.col("REGIONID") == "NSW1")
    return np.concatenate([new, old[column].to_numpy()]) if column in old.columns else new


def _services(data: Path) -> np.ndarray:
    return np.array([np.quantile(_mainland(data, service), SERVICE_SHARES) for service in SERVICES])


def _with_energy(data: Path) -> list[float]:
    frame = samples(data).filter(pl.col("REGIONID") == "NSW1")
    found = []
    for service in SERVICES:
        both = frame.select("RRP", f"{service}RRP").drop_nulls().to_numpy()
        one = np.zeros(len(both))
        found.append(float(np.corrcoef(scores(both[:, 0], one), scores(both[:, 1], one))[0, 1]))
    return found


def _spelled(value: np.ndarray) -> str:
    if value.ndim == 0:
        return f"{value:g}"
    if value.ndim == 2:
        return "(\n" + "".join(f"{indent(_spelled(row), '    ')},\n" for row in value) + ")"
    numbers = f"({', '.join(f'{v:.0f}' if abs(v) >= 1_000 else f'{v:.10g}' for v in value)})"
    return fill(numbers, 104, subsequent_indent=" ")


def main(words: list[str]) -> int:
    """Print the table or the comparison; 1 if a simulated statistic lies outside the real years' range."""
    places = [word for word in words if not word.startswith("--")]
    data = Path(places[0]) if places else DATA
    if "--table" in words:
        print(table(data))
        return 0
    years, simulations = real(data), [simulated(seed) for seed in SEEDS]
    ours, outside = simulations[SEEDS.index(SHOWN)], 0
    print(
        f"{'VIC1':44}"
        + "".join(f"{year:>12}" for year in YEARS)
        + f"{f'seed {SHOWN}':>12}{'middle one':>12} within"
    )
    for name, value in ours.items():
        seen, others = [years[year][name] for year in YEARS], [each[name] for each in simulations]
        middle, within = np.median(others), [min(seen) <= each <= max(seen) for each in others]
        outside += (not min(seen) <= value <= max(seen)) + (not min(seen) <= middle <= max(seen))
        numbers = "".join(f"{v:12.4f}" for v in (*seen, value, middle))
        print(f"{name:44}{numbers} {sum(within):3d} of {len(SEEDS)}")
    print(f"{outside} figures outside the range of the real years, of seed {SHOWN} or the middle one")
    return int(outside > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
