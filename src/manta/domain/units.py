"""One unit per quantity: kW, kWh, $/MWh, Hz. Conversions happen here and nowhere else.

Positive power always flows toward the grid: discharge and PV are positive, load and
charge are negative, so a site's devices add up to its export.
"""

from decimal import ROUND_HALF_UP, Decimal

KW_PER_MW = 1_000.0
_CENT = Decimal("0.01")


def kw_from_w(watts: float) -> float:
    """Convert watts, as inverters speak, to kW."""
    return watts / 1_000.0


def kw_from_mw(megawatts: float) -> float:
    """Convert megawatts, as AEMO speaks, to kW."""
    return megawatts * KW_PER_MW


def mw_from_kw(power_kw: float) -> float:
    """Convert kW to megawatts, as AEMO hears it."""
    return power_kw / KW_PER_MW


def settlement_price(per_mwh: float) -> Decimal:
    """Return the price that is settled: dollars and cents, half a cent away from zero."""
    price = Decimal(repr(per_mwh))
    if not price.is_finite():
        raise ValueError(f"a price is a number of dollars, was {per_mwh}")
    return price.quantize(_CENT, ROUND_HALF_UP)  # decimal's "half up" is away from zero on both sides


def aud(energy_kwh: float, price_per_mwh: float) -> Decimal:
    """Value energy at a market price; positive is money to us.

    Money is exact from here on: the float product is rounded once, to 1/10000 of a cent.
    """
    return Decimal(energy_kwh * price_per_mwh / KW_PER_MW).quantize(Decimal("0.000001"))
