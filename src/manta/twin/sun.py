"""What panels would make under a clear sky, by pvlib: a column for each site-day, computed once.

Sun from Spencer's series (1971), light from the simplified Solis model (Ineichen 2008), the panel's plane
with an isotropic sky (Liu and Jordan), all as pvlib has them; good to a few percent, which is what a
comparison between neighbors needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pvlib import clearsky, irradiance, solarposition

from manta.twin.columns import Floats, Whole

PERFORMANCE = 0.86
"""What of the light's worth on the plate reaches the meter: heat, dust, cable, inverter."""
_MS_PER_DAY = 86_400_000
_MS_PER_HOUR = 3_600_000.0
_STANDARD_LIGHT = 1_000.0
"""W/m², at which plates are rated."""


@dataclass(frozen=True, slots=True, eq=False)
class Roofs:
    """Where panels are and how they look, a row each; degrees, azimuth clockwise from north."""

    latitude: Floats
    longitude: Floats
    tilt: Floats
    azimuth: Floats
    rated_kw: Floats


def clear_sky(roofs: Roofs, ends_ms: Whole) -> Floats:
    """Return kW [roofs, slots] under a clear sky, at the middle of each slot."""
    middle_ms = ends_ms - (ends_ms[1] - ends_ms[0]) // 2
    day_of_year = _day_of_year(middle_ms)
    minutes = solarposition.equation_of_time_spencer71(day_of_year)
    utc_hour = (middle_ms % _MS_PER_DAY) / _MS_PER_HOUR
    angle = 15.0 * (utc_hour - 12.0) + minutes / 4.0 + roofs.longitude[:, None]
    hour_angle = np.radians((angle + 180.0) % 360.0 - 180.0)
    declination = np.broadcast_to(solarposition.declination_spencer71(day_of_year), hour_angle.shape)
    latitude = np.broadcast_to(np.radians(roofs.latitude)[:, None], hour_angle.shape)
    zenith = solarposition.solar_zenith_analytical(latitude, hour_angle, declination)
    power_kw = np.zeros(hour_angle.shape)
    up = zenith < np.radians(89.0)  # in the dark nothing is computed: half the work
    power_kw[up] = _light(
        zenith[up],
        solarposition.solar_azimuth_analytical(latitude[up], hour_angle[up], declination[up], zenith[up]),
        np.broadcast_to(roofs.tilt[:, None], up.shape)[up],
        np.broadcast_to(roofs.azimuth[:, None], up.shape)[up],
    )
    return power_kw * (PERFORMANCE * roofs.rated_kw[:, None])


def _light(zenith: Floats, sun_azimuth: Floats, tilt: Floats, azimuth: Floats) -> Floats:
    """Return the light on the panel's plane as a share of the standard light."""
    zenith_degrees, sun_degrees = np.degrees(zenith), np.degrees(sun_azimuth)
    sky = clearsky.simplified_solis(90.0 - zenith_degrees)
    facing = irradiance.aoi_projection(tilt, azimuth, zenith_degrees, sun_degrees)
    on_plane = sky["dni"] * np.maximum(facing, 0.0) + irradiance.isotropic(tilt, sky["dhi"])
    return np.asarray(on_plane, np.float64) / _STANDARD_LIGHT


def _day_of_year(at_ms: Whole) -> Whole:
    days = at_ms.astype("datetime64[ms]").astype("datetime64[D]")
    first = days.astype("datetime64[Y]").astype("datetime64[D]")
    since: Whole = (days - first).astype(np.int64) + 1
    return since
