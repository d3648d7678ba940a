"""What the devices answered, one row an answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import structlog
from numpy.typing import NDArray

from manta.domain.time import from_epoch_ms
from manta.store.pool import Client, Pool, each_tenant

log = structlog.get_logger()

SAVE = """
with told as (
    select b.id, t.device_no, b.tenant_id, t.outcome, t.at
    from unnest($1::uuid[], $2::int[], $3::smallint[], $4::timestamptz[]) as t (batch, device_no, outcome, at)
    join record.lease_batch b on b.id = t.batch
    join record.device d on d.no = t.device_no
), kept as (
    insert into record.ack (batch, device_no, tenant_id, outcome, at)
    select id, device_no, tenant_id, outcome, at from told on conflict do nothing
)
select count(*) from told
"""


@dataclass(frozen=True, slots=True)
class _Answers:
    batches: Sequence[UUID]
    devices: Sequence[int]
    outcomes: Sequence[int]
    at: Sequence[datetime]

    @classmethod
    def from_columns(cls, rows: NDArray[Any]) -> Self:
        # NumPy drops the zeros at the end of a byte string, a UUID may end with one
        ids = {raw: UUID(bytes=raw.ljust(16, b"\0")) for raw in set(rows["batch"].tolist())}
        return cls(
            [ids[raw] for raw in rows["batch"].tolist()],
            rows["device_no"].tolist(),
            rows["outcome"].tolist(),
            [from_epoch_ms(ms) for ms in rows["at_ms"].tolist()],
        )


class Acks:
    """The devices' answers."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def save_acks(self, rows: NDArray[Any]) -> None:
        """Append ACK columns; an answer already there is not doubled.

        An answer to no batch of the device's own tenant has no place in the record; the log counts such.
        """
        if not len(rows):
            return
        answers = _Answers.from_columns(rows)
        placed = 0
        async with self._pool.acquire() as conn, conn.transaction():
            async for _ in each_tenant(conn):
                placed += await _save_one_tenants(conn, answers)
                if placed == len(rows):
                    break
        if placed < len(rows):
            log.warning("answers to no batch of ours", answers=len(rows) - placed)


async def _save_one_tenants(conn: Client, answers: _Answers) -> int:
    placed: int = await conn.fetchval(SAVE, answers.batches, answers.devices, answers.outcomes, answers.at)
    return placed
