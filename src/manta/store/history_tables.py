"""The tables of history: DDL for a ClickHouse cluster and for the engine inside the historian alike."""

from collections.abc import Iterator

READING_COLUMNS = (
    "device_no",
    "sequence",
    "at",
    "heard_at",
    "power_kw",
    "soc",
    "import_kwh",
    "export_kwh",
    "quality",
)
"""In the order of wire.columns.READING."""
MINUTE_DAYS, SAMPLE_DAYS, YEARS = 3, 90, 7
"""How long minutes, the samples within an interval, and intervals are kept."""


def tables(raw_days: int) -> Iterator[str]:
    """Yield the statements that make history; each changes nothing where it was run before."""
    yield "CREATE DATABASE IF NOT EXISTS manta"
    yield _READING + retention(raw_days) + " SETTINGS ttl_only_drop_parts = 1"
    yield _DEVICE
    yield _MINUTE
    yield _INTERVAL
    yield _MINUTE_VIEW
    yield _INTERVAL_VIEW


def retention(raw_days: int) -> str:
    """Return the raw rows' time to live."""
    if not 1 <= raw_days <= 3_650:
        raise ValueError(f"raw readings are kept 1 to 3,650 days, was {raw_days}")
    return f"TTL toDateTime(at) + toIntervalDay({raw_days})"


_READING = """
CREATE TABLE IF NOT EXISTS manta.reading (
    device_no Int32 CODEC(Delta, LZ4),
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, LZ4),
    heard_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    sequence Int64 CODEC(DoubleDelta, LZ4),
    power_kw Float64 CODEC(Gorilla, LZ4),
    soc Float64 CODEC(Gorilla, LZ4),
    import_kwh Float64 CODEC(Gorilla, LZ4),
    export_kwh Float64 CODEC(Gorilla, LZ4),
    quality UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
ORDER BY (device_no, at, sequence)
"""
"""A repeat has the same key and replaces what it repeats."""

_DEVICE = """
CREATE TABLE IF NOT EXISTS manta.device (
    device_no Int32,
    site_no Int32,
    tenant LowCardinality(String),
    region LowCardinality(String),
    kind LowCardinality(String),
    capacity_kwh Float64
)
ENGINE = ReplacingMergeTree
ORDER BY device_no
"""

_MINUTE = f"""
CREATE TABLE IF NOT EXISTS manta.reading_1min (
    minute_end DateTime('UTC') CODEC(Delta, LZ4),
    device_no Int32 CODEC(Delta, LZ4),
    at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    power_kw Float32 CODEC(LZ4),
    soc Float32 CODEC(LZ4)
)
ENGINE = ReplacingMergeTree(at)
PARTITION BY toYYYYMMDD(minute_end)
ORDER BY (minute_end, device_no)
TTL minute_end + toIntervalDay({MINUTE_DAYS})
SETTINGS ttl_only_drop_parts = 1
"""
"""What each device said last in a minute."""

_MINUTE_VIEW = """
CREATE MATERIALIZED VIEW IF NOT EXISTS manta.reading_to_1min TO manta.reading_1min AS
SELECT
    toStartOfMinute(toDateTime(at, 'UTC')) + toIntervalMinute(1) AS minute_end, device_no, at, power_kw, soc
FROM manta.reading
WHERE quality < 2 AND isFinite(power_kw)
"""
"""Quality 2 is bad; a bad reading stays in the raw table alone."""

_COUNTERS = "Tuple(at DateTime64(3, 'UTC'), sequence Int64, import_kwh Float64, export_kwh Float64)"
_CHARGE = "Tuple(at DateTime64(3, 'UTC'), sequence Int64, soc Float32)"

_INTERVAL = f"""
CREATE TABLE IF NOT EXISTS manta.reading_5min (
    interval_end DateTime('UTC') CODEC(Delta, LZ4),
    device_no Int32 CODEC(Delta, LZ4),
    samples AggregateFunction(maxMap, Map(UInt32, Float32)) TTL interval_end + toIntervalDay({SAMPLE_DAYS}),
    min_kw SimpleAggregateFunction(min, Float64) CODEC(Gorilla, LZ4),
    max_kw SimpleAggregateFunction(max, Float64) CODEC(Gorilla, LZ4),
    counters SimpleAggregateFunction(max, {_COUNTERS}),
    charge SimpleAggregateFunction(max, {_CHARGE})
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(interval_end)
ORDER BY (interval_end, device_no)
TTL interval_end + toIntervalYear({YEARS})
SETTINGS index_granularity = 2048
"""
"""An interval of a device: its samples by their millisecond, and what was last by (at, sequence)."""

_INTERVAL_VIEW = """
CREATE MATERIALIZED VIEW IF NOT EXISTS manta.reading_to_5min TO manta.reading_5min AS
SELECT
    toStartOfInterval(toDateTime(at, 'UTC'), toIntervalMinute(5)) + toIntervalMinute(5) AS interval_end,
    device_no,
    maxMapState(map(toUInt32(toUnixTimestamp64Milli(at) % 300000), toFloat32(power_kw))) AS samples,
    min(power_kw) AS min_kw,
    max(power_kw) AS max_kw,
    maxIf((at, sequence, import_kwh, export_kwh), isFinite(import_kwh) AND isFinite(export_kwh)) AS counters,
    maxIf((at, sequence, toFloat32(soc)), isFinite(soc)) AS charge
FROM manta.reading
WHERE quality < 2 AND isFinite(power_kw)
GROUP BY interval_end, device_no
"""
"""Where nothing was finite the greatest is of 1970."""
