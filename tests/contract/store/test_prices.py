"""Of two prices for one interval the later changed one stands; every word is kept."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.store.houses import EVENING, NOW, price

from manta.domain.market import Price, PriceStatus, Region
from manta.domain.time import FIVE_MINUTES, DispatchInterval
from manta.store.prices import Prices

pytestmark = pytest.mark.engines

A_WORD = st.builds(
    price,
    st.integers(-100_000_000, 2_030_000_000).map(lambda n: n / 100_000),
    st.none() | st.integers(0, 5).map(lambda n: NOW + timedelta(seconds=n)),
)
FRESH = (DispatchInterval(EVENING.end + n * FIVE_MINUTES) for n in count())


async def test_a_new_price_and_a_later_one_are_told_and_an_equal_one_is_not(record):
    prices = Prices(record.engine)
    assert list(await prices.save([price(300.0)])) == [price(300.0)]
    assert list(await prices.save([price(300.0)])) == []
    assert list(await prices.save([price(999.0)])) == []
    assert list(await prices.save([price(1.0, NOW - timedelta(seconds=1))])) == []
    later = price(-40.12345, NOW + timedelta(seconds=1))
    assert list(await prices.save([later])) == [later]
    assert list(await prices.save([])) == []

    assert await prices.at(Region.NSW, EVENING) == later
    assert list(await prices.revisions(Region.NSW, EVENING)) == [price(300.0), later]


def is_later(word: Price, stands: Price | None) -> bool:
    """The rule, said plainly."""
    if stands is None:
        return True
    return word.changed_at is not None and (stands.changed_at is None or word.changed_at > stands.changed_at)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(A_WORD, max_size=4), max_size=6))
def test_whatever_the_order_the_first_of_the_latest_words_stands(engine_room, lasting_record, batches):
    prices, interval = Prices(lasting_record.engine), next(FRESH)
    stands: Price | None = None
    history = []
    for batch in batches:
        told = engine_room.run(prices.save([replace(word, interval=interval) for word in batch]))
        before = stands
        for word in batch:
            stands = replace(word, interval=interval) if is_later(word, stands) else stands
        history += [] if stands == before else [stands]
        assert list(told) == ([] if stands == before else [stands])
    assert engine_room.run(prices.at(Region.NSW, interval)) == stands
    assert list(engine_room.run(prices.revisions(Region.NSW, interval))) == history


async def test_pages_read_the_latest_and_a_range(record):
    prices, earlier = Prices(record.engine), DispatchInterval(EVENING.start)
    old = replace(price(60.0), interval=earlier, status=PriceStatus.NOT_FIRM)
    victoria = price(10.0, region=Region.VIC)
    await prices.save([price(300.0), old, victoria])

    pages = Prices(record.api)
    assert dict(await pages.latest()) == {Region.NSW: price(300.0), Region.VIC: victoria}
    assert list(await pages.between(Region.NSW, earlier.start, EVENING.end)) == [old, price(300.0)]
    assert list(await pages.between(Region.NSW, earlier.end, EVENING.end)) == [price(300.0)]


@pytest.mark.parametrize("per_mwh", [float("nan"), float("inf"), 1e300])
async def test_a_price_that_is_no_number_is_refused(record, per_mwh):
    with pytest.raises((ArithmeticError, ValueError)):
        await Prices(record.engine).save([price(per_mwh)])
