"""Sun on the roofs and the homes' appetite: what no device decides. It is always a summer's day here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

type Column = NDArray[np.float64]

# Latitude and longitude in the order of domain.market.REGIONS: NSW, QLD, SA, TAS, VIC.
_LATITUDE = np.radians(np.array([-33.9, -27.5, -34.9, -42.9, -37.8]))
_LONGITUDE = np.array([151.2, 153.0, 138.6, 147.3, 145.0])
_DECLINATION = np.radians(-21.0)
"""Mid-January, whatever the date: the demonstration is a summer evening all year round."""
_TILT = np.radians(22.0)
_DIFFUSE = 0.12
_PERFORMANCE = 0.86
_NEM_HOURS = 10.0
_NEM_LONGITUDE = 150.0
_MS_PER_HOUR = 3_600_000.0

CLOUD_MEMORY_S = 600.0
LOAD_MEMORY_S = 300.0
LEAST_LOAD_KW = 0.2
MOST_LOAD_KW = 2.2


def nem_hour(now_ms: float) -> float:
    """Return the hour of the market's day, 0 to 24."""
    return (now_ms / _MS_PER_HOUR + _NEM_HOURS) % 24.0


def panels(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw where each roof looks: unit vectors (east, north, up), mostly to the north."""
    azimuth = np.radians(random.normal(0.0, 50.0, count))
    flat = np.sin(_TILT)
    return np.stack([np.sin(azimuth) * flat, np.cos(azimuth) * flat, np.full(count, np.cos(_TILT))])


def pv_yield(now_ms: float, region: NDArray[np.int8], roofs: NDArray[np.float64]) -> Column:
    """Return each roof's clear-sky power as a share of its rating, 0 to 1.

    Clear-sky irradiance after Haurwitz (1945), a fixed share of it diffuse.
    """
    solar_hour = nem_hour(now_ms) + (_LONGITUDE - _NEM_LONGITUDE) / 15.0
    angle = np.radians(15.0 * (solar_hour - 12.0))
    east = -np.cos(_DECLINATION) * np.sin(angle)
    north = np.sin(_DECLINATION) * np.cos(_LATITUDE) - np.cos(_DECLINATION) * np.cos(angle) * np.sin(
        _LATITUDE
    )
    up = np.sin(_DECLINATION) * np.sin(_LATITUDE) + np.cos(_DECLINATION) * np.cos(angle) * np.cos(_LATITUDE)
    height = np.maximum(up, 1e-3)
    horizontal = np.where(up > 0.0, 1.098 * height * np.exp(-0.057 / height), 0.0)
    direct = np.minimum((1.0 - _DIFFUSE) * horizontal / height, 1.0)
    facing = east[region] * roofs[0] + north[region] * roofs[1] + up[region] * roofs[2]
    light = direct[region] * np.maximum(facing, 0.0) + _DIFFUSE * horizontal[region]
    share: Column = np.clip(_PERFORMANCE * light, 0.0, 1.0)
    return share


def clearness(noise: Column) -> Column:
    """Turn cloud noise (mean 0, spread 1) into the share of clear-sky light that gets through."""
    return np.clip(0.93 + 0.08 * noise, 0.2, 1.0)


def appetite_kw(now_ms: float, scale: Column, noise: Column) -> Column:
    """Return each home's consumption, a magnitude: a small morning and a large evening."""
    hour = nem_hour(now_ms)
    usual = 0.45 + 0.35 * _bump(hour, 7.5, 1.2) + 0.85 * _bump(hour, 19.0, 2.2)
    return np.clip(usual * scale * np.exp(0.35 * noise), LEAST_LOAD_KW, MOST_LOAD_KW)


def wander(noise: Column, random: np.random.Generator, dt_s: float, memory_s: float) -> None:
    """Move noise on in place, keeping its mean of 0 and spread of 1 whatever the step."""
    kept = np.exp(-dt_s / memory_s)
    noise *= kept
    noise += np.sqrt(1.0 - kept * kept) * random.standard_normal(noise.size)


def _bump(hour: float, centre: float, width: float) -> float:
    away = (hour - centre + 12.0) % 24.0 - 12.0
    return float(np.exp(-0.5 * (away / width) ** 2))
