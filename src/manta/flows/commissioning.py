"""The way of a device into service: found, read, known, capable, in time, in balance, tested, safe, live.

Each step is one check, made on the device itself, and each check leaves a remark: who asked, when, what was
seen, and what stood in the way. What is begun here is ended here: whatever a check finds, and even if it is
broken off, the device is released before the check is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Protocol

from manta.domain.commissioning import Commissioning, Evidence, Fault, Remark, Stage
from manta.domain.der import Capability, ComponentKind, Descriptor, Identity, Sample, Setpoints
from manta.domain.envelope import Envelope
from manta.domain.identity import TenantId
from manta.domain.lease import Outcome
from manta.flows.commissioning_checks import (
    LEAST_TEST_KW,
    SETTLE,
    Entered,
    Flow,
    Verdict,
    check_balance,
    check_capability,
    check_identity,
    check_limit,
    check_response,
    check_rest,
    check_time,
    mistaken_scale,
)
from manta.flows.ports import Clock

LOOKS = 3
ATTEMPTS = 2
"""A kettle that comes on in the middle of a test is no fault; twice in a row it would be."""
MOST_TEST_KW = 2.0
SPARE_SOC = 0.02
LEAST_FREE_KW = 1.0
"""So much must be exported before a limit on it can be seen."""
EXPIRES = timedelta(seconds=60)
NEAR_SHARE = 0.2


class Answer(Protocol):
    """How a device answered an order."""

    @property
    def outcome(self) -> Outcome:
        """Accepted, refused or silent."""
        ...

    @property
    def because(self) -> str:
        """Why, where it says."""
        ...


class Driver[O](Protocol):
    """A device, and the orders it takes."""

    @property
    def descriptor(self) -> Descriptor:
        """How it wants to be treated."""
        ...

    async def identify(self) -> tuple[Identity, Capability]:
        """Ask who it is; ConnectionError if it does not answer."""
        ...

    async def read(self, at: datetime) -> Sample:
        """Look once; ConnectionError if it does not answer."""
        ...

    async def apply(self, order: O | None, at: datetime) -> Answer:
        """Hold a power, or with None let go."""
        ...


class CommissioningRecord(Protocol):
    """Where remarks are kept."""

    async def save_remark(self, tenant: TenantId, way: Commissioning, remark: Remark) -> None:
        """Append a remark, with the stage that the device is at after it."""
        ...


@dataclass(frozen=True, slots=True)
class Bench[O]:
    """A device to be commissioned, and what is known of where it stands."""

    tenant: TenantId
    driver: Driver[O]
    order: Callable[[float, datetime, float | None], O]
    """Writes an order: power in kW toward the grid, until when, and the site's export limit in kW."""
    clock: Clock
    entered: Entered
    connection: Envelope
    """What the connection agreement permits."""
    reserve_soc: float = 0.0
    probe: Callable[[], Awaitable[float]] | None = None
    """Finds the scale of the export limit, where a driver must ask for it."""


class OrderError(Exception):
    """An order was not taken in the middle of a check."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.because)
        self.fault = Fault.REFUSED if answer.outcome is Outcome.REFUSED else Fault.NO_ANSWER


async def commission[O](
    bench: Bench[O], way: Commissioning, by: str, record: CommissioningRecord
) -> Commissioning:
    """Take every step that can be taken, and return how far the device came."""
    while way.following is not None:
        way = await advance(bench, way, by, record)
        if way.remarks[-1].fault:
            break
    return way


async def advance[O](
    bench: Bench[O], way: Commissioning, by: str, record: CommissioningRecord
) -> Commissioning:
    """Take the step that follows, and keep what came of it; ValueError for a device that is live."""
    stage = way.following
    if stage is None:
        raise ValueError(f"{way.device} is live; nothing follows")
    try:
        fault, evidence = await _check(stage, bench)
    except OrderError as error:
        fault, evidence = error.fault, {"because": str(error)}
    except OSError as error:  # a device's silence, by whatever way it is reached
        fault, evidence = Fault.NO_ANSWER, {"because": str(error)}
    remark = Remark(stage, fault, bench.clock.now(), by, _finite(evidence))
    way = way.with_remark(remark)
    await record.save_remark(bench.tenant, way, remark)
    return way


def _finite(evidence: Evidence) -> Evidence:
    """Leave out what is no number, as the limit of a device that has none."""
    return {
        name: value for name, value in evidence.items() if not isinstance(value, float) or isfinite(value)
    }


async def _check[O](stage: Stage, bench: Bench[O]) -> Verdict:
    match stage:
        case Stage.READ_ONLY:
            return await _read_only(bench)
        case Stage.IDENTIFIED:
            told, _ = await bench.driver.identify()
            return check_identity(told, bench.entered)
        case Stage.CAPABLE:
            _, capability = await bench.driver.identify()
            status = (await _look(bench)).status
            return check_capability(bench.driver.descriptor, capability, status, bench.entered)
        case Stage.TIMED:
            return await _timed(bench)
        case Stage.BALANCED:
            return check_balance([Flow.of(sample) for sample in await _looks(bench)])
        case Stage.TESTED:
            return await _tested(bench)
        case Stage.DEFAULTED:
            return await _defaulted(bench)
        case _:
            return await _read_only(bench)


async def _read_only[O](bench: Bench[O]) -> Verdict:
    sample = (await _looks(bench))[-1]
    flow = Flow.of(sample)
    untold = flow.battery_kw is None or flow.grid_kw is None
    return (Fault.NOTHING_MEASURED if untold else None), {
        **flow.evidence,
        "running": sample.status.running.value,
    }


async def _timed[O](bench: Bench[O]) -> Verdict:
    """Measure how long answers take, and how far the device's own time lies from ours."""
    waits, skew = [], None
    for _ in range(LOOKS):
        asked_at = bench.clock.now()
        sample = await bench.driver.read(asked_at)
        heard_at = bench.clock.now()
        waits.append(heard_at - asked_at)
        if sample.at != asked_at:  # a driver whose device tells no time gives back the instant it was given
            skew = sample.at - heard_at if sample.at > heard_at else min(sample.at - asked_at, timedelta(0))
        await _pause(bench)
    return check_time(bench.driver.descriptor, skew, waits)


async def _tested[O](bench: Bench[O]) -> Verdict:
    """Discharge and charge, each seen by battery and meter alike, and find it afterwards as it was before."""
    before = await _look(bench)
    fault, evidence = await _and_released(bench, _up_and_down(bench))
    if fault:
        return fault, evidence
    await bench.clock.sleep_until(bench.clock.now() + SETTLE[bench.driver.descriptor.latency])
    fault, after = _default(MOST_TEST_KW, before, await _look(bench))
    return fault, {**evidence, **after}


async def _up_and_down[O](bench: Bench[O]) -> Verdict:
    _, capability = await bench.driver.identify()
    fault, rest = await _resting(bench)
    if fault:
        return fault, rest
    evidence: dict[str, float | str] = {}
    for name, sign, rated_kw in (("up", 1, capability.discharge_kw), ("down", -1, capability.charge_kw)):
        fault, seen = await _test(bench, sign, rated_kw)
        evidence |= {f"{name}_{key}": value for key, value in seen.items()}
        if fault:
            break
    return fault, evidence


async def _resting[O](bench: Bench[O]) -> Verdict:
    if bench.driver.descriptor.setpoints is Setpoints.MODE:
        return None, {}  # it knows no 0 kW
    return check_rest(await _held(bench, 0.0))


async def _test[O](bench: Bench[O], sign: int, rated_kw: float) -> Verdict:
    """Try one direction, and once more if it did not go as it should."""
    verdict: Verdict = (Fault.NO_ROOM, {})
    for _ in range(ATTEMPTS):
        before = await _held(bench, 0.0)
        power_kw = sign * await _test_kw(bench, sign, rated_kw, before)
        if abs(power_kw) < LEAST_TEST_KW:
            return Fault.NO_ROOM, {**before.evidence, "asked_kw": power_kw}
        verdict = check_response(power_kw, before, await _held(bench, power_kw))
        if verdict[0] is None:
            break
    return verdict


async def _test_kw[O](bench: Bench[O], sign: int, rated_kw: float, before: Flow) -> float:
    """Return a power that rating, connection and charge allow for, a magnitude; 0 where one does not."""
    soc = (await _look(bench)).measurements[ComponentKind.BATTERY].soc
    if soc is not None and not (soc > bench.reserve_soc + SPARE_SOC if sign > 0 else soc < 1.0 - SPARE_SOC):
        return 0.0
    grid_kw = before.grid_kw or 0.0
    room_kw = bench.connection.ceiling_kw - grid_kw if sign > 0 else grid_kw - bench.connection.floor_kw
    return max(0.0, min(rated_kw, MOST_TEST_KW, room_kw))


async def _defaulted[O](bench: Bench[O]) -> Verdict:
    """See an export limit kept, where the device keeps one, and the default come back by itself."""
    _, capability = await bench.driver.identify()
    before = await _look(bench)
    power_kw = await _test_kw(bench, 1, capability.discharge_kw, Flow.of(before))
    if power_kw < LEAST_TEST_KW:
        return Fault.NO_ROOM, {**Flow.of(before).evidence, "asked_kw": power_kw}
    fault, evidence = await _and_released(bench, _kept(bench, capability, power_kw))
    if fault:
        return fault, evidence
    fault, after = await _and_released(bench, _let_go(bench, power_kw, before))
    return fault, {**evidence, **after}


async def _kept[O](bench: Bench[O], capability: Capability, power_kw: float) -> Verdict:
    return await _limited(bench, power_kw) if capability.export_limit else (None, {})


async def _limited[O](bench: Bench[O], power_kw: float) -> Verdict:
    """Hold a power with a limit of half its export, and see at the meter what comes of it."""
    scale: Evidence = {} if bench.probe is None else {"limit_scale": await bench.probe()}
    free_kw = (await _held(bench, power_kw)).grid_kw
    if free_kw is None or free_kw < LEAST_FREE_KW:
        return Fault.NO_ROOM, {**scale, "free_kw": free_kw or 0.0}
    limit_kw = free_kw / 2.0
    try:
        flow = await _held(bench, power_kw, limit_kw)
    except OrderError as error:
        if error.fault is not Fault.REFUSED:
            raise
        # the same power was taken without the limit: it is the limit that is out of its range
        return Fault.LIMIT_SCALE, {**scale, "limit_kw": limit_kw, "because": str(error)}
    fault, evidence = check_limit(limit_kw, free_kw, flow)
    told_kw = (await _look(bench)).settings.export_limit_kw
    factor = mistaken_scale(limit_kw, told_kw)
    if fault and factor:
        fault, evidence = Fault.LIMIT_SCALE, {**evidence, "factor": factor}
    return fault, {**scale, **evidence}


async def _let_go[O](bench: Bench[O], power_kw: float, before: Sample) -> Verdict:
    """Fall silent until the device's own expiry, or where it has none release it, and look what it does."""
    descriptor = bench.driver.descriptor
    if descriptor.needs_watchdog:
        await _released(bench)
    else:
        until = bench.clock.now() + max(EXPIRES, descriptor.refresh)
        await _order(bench, power_kw, until)
        await bench.clock.sleep_until(until)
    await bench.clock.sleep_until(bench.clock.now() + SETTLE[descriptor.latency])
    return _default(power_kw, before, await _look(bench))


def _default(power_kw: float, before: Sample, after: Sample) -> Verdict:
    was, now = Flow.of(before), Flow.of(after)
    evidence = {**now.evidence, "mode": after.settings.mode, "mode_before": before.settings.mode}
    if after.settings.mode != before.settings.mode:
        return Fault.DEFAULT_NOT_KEPT, evidence
    if after.settings.export_limit_kw != before.settings.export_limit_kw:
        return Fault.DEFAULT_NOT_KEPT, {**evidence, "limit_kw": after.settings.export_limit_kw or 0.0}
    holds = _near(now.battery_kw, power_kw) and not _near(was.battery_kw, power_kw)
    return (Fault.DEFAULT_NOT_KEPT if holds and not after.settings.mode else None), evidence


def _near(battery_kw: float | None, power_kw: float) -> bool:
    return battery_kw is not None and abs(battery_kw - power_kw) <= NEAR_SHARE * power_kw


async def _held[O](bench: Bench[O], power_kw: float, export_limit_kw: float | None = None) -> Flow:
    """Order a power, wait until it can be seen, and return what is seen then; it is held a while longer."""
    descriptor = bench.driver.descriptor
    settled_at = bench.clock.now() + SETTLE[descriptor.latency]
    until = settled_at + (LOOKS + 1) * descriptor.poll + EXPIRES
    while True:
        await _order(bench, power_kw, until, export_limit_kw)
        await bench.clock.sleep_until(min(settled_at, bench.clock.now() + descriptor.refresh))
        if bench.clock.now() >= settled_at:
            break
    return _mean([Flow.of(sample) for sample in await _looks(bench)])


async def _order[O](
    bench: Bench[O], power_kw: float, until: datetime, export_limit_kw: float | None = None
) -> None:
    answer = await bench.driver.apply(bench.order(power_kw, until, export_limit_kw), bench.clock.now())
    if answer.outcome is not Outcome.ACCEPTED:
        raise OrderError(answer)


async def _released[O](bench: Bench[O]) -> None:
    answer = await bench.driver.apply(None, bench.clock.now())
    if answer.outcome is not Outcome.ACCEPTED:
        raise OrderError(answer)


async def _and_released[O](bench: Bench[O], test: Awaitable[Verdict]) -> Verdict:
    """Await a test, then release the device whatever came of it, also when it is broken off.

    What the test found stands; that the device does not let itself be released is a fault of its own.
    """
    try:
        fault, evidence = await test
    except BaseException:
        with suppress(OrderError, OSError):
            await _released(bench)
        raise
    try:
        await _released(bench)
    except (OrderError, OSError) as error:
        return fault or Fault.DEFAULT_NOT_KEPT, {**evidence, "release": str(error)}
    return fault, evidence


async def _look[O](bench: Bench[O]) -> Sample:
    return await bench.driver.read(bench.clock.now())


async def _looks[O](bench: Bench[O]) -> list[Sample]:
    seen = [await _look(bench)]
    while len(seen) < LOOKS:
        await _pause(bench)
        seen.append(await _look(bench))
    return seen


async def _pause[O](bench: Bench[O]) -> None:
    await bench.clock.sleep_until(bench.clock.now() + bench.driver.descriptor.poll)


def _mean(flows: list[Flow]) -> Flow:
    """Return the mean of each power over the looks that told it."""

    def mean(told: list[float | None]) -> float | None:
        known = [each for each in told if each is not None]
        return sum(known) / len(known) if known else None

    return Flow(
        mean([flow.pv_kw for flow in flows]),
        mean([flow.battery_kw for flow in flows]),
        mean([flow.load_kw for flow in flows]),
        mean([flow.grid_kw for flow in flows]),
    )
