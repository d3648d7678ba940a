"""Every way in which a device can be wrong stops it before it is live, with the reason and the remedy."""

from dataclasses import dataclass, field
from datetime import timedelta
from math import inf

import pytest
from tests.flows.sungrow_site import DUMP, NOON, SungrowSite

from manta.domain.commissioning import STAGES, Commissioning, Fault, Remark, Stage
from manta.domain.der import (
    Capability,
    ComponentKind,
    Descriptor,
    Identity,
    Latency,
    Measurement,
    Running,
    Sample,
    Setpoints,
    Settings,
    Status,
)
from manta.domain.envelope import Envelope
from manta.domain.identity import DeviceId, TenantId
from manta.domain.lease import Outcome
from manta.drivers.port import Applied, DeviceError, Order
from manta.flows.commissioning import Bench, advance, commission
from manta.flows.commissioning_checks import Entered
from manta.flows.commissioning_texts import REMEDIES, remedy
from manta.twin.texts import Language

HARBOUR = TenantId("harbour")
BATTERY = DeviceId("h-1-battery1")
CONNECTION = Envelope.from_limits(import_kw=15.0, export_kw=10.0)


@dataclass
class Notebook:
    """The record's side: what was kept."""

    remarks: list[Remark] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)

    async def save_remark(self, tenant, way, remark):
        assert tenant == HARBOUR
        self.remarks.append(remark)
        self.stages.append(way.stage)


async def commissioned(site, *, export_scale=None, probes=True, entered=None):
    """Commission a home's inverter as far as it comes, and return its way and what was kept of it."""
    kept = Notebook()
    async with site.driver(export_scale) as sungrow:
        bench = Bench(
            HARBOUR,
            sungrow,
            Order,
            site.clock(),
            entered or Entered(),
            CONNECTION,
            reserve_soc=0.2,
            probe=sungrow.probe_export_scale if probes else None,
        )
        way = await commission(bench, Commissioning(BATTERY), "ada", kept)
    assert tuple(kept.remarks) == way.remarks
    return way


def stopped(way):
    """Where a way ended, and why."""
    return way.stage, way.remarks[-1].fault


@pytest.mark.parametrize("count_w", [1.0, 10.0])
@pytest.mark.parametrize("load_from_meter", [False, True])
async def test_a_sound_device_goes_all_the_way_and_each_step_is_kept(count_w, load_from_meter):
    site = SungrowSite(count_w=count_w, load_from_meter=load_from_meter)
    way = await commissioned(site)
    assert way.stage is Stage.LIVE, way.remarks[-1]
    assert [remark.stage for remark in way.remarks] == list(STAGES[1:])
    assert all(remark.by == "ada" and remark.at >= NOON for remark in way.remarks)
    evidence = {remark.stage: remark.evidence for remark in way.remarks}
    assert evidence[Stage.IDENTIFIED]["serial"] == "A2250000001"
    assert evidence[Stage.TESTED]["up_battery_share"] == pytest.approx(1.0, abs=0.01)
    assert evidence[Stage.TESTED]["down_meter_share"] == pytest.approx(1.0, abs=0.01)
    assert evidence[Stage.DEFAULTED]["limit_scale"] == count_w
    assert evidence[Stage.DEFAULTED]["grid_kw"] == pytest.approx(0.0, abs=0.01)


async def test_a_device_is_as_it_was_when_its_commissioning_is_over():
    site = SungrowSite(count_w=10.0)
    await commissioned(site)
    before = {int(at) + n: word for at, words in DUMP["holding"].items() for n, word in enumerate(words)}
    left = {at: word for at, word in site.device.holding.items() if word != before[at]}
    assert set(left) <= {13051}  # the forced power, which means nothing while nothing is forced


@pytest.mark.parametrize(
    ("wrong", "stage", "fault"),
    [
        ({"meter_sign": -1, "load_kw": -7.0, "pv_kw": 0.0}, Stage.TIMED, Fault.SIGN_INVERTED),
        ({"meter_sign": -1, "load_from_meter": True}, Stage.BALANCED, Fault.METER_INVERTED),
        ({"neighbors_export_kw": 2.3}, Stage.TIMED, Fault.UNBALANCED),
        ({"neighbors_export_kw": 2.3, "load_from_meter": True}, Stage.BALANCED, Fault.METER_ELSEWHERE),
        ({"obeys": False}, Stage.BALANCED, Fault.DOES_NOTHING),
        ({"obeys": False, "pv_kw": 1.0}, Stage.BALANCED, Fault.DOES_NOTHING),
        ({"turned": True}, Stage.BALANCED, Fault.COMMAND_INVERTED),
        ({"powers_share": 0.5}, Stage.BALANCED, Fault.FALLS_SHORT),
        ({"powers_share": 2.0}, Stage.BALANCED, Fault.POWER_SCALE),
        ({"soc": 0.21}, Stage.BALANCED, Fault.NO_ROOM),
        ({"soc": 0.99}, Stage.BALANCED, Fault.NO_ROOM),
        ({"limits": False}, Stage.TESTED, Fault.LIMIT_IGNORED),
        ({"lets_go": False}, Stage.BALANCED, Fault.DEFAULT_NOT_KEPT),
    ],
)
async def test_what_is_wrong_stops_it_where_it_shows(wrong, stage, fault):
    way = await commissioned(SungrowSite(**wrong))
    assert stopped(way) == (stage, fault), way.remarks[-1]


async def test_a_turned_meter_is_named_by_the_balance_where_only_its_turning_closes_it():
    way = await commissioned(SungrowSite(meter_sign=-1, load_kw=-7.0, pv_kw=0.0))
    assert way.remarks[-1].evidence["part"] == "grid"
    assert way.remarks[-1].evidence["residual_kw"] == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize(("count_w", "taken_for"), [(10.0, 1.0), (1.0, 10.0)])
async def test_a_wrong_scale_of_the_export_limit_is_caught_at_the_meter(count_w, taken_for):
    """The scale was entered by hand, or the firmware changed since the probe."""
    way = await commissioned(SungrowSite(count_w=count_w), export_scale=taken_for, probes=False)
    assert stopped(way) == (Stage.TESTED, Fault.LIMIT_SCALE), way.remarks[-1]


async def test_a_limit_refused_because_of_its_scale_says_so():
    site = SungrowSite(count_w=10.0, pv_kw=6.0, load_kw=-0.5)
    way = await commissioned(site, export_scale=1.0, probes=False)
    assert stopped(way) == (Stage.TESTED, Fault.LIMIT_SCALE)
    assert "refused" in str(way.remarks[-1].evidence["because"])
    assert site.device.holding[13049] == 0


async def test_no_limit_is_sent_while_its_scale_is_unknown():
    way = await commissioned(SungrowSite(), probes=False)
    assert stopped(way) == (Stage.TESTED, Fault.LIMIT_SCALE)
    assert "probed in commissioning" in str(way.remarks[-1].evidence["because"])


@pytest.mark.parametrize(
    ("entered", "stage", "fault"),
    [
        (Entered(serial="A9999999999"), Stage.READ_ONLY, Fault.OTHER_DEVICE),
        (Entered(discharge_kw=2.5), Stage.IDENTIFIED, Fault.RATING_DIFFERS),
        (Entered(capacity_kwh=40.0), Stage.IDENTIFIED, Fault.RATING_DIFFERS),
    ],
)
async def test_a_device_that_is_not_the_one_entered_is_stopped(entered, stage, fault):
    assert stopped(await commissioned(SungrowSite(), entered=entered)) == (stage, fault)


async def test_a_device_is_released_even_where_its_test_failed():
    site = SungrowSite(turned=True)
    await commissioned(site)
    assert site.device.holding[13049] == 0


async def test_a_failed_step_can_be_taken_again_once_its_cause_is_gone():
    site = SungrowSite(obeys=False)
    kept = Notebook()
    async with site.driver() as sungrow:
        bench = Bench(
            HARBOUR,
            sungrow,
            Order,
            site.clock(),
            Entered(),
            CONNECTION,
            0.2,
            probe=sungrow.probe_export_scale,
        )
        way = await commission(bench, Commissioning(BATTERY), "ada", kept)
        site.obeys = True
        way = await commission(bench, way, "bob", kept)
        assert way.stage is Stage.LIVE
        with pytest.raises(ValueError, match="live"):
            await advance(bench, way, "ada", kept)
    tests = [(remark.by, remark.fault) for remark in way.remarks if remark.stage is Stage.TESTED]
    assert tests == [("ada", Fault.DOES_NOTHING), ("bob", None)]


@dataclass
class Simple:
    """A battery with a timer of its own and neither limit nor mode, driven in memory; it too can be wrong."""

    site: SungrowSite
    skew: timedelta = timedelta(0)
    wait: timedelta = timedelta(0)
    setpoints: Setpoints = Setpoints.POWER
    remote: bool | None = True
    expires: bool = True
    dies_at: int = 10**9
    reads: int = 0
    order: Order | None = None

    @property
    def descriptor(self):
        minute = timedelta(minutes=1)
        return Descriptor(
            "simple", Latency.EDGE, self.setpoints, expiry=minute, refresh=minute, poll=timedelta(seconds=1)
        )

    async def identify(self):
        return Identity("Simple", "S1", ""), Capability(5.0, 5.0)

    async def read(self, at):
        self.reads += 1
        if self.reads > self.dies_at:
            raise DeviceError("gone")
        self.site.now += self.wait
        if self.order and self.expires and self.site.now >= self.order.until:
            self.order = None
        battery_kw = self.order.power_kw if self.order else 0.0
        return Sample(
            at + self.skew,
            {
                ComponentKind.BATTERY: Measurement(battery_kw, soc=0.5),
                ComponentKind.GRID_METER: Measurement(battery_kw - 0.4),
            },
            Status(Running.RUNNING, is_remote_allowed=self.remote),
            Settings(export_limit_kw=inf),
        )

    async def apply(self, order, at):
        self.order = order
        return Applied(Outcome.ACCEPTED, order.power_kw if order else None)


async def simply(**wrong):
    site = SungrowSite()
    simple = Simple(site, **wrong)
    bench = Bench(HARBOUR, simple, Order, site.clock(), Entered(), CONNECTION)
    return await commission(bench, Commissioning(BATTERY), "ada", Notebook())


async def test_a_device_with_a_timer_of_its_own_is_left_alone_until_it_runs_out():
    assert (await simply()).stage is Stage.LIVE


@pytest.mark.parametrize(
    ("wrong", "stage", "fault"),
    [
        ({"expires": False}, Stage.TESTED, Fault.DEFAULT_NOT_KEPT),
        ({"skew": timedelta(minutes=10)}, Stage.CAPABLE, Fault.CLOCK_WRONG),
        ({"skew": timedelta(hours=-10)}, Stage.CAPABLE, Fault.CLOCK_WRONG),
        ({"wait": timedelta(seconds=9)}, Stage.CAPABLE, Fault.TOO_SLOW),
        ({"setpoints": Setpoints.NONE}, Stage.IDENTIFIED, Fault.READ_ALONE),
        ({"remote": False}, Stage.IDENTIFIED, Fault.REMOTE_BARRED),
        ({"dies_at": 0}, Stage.DISCOVERED, Fault.NO_ANSWER),
        ({"dies_at": 15}, Stage.BALANCED, Fault.NO_ANSWER),
    ],
)
async def test_what_only_some_devices_do_wrong_is_caught_too(wrong, stage, fault):
    assert stopped(await simply(**wrong)) == (stage, fault)


async def test_a_clock_that_is_minutes_off_is_told_with_how_much():
    way = await simply(skew=timedelta(minutes=10))
    assert way.remarks[-1].evidence["skew_s"] == 600.0
    assert "600 s" in remedy(Fault.CLOCK_WRONG, way.remarks[-1].evidence, Language.EN)


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_says_what_to_do_in_both_languages_even_without_numbers(fault):
    texts = [remedy(fault, {}, language) for language in Language]
    assert len(set(texts)) == len(Language)
    assert all(len(text) > 10 and "{" not in text for text in texts)
    assert set(REMEDIES[fault]) == set(Language)


def test_no_stage_can_be_skipped():
    with pytest.raises(ValueError, match="not the stage that follows"):
        Commissioning(BATTERY).with_remark(Remark(Stage.LIVE, None, NOON, "eve", {}))
