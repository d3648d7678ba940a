from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manta.simulators.faults import Fault, FaultError, Faults, Kind, parse

NEM_17_52_MS = int(datetime(2027, 1, 20, 7, 52, tzinfo=UTC).timestamp() * 1_000)
MINUTE_MS = 60_000
SITES = [f"h-{no}" for no in range(2_000)]
REGIONS = ["NSW1" if no % 2 else "VIC1" for no in range(2_000)]
VPPS = ["evening" if no < 500 else "morning" for no in range(2_000)]


def world(text, seed=1):
    return Faults(parse(text), SITES, REGIONS, VPPS, seed, NEM_17_52_MS)


def test_every_fault_of_the_language_is_understood():
    text = """
    # the evening of a bad day
    at 18:05 lose comms 30% for 12m
    freeze 5%; duplicate 10% vpp=evening
    skew 3% by -7m region=NSW1    # slow clocks
    at 18:10:30 delay acks 20% by 30s for 1.5m
    """
    lost, frozen, doubled, skewed, delayed = parse(text)
    assert (lost.kind, lost.share, lost.begins_ms, lost.lasts_ms) == (
        Kind.LOSE_COMMS,
        0.3,
        (18 * 60 + 5) * MINUTE_MS,
        12 * MINUTE_MS,
    )
    assert (frozen.kind, frozen.begins_ms, frozen.lasts_ms) == (Kind.FREEZE, None, None)
    assert doubled.vpp == "evening"
    assert (skewed.by_ms, skewed.region) == (-7 * MINUTE_MS, "NSW1")
    assert (delayed.begins_ms, delayed.by_ms, delayed.lasts_ms) == (65_430_000, 30_000, 90_000)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("explode 5%", "expected one of lose comms, freeze"),
        ("lose 5%", "expected one of"),
        ("freeze", "a share such as 30% is missing"),
        ("freeze 5", "'5' is not a share"),
        ("freeze 101%", "at most 100%"),
        ("freeze -5%", "is not a share"),
        ("at 25:00 freeze 5%", "'25:00' is not a time such as 18:05"),
        ("at", "a time such as 18:05 is missing"),
        ("at 18:05", "expected one of"),
        ("skew 3%", "'skew' needs 'by'"),
        ("freeze 3% by 5m", "'freeze' takes no 'by'"),
        ("skew 3% by soon", "'soon' is not a time such as 30s"),
        ("skew 3% by", "after 'by' is missing"),
        ("delay acks 3% by -5s", "more than nothing"),
        ("freeze 3% for 0s", "more than nothing"),
        ("freeze 3% region=NSW", "region=NSW is none of NSW1"),
        ("freeze 3% vpp=", "names nothing"),
        ("freeze 3% by=5s", "is none of"),
        ("freeze 3% region NSW1", "is none of"),
        ("freeze 3% vpp=a vpp=b", "said twice"),
        ("freeze 3% sideways", "'sideways'"),
    ],
)
def test_a_line_that_is_no_fault_is_refused_with_its_place_and_reason(line, complaint):
    with pytest.raises(FaultError, match="line 2, ") as refused:
        parse(f"freeze 1%\n{line}")
    assert complaint in str(refused.value)


@given(st.text(alphabet="atfreezlosc 0123456789%:=-bykwmp#;\n", max_size=80))
def test_any_text_is_faults_or_a_complaint(text):
    with suppress(FaultError):
        assert all(isinstance(fault, Fault) for fault in parse(text))


def test_a_fault_is_on_for_its_time_and_no_longer():
    faults = world("at 18:05 lose comms 30% for 12m")
    at_ms = NEM_17_52_MS + 13 * MINUTE_MS
    assert not faults.at(at_ms - 1).cut.any()
    assert faults.at(at_ms).cut.any()
    assert faults.at(at_ms + 12 * MINUTE_MS - 1).cut.any()
    assert not faults.at(at_ms + 12 * MINUTE_MS).cut.any()


def test_a_time_already_past_means_tomorrow():
    faults = world("at 17:00 freeze 50% for 1h")
    assert faults.at(NEM_17_52_MS + 7 * MINUTE_MS).frozen.any(), "still on from before the start"
    assert not faults.at(NEM_17_52_MS + 8 * MINUTE_MS).frozen.any()
    earlier = world("at 16:00 freeze 50% for 1h")
    assert not earlier.at(NEM_17_52_MS).frozen.any()
    assert earlier.at(NEM_17_52_MS + 22 * 60 * MINUTE_MS + 8 * MINUTE_MS).frozen.any()


def test_the_share_the_filters_and_the_seed_decide_who_is_struck():
    assert world("freeze 30%").at(NEM_17_52_MS).frozen.mean() == pytest.approx(0.3, abs=0.04)
    struck = world("freeze 100% region=NSW1 vpp=evening").at(NEM_17_52_MS).frozen
    assert struck.sum() == 250
    again, other = world("freeze 30%"), world("freeze 30%", seed=2)
    first = world("freeze 30%").at(NEM_17_52_MS).frozen
    assert np.array_equal(first, again.at(NEM_17_52_MS).frozen)
    assert not np.array_equal(first, other.at(NEM_17_52_MS).frozen)
    assert not world("freeze 0%").at(NEM_17_52_MS).frozen.any()


def test_troubles_add_up():
    troubles = world("skew 100% by -7m\nskew 100% by 1m; delay acks 100% by 30s; duplicate 100%").at(
        NEM_17_52_MS
    )
    assert set(troubles.skew_ms) == {-6 * MINUTE_MS}
    assert set(troubles.ack_delay_ms) == {30_000}
    assert troubles.doubled.all()
    assert not troubles.cut.any()
