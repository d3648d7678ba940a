"""Market time: a fixed UTC+10 without daylight saving, cut into five-minute intervals and trading days.

Local time, with daylight saving, exists for tariffs and screens only: that is what a tariff day is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

NEM_TIME = timezone(timedelta(hours=10), "NEM")
FIVE_MINUTES = timedelta(minutes=5)
HALF_HOUR = timedelta(minutes=30)
HOURS_PER_INTERVAL = FIVE_MINUTES / timedelta(hours=1)
INTERVALS_PER_DAY = 288
HALF_HOURS_PER_DAY = 48

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1)
_FOUR_HOURS = timedelta(hours=4)
"""After midnight, NEM time, a trading day begins."""


def epoch_ms(at: datetime) -> int:
    """Return an instant as columns and messages carry it: milliseconds since 1970, UTC."""
    if at.tzinfo is None:
        raise ValueError(f"an instant needs an aware time, was {at!r}")
    return (at - _UNIX_EPOCH) // _MILLISECOND


def from_epoch_ms(at_ms: int) -> datetime:
    """Return the instant that a column or message carries."""
    return _UNIX_EPOCH + at_ms * _MILLISECOND


@dataclass(frozen=True, slots=True, order=True)
class DispatchInterval:
    """A five-minute dispatch interval, half-open ``[start, end)`` and named by its end.

    AEMO stamps its dispatch rows with the end of the interval (``SETTLEMENTDATE``), so the
    end is our key too, and a join with market data never needs a shift.
    """

    end: datetime
    """When the interval ends, UTC, on a five-minute mark."""

    def __post_init__(self) -> None:
        if self.end.tzinfo is None:
            raise ValueError(f"a dispatch interval needs an aware time, was {self.end!r}")
        if (self.end - _EPOCH) % FIVE_MINUTES:
            raise ValueError(f"a dispatch interval ends on a five-minute mark, was {self.end}")
        object.__setattr__(self, "end", self.end.astimezone(UTC))

    @classmethod
    def containing(cls, at: datetime) -> DispatchInterval:
        """Return the interval in which an instant falls; an interval holds its start."""
        return cls(at - (at - _EPOCH) % FIVE_MINUTES + FIVE_MINUTES)

    @property
    def start(self) -> datetime:
        """When the interval begins, UTC."""
        return self.end - FIVE_MINUTES

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end

    def __str__(self) -> str:
        return f"{self.end.astimezone(NEM_TIME):%Y/%m/%d %H:%M}"

    @property
    def number(self) -> int:
        """Return AEMO's DISPATCHINTERVAL: YYYYMMDDPPP of the trading day, PPP from 001 (04:05) to 288."""
        day = TradingDay.of(self)
        return int(f"{day.starts_on:%Y%m%d}{day.period_of(self):03d}")

    @classmethod
    def from_number(cls, number: int) -> DispatchInterval:
        """Return the interval that a DISPATCHINTERVAL names."""
        day, period = divmod(number, 1_000)
        return TradingDay(_date_named(day)).interval(period)

    @property
    def calendar_period(self) -> tuple[date, int]:
        """Return the day and PERIODID as trading prices count them: 1 ends at 00:05, 288 at 00:00."""
        local = self.start.astimezone(NEM_TIME)
        return local.date(), _whole_day(local) // FIVE_MINUTES + 1


@dataclass(frozen=True, slots=True, order=True)
class TradingDay:
    """A day of the market, 04:00 to 04:00 NEM time; never 23 or 25 hours long."""

    starts_on: date
    """The date of its first interval, which ends at 04:05; the last one ends at 04:00 the date after."""

    @classmethod
    def of(cls, interval: DispatchInterval) -> TradingDay:
        """Return the day to which an interval belongs; 04:00 is still the day before."""
        return cls((interval.start.astimezone(NEM_TIME) - _FOUR_HOURS).date())

    @property
    def start(self) -> datetime:
        """When its first interval begins, UTC."""
        return datetime.combine(self.starts_on, time(4), NEM_TIME).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """When its last interval ends, UTC."""
        return self.start + _DAY

    def interval(self, period: int) -> DispatchInterval:
        """Return an interval by its number, as offers count them: 1 ends at 04:05, 288 at 04:00."""
        if not 1 <= period <= INTERVALS_PER_DAY:
            raise ValueError(f"a trading day has periods 1 to {INTERVALS_PER_DAY}, not {period}")
        return DispatchInterval(self.start + period * FIVE_MINUTES)

    def period_of(self, interval: DispatchInterval) -> int:
        """Return an interval's number, 1 to 288."""
        period = (interval.end - self.start) // FIVE_MINUTES
        if not 1 <= period <= INTERVALS_PER_DAY:
            raise ValueError(f"the interval that ends {interval} is not of the trading day {self.starts_on}")
        return period

    @property
    def intervals(self) -> Sequence[DispatchInterval]:
        """Return its 288 intervals in order."""
        return [self.interval(period) for period in range(1, INTERVALS_PER_DAY + 1)]


def predispatch_number(run: datetime) -> int:
    """Return AEMO's PREDISPATCHSEQNO of the run named by the end of its first half-hour.

    YYYYMMDDPP of the trading day, PP from 01 (04:30) to 48 (04:00 the day after).
    """
    begins = run.astimezone(NEM_TIME) - HALF_HOUR - _FOUR_HOURS
    period, beside = divmod(_whole_day(begins), HALF_HOUR)
    if beside:
        raise ValueError(f"a pre-dispatch run is named by a half-hour, not by {run}")
    return int(f"{begins:%Y%m%d}{period + 1:02d}")


def predispatch_run(number: int) -> datetime:
    """Return the end of the first half-hour of the run that a PREDISPATCHSEQNO names, UTC."""
    day, period = divmod(number, 100)
    if not 1 <= period <= HALF_HOURS_PER_DAY:
        raise ValueError(f"a trading day has half-hours 1 to {HALF_HOURS_PER_DAY}, not {period}")
    return TradingDay(_date_named(day)).start + period * HALF_HOUR


@dataclass(frozen=True, slots=True)
class TariffDay:
    """A calendar day where the customer lives, as tariffs and bills count it: 23, 24 or 25 hours."""

    on: date
    zone: ZoneInfo

    @classmethod
    def of(cls, interval: DispatchInterval, zone: ZoneInfo) -> TariffDay:
        """Return the local day to which an interval belongs, by when it begins."""
        return cls(interval.start.astimezone(zone).date(), zone)

    @property
    def start(self) -> datetime:
        """Local midnight, UTC."""
        return datetime.combine(self.on, time(), self.zone).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The next local midnight, UTC."""
        return TariffDay(self.on + _DAY, self.zone).start

    @property
    def lasts(self) -> timedelta:
        """How long it really is."""
        return self.end - self.start

    @property
    def intervals(self) -> Sequence[DispatchInterval]:
        """Return its 276, 288 or 300 intervals in order."""
        count = self.lasts // FIVE_MINUTES
        return [DispatchInterval(self.start + n * FIVE_MINUTES) for n in range(1, count + 1)]

    def clock_time(self, interval: DispatchInterval) -> time:
        """Return what the customer's clock shows when an interval begins, which a tariff's windows go by."""
        return interval.start.astimezone(self.zone).time()


def _whole_day(local: datetime) -> timedelta:
    """Return how far into its day a time is."""
    return local - local.replace(hour=0, minute=0, second=0, microsecond=0)


def _date_named(number: int) -> date:
    return date(number // 10_000, number // 100 % 100, number % 100)
