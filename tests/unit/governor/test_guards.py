"""Every guard keeps its promises, and is the only one that does: taken out, they break."""

from functools import partial

import pytest
from tests.unit.governor.promises import PROMISES
from tests.unit.governor.towns import Town

from manta.governor.guards import GUARD_NAMES, GUARDS

each_promise = pytest.mark.parametrize(("guard", "promise"), PROMISES, ids=[p.__name__ for _, p in PROMISES])


@each_promise
def test_a_promise_is_kept(guard, promise):
    promise(Town)


@each_promise
def test_without_its_guard_a_promise_is_broken(guard, promise):
    with pytest.raises(AssertionError):
        promise(partial(Town, without=guard))


def test_every_guard_has_a_promise_and_a_number_of_its_own():
    guards = [name for name, _ in GUARDS]
    assert sorted(guards) == sorted(GUARD_NAMES)
    assert len(set(guards)) == len(guards)
    assert {guard for guard, _ in PROMISES} == set(guards)
    assert all(guard.__name__ == name for name, guard in GUARDS)
