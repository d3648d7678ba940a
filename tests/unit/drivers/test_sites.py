from math import inf, isnan, nan
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.streets import EVENING_MS, battery, homes, site, street, tables

from manta.drivers.quarantine import Cause, Quarantine
from manta.drivers.sites import LARGEST_REPORT, Answers, Register, Reports, addressed
from manta.wire import subjects
from manta.wire.columns import ACK, READING
from manta.wire.device import DeviceReading, LeaseAck, SiteReport
from manta.wire.events import SealedLeases

REGISTER = Register(*tables(street(3)))
encode = msgspec.msgpack.encode


class Silent(Quarantine):
    """A quarantine that keeps its lines to itself."""

    def _write(self, line):
        pass


@pytest.fixture
def quarantine(tmp_path):
    return Quarantine(tmp_path / "quarantine.jsonl")


@pytest.fixture
def reports(quarantine):
    return Reports(REGISTER, quarantine)


def reading(**differing) -> DeviceReading:
    return msgspec.structs.replace(DeviceReading(battery(0), 1.5, 0.5, 10.0, 20.0), **differing)


def report(*readings, sequence=7, at_ms=EVENING_MS) -> bytes:
    return encode(SiteReport(sequence, at_ms, list(readings)))


def test_a_report_becomes_reading_columns(reports):
    home = homes(3)
    home.step(EVENING_MS, 1.0)
    (sent,) = home.reports(np.array([2]), EVENING_MS)
    reports.take(site(2), encode(sent), EVENING_MS + 40)
    rows = reports.drain()
    assert rows.dtype == READING
    assert rows["device_no"].tolist() == [8, 9, 10, 11]
    assert set(rows["heard_ms"]) == {EVENING_MS + 40}
    assert rows["power_kw"].tolist() == [r.power_kw for r in sent.readings]
    assert rows["soc"][0] == sent.readings[0].soc
    assert all(isnan(soc) for soc in rows["soc"][1:])
    assert (len(reports), reports.taken) == (0, 4)


@pytest.mark.parametrize(
    ("differing", "cause"),
    [
        ({"device": "nobody"}, Cause.UNKNOWN_DEVICE),
        ({"device": battery(1)}, Cause.FOREIGN_DEVICE),
        ({"power_kw": nan}, Cause.NOT_FINITE),
        ({"power_kw": -inf}, Cause.NOT_FINITE),
        ({"soc": nan}, Cause.NOT_FINITE),
        ({"import_kwh": inf}, Cause.NOT_FINITE),
        ({"export_kwh": nan}, Cause.NOT_FINITE),
        ({"soc": 1.0001}, Cause.SOC),
        ({"soc": -0.1}, Cause.SOC),
        ({"power_kw": 33.2}, Cause.POWER),
        ({"power_kw": -1e300}, Cause.POWER),
        ({"import_kwh": -0.1}, Cause.COUNTER),
    ],
)
def test_a_reading_that_is_not_ours_is_quarantined_alone(reports, quarantine, differing, cause):
    reports.take(site(0), report(reading(**differing), reading()), EVENING_MS)
    assert len(reports.drain()) == 1
    assert quarantine.counts == {cause: 1}


@pytest.mark.parametrize(
    ("name", "body", "cause"),
    [
        ("h-nobody", report(reading()), Cause.UNKNOWN_SITE),
        (site(0), b"\x00" * (LARGEST_REPORT + 1), Cause.TOO_LARGE),
        (site(0), b"", Cause.UNREADABLE),
        (site(0), report(reading())[:-1], Cause.UNREADABLE),
        (site(0), report(reading()) + b"\x00", Cause.UNREADABLE),
        (site(0), encode({"sequence": 1}), Cause.UNREADABLE),
        (site(0), encode([1, EVENING_MS, [[battery(0), "1.5"]]]), Cause.UNREADABLE),
        (site(0), encode([1, EVENING_MS, [[battery(0), 1.5, None, None, None, "superb"]]]), Cause.UNREADABLE),
        (site(0), encode([1, EVENING_MS, [], "more"]), Cause.UNREADABLE),
        (site(0), b"\x93\x01\x02" + b"\x91" * 2_000, Cause.UNREADABLE),
        (site(0), report(reading(), at_ms=EVENING_MS + 600_001), Cause.FUTURE),
        (site(0), report(reading(), at_ms=0), Cause.PAST),
        (site(0), report(reading(), at_ms=-(2**63)), Cause.PAST),
        (site(0), report(reading(), at_ms=2**64 - 1), Cause.FUTURE),
        (site(0), report(reading(), sequence=-1), Cause.SEQUENCE),
        (site(0), report(reading(), sequence=2**64 - 1), Cause.SEQUENCE),
    ],
)
def test_a_report_that_is_not_ours_is_quarantined(reports, quarantine, name, body, cause):
    reports.take(name, body, EVENING_MS)
    assert len(reports.drain()) == 0
    assert quarantine.counts == {cause: 1}


def test_what_a_slow_or_a_late_clock_says_is_still_ours(reports, quarantine):
    for at_ms in (EVENING_MS + 600_000, EVENING_MS - 3_600_000):
        reports.take(site(0), report(reading(), at_ms=at_ms), EVENING_MS)
    assert len(reports.drain()) == 2
    assert not quarantine.counts


NUMBERS = st.one_of(st.floats(), st.integers(-(2**63), 2**64 - 1), st.none(), st.text(max_size=5))
SHAPES = st.lists(
    st.one_of(
        NUMBERS,
        st.lists(
            st.lists(st.one_of(NUMBERS, st.sampled_from([battery(0), battery(1), "good"])), max_size=7),
            max_size=3,
        ),
    ),
    max_size=5,
)


@given(st.one_of(st.binary(max_size=300), SHAPES.map(encode)))
@example(encode([1, EVENING_MS, [[battery(0), 1e308, 0.5, 1e308, 1e308]]]))
def test_whatever_arrives_is_believed_whole_or_quarantined(body):
    reports = Reports(REGISTER, Silent(None))
    answers = Answers(REGISTER, Silent(None))
    reports.take(site(0), body, EVENING_MS)
    answers.take(site(0), body, EVENING_MS)
    rows = reports.drain()
    assert np.isfinite(rows["power_kw"]).all()
    assert (np.abs(rows["power_kw"]) <= 45.0).all()
    assert ((rows["device_no"] >= 0) & (rows["device_no"] < 4)).all()
    assert len(answers.drain()) == 0


class TestAnswers:
    LEASE = "0189d1c5-0000-7000-8000-00000000ab00"

    def ack(self, **differing) -> bytes:
        return encode(
            msgspec.structs.replace(LeaseAck(self.LEASE, battery(1), "accepted", EVENING_MS), **differing)
        )

    def test_an_answer_becomes_ack_columns(self, quarantine):
        answers = Answers(REGISTER, quarantine)
        answers.take(site(1), self.ack(), EVENING_MS)
        answers.take(site(1), self.ack(outcome="refused", because="epoch"), EVENING_MS)
        rows = answers.drain()
        assert rows.dtype == ACK
        assert UUID(bytes=rows["batch"][0].ljust(16, b"\0")) == UUID(self.LEASE)
        assert rows["device_no"].tolist() == [4, 4]
        assert rows["outcome"].tolist() == [0, 1]
        assert answers.taken == 2

    @pytest.mark.parametrize(
        ("differing", "cause"),
        [
            ({"device": battery(0)}, Cause.FOREIGN_DEVICE),
            ({"device": "nobody"}, Cause.UNKNOWN_DEVICE),
            ({"lease": "not a lease"}, Cause.UNKNOWN_LEASE),
            ({"at_ms": EVENING_MS + 3_600_000}, Cause.FUTURE),
        ],
    )
    def test_an_answer_that_is_not_ours_is_quarantined(self, quarantine, differing, cause):
        answers = Answers(REGISTER, quarantine)
        answers.take(site(1), self.ack(**differing), EVENING_MS)
        assert len(answers.drain()) == 0
        assert quarantine.counts == {cause: 1}

    def test_an_unknown_site_answers_nothing(self, quarantine):
        answers = Answers(REGISTER, quarantine)
        answers.take("h-nobody", self.ack(), EVENING_MS)
        answers.take(site(1), b"x" * (LARGEST_REPORT + 1), EVENING_MS)
        assert quarantine.counts == {Cause.UNKNOWN_SITE: 1, Cause.TOO_LARGE: 1}


def test_leases_go_each_to_its_own_site_until_they_are_over():
    message = encode(SealedLeases("b", EVENING_MS + 1, [(site(0), b"a"), (site(1), b"b")]))
    assert list(addressed(message, EVENING_MS)) == [
        (subjects.leases_of(site(0)), b"a"),
        (subjects.leases_of(site(1)), b"b"),
    ]
    assert list(addressed(message, EVENING_MS + 1)) == []
