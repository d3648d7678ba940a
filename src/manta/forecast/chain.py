"""Always a forecast: the model's, pre-dispatch, the last seven days or the season; and why no better one.

What comes in is checked at the door. An input that is stale or not a number is refused with a reason, and the
next link makes the forecast; every forecast says which one did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from manta.domain.market import Region
from manta.domain.time import HALF_HOUR, NEM_TIME, epoch_ms, from_epoch_ms
from manta.forecast.blend import Run, blend, blend_spikes, on_half_hours, table
from manta.forecast.calibration import (
    ODDS_DAYS,
    SPAN_DAYS,
    Platt,
    misses,
    recent_odds,
    set_odds_right,
    shifts,
)
from manta.forecast.features import WARM_UP, Features, squash, unsquash
from manta.forecast.history import (
    HALF_HOUR_MS,
    NEM_OFFSET_MS,
    SLOTS,
    Floats,
    HalfHours,
    History,
    HistoryError,
    half_hours,
    slot_of,
)
from manta.forecast.price import HORIZONS, LEVELS, Link, PriceForecast
from manta.forecast.spike import SPIKE_PER_MWH
from manta.forecast.walk import Fitted

STALE_AFTER = timedelta(minutes=10)
"""An interval's price is out before it begins; a history that ends longer before the forecast is stale."""
LEAST_KNOWN = 0.95
"""Share of the half-hours before an issue without which the model is not asked."""
LEAST_PREDISPATCH = 8
"""Half-hours that pre-dispatch must price to make a forecast."""
_DAYS = 7
_MONTHS = 12
_MOST_PER_MWH, _LEAST_PER_MWH = 100_000.0, -10_000.0
"""Beyond these no market price cap has ever been; such a number is an error, not a price."""


@dataclass(frozen=True, slots=True, eq=False)
class Season:
    """What a half-hour of the day has cost in a time of the year: the last resort."""

    quantiles_per_mwh: Floats
    """[12, 48, 9] by month and half-hour, with the months on either side."""
    spike_share: Floats
    """[12, 48]."""


@dataclass(frozen=True, slots=True, eq=False)
class Armed:
    """A fitted model with the shifts that its last days have taught."""

    fitted: Fitted
    shift: Floats
    """[H, 9] from `calibration.shifts`, on the squashed scale."""
    odds: tuple[Platt, ...]
    """From `calibration.recent_odds`, one for each band."""
    trained_until: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A forecast, and why each better link did not make it."""

    forecast: PriceForecast
    refused: tuple[str, ...]


def arm(fitted: Fitted, halves: HalfHours, features: Features, cut: int) -> Armed:
    """Set a model right by the half-hours after the place ``cut`` where its training ended; daily will do.

    A model that has outlived its training by less than a week serves as it is, so a fit for service had
    better end 28 days before it begins.
    """
    count = len(halves.ends_ms)
    issues = np.arange(max(cut, count - ODDS_DAYS * SLOTS), count, dtype=np.int64)
    if len(issues) == 0:
        raise HistoryError("no half-hour has ended since the training")
    quantiles, shares = fitted.raw(features, issues)
    missed = misses(quantiles, squash(halves.mean_per_mwh[issues]))[-SPAN_DAYS * SLOTS :]
    struck = halves.highest_per_mwh[issues] > SPIKE_PER_MWH
    trained_until = from_epoch_ms(int(halves.ends_ms[cut - 1]))
    return Armed(fitted, shifts(missed, LEVELS), recent_odds(shares, struck), trained_until)


def refusal(history: History, at: datetime) -> str | None:
    """Return why a history may not be forecast from at an instant, or None."""
    seen = int(np.searchsorted(history.ends_ms, epoch_ms(at), side="right"))
    if seen == 0:
        return "the history begins after the forecast"
    newest = from_epoch_ms(int(history.ends_ms[seen - 1]))
    if at - newest > STALE_AFTER:
        minutes = (at - newest) // timedelta(minutes=1)
        return f"the newest price is {minutes} minutes old"
    known = history.per_mwh[:seen]
    absurd = (known > _MOST_PER_MWH) | (known < _LEAST_PER_MWH) | np.isinf(known)
    if absurd.any():
        return f"a price of {known[absurd][-1]:.0f} $/MWh is not a price"
    if np.isnan(known[-6:]).any():
        return "prices of the last half-hour are unknown"
    return None


def forecast_price(
    history: History, at: datetime, armed: Armed | None, season: Season, runs: Sequence[Run] = ()
) -> Made:
    """Forecast 56 half-hours from the half-hour that began last before ``at``, by the best link that can.

    Only what had ended, or been published, by ``at`` is looked at.
    """
    made_ms = epoch_ms(at) // HALF_HOUR_MS * HALF_HOUR_MS
    aemo_per_mwh = on_half_hours(list(runs), made_ms, HORIZONS)
    refused: list[str] = []
    stale = refusal(history, at)
    halves = None if stale else _halves_before(history, made_ms)
    told = _by_model(halves, armed, made_ms, stale, refused)
    if told is not None:
        share = blend_spikes(told[1], aemo_per_mwh)
        fan = blend(told[0], aemo_per_mwh, table(HORIZONS))
        return Made(_forecast(history.region, at, made_ms, Link.MODEL, (fan, share)), tuple(refused))
    week = _by_week(halves, made_ms, stale, refused)
    fallback = week or _by_season(season, made_ms)
    link = Link.SEVEN_DAYS if week else Link.SEASON
    if np.isfinite(aemo_per_mwh).sum() >= LEAST_PREDISPATCH:
        share = blend_spikes(fallback[1], aemo_per_mwh)
        fallback = blend(fallback[0], aemo_per_mwh, np.ones(HORIZONS)), share
        link, refused = Link.PREDISPATCH, refused[:1]
    else:
        refused.insert(1, "pre-dispatch prices too few half-hours")
    return Made(_forecast(history.region, at, made_ms, link, fallback), tuple(refused))


def fit_season(halves: HalfHours) -> Season:
    """Take the quantiles of each month and half-hour; one that was never seen has those of the half-hour."""
    local = (halves.ends_ms - HALF_HOUR_MS + NEM_OFFSET_MS).astype("datetime64[ms]")
    months = local.astype("datetime64[M]").astype(np.int64) % _MONTHS
    slots = slot_of(halves.ends_ms)
    known = ~np.isnan(halves.mean_per_mwh)
    fan, share = np.empty((_MONTHS, SLOTS, len(LEVELS))), np.empty((_MONTHS, SLOTS))
    for slot in range(SLOTS):
        here = known & (slots == slot)
        if not here.any():
            raise HistoryError("a season needs at least a day of prices")
        for month in range(_MONTHS):
            near = here & (np.abs((months - month + 6) % _MONTHS - 6) <= 1)
            taken = near if near.any() else here
            fan[month, slot] = np.quantile(halves.mean_per_mwh[taken], LEVELS)
            share[month, slot] = (halves.highest_per_mwh[taken] > SPIKE_PER_MWH).mean()
    return Season(fan, share)


def _halves_before(history: History, made_ms: int) -> HalfHours | None:
    seen = history.until(from_epoch_ms(made_ms)) if history.ends_ms[0] <= made_ms else None
    if seen is None:
        return None
    keep = min(len(seen.ends_ms), (WARM_UP + 2 * SLOTS) * 6)
    try:
        return half_hours(seen.last(keep))
    except HistoryError:
        return None


def _by_model(
    halves: HalfHours | None, armed: Armed | None, made_ms: int, stale: str | None, refused: list[str]
) -> tuple[Floats, Floats] | None:
    why = stale or _not_for_model(halves, armed, made_ms)
    if why or halves is None or armed is None:
        refused.append(f"model: {why}")
        return None
    features = Features.of(halves)
    raw, share = armed.fitted.raw(features, np.array([len(halves.ends_ms) - 1], np.int64))
    if not (np.isfinite(raw).all() and np.isfinite(share).all()):
        refused.append("model: it gave what is not a number")
        return None
    return unsquash(np.sort(raw[0] + armed.shift, axis=1)), set_odds_right(share[0], armed.odds).astype(
        np.float64
    )


def _not_for_model(halves: HalfHours | None, armed: Armed | None, made_ms: int) -> str | None:
    if armed is None:
        return "none is fitted"
    if halves is None or len(halves.ends_ms) < WARM_UP:
        return f"it needs {WARM_UP // SLOTS} days of prices"
    if int(halves.ends_ms[-1]) != made_ms:
        return "the last half-hour is not whole"
    known = float(np.isfinite(halves.mean_per_mwh).mean())
    if known < LEAST_KNOWN:
        return f"only {known:.0%} of the last days' prices are known"
    if np.isnan(halves.demand_kw[-1]):
        return "demand of the last half-hour is unknown"
    return None


def _by_week(
    halves: HalfHours | None, made_ms: int, stale: str | None, refused: list[str]
) -> tuple[Floats, Floats] | None:
    """Return quantiles of the same half-hour, and those beside it, of the last seven days."""
    if stale or halves is None or len(halves.ends_ms) < (_DAYS + 1) * SLOTS:
        refused.append(f"seven days: {stale or 'too few prices'}")
        return None
    end = len(halves.ends_ms) + (made_ms - int(halves.ends_ms[-1])) // HALF_HOUR_MS
    ahead = np.arange(HORIZONS)
    days = (np.arange(_DAYS)[:, None] + ahead // SLOTS + 1) * SLOTS
    places = (end + ahead - days)[:, :, None] + np.array([-1, 0, 1])
    places = np.minimum(places, len(halves.ends_ms) - 1)
    if places.min() < 0:
        refused.append("seven days: too few prices")
        return None
    taken = np.moveaxis(places, 1, 0).reshape(HORIZONS, -1)
    mean, highest = halves.mean_per_mwh[taken], halves.highest_per_mwh[taken]
    if np.isnan(mean).all(1).any():
        refused.append("seven days: a half-hour is unknown on each of them")
        return None
    fan = np.nanquantile(mean, LEVELS, axis=1).T
    return np.asarray(fan, np.float64), np.asarray((highest > SPIKE_PER_MWH).mean(1), np.float64)


def _by_season(season: Season, made_ms: int) -> tuple[Floats, Floats]:
    ends_ms = made_ms + HALF_HOUR_MS * np.arange(1, HORIZONS + 1, dtype=np.int64)
    local = from_epoch_ms(made_ms).astimezone(NEM_TIME)
    months = np.array(
        [(local + HALF_HOUR * ahead).month - 1 for ahead in range(HORIZONS)],
        np.int64,
    )
    slots = slot_of(ends_ms)
    return season.quantiles_per_mwh[months, slots], season.spike_share[months, slots]


def _forecast(
    region: Region, at: datetime, made_ms: int, link: Link, told: tuple[Floats, Floats]
) -> PriceForecast:
    return PriceForecast(
        region=region,
        made_at=at.astimezone(UTC),
        made_by=link,
        ends_ms=made_ms + HALF_HOUR_MS * np.arange(1, HORIZONS + 1, dtype=np.int64),
        quantiles_per_mwh=told[0],
        spike_share=told[1].clip(0.0, 1.0),
    )
