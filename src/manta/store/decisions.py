"""Decisions: what the engine wanted and why, and how it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from manta.domain.identity import BatchId, RuleId, TenantId, VppId
from manta.domain.lease import Dispatch, DispatchOutcome
from manta.domain.market import Price, PriceStatus, Region
from manta.domain.proposal import Target
from manta.domain.time import DispatchInterval
from manta.store.leases import refusals_by_guard
from manta.store.pool import Pool, connect_for
from manta.store.prices import Prices, exact
from manta.wire.batches import IntentBatch
from manta.wire.columns import pack
from manta.wire.seal import digest

INSERT_INTENTS = """
insert into record.intent_batch (
    id, tenant_id, vpp_id, region, interval_end, cycle, price_per_mwh, price_status, because, trace,
    body, sha256, created_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (id) do nothing
"""
INSERT_DISPATCH = """
insert into record.dispatch (
    id, tenant_id, vpp_id, region, interval_end, cycle, price_per_mwh, price_status, target_kw, because,
    rule_id, shortfall_kw, sites, unheard, intent_batch, trace, decided_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
on conflict (id) do nothing
"""
INSERT_OUTCOME = """
insert into record.dispatch_outcome (
    dispatch, tenant_id, leased, refused_by_governor, accepted, refused, silent, at
) values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (dispatch) do nothing
"""
READ = """
select d.*, v.name as vpp_name,
       o.leased, o.refused_by_governor, o.accepted, o.refused, o.silent, o.at as counted_at
from record.dispatch d join record.vpp v on v.id = d.vpp_id
left join record.dispatch_outcome o on o.dispatch = d.id
"""
STEPS = """
select p.heard_at as price_heard_at, i.created_at as intents_at, l.created_at as leases_at, l.refusals,
       min(a.at) as first_ack_at, max(a.at) as last_ack_at
from record.dispatch d
left join record.price p on p.region = d.region and p.interval_end = d.interval_end
left join record.intent_batch i on i.id = d.intent_batch
left join record.lease_batch l on l.intent_batch = i.id
left join record.ack a on a.batch = l.id
where d.id = $1
group by p.heard_at, i.created_at, l.created_at, l.refusals
"""


@dataclass(frozen=True, slots=True)
class RecordedDispatch:
    """A dispatch as it is read back; the outcome is None until the answers were due."""

    dispatch: Dispatch
    vpp_name: str
    outcome: DispatchOutcome | None


@dataclass(frozen=True, slots=True)
class Steps:
    """When a dispatch passed each door; None for a door it has not passed."""

    price_heard_at: datetime | None
    intents_at: datetime | None
    leases_at: datetime | None
    first_ack_at: datetime | None
    last_ack_at: datetime | None


@dataclass(frozen=True, slots=True)
class DispatchDetail:
    """A dispatch with what the governor refused of it and how long it took."""

    recorded: RecordedDispatch
    refusals: Mapping[int, int]
    """Sites refused, by the guard's number."""
    steps: Steps


class Decisions:
    """What a decision leaves behind."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def save_prices(self, prices: Sequence[Price]) -> Sequence[Price]:
        """Upsert on LASTCHANGED and return those that are new or changed."""
        return await Prices(self._pool).save(prices)

    async def save_intents(self, batch: IntentBatch) -> None:
        """Write an intent batch; writing the same id again changes nothing."""
        body = pack(batch.rows)
        async with connect_for(self._pool, batch.tenant) as conn:
            await conn.execute(
                INSERT_INTENTS,
                batch.id,
                batch.tenant,
                batch.vpp,
                batch.region,
                batch.interval.end,
                batch.cycle,
                exact(batch.price_per_mwh),
                batch.price_status,
                batch.because,
                batch.trace,
                body,
                digest(body),
                batch.created_at,
            )

    async def save_dispatch(self, dispatch: Dispatch) -> None:
        """Append a dispatch; appending the same id again changes nothing."""
        async with connect_for(self._pool, dispatch.tenant) as conn:
            await conn.execute(
                INSERT_DISPATCH,
                dispatch.id,
                dispatch.tenant,
                dispatch.vpp,
                dispatch.price.region,
                dispatch.price.interval.end,
                dispatch.cycle,
                exact(dispatch.price.per_mwh),
                dispatch.price.status,
                dispatch.target.power_kw,
                dispatch.target.because,
                dispatch.target.rule,
                dispatch.shortfall_kw,
                dispatch.sites,
                dispatch.unheard,
                dispatch.intents,
                dispatch.trace,
                dispatch.decided_at,
            )

    async def save_outcome(self, tenant: TenantId, outcome: DispatchOutcome) -> None:
        """Append how a dispatch was answered; the first count stands."""
        async with connect_for(self._pool, tenant) as conn:
            await conn.execute(
                INSERT_OUTCOME,
                outcome.dispatch,
                tenant,
                outcome.leased,
                outcome.refused_by_governor,
                outcome.accepted,
                outcome.refused,
                outcome.silent,
                outcome.at,
            )

    async def recent(self, tenant: TenantId, region: Region | None, limit: int) -> Sequence[RecordedDispatch]:
        """Read the latest dispatches, newest first, of one region or of all."""
        async with connect_for(self._pool, tenant) as conn:
            rows = await conn.fetch(
                READ + "where d.tenant_id = $1 and ($2::text is null or d.region = $2) "
                "order by d.decided_at desc, d.id limit $3",
                tenant,
                region,
                limit,
            )
        return [_recorded(row) for row in rows]

    async def detail(self, tenant: TenantId, id: UUID) -> DispatchDetail | None:
        """Read one dispatch whole; None if this tenant has none of that id."""
        async with connect_for(self._pool, tenant) as conn:
            row = await conn.fetchrow(READ + "where d.id = $1", id)
            steps = await conn.fetchrow(STEPS, id)
        if row is None or steps is None:
            return None
        refusals = {} if steps["refusals"] is None else refusals_by_guard(steps["refusals"])
        return DispatchDetail(_recorded(row), refusals, _steps(steps))


def _steps(row: asyncpg.Record) -> Steps:
    return Steps(
        row["price_heard_at"], row["intents_at"], row["leases_at"], row["first_ack_at"], row["last_ack_at"]
    )


def _recorded(row: asyncpg.Record) -> RecordedDispatch:
    return RecordedDispatch(_dispatch(row), row["vpp_name"], _outcome(row))


def _dispatch(row: asyncpg.Record) -> Dispatch:
    interval = DispatchInterval(row["interval_end"])
    return Dispatch(
        id=row["id"],
        tenant=TenantId(row["tenant_id"]),
        vpp=VppId(row["vpp_id"]),
        price=Price(
            Region(row["region"]), interval, float(row["price_per_mwh"]), PriceStatus(row["price_status"])
        ),
        cycle=row["cycle"],
        target=Target(row["target_kw"], row["because"], RuleId(row["rule_id"]) if row["rule_id"] else None),
        shortfall_kw=row["shortfall_kw"],
        sites=row["sites"],
        unheard=row["unheard"],
        intents=BatchId(row["intent_batch"]) if row["intent_batch"] else None,
        trace=row["trace"],
        decided_at=row["decided_at"],
    )


def _outcome(row: asyncpg.Record) -> DispatchOutcome | None:
    if row["counted_at"] is None:
        return None
    return DispatchOutcome(
        dispatch=row["id"],
        leased=row["leased"],
        refused_by_governor=row["refused_by_governor"],
        accepted=row["accepted"],
        refused=row["refused"],
        silent=row["silent"],
        at=row["counted_at"],
    )
