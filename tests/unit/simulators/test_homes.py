import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.streets import EVENING_MS, homes, lease, sealed, street

from manta.simulators.homes import ONE_WAY, Homes
from manta.simulators.state import NAMES, Memory
from manta.simulators.weather import MOST_LOAD_KW

COMMANDS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(-20, 20)),
        st.one_of(st.none(), st.floats(0, 12)),
        st.floats(0.01, 1_000),
        st.integers(0, 120),
        st.integers(1, 600),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(
    commands=COMMANDS,
    dt_s=st.sampled_from([0.25, 1.0, 5.0, 30.0]),
    soc=st.floats(0.0, 1.0),
    hour=st.integers(0, 23),
    seed=st.integers(0, 99),
)
def test_whatever_is_commanded_limits_hold_and_energy_is_conserved(commands, dt_s, soc, hour, seed):
    now_ms = EVENING_MS + hour * 3_600_000
    home = homes(3, seed)
    home.state.soc[:] = soc
    state = home.state
    for sequence, (power_kw, export_kw, ramp, wait_s, lasts_s) in enumerate(commands, 1):
        asked = lease(
            sequence=sequence,
            power_kw=power_kw,
            export_limit_kw=export_kw,
            ramp_kw_per_min=ramp,
            not_before_ms=now_ms + wait_s * 1_000,
            until_ms=now_ms + (wait_s + lasts_s) * 1_000,
        )
        home.offer([(0, sealed(asked))], now_ms)
        for _ in range(10):
            before = home.block.copy()
            soc_before, was = state.soc.copy(), dict(zip(NAMES, before, strict=True))
            now_ms += int(dt_s * 1_000)
            home.step(now_ms, dt_s)
            hours = dt_s / 3_600
            assert np.all(np.abs(state.battery_kw) <= 11.04 + 1e-9)
            assert np.all((state.soc >= 0.0) & (state.soc <= 1.0))
            assert np.all((state.soc >= 0.2 - 1e-9) | (state.soc >= soc_before)), "never below the reserve"
            assert np.all((state.pv_kw >= 0.0) & (state.pv_kw <= 6.6))
            assert np.all((-state.load_kw >= 0.2) & (-state.load_kw <= MOST_LOAD_KW))
            assert np.all((home.meter_kw <= 10.0 + 1e-9) & (home.meter_kw >= -15.0 - 1e-9))
            held = state.held == 1.0
            assert np.all(home.meter_kw[held] <= np.maximum(state.lease_export_kw[held], 0.0) + 1e-9)
            assert np.all(np.abs(state.battery_kw + state.pv_kw + state.load_kw - home.meter_kw) <= 1e-9)
            exported = state.export_kwh - was["export_kwh"] - state.import_kwh + was["import_kwh"]
            assert np.allclose(exported, home.meter_kw * hours, atol=1e-9)
            stored = (state.charged_kwh - was["charged_kwh"]) * ONE_WAY
            stored -= (state.discharged_kwh - was["discharged_kwh"]) / ONE_WAY
            assert np.allclose((state.soc - soc_before) * 13.5, stored, atol=1e-9)
            for counter in ("charged_kwh", "discharged_kwh", "generated_kwh", "consumed_kwh", "import_kwh"):
                assert np.all(getattr(state, counter) >= was[counter])


def test_a_home_left_alone_covers_its_own_load():
    home = homes(200)
    for second in range(1, 300):
        home.step(EVENING_MS + second * 1_000, 1.0)
    assert np.abs(home.meter_kw).max() < 1e-9
    assert home.state.import_kwh.max() < 1e-6


def test_the_evening_begins_charged_and_a_spike_empties_four_kilowatt_hours():
    home = homes(50)
    assert np.all((home.state.soc >= 0.85) & (home.state.soc <= 0.95))
    offers = [(no, sealed(lease(no, until_ms=EVENING_MS + 900_000))) for no in range(50)]
    assert {ack.outcome for ack in home.offer(offers, EVENING_MS)} == {"accepted"}
    home.advance(EVENING_MS, EVENING_MS + 840_000)
    renewed = [(no, sealed(lease(no, sequence=2, until_ms=EVENING_MS + 1_700_000))) for no in range(50)]
    home.offer(renewed, EVENING_MS + 840_000)
    home.advance(EVENING_MS + 840_000, EVENING_MS + 1_680_000)
    ramp_h = 8.7 / 2.0 / 60
    assert home.state.export_kwh == pytest.approx(8.7 * (1_680 / 3_600 - ramp_h / 2), rel=0.02)
    assert np.ptp(home.state.export_kwh) < 0.1, "every home alike"
    assert np.all(home.state.soc > 0.2)


def test_the_same_seed_lives_the_same_evening():
    one, two, other = homes(10, 1), homes(10, 1), homes(10, 2)
    for each in (one, two, other):
        each.advance(EVENING_MS, EVENING_MS + 60_000)
    assert np.array_equal(one.block, two.block)
    assert not np.array_equal(one.block, other.block)


def test_the_sun_sets_and_rises():
    home = homes(100)
    yields = []
    for hour in (0, 6, 12, 18, 21):
        home.step(EVENING_MS - 17 * 3_600_000 - 52 * 60_000 + hour * 3_600_000, 1.0)
        yields.append(home.state.pv_kw.mean())
    assert yields[0] == yields[4] == 0.0
    assert yields[2] > 3.0 > yields[3] > 0.2


def test_time_does_not_run_backwards():
    with pytest.raises(ValueError, match="backwards"):
        homes().step(EVENING_MS, -1.0)


def test_reports_carry_every_device_and_a_sequence_that_rises_by_one():
    home = homes(3)
    home.step(EVENING_MS, 1.0)
    first = home.reports(np.array([0, 2]), EVENING_MS)
    second = home.reports(np.array([2]), EVENING_MS + 5_000)
    assert [r.sequence for r in (*first, *second)] == [1, 1, 2]
    devices = [r.device for r in second[0].readings]
    assert devices == ["h-000002-battery1", "h-000002-pv1", "h-000002-load1", "h-000002-meter1"]
    assert sum(r.power_kw for r in second[0].readings[:3]) == pytest.approx(second[0].readings[3].power_kw)


def test_columns_say_the_same_as_reports():
    home = homes(4)
    home.step(EVENING_MS, 1.0)
    rows = home.readings(np.arange(16, dtype=np.int32).reshape(4, 4), 1, EVENING_MS)
    reports = home.reports(np.arange(4), EVENING_MS)
    for no, report in enumerate(reports):
        for kind, reading in enumerate(report.readings):
            row = rows[kind * 4 + no]
            assert (row["power_kw"], row["export_kwh"]) == (reading.power_kw, reading.export_kwh)


class TestMemory:
    def test_nothing_was_kept_at_first(self, tmp_path):
        assert Memory(tmp_path / "homes", ["a", "b"]).recall() is None

    def test_a_killed_simulator_goes_on_where_it_was(self, tmp_path):
        sites = street(5).sites
        home, memory = homes(5), Memory(tmp_path / "homes", sites)
        home.offer([(0, sealed(lease()))], EVENING_MS)
        home.advance(EVENING_MS, EVENING_MS + 120_000)
        last = home.reports(np.arange(5), EVENING_MS + 120_000)
        memory.keep(home.block, EVENING_MS + 120_000)  # and then it is killed: nothing is closed or flushed

        again = Homes(street(5), 8)
        kept = Memory(tmp_path / "homes", sites).recall()
        assert kept is not None
        again.resume(*kept, now_ms=EVENING_MS + 125_000)
        now = again.reports(np.arange(5), EVENING_MS + 125_000)
        assert [r.sequence for r in now] == [r.sequence + 1 for r in last]
        for before, after in zip(last, now, strict=True):
            for was, is_ in zip(before.readings, after.readings, strict=True):
                assert is_.import_kwh >= was.import_kwh
                assert is_.export_kwh >= was.export_kwh
        assert again.state.held[0] == 1.0
        (ack,) = again.offer([(0, sealed(lease(sequence=0)))], EVENING_MS + 125_000)
        assert ack.because == "sequence"

    def test_another_evening_begins_charged_with_the_old_counters(self, tmp_path):
        home = homes(5)
        home.offer([(0, sealed(lease(ramp_kw_per_min=100.0)))], EVENING_MS)
        home.advance(EVENING_MS, EVENING_MS + 240_000)
        again = Homes(street(5), 9)
        again.resume(home.block.copy(), EVENING_MS + 240_000, EVENING_MS + 86_400_000)
        assert np.all(again.state.soc >= 0.85)
        assert np.array_equal(again.state.export_kwh, home.state.export_kwh)
        assert again.state.held[0] == 0.0
        assert again.state.lease_sequence[0] == 1.0

    def test_a_torn_copy_is_not_used(self, tmp_path):
        path, home = tmp_path / "homes", homes(2)
        memory = Memory(path, street(2).sites)
        home.state.soc[:] = 0.5
        memory.keep(home.block, 1_000)
        home.state.soc[:] = 0.6
        memory.keep(home.block, 2_000)
        raw = bytearray(path.read_bytes())
        slot = (len(raw) - 40) // 2
        raw[40] ^= 1  # the second copy is in slot 0: its leading stamp no longer fits the one behind it
        path.write_bytes(raw)
        block, at_ms = Memory(path, street(2).sites).recall()
        assert (at_ms, block[0, 0]) == (1_000, 0.5)
        assert slot > 0

    def test_the_memory_of_other_homes_is_not_taken_for_ours(self, tmp_path):
        memory = Memory(tmp_path / "homes", ["a", "b"])
        memory.keep(np.ones((len(NAMES), 2)), 5)
        memory.close()
        assert Memory(tmp_path / "homes", ["a", "c"]).recall() is None
