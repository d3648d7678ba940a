import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.mms.files import COLUMNS, GENUINE, NAME, csv, price_row, zipped

from manta.domain.market import PriceStatus, Region
from manta.domain.reference import cap_per_mwh
from manta.domain.time import NEM_TIME, DispatchInterval
from manta.mms import archive
from manta.mms.dispatchis import prices_in
from manta.mms.lines import MarketFileError


def the_price(**given):
    (price,) = prices_in("f", csv(price_row(**given)))
    return price


def cause_of(body, file="f"):
    with pytest.raises(MarketFileError) as caught:
        prices_in(file, body)
    return caught.value


@pytest.mark.skipif(not GENUINE.exists(), reason="the genuine DISPATCHIS file is not beside this checkout")
def test_the_genuine_file_is_read():
    prices = prices_in(GENUINE.name, GENUINE.read_bytes())

    assert {price.region: price.per_mwh for price in prices} == {
        Region.NSW: 242.65268,
        Region.QLD: 159.95,
        Region.SA: 189.90569,
        Region.TAS: 160.24,
        Region.VIC: 220.26879,
    }
    assert {price.interval.end for price in prices} == {datetime(2025, 8, 20, 8, 10, tzinfo=UTC)}
    assert {price.status for price in prices} == {PriceStatus.FIRM}
    assert prices[0].changed_at == datetime(2025, 8, 20, 18, 5, 7, tzinfo=NEM_TIME)


@pytest.mark.skipif(not GENUINE.exists(), reason="the genuine DISPATCHIS file is not beside this checkout")
def test_the_genuine_file_cut_anywhere_is_refused():
    body = GENUINE.read_bytes()
    for cut in random.Random(1).sample(range(len(body) - 2), 60):
        cause_of(body[:cut])


def test_columns_are_found_by_name_in_any_order():
    (price,) = prices_in("f", csv(price_row(), columns=tuple(reversed(COLUMNS))))

    assert (price.region, price.per_mwh) == (Region.NSW, 123.45678)


def test_zip_and_zip_of_zips_are_read_and_no_deeper():
    body = zipped(csv(price_row()))

    assert prices_in(NAME, body) == prices_in("archive.zip", zipped(body, NAME))
    assert "zips in zips" in cause_of(zipped(zipped(body, NAME), "day.zip")).cause


def test_the_physical_run_of_an_intervention_is_no_price():
    both = csv(price_row(INTERVENTION="1", RRP="1.0"), price_row())

    assert [price.per_mwh for price in prices_in("f", both)] == [123.45678]
    assert "no prices" in cause_of(csv(price_row(INTERVENTION="1"))).cause


def test_of_two_rows_for_one_interval_the_later_changed_wins():
    later = price_row(RRP="7", LASTCHANGED='"2027/01/14 18:04:00"')

    assert [price.per_mwh for price in prices_in("f", csv(later, price_row()))] == [7.0]


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"PRICE_STATUS": "NOT FIRM"}, PriceStatus.NOT_FIRM),
        ({"PRICE_STATUS": '"NOT FIRM"'}, PriceStatus.NOT_FIRM),
        ({"PRICE_STATUS": "PROVISIONAL"}, PriceStatus.SUSPECT),
        ({"MARKETSUSPENDEDFLAG": "1"}, PriceStatus.SUSPENDED),
        ({"APCFLAG": "1"}, PriceStatus.ADMINISTERED),
        ({"APCFLAG": "12"}, PriceStatus.ADMINISTERED),
        ({"APCFLAG": "4", "RRP": "23200"}, PriceStatus.FIRM),
        ({"APCFLAG": "20", "RRP": "13157.87066"}, PriceStatus.FIRM),
        ({"RRP": "23200.00001"}, PriceStatus.SUSPECT),
        ({"RRP": "-1000"}, PriceStatus.FIRM),
        ({"RRP": "-1000.00001"}, PriceStatus.SUSPECT),
    ],
)
def test_a_price_is_trusted_as_far_as_aemo_does_and_within_its_bounds(row, status):
    assert the_price(**row).status is status


@pytest.mark.parametrize(
    ("day", "cap"),
    [((2027, 6, 30), 23_200), ((2026, 6, 30), 20_300), ((2025, 6, 30), 17_500), ((2024, 7, 1), 17_500)],
)
def test_the_cap_in_force_is_dated(day, cap):
    assert cap_per_mwh(DispatchInterval(datetime(*day, 12, 0, tzinfo=NEM_TIME))) == cap


def test_the_interval_that_ends_at_midnight_belongs_to_the_old_year():
    midnight = datetime(2026, 7, 1, 0, 0, tzinfo=NEM_TIME)

    assert cap_per_mwh(DispatchInterval(midnight)) == 20_300
    assert cap_per_mwh(DispatchInterval(midnight.replace(minute=5))) == 23_200


@pytest.mark.parametrize("rrp", ["", "NaN", "inf", "1_000", "12,5", "0x10", "1e400", "9" * 400, " 1", "--1"])
def test_what_is_no_number_is_no_price(rrp):
    error = cause_of(csv(price_row(RRP=f'"{rrp}"')))

    assert (error.file, error.line) == ("f", 3)
    assert "RRP" in error.cause


@pytest.mark.parametrize(
    ("body", "line", "cause"),
    [
        (b"", None, "empty"),
        (csv(price_row(), end=""), 3, "cut short"),
        (csv(price_row())[:-20], 4, "cut short"),
        (csv(price_row(), end='C,"END OF REPORT",9'), 4, "'9' rows and has 4"),
        (csv(price_row()) + b"D,DISPATCH,PRICE,5\r\n", 5, "after the last one"),
        (csv(first="C,NEMP.WORLD,DISPATCHIS\r\nD"), 2, "stands under no table"),
        (csv(first="C,NEMP.WORLD,DISPATCHIS\r\nD,,,"), 2, "stands under no table"),
        (csv(price_row(), first="C,NEMP.WORLD,TRADINGIS"), 1, "DISPATCHIS"),
        (csv(price_row(), columns=[c for c in COLUMNS if c != "RRP"]), 3, "no column RRP"),
        (csv(price_row(), columns=(*COLUMNS, "RRP")), 2, "names a column twice"),
        (csv(price_row(RRP="1,2")), 3, "15 fields under 14 columns"),
        (csv(price_row(RRP='"1')), 3, "not a row of fields"),
        (csv(price_row(PRICE_STATUS='"FIRM\r\n"')), 3, "quotation"),
        (csv(price_row(REGIONID="WA1")), 3, "WA1"),
        (csv(price_row(SETTLEMENTDATE="2027/01/14 18:06:00")), 3, "five-minute mark"),
        (csv(price_row(SETTLEMENTDATE="0001/01/01 00:05:00")), 3, "SETTLEMENTDATE"),
        (csv(price_row(LASTCHANGED="14/01/2027 18:00")), 3, "LASTCHANGED"),
        (csv(price_row(APCFLAG="-1")), 3, "APCFLAG"),
        (csv(price_row()).replace(b"NSW1", b"\xff\xfe"), 3, "not text"),
        (csv(price_row()).replace(b"D,DISPATCH,PRICE", b"D,DISPATCH,PRIZE"), 3, "stands under"),
        (csv(price_row()).replace(b"I,DISP", b"Q,DISP"), 2, "cannot begin with 'Q'"),
        (b"PK\x03\x04 no zip at all", None, "damaged zip"),
        (zipped(csv(price_row()))[:-30], None, "damaged zip"),
        (zipped(b"0" * 3_000_000), None, "bomb"),
        (b"x" * 5_000_001, None, "more than 5,000,000"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(body, line, cause):
    error = cause_of(body)

    assert cause in error.cause
    assert error.line == line


def test_a_file_that_holds_another_interval_than_its_name_is_refused():
    body = csv(price_row(SETTLEMENTDATE='"2027/01/14 18:10:00"'))

    assert "named for 2027/01/14 18:05" in cause_of(zipped(body), NAME).cause


def test_what_unpacks_beyond_the_allowance_is_refused(monkeypatch):
    monkeypatch.setattr(archive, "MOST_RATIO", 10**9)
    monkeypatch.setattr(archive._Allowance, "__init__", lambda self: _allow(self, 1_000_000))

    assert "unpacks to more" in cause_of(zipped(b"0" * 1_000_001)).cause


def _allow(self, octets):
    self.octets, self.members = octets, 10


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_mutation_makes_it_fail_in_any_other_way(data):
    body = bytearray(data.draw(st.sampled_from([csv(price_row()), zipped(csv(price_row()))])))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "repeat"])):
            case "flip":
                body[at] = data.draw(st.integers(0, 255))
            case "cut":
                del body[at : at + data.draw(st.integers(1, 50))]
            case "insert":
                body[at:at] = data.draw(st.binary(max_size=20))
            case "repeat":
                body[at:at] = body[at : at + 60]
        body = body or bytearray(b"C")
    try:
        prices = prices_in(NAME, bytes(body))
    except MarketFileError:
        return
    assert prices
    assert all(-(10**13) < price.per_mwh < 10**13 for price in prices)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_at_all_make_it_fail_in_any_other_way(body):
    with pytest.raises(MarketFileError):
        prices_in("f", body)
