"""The objects of AEMO's bidding service, in its spelling, read in any case.

AEMO's own examples mix the case of names, and what we do not know is passed over. The shape of
``rebidExplanation`` and ``fastStartProfile`` is confidence M; the rest is H.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from manta.domain.market import Service

MOST_BYTES = 32_000_000
"""A unit's whole day in twelve services and two sides is about one."""


class BidFormatError(ValueError):
    """What is no submitBids JSON: where, and why."""


class _Fields(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=True):
    """An object of AEMO's, its names in AEMO's spelling."""


class FastStartProfile(_Fields):
    """How a unit starts."""

    minimum_load: Decimal
    t1: int
    t2: int
    t3: int
    t4: int


class RebidExplanation(_Fields):
    """Why an offer was changed."""

    reason: str = ""
    event_time: str | None = None
    aware_time: str | None = None
    decision_time: str | None = None
    category: str | None = None


class EnergyPeriodJson(_Fields):
    """One of 288."""

    period_id: int
    max_avail: Decimal
    ramp_up_rate: Decimal
    ramp_down_rate: Decimal
    band_avail: list[Decimal]
    recall_period: int | None = None
    pasa_avail: Decimal | None = None
    fixed_load: Decimal | None = None
    energy_limit: Decimal | None = None


class EnergyBid(_Fields):
    """Ten prices and a day of energy."""

    trading_date: str
    duid: str
    prices: list[Decimal]
    energy_periods: list[EnergyPeriodJson]
    direction: str | None = None
    fast_start_profile: FastStartProfile | None = None
    daily_energy_constraint: Decimal | None = None
    rebid_explanation: RebidExplanation | None = None


class FcasPeriodJson(_Fields):
    """One of 288."""

    period_id: int
    max_avail: Decimal
    enablement_min: Decimal
    low_break_point: Decimal
    high_break_point: Decimal
    enablement_max: Decimal
    band_avail: list[Decimal]


class FcasBid(_Fields):
    """Ten prices and a day of one service."""

    trading_date: str
    duid: str
    service: Service
    prices: list[Decimal]
    fcas_periods: list[FcasPeriodJson]
    direction: str | None = None
    rebid_explanation: RebidExplanation | None = None


class SubmitBids(_Fields, omit_defaults=False):
    """What is sent together; interconnectors are none of our business."""

    reference_id: str
    comments: str | None = ""
    authorised_by: str | None = ""
    energy_bids: list[EnergyBid] | None = []
    fcas_bids: list[FcasBid] | None = []
    mnsp_bids: list[Any] | None = []


class AnswerError(_Fields):
    """One thing that AEMO does not like."""

    code: str | None = None
    title: str | None = None
    detail: str | None = None
    source: str | None = None


class Answer(_Fields):
    """What AEMO answers with, whatever was asked."""

    transaction_id: str | None = None
    data: dict[str, Any] | None = None
    errors: list[AnswerError] | None = None


class Held(_Fields):
    """A submission's cover as AEMO keeps it; the offers stand beside it."""

    transaction_id: str
    offer_time_stamp: str
    status: str | None = None


_STRUCTS = (
    *(FastStartProfile, RebidExplanation, EnergyPeriodJson, EnergyBid),
    *(FcasPeriodJson, FcasBid, SubmitBids, AnswerError, Answer, Held),
)
_NAMES = {name.lower(): name for struct in _STRUCTS for name in struct.__struct_encode_fields__}
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def fields_of(body: bytes) -> dict[str, Any]:
    """Return an object with AEMO's names in AEMO's spelling, whatever their case was."""
    if len(body) > MOST_BYTES:
        raise BidFormatError(f"{len(body):,} bytes are more than {MOST_BYTES:,}")
    try:
        fields = _spelled(_DECODER.decode(body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ArithmeticError) as error:
        raise BidFormatError(f"not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise BidFormatError("not an object")
    return fields


def _spelled(value: Any) -> Any:  # noqa: ANN401 - decoded JSON
    """Spell the names of every object in it as AEMO does; two that differ in case only are an error."""
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    if not isinstance(value, dict):
        return value
    spelled = {_NAMES.get(name.lower(), name): _spelled(item) for name, item in value.items()}
    if len(spelled) != len(value):
        raise BidFormatError("an object has a name twice, in different case")
    return spelled
