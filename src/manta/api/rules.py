"""Rules: at which price a VPP sells and buys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Header, Response
from pydantic import AfterValidator, Field

from manta.desk.access import GuardedRoute, Known, Now, Role, needs
from manta.domain.identity import RuleId, VppId
from manta.domain.market import Region
from manta.domain.rule import SpotRule
from manta.door.errors import DOCUMENTED, Conflict, FieldError, NotFound, PreconditionRequired, Unprocessable
from manta.door.shapes import Form, Key, Label, answer
from manta.store.rules import Conflict as RuleConflict
from manta.store.rules import RecordedRule

router = APIRouter(prefix="/api", tags=["rules"], route_class=GuardedRoute, responses=DOCUMENTED)

PricePerMwh = Annotated[float, Field(ge=-1_000, le=50_000), AfterValidator(lambda per_mwh: round(per_mwh, 5))]
"""$/MWh, to the five places of the record."""


class RuleFields(Form):
    """What an operator may set of a rule."""

    name: Label
    sell_above_per_mwh: PricePerMwh
    buy_below_per_mwh: PricePerMwh
    site_export_kw: Annotated[float, Field(ge=0, le=1_000)]
    """The most that one home may export while the rule sells."""
    reserve_soc: Annotated[float, Field(ge=0, le=1)]
    """State of charge below which the rule does not sell, 0 to 1."""
    enabled: bool


class RuleDraft(RuleFields):
    """A new rule."""

    vpp_id: Key


@dataclass(frozen=True, slots=True)
class VppOfRule:
    """The VPP that a rule speaks for."""

    id: str
    name: str
    region: Region


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it stands."""

    id: UUID
    vpp: VppOfRule
    name: str
    sell_above_per_mwh: float
    buy_below_per_mwh: float
    site_export_kw: float
    reserve_soc: float
    enabled: bool
    version: int
    """Send it back in If-Match when you change the rule."""
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class RuleList:
    """A tenant's rules."""

    rules: list[Rule]


@dataclass(frozen=True, slots=True)
class Vpp:
    """Sites of one region that trade as one."""

    id: str
    name: str
    region: Region
    sites: int


@dataclass(frozen=True, slots=True)
class VppList:
    """A tenant's VPPs."""

    vpps: list[Vpp]


IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=32, description="The version being changed")
]


@router.get("/vpps", response_model=VppList)
@needs(Role.VIEWER)
async def list_vpps(caller: Known, now: Now) -> Response:
    """List the VPPs and how many sites each has."""
    found = await now.vpps.vpps(caller.tenant)
    return answer(VppList([Vpp(size.vpp.id, size.vpp.name, size.vpp.region, size.sites) for size in found]))


@router.get("/rules", response_model=RuleList)
@needs(Role.VIEWER)
async def list_rules(caller: Known, now: Now) -> Response:
    """List the rules."""
    return answer(RuleList([_shown(rule) for rule in await now.rules.list(caller.tenant)]))


@router.post("/rules", response_model=Rule, status_code=201)
@needs(Role.TRADER)
async def create_rule(caller: Known, now: Now, draft: RuleDraft) -> Response:
    """Add a rule; it acts from the next published price on."""
    rule = _rule(RuleId(uuid4()), VppId(draft.vpp_id), draft)
    created = await now.rules.create(caller.tenant, rule, caller.email, now.clock.now())
    if created is None:
        raise Unprocessable("There is no such VPP.", FieldError("vpp_id", "Choose one of GET /api/vpps."))
    return answer(_shown(created), 201, ETag=_etag(created), Location=f"/api/rules/{created.rule.id}")


@router.put("/rules/{id}", response_model=Rule)
@needs(Role.TRADER)
async def change_rule(
    caller: Known, now: Now, id: UUID, fields: RuleFields, if_match: IfMatch = None
) -> Response:
    """Change a rule that is still at the version named in If-Match."""
    version = _version(if_match)
    rule = _rule(RuleId(id), VppId(""), fields)
    changed = await now.rules.update(caller.tenant, rule, version, caller.email, now.clock.now())
    if changed is None:
        raise NotFound("There is no such rule.")
    if isinstance(changed, RuleConflict):
        raise Conflict(
            f"{changed.current.changed_by} changed this rule meanwhile; it is now at version "
            f"{changed.current.version}. Read it again and repeat your change.",
            ETag=_etag(changed.current),
        )
    return answer(_shown(changed), ETag=_etag(changed))


@router.delete("/rules/{id}", status_code=204, response_class=Response)
@needs(Role.TRADER)
async def delete_rule(caller: Known, now: Now, id: UUID) -> Response:
    """Take a rule away; the record keeps what it did."""
    if await now.rules.delete(caller.tenant, RuleId(id), caller.email, now.clock.now()) is None:
        raise NotFound("There is no such rule.")
    return Response(status_code=204)


def _rule(id: RuleId, vpp: VppId, fields: RuleFields) -> SpotRule:
    sell, buy = fields.sell_above_per_mwh, fields.buy_below_per_mwh
    if sell <= buy:
        remedy = f"{sell:,.2f} must be higher than buy_below_per_mwh, which is {buy:,.2f}."
        raise Unprocessable(
            "A rule sells dearer than it buys: raise the one price or lower the other.",
            FieldError("sell_above_per_mwh", remedy),
        )
    return SpotRule(
        id, vpp, fields.name, sell, buy, fields.site_export_kw, fields.reserve_soc, fields.enabled
    )


def _shown(recorded: RecordedRule) -> Rule:
    rule = recorded.rule
    return Rule(
        id=rule.id,
        vpp=VppOfRule(rule.vpp, recorded.vpp_name, recorded.region),
        name=rule.name,
        sell_above_per_mwh=rule.sell_above_per_mwh,
        buy_below_per_mwh=rule.buy_below_per_mwh,
        site_export_kw=rule.site_export_kw,
        reserve_soc=rule.reserve_soc,
        enabled=rule.enabled,
        version=recorded.version,
        changed_by=recorded.changed_by,
        changed_at=recorded.changed_at,
    )


def _etag(recorded: RecordedRule) -> str:
    return f'"{recorded.version}"'


def _version(if_match: str | None) -> int:
    if if_match is None:
        raise PreconditionRequired("Say in If-Match which version you change, as GET /api/rules names it.")
    text = if_match.strip().strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Unprocessable(
            "If-Match is the version of the rule.", FieldError("If-Match", 'A number, such as "3".')
        )
    return int(text)
