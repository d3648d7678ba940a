"""What homes will use and make: the mean of their last seven same half-hours, moved by what they do now.

For one home nothing learned has beaten the mean of its week; what pays is to believe in the last hour for an
hour or two. A home with less than two days is forecast by its cluster's day, scaled to what it has used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manta.forecast.history import SLOTS, Floats, Whole

DAYS = 7
LEAST_DAYS = 2
"""Days without which a home has no mean of its own."""
LOAD_FADE = 0.65
"""Share of the load's surprise that is left each half-hour; chosen on the first half of one home's year."""
SUN_FADE = 0.93
"""The same of the present ratio of PV to its mean."""
_DARK_KW = 0.02
_MOST_RATIO = 2.5


def mean_of_days(power_kw: Floats, horizons: int) -> Floats:
    """Return [S, H] the mean of the last seven same half-hours of each site; NaN where none is.

    ``power_kw`` is [S, T] half-hourly, the last column the one just ended; NaN unknown. Sign is kept.
    """
    sites, count = power_kw.shape
    laid = np.full((sites, DAYS * SLOTS), np.nan)
    kept = min(count, DAYS * SLOTS)
    laid[:, DAYS * SLOTS - kept :] = power_kw[:, count - kept :]
    by_day = laid.reshape(sites, DAYS, SLOTS)
    known = ~np.isnan(by_day)
    counts = known.sum(1)
    sums = np.where(known, by_day, 0.0).sum(1)
    profile = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return profile[:, np.arange(horizons) % SLOTS]


def load_ahead(load_kw: Floats, horizons: int) -> Floats:
    """Return [S, H] each site's load, negative as loads are, from [S, T] half-hours that have ended.

    An unknown last half-hour brings no surprise; a site without a mean is NaN throughout.
    """
    mean = mean_of_days(load_kw, horizons)
    usual = mean_of_days(load_kw, SLOTS)[:, -1]
    surprise = np.nan_to_num(load_kw[:, -1] - usual, nan=0.0)
    return np.minimum(mean + surprise[:, None] * LOAD_FADE ** np.arange(1, horizons + 1), 0.0)


def sun_ahead(pv_kw: Floats, horizons: int) -> Floats:
    """Return [S, H] each site's PV, positive, from [S, T] half-hours: their week's mean, as bright as today.

    The ratio is measured over the last three half-hours and fades; in the dark there is none.
    """
    mean = mean_of_days(pv_kw, horizons)
    usual = mean_of_days(pv_kw, SLOTS)[:, -3:]
    now = pv_kw[:, -3:]
    known = ~np.isnan(now + usual)
    made, expected = np.where(known, now, 0.0).sum(1), np.where(known, usual, 0.0).sum(1)
    ratio = np.where(expected > _DARK_KW, made / np.maximum(expected, _DARK_KW), 1.0).clip(0.0, _MOST_RATIO)
    fading = 1.0 + (ratio[:, None] - 1.0) * SUN_FADE ** np.arange(1, horizons + 1)
    return np.maximum(mean * fading, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Shapes of a day that homes share, each with mean 1 in magnitude."""

    shapes: Floats
    """[C, 48]; row c is the day of cluster c, from the half-hour that ends 00:30 market time."""
    member: Whole
    """[S] the cluster of each site that was given."""

    def ahead(self, mean_kw: Floats, cluster: Whole, next_slot: int, horizons: int) -> Floats:
        """Return [S, H] for sites of a known mean power, signed, and cluster, from `next_slot` on."""
        slots = (next_slot + np.arange(horizons)) % SLOTS
        told: Floats = mean_kw[:, None] * self.shapes[cluster][:, slots]
        return told


def cluster_days(profile_kw: Floats, count: int, rounds: int = 50) -> Clusters:
    """Group sites by the shape of their mean day, [S, 48], with k-means from spread-out beginnings.

    A site without power, or with an unknown half-hour, joins cluster 0. Deterministic: the first beginning is
    the site nearest the mean, each next one the farthest from those chosen.
    """
    size = np.abs(profile_kw).mean(1, keepdims=True)
    usable = np.flatnonzero(np.isfinite(size[:, 0]) & (size[:, 0] > 0.0))
    if len(usable) < count or count < 1:
        raise ValueError(f"{count} clusters need as many sites with power, were given {len(usable)}")
    shapes = np.abs(profile_kw[usable]) / size[usable]
    centres = [shapes[_apart(shapes, shapes.mean(0)[None])[:, 0].argmin()]]
    while len(centres) < count:
        centres.append(shapes[_apart(shapes, np.array(centres)).min(1).argmax()])
    centre = np.array(centres)
    near = _apart(shapes, centre).argmin(1)
    for _ in range(rounds):
        centre = np.array(
            [shapes[near == c].mean(0) if (near == c).any() else centre[c] for c in range(count)]
        )
        moved = _apart(shapes, centre).argmin(1)
        if np.array_equal(moved, near):
            break
        near = moved
    member = np.zeros(len(profile_kw), np.int64)
    member[usable] = near
    return Clusters(centre / centre.mean(1, keepdims=True), member)


def lacks_days(power_kw: Floats) -> NDArray[np.bool_]:
    """Tell [S] which sites have fewer than two known days, and are to be forecast by their cluster."""
    return np.asarray((~np.isnan(power_kw)).sum(1) < LEAST_DAYS * SLOTS)


def _apart(shapes: Floats, centres: Floats) -> Floats:
    return np.asarray(((shapes[:, None] - centres[None]) ** 2).sum(2), np.float64)
