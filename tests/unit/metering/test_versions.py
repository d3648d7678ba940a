import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.metering.meter_files import REGISTER, day, nem12, read

from manta.metering.versions import join, resolve


def versions(*days, register=REGISTER):
    return read(nem12(register, *days)).columns


def held(*days):
    resolved = resolve(versions(*days))
    return set(resolved.columns.value.tolist()), resolved


def test_the_latest_update_wins_wherever_it_stands():
    early, late = day(values="1", updated="20240102000000"), day(values="2", updated="20240103000000")

    for order in ([early, late], [late, early]):
        values, resolved = held(*order)
        assert values == {2.0}
        assert (resolved.superseded, resolved.repeated, len(resolved.conflicting)) == (48, 0, 0)


def test_a_later_substitute_replaces_an_actual_value():
    assert held(day(values="1"), day(values="2", quality="S14,1,", updated="20240104000000"))[0] == {2.0}


def test_of_one_moment_the_better_quality_wins():
    ranked = ["N,,", "E64,,", "S14,1,", "F14,1,", "A,,"]
    days = [day(values=str(number + 1), quality=quality) for number, quality in enumerate(ranked)]

    for best in range(1, len(days)):
        assert held(*reversed(days[: best + 1]))[0] == {best + 1.0}


def test_what_is_said_twice_is_one():
    values, resolved = held(day(values="1"), day(values="1"), day(values="1"))

    assert (values, len(resolved.columns), resolved.repeated, resolved.superseded) == ({1.0}, 48, 96, 0)


def test_what_contradicts_itself_at_equal_standing_is_not_taken():
    values, resolved = held(day(values="1"), day(values="2"), day("20240102", values="3"))

    assert values == {3.0}
    assert (len(resolved.columns), len(resolved.conflicting), resolved.superseded) == (48, 96, 0)


def test_a_contradiction_that_was_replaced_does_not_matter():
    values, resolved = held(day(values="1"), day(values="2"), day(values="3", updated="20240105000000"))

    assert values == {3.0}
    assert (len(resolved.conflicting), resolved.superseded) == (0, 96)


def test_a_day_in_two_interval_lengths_counts_once():
    half_hours = versions(day(values="6", updated="20240102000000"))
    five = versions(
        day(values="1", count=288, updated="20240103000000"), register=REGISTER.replace(",30,", ",5,")
    )

    resolved = resolve(join([half_hours, five]))

    assert (len(resolved.columns), resolved.superseded) == (288, 48)


def test_files_are_joined_by_register():
    one, other = versions(day(values="1")), versions(day("20240102", values="2", quality="S14,1,by hand"))
    both = join([one, other])

    assert len(both.streams) == 1
    assert both.value.tolist() == [1.0] * 48 + [2.0] * 48
    assert both.notes[both.note_no[-1]] == "by hand"


STANDINGS = st.tuples(
    st.integers(1, 3),
    st.sampled_from(["A,,", "S14,1,", "F14,1,", "E64,,"]),
    st.sampled_from(["", "20240102000000", "20240103000000"]),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(STANDINGS, min_size=1, max_size=7))
def test_columns_resolve_as_one_interval_at_a_time_would(said):
    resolved = resolve(versions(*(day(values=str(v), quality=q, updated=u) for v, q, u in said)))

    rank = "NESFA".index
    best = max((updated, rank(quality[0])) for _, quality, updated in said)
    values = {float(value) for value, quality, updated in said if (updated, rank(quality[0])) == best}
    assert set(resolved.columns.value.tolist()) == (values if len(values) == 1 else set())
    counted = len(resolved.columns) + len(resolved.conflicting) + resolved.repeated + resolved.superseded
    assert counted == 48 * len(said)
    assert np.all(np.diff(resolved.columns.end_ms) > 0)
