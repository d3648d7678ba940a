import msgspec
import numpy as np
import pytest
from tests.streets import EVENING_MS, MASTER, homes, lease, sealed

from manta.wire.device import Lease, SealedLease


def answer(street, payload, now_ms=EVENING_MS, home=0):
    (ack,) = street.offer([(home, payload)], now_ms)
    return ack.outcome, ack.because


def run(street, seconds, since_ms=EVENING_MS):
    for second in range(1, seconds + 1):
        street.step(since_ms + second * 1_000, 1.0)


def test_a_sealed_lease_is_taken_and_followed():
    street = homes()
    assert answer(street, sealed(lease())) == ("accepted", "")
    run(street, 299)
    assert street.meter_kw[0] == pytest.approx(8.7)
    assert street.firmware.applied == 1


@pytest.mark.parametrize(
    ("payload", "because"),
    [
        (sealed(lease(), key=b"x" * 32), "seal"),
        (sealed(lease(1)), "seal"),
        (sealed(lease(until_ms=EVENING_MS)), "expired"),
        (sealed(lease(not_before_ms=EVENING_MS + 1_000, until_ms=EVENING_MS + 999)), "expired"),
        (sealed(lease(until_ms=EVENING_MS + 3_600_000)), "too long"),
        (sealed(lease(power_kw=float("nan"))), "power"),
        (sealed(lease(power_kw=float("inf"))), "power"),
        (sealed(lease(export_limit_kw=-1.0)), "power"),
        (sealed(lease(ramp_kw_per_min=0.0)), "power"),
        (sealed(lease(ramp_kw_per_min=float("nan"))), "power"),
    ],
)
def test_what_is_not_a_sound_lease_of_this_device_is_refused(payload, because):
    street = homes(2)
    assert answer(street, payload) == ("refused", because)
    assert street.firmware.applied == 0
    run(street, 60)
    assert abs(street.meter_kw[0]) < 1e-9


def test_a_lease_for_another_device_is_refused_even_if_sealed_with_our_key():
    street = homes(2)
    ours = street.enrolled.keys[0]
    assert answer(street, sealed(lease(1), key=ours)) == ("refused", "device")


def test_a_changed_byte_breaks_the_seal():
    street = homes()
    whole = msgspec.msgpack.decode(sealed(lease()), type=SealedLease)
    stronger = msgspec.msgpack.encode(lease(until_ms=EVENING_MS + 600_000))
    assert answer(street, msgspec.msgpack.encode(SealedLease(stronger, whole.seal))) == ("refused", "seal")


def test_a_repeat_gets_the_same_answer_and_is_applied_once():
    street = homes()
    for _ in range(3):
        assert answer(street, sealed(lease())) == ("accepted", "")
    run(street, 30)
    before = street.meter_kw[0]
    assert answer(street, sealed(lease()), EVENING_MS + 30_000) == ("accepted", "")
    street.step(EVENING_MS + 31_000, 1.0)
    assert street.meter_kw[0] == pytest.approx(before + 2.0 / 60)
    assert street.firmware.applied == 1


def test_older_leases_are_refused_whatever_came_between():
    street = homes()
    assert answer(street, sealed(lease(epoch=3, sequence=9))) == ("accepted", "")
    assert answer(street, sealed(lease(epoch=3, sequence=8))) == ("refused", "sequence")
    assert answer(street, sealed(lease(epoch=2, sequence=99))) == ("refused", "epoch")
    assert answer(street, sealed(lease(epoch=4, sequence=1))) == ("accepted", "")
    assert answer(street, sealed(lease(epoch=3, sequence=10))) == ("refused", "epoch")


def test_a_replay_after_expiry_is_refused():
    street = homes()
    assert answer(street, sealed(lease())) == ("accepted", "")
    assert answer(street, sealed(lease()), EVENING_MS + 300_000) == ("refused", "expired")


def test_what_cannot_be_read_is_counted_and_not_answered():
    street = homes()
    good = sealed(lease())
    garbage = [b"", b"\xc1", good[:-1], msgspec.msgpack.encode(SealedLease(b"\x00", b"")), b"\x91" * 50]
    assert street.offer([(0, payload) for payload in garbage], EVENING_MS) == []
    assert street.firmware.unreadable == len(garbage)


def test_the_way_up_and_the_way_home_keep_the_ramp_of_the_lease():
    street = homes(20)
    street.step(EVENING_MS, 1.0)
    for home in range(20):
        assert answer(street, sealed(lease(home)), home=home)[0] == "accepted"
    meter = [street.meter_kw.copy()]
    for second in range(1, 601):
        street.step(EVENING_MS + second * 1_000, 1.0)
        meter.append(street.meter_kw.copy())
    steps = np.abs(np.diff(np.array(meter), axis=0))
    assert steps.max() <= 2.0 / 60 + 1e-9, "an exchange with the grid as even as the ramp"
    assert np.allclose(meter[270], 8.7)
    assert (meter[302] > 8.5).all(), "no step at the end of a lease"
    assert np.allclose(meter[-1], 0.0, atol=1e-9), "home again: self-consumption"


def test_a_release_goes_home_by_its_own_ramp():
    street = homes()
    answer(street, sealed(lease(ramp_kw_per_min=60.0)))
    run(street, 60)
    released = lease(sequence=2, power_kw=None, not_before_ms=EVENING_MS, ramp_kw_per_min=6.0)
    assert answer(street, sealed(released), EVENING_MS + 60_000) == ("accepted", "")
    run(street, 30, EVENING_MS + 60_000)
    assert 5.0 < street.meter_kw[0] < 6.5
    run(street, 120, EVENING_MS + 90_000)
    assert street.meter_kw[0] == pytest.approx(0.0, abs=1e-9)


def test_a_lease_waits_for_its_time_and_the_one_before_holds_meanwhile():
    street = homes()
    answer(street, sealed(lease(ramp_kw_per_min=120.0, export_limit_kw=2.0)))
    later = lease(sequence=2, ramp_kw_per_min=120.0, export_limit_kw=6.0, not_before_ms=EVENING_MS + 60_000)
    answer(street, sealed(later))
    run(street, 59)
    assert street.meter_kw[0] == pytest.approx(2.0)
    run(street, 30, EVENING_MS + 59_000)
    assert street.meter_kw[0] == pytest.approx(6.0)


def test_a_renewed_lease_goes_on_without_a_dent():
    street = homes()
    answer(street, sealed(lease(ramp_kw_per_min=60.0)))
    run(street, 200)
    renewed = lease(sequence=2, ramp_kw_per_min=60.0, until_ms=EVENING_MS + 600_000)
    answer(street, sealed(renewed), EVENING_MS + 200_000)
    for second in range(201, 500):
        street.step(EVENING_MS + second * 1_000, 1.0)
        assert street.meter_kw[0] == pytest.approx(8.7)


def test_a_lease_to_charge_keeps_the_connection_limit():
    street = homes()
    street.state.soc[:] = 0.3
    answer(street, sealed(lease(power_kw=-50.0, export_limit_kw=None, ramp_kw_per_min=600.0)))
    run(street, 30)
    assert street.state.battery_kw[0] == pytest.approx(-11.04)
    assert street.meter_kw[0] >= -15.0


def test_the_seal_is_the_governors():
    body = msgspec.msgpack.encode(lease())
    assert msgspec.msgpack.decode(body, type=Lease) == lease()
    assert len(MASTER) == 32
