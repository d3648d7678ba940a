"""Telemetry history in ClickHouse, and the questions that settlement and the pages ask of it.

The transport delivers a reading at least once, late, and in any order, so that history is a function of the
set of readings and never of their deliveries: raw rows are replaced by their repeats, and every state of a
roll-up may be merged with itself. A counter is the greatest (at, sequence, counter), which is the last one; a
mean is taken over samples kept by their millisecond, so that a repeat falls on itself. A sum or a count would
have been shorter, and wrong after the first repeat.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import clickhouse_connect
import numpy as np
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from numpy.typing import NDArray

from manta.domain.identity import TenantId
from manta.domain.market import REGIONS, Region
from manta.domain.site import DEVICE_KINDS
from manta.domain.time import DispatchInterval, epoch_ms, from_epoch_ms
from manta.store.history_tables import READING_COLUMNS, retention, tables
from manta.wire.batches import DeviceTable, SiteTable
from manta.wire.columns import READING

RAW_DAYS = 14
MINUTE = timedelta(minutes=1)
_THREADS = 4

COUNTERS = np.dtype(
    [("device_no", "<i4"), ("import_kwh", "<f8"), ("export_kwh", "<f8"), ("at_ms", "<i8")],
)
FLEET = np.dtype(
    [
        ("at_ms", "<i8"),  # the end of what is averaged
        ("region", "u1"),  # place in REGIONS
        ("sites", "<f8"),  # heard, by their meters
        ("power_kw", "<f8"),  # at the meters
        ("battery_kw", "<f8"),
        ("pv_kw", "<f8"),
        ("load_kw", "<f8"),
        ("stored_kwh", "<f8"),
    ]
)
DEVICE = np.dtype(
    [
        ("interval_end_ms", "<i8"),
        ("device_no", "<i4"),
        ("samples", "<i4"),
        ("power_kw", "<f8"),  # mean of the samples; NaN once they are past their time to live
        ("min_kw", "<f8"),
        ("max_kw", "<f8"),
        ("soc", "<f8"),  # the last one; NaN where there is none
        ("import_kwh", "<f8"),  # the last counters; NaN where there are none
        ("export_kwh", "<f8"),
    ]
)
_LAST = np.dtype([("end_ms", "<i8"), *((name, COUNTERS[name].str) for name in COUNTERS.names or ())])


_INSERT = {"max_partitions_per_insert_block": 0, "optimize_on_insert": 0}
"""A batch of late readings may span many days; repeats are left to the merges, which meet them anyway."""
_POWERS = ("power_kw", "battery_kw", "stored_kwh")


@dataclass(frozen=True, slots=True)
class PowerStep:
    """A fleet's mean power from an instant on; None where nobody was heard."""

    at: datetime
    power_kw: float | None
    battery_kw: float | None
    stored_kwh: float | None


class HistoryError(ConnectionError):
    """History could not be read or written."""


class History:
    """A client of the historian, or of a ClickHouse cluster in its place."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(_THREADS, "history")
        self._enrolled = b""

    @classmethod
    async def open(cls, url: str, *, raw_days: int = RAW_DAYS) -> History:
        """Connect and see to it that the tables are there; HistoryError if nobody answers."""
        try:
            history = cls(await asyncio.to_thread(_connect, url))
        except (ClickHouseError, OSError) as error:
            raise HistoryError(f"no historian answers: {error}") from error
        await history._call(lambda client: _create(client, raw_days))
        return history

    async def close(self) -> None:
        """Let what runs finish and let go of the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        self._client.close()

    async def ping(self) -> None:
        """Return once the historian has answered a question."""
        await self._call(lambda client: client.command("SELECT 1"))

    async def append(self, rows: NDArray[Any]) -> None:
        """Append READING columns; appending some of them again changes nothing.

        The columns as they are in memory are ClickHouse's RowBinary, so that there is nothing to encode.
        """
        if rows.dtype != READING:
            raise TypeError("history is written in READING columns")
        if len(rows) == 0:
            return
        body = rows.tobytes()
        await self._call(
            lambda client: client.raw_insert(
                "manta.reading",
                READING_COLUMNS,
                body,
                fmt="RowBinary",
                settings=_INSERT,
            )
        )

    async def enrol(self, sites: SiteTable, devices: DeviceTable) -> None:
        """Tell history whose each device is, so that it can be asked by tenant, region and kind.

        Telling it the same again costs nothing.
        """
        known = _digest(sites, devices)
        if len(devices.ids) == 0 or known == self._enrolled:
            return
        site = devices.site_no
        columns: list[Sequence[Any]] = [
            np.arange(len(devices.ids)).tolist(),
            site.tolist(),
            [sites.tenants[n] for n in sites.tenant_no[site]],
            [REGIONS[n].value for n in sites.region[site]],
            [DEVICE_KINDS[n].value for n in devices.kind],
            np.nan_to_num(devices.capacity_kwh).tolist(),
        ]
        names = ["device_no", "site_no", "tenant", "region", "kind", "capacity_kwh"]
        await self._call(
            lambda client: client.insert("manta.device", columns, column_names=names, column_oriented=True)
        )
        self._enrolled = known

    async def meter_counters(
        self, intervals: Sequence[DispatchInterval]
    ) -> Mapping[DispatchInterval, NDArray[Any]]:
        """Return each interval's last counters of every meter, as COUNTERS columns by device_no.

        Devices that history has not been told of count as meters if they have counters.
        """
        ends_s = [int(interval.end.timestamp()) for interval in intervals]
        rows = await self._rows(_METER_COUNTERS, _LAST, {"ends": ends_s})
        found: dict[DispatchInterval, NDArray[Any]] = {}
        for interval, end_s in zip(intervals, ends_s, strict=True):
            of = rows[rows["end_ms"] == end_s * 1_000]
            found[interval] = np.empty(len(of), COUNTERS)
            for name in COUNTERS.names or ():
                found[interval][name] = of[name]
        return found

    async def fleet_power(
        self, tenant: str, since: datetime, until: datetime, step: timedelta = MINUTE
    ) -> NDArray[Any]:
        """Return a tenant's fleet over time as FLEET columns, each region by steps of whole minutes.

        A minute is what each device said last in it; a longer step is the mean of its minutes. Only whole
        minutes up to ``until`` count. Where nobody was heard there is no row.
        """
        minutes, left = divmod(step, MINUTE)
        if left or not 1 <= minutes <= 60:
            raise ValueError(f"a step is 1 to 60 whole minutes, was {step}")
        asked = {"tenant": tenant, "since": _second(since), "until": _second(until), "minutes": minutes}
        return await self._rows(_FLEET_POWER, FLEET, asked | {"regions": [r.value for r in REGIONS]})

    async def power(
        self, tenant: TenantId, region: Region | None, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[PowerStep]:
        """Return a tenant's power in a region, or in all, averaged over each whole step, oldest first."""
        rows = await self.fleet_power(tenant, start, end, step)
        if region is not None:
            rows = rows[rows["region"] == REGIONS.index(region)]
        steps = []
        for at_ms in range(*_steps_ms(start, end, step)):
            of = rows[rows["at_ms"] == at_ms]
            summed = [float(of[name].sum()) if len(of) else None for name in _POWERS]
            steps.append(PowerStep(from_epoch_ms(at_ms) - step, *summed))
        return steps

    async def device_power(self, devices: Sequence[int], since: datetime, until: datetime) -> NDArray[Any]:
        """Return some devices' intervals as DEVICE columns: one site's last day, for instance."""
        asked = {"devices": list(devices), "since": _second(since), "until": _second(until)}
        return await self._rows(_DEVICE_POWER, DEVICE, asked)

    async def site_day(self, site_no: int, until: datetime) -> NDArray[Any]:
        """Return the last day of every device of a site as DEVICE columns."""
        asked = {"site": site_no}
        rows = await self._rows(_SITE_DEVICES, np.dtype([("device_no", "<i4")]), asked)
        return await self.device_power(rows["device_no"].tolist(), until - timedelta(days=1), until)

    async def _rows(self, sql: str, layout: np.dtype[Any], asked: dict[str, Any]) -> NDArray[Any]:
        """Ask for rows whose RowBinary is the layout."""
        body = await self._call(
            lambda client: client.raw_query(sql, parameters=asked, fmt="RowBinary"),
        )
        return np.frombuffer(body, dtype=layout)

    async def _call[T](self, ask: Callable[[Client], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, ask, self._client)
        except (ClickHouseError, OSError) as error:
            raise HistoryError(str(error)) from error


def _digest(sites: SiteTable, devices: DeviceTable) -> bytes:
    columns = (devices.site_no, devices.kind, devices.capacity_kwh, sites.tenant_no, sites.region)
    digest = hashlib.sha256("\n".join(sites.tenants).encode())
    for column in columns:
        digest.update(column.tobytes())
    return digest.digest()


def _connect(url: str) -> Client:
    return clickhouse_connect.get_client(
        dsn=url,
        compress=False,
        autogenerate_session_id=False,
        connect_timeout=5,
        send_receive_timeout=60,
        client_name="manta",
    )


def _create(client: Client, raw_days: int) -> None:
    """Create what is missing, and mind the raw rows' time to live."""
    for statement in tables(raw_days):
        client.command(statement)
    told = client.command(
        "SELECT engine_full FROM system.tables WHERE database = 'manta' AND name = 'reading'"
    )
    if f"toIntervalDay({raw_days})" not in str(told):
        client.command(f"ALTER TABLE manta.reading MODIFY {retention(raw_days)}")


def _steps_ms(start: datetime, end: datetime, step: timedelta) -> tuple[int, int, int]:
    """Return the ends of the whole steps within a time, as a range in milliseconds."""
    step_ms = step // timedelta(milliseconds=1)
    first = -(-epoch_ms(start) // step_ms) * step_ms + step_ms
    return first, epoch_ms(end) + 1, step_ms


def _second(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp())


_METER_COUNTERS = """
SELECT toInt64(toUnixTimestamp(interval_end)) * 1000 AS end_ms, device_no,
       last.import_kwh, last.export_kwh, toUnixTimestamp64Milli(last.at)
FROM (
    SELECT interval_end, device_no, max(counters) AS last
    FROM manta.reading_5min
    WHERE interval_end IN (SELECT toDateTime(arrayJoin({ends:Array(Int64)}), 'UTC'))
      AND device_no NOT IN (SELECT device_no FROM manta.device WHERE kind != 'meter')
    GROUP BY interval_end, device_no
)
WHERE toUnixTimestamp64Milli(last.at) > 0
ORDER BY interval_end, device_no
"""

_FLEET_POWER = """
SELECT (toInt64(toUnixTimestamp(toStartOfInterval(
           minute_end - toIntervalSecond(1), toIntervalMinute({minutes:UInt8}))))
           + 60 * {minutes:Int64}) * 1000 AS at_ms,
       toUInt8(indexOf({regions:Array(String)}, of) - 1) AS place,
       avg(sites), avg(power_kw), avg(battery_kw), avg(pv_kw), avg(load_kw), avg(stored_kwh)
FROM (
    SELECT minute_end, toString(d.region) AS of,
           toFloat64(countIf(d.kind = 'meter')) AS sites,
           sumIf(toFloat64(r.power_kw), d.kind = 'meter') AS power_kw,
           sumIf(toFloat64(r.power_kw), d.kind = 'battery') AS battery_kw,
           sumIf(toFloat64(r.power_kw), d.kind = 'pv') AS pv_kw,
           sumIf(toFloat64(r.power_kw), d.kind = 'load') AS load_kw,
           sumIf(r.soc * d.capacity_kwh, d.kind = 'battery' AND isFinite(r.soc)) AS stored_kwh
    FROM manta.reading_1min AS r FINAL
    INNER JOIN (
        SELECT device_no, region, kind, capacity_kwh FROM manta.device FINAL WHERE tenant = {tenant:String}
    ) AS d ON d.device_no = r.device_no
    WHERE minute_end > toDateTime({since:Int64}, 'UTC') AND minute_end <= toDateTime({until:Int64}, 'UTC')
    GROUP BY minute_end, of
)
GROUP BY at_ms, place
ORDER BY at_ms, place
"""

_SITE_DEVICES = "SELECT device_no FROM manta.device FINAL WHERE site_no = {site:Int32} ORDER BY device_no"

_DEVICE_POWER = """
SELECT toInt64(toUnixTimestamp(interval_end)) * 1000 AS end_ms, device_no,
       toInt32(length(powers)), toFloat64(arrayAvg(powers)), lowest, highest,
       if(soc_at > 0, toFloat64(charged.soc), nan),
       if(counted_at > 0, last.import_kwh, nan), if(counted_at > 0, last.export_kwh, nan)
FROM (
    SELECT interval_end, device_no, mapValues(maxMapMerge(samples)) AS powers,
           min(min_kw) AS lowest, max(max_kw) AS highest, max(charge) AS charged, max(counters) AS last,
           toUnixTimestamp64Milli(charged.at) AS soc_at, toUnixTimestamp64Milli(last.at) AS counted_at
    FROM manta.reading_5min
    WHERE device_no IN {devices:Array(Int32)}
      AND interval_end > toDateTime({since:Int64}, 'UTC') AND interval_end <= toDateTime({until:Int64}, 'UTC')
    GROUP BY interval_end, device_no
)
ORDER BY interval_end, device_no
"""
