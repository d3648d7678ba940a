"""AEMO's submitBids JSON, written and read: megawatts, its names, and a load side that counts downward.

The times of a rebid travel as HH:MM:SS NEM time (confidence M) and get their dates back from their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from manta.domain.market import Direction
from manta.domain.offer import (
    EnergyOffer,
    EnergyPeriod,
    FastStart,
    Rebid,
    ServiceOffer,
    ServicePeriod,
    Submission,
    Trapezium,
)
from manta.domain.time import NEM_TIME, TradingDay
from manta.markets.bid_json import (
    BidFormatError,
    EnergyBid,
    EnergyPeriodJson,
    FastStartProfile,
    FcasBid,
    FcasPeriodJson,
    RebidExplanation,
    SubmitBids,
    fields_of,
)

_DAY = timedelta(days=1)
_PER_MW = 1_000
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def write(submission: Submission) -> bytes:
    """Return a submission as AEMO takes it; ValueError for a power that is not whole megawatts."""
    return _ENCODER.encode(
        SubmitBids(
            reference_id=submission.reference,
            comments=submission.comments,
            authorised_by=submission.authorised_by,
            energy_bids=[_energy_bid(offer) for offer in submission.energy],
            fcas_bids=[_fcas_bid(offer) for offer in submission.services],
        )
    )


def read(body: bytes, at: datetime) -> Submission:
    """Return a submission that was made at an instant, by which the times of its rebids get their dates."""
    return submission_of(fields_of(body), at)


def submission_of(fields: Mapping[str, Any], at: datetime) -> Submission:
    """Return the submission in an object, one of ours or one that getSubmission answered with."""
    flat = dict(fields)
    for name in ("energyBids", "fcasBids"):  # AEMO's answers nest these lists once more
        if isinstance(bids := flat.get(name), list):
            flat[name] = [bid for each in bids for bid in (each if isinstance(each, list) else [each])]
    try:
        json = msgspec.convert(flat, SubmitBids)
        return Submission(
            reference=json.reference_id,
            energy=tuple(_energy_offer(bid, at) for bid in json.energy_bids or ()),
            services=tuple(_service_offer(bid, at) for bid in json.fcas_bids or ()),
            comments=json.comments or "",
            authorised_by=json.authorised_by or "",
        )
    except (ValueError, ArithmeticError) as error:  # msgspec's own is a ValueError too, and names the place
        raise BidFormatError(str(error)) from error


def _energy_bid(offer: EnergyOffer) -> EnergyBid:
    start = offer.fast_start
    daily = offer.daily_energy_kwh
    return EnergyBid(
        trading_date=offer.day.starts_on.isoformat(),
        duid=offer.duid,
        direction=offer.direction,
        prices=list(offer.prices),
        fast_start_profile=None if start is None else _profile(start),
        daily_energy_constraint=None if daily is None else _mw(daily),
        rebid_explanation=_explanation(offer.rebid),
        energy_periods=[
            EnergyPeriodJson(
                period_id=period.period,
                max_avail=_whole_mw(period.max_avail_kw),
                ramp_up_rate=_whole_mw(period.ramp_up_kw_per_min),
                ramp_down_rate=_whole_mw(period.ramp_down_kw_per_min),
                band_avail=[_whole_mw(kw) for kw in period.bands_kw],
                recall_period=period.recall_period,
                pasa_avail=_whole_mw(period.pasa_avail_kw),
                fixed_load=None if period.fixed_load_kw is None else _whole_mw(period.fixed_load_kw),
                energy_limit=None if period.energy_limit_kwh is None else _mw(period.energy_limit_kwh),
            )
            for period in offer.periods
        ],
    )


def _energy_offer(bid: EnergyBid, at: datetime) -> EnergyOffer:
    start, daily = bid.fast_start_profile, bid.daily_energy_constraint
    return EnergyOffer(
        duid=bid.duid,
        day=_day(bid.trading_date),
        prices=tuple(bid.prices),
        periods=tuple(
            EnergyPeriod(
                period=period.period_id,
                max_avail_kw=_kw(period.max_avail),
                bands_kw=tuple(map(_kw, period.band_avail)),
                ramp_up_kw_per_min=_kw(period.ramp_up_rate),
                ramp_down_kw_per_min=_kw(period.ramp_down_rate),
                pasa_avail_kw=_kw(period.pasa_avail or Decimal(0)),
                recall_period=period.recall_period or 0,
                fixed_load_kw=None if period.fixed_load is None else _kw(period.fixed_load),
                energy_limit_kwh=None if period.energy_limit is None else _kw(period.energy_limit),
            )
            for period in bid.energy_periods
        ),
        direction=_side(bid.direction),
        daily_energy_kwh=None if daily is None else _kw(daily),
        fast_start=None if start is None else _fast_start(start),
        rebid=_rebid(bid.rebid_explanation, at),
    )


def _fcas_bid(offer: ServiceOffer) -> FcasBid:
    periods = []
    for period in offer.periods:
        low, left, right, high = map(_whole_mw, _turned(period.trapezium.edges_kw, offer.direction))
        periods.append(
            FcasPeriodJson(
                period_id=period.period,
                max_avail=_whole_mw(period.max_avail_kw),
                enablement_min=low,
                low_break_point=left,
                high_break_point=right,
                enablement_max=high,
                band_avail=[_whole_mw(kw) for kw in period.bands_kw],
            )
        )
    return FcasBid(
        trading_date=offer.day.starts_on.isoformat(),
        duid=offer.duid,
        service=offer.service,
        direction=offer.direction,
        prices=list(offer.prices),
        rebid_explanation=_explanation(offer.rebid),
        fcas_periods=periods,
    )


def _service_offer(bid: FcasBid, at: datetime) -> ServiceOffer:
    side = _side(bid.direction)
    periods = []
    for period in bid.fcas_periods:
        corners = (
            period.enablement_min,
            period.low_break_point,
            period.high_break_point,
            period.enablement_max,
        )
        low, left, right, high = _turned((_kw(corners[0]), *map(_kw, corners[1:])), side)
        trapezium = Trapezium(_kw(period.max_avail), low, left, right, high)
        periods.append(ServicePeriod(period.period_id, tuple(map(_kw, period.band_avail)), trapezium))
    return ServiceOffer(
        duid=bid.duid,
        day=_day(bid.trading_date),
        service=bid.service,
        prices=tuple(bid.prices),
        periods=tuple(periods),
        direction=side,
        rebid=_rebid(bid.rebid_explanation, at),
    )


def _turned(edges: tuple[float, ...], side: Direction | None) -> tuple[float, ...]:
    """Turn a load side around: AEMO's runs from zero downward, ours ascends."""
    return edges[::-1] if side is Direction.LOAD else edges


def _profile(start: FastStart) -> FastStartProfile:
    load = _whole_mw(start.minimum_load_kw)
    return FastStartProfile(minimum_load=load, t1=start.t1, t2=start.t2, t3=start.t3, t4=start.t4)


def _fast_start(json: FastStartProfile) -> FastStart:
    return FastStart(_kw(json.minimum_load), json.t1, json.t2, json.t3, json.t4)


def _explanation(rebid: Rebid | None) -> RebidExplanation | None:
    if rebid is None:
        return None
    return RebidExplanation(
        reason=rebid.reason,
        event_time=_clock(rebid.event_at),
        aware_time=_clock(rebid.aware_at),
        decision_time=_clock(rebid.decided_at),
        category=rebid.category,
    )


def _rebid(json: RebidExplanation | None, at: datetime) -> Rebid | None:
    """Read an explanation; each time is the last such one before the step that followed it."""
    if json is None:
        return None
    decided_at = _last(json.decision_time, at)
    aware_at = _last(json.aware_time, decided_at or at)
    event_at = _last(json.event_time, aware_at or decided_at or at)
    return Rebid(json.reason, event_at, aware_at, decided_at, json.category or None)


def _clock(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(NEM_TIME):%H:%M:%S}"


def _last(clock: str | None, until: datetime) -> datetime | None:
    if not clock:
        return None
    found = datetime.combine(until.astimezone(NEM_TIME).date(), time.fromisoformat(clock), NEM_TIME)
    return (found if found <= until else found - _DAY).astimezone(UTC)


def _day(text: str) -> TradingDay:
    return TradingDay(date.fromisoformat(text[:10]))


def _side(text: str | None) -> Direction | None:
    return Direction(text) if text else None


def _kw(megawatts: Decimal) -> float:
    return float(megawatts * _PER_MW)


def _mw(kw: float) -> Decimal:
    return Decimal(repr(kw)) / _PER_MW


def _whole_mw(kw: float) -> Decimal:
    megawatts = _mw(kw)
    if megawatts != megawatts.to_integral_value():
        raise ValueError(f"{kw} kW is not a whole number of megawatts")
    return megawatts.to_integral_value()
