"""The page in a real browser, on a real house: sign in, play the spike, see each home's $50."""

from decimal import Decimal

import pytest
from playwright.sync_api import expect
from tests.e2e.browser import PHONE, browser, page_of, sign_in
from tests.e2e.house import EMAIL, house

pytestmark = [pytest.mark.browser, pytest.mark.house]

HOMES = 60
SPEED = 6.0
"""A second lost by a busy machine is six of the spike; its bound of $2 forgives twelve real seconds."""
STORY_S = 45 * 60 / SPEED
"""Until the next interval, the spike, and its settlement."""


@pytest.fixture(scope="module")
def place():
    with house() as ours:
        ours.open(homes=HOMES, speed=SPEED)
        yield ours


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


def password_of(place):
    return (place.data / "secrets" / "admin.password").read_text().strip()


def test_a_wrong_password_is_refused_with_words(place, chromium):
    with page_of(chromium, place.page) as page:
        page.goto("/")
        page.locator("input[type=email]").fill(EMAIL)
        page.locator("input[type=password]").fill("not the password")
        page.get_by_test_id("sign-in-submit").click()

        expect(page.get_by_test_id("sign-in-error")).to_be_visible()


def test_a_rule_is_edited_saved_and_refused_when_it_makes_no_sense(place, chromium):
    with page_of(chromium, place.page) as page:
        sign_in(page, EMAIL, password_of(place))
        page.get_by_test_id("nav-spot").click()
        page.get_by_test_id("spot").wait_for()
        page.get_by_test_id("rule-edit").first.click()
        sell = page.get_by_test_id("field-sell")
        sell.fill("-50")
        page.get_by_test_id("rule-save").click()
        expect(page.get_by_test_id("rule-save")).to_be_visible()

        sell.fill("280")
        page.get_by_test_id("rule-save").click()

        expect(page.get_by_test_id("rule").first).to_contain_text("280")
        with place.signed_in() as client:
            rules = client.get("/api/rules").json()["rules"]
            assert [rule["version"] for rule in rules if rule["sell_above_per_mwh"] == 280] == [2]


def test_every_region_is_shown_with_its_price_and_years_are_moved_through(place, chromium):
    with page_of(chromium, place.page) as page:
        sign_in(page, EMAIL, password_of(place))
        page.get_by_test_id("nav-spot").click()
        for region in ("NSW1", "VIC1", "QLD1", "SA1", "TAS1"):
            expect(page.get_by_test_id(f"tab-{region}")).to_contain_text("$", timeout=60_000)
        expect(page.get_by_test_id("cumulative")).to_contain_text("04:00", timeout=30_000)

        page.get_by_test_id("range").get_by_role("radio", name="7 d").click()
        words = page.get_by_test_id("history-words")
        expect(words).to_contain_text("highest $", timeout=30_000)
        whole = words.inner_text()
        page.get_by_test_id("move-plus").click()
        expect(words).not_to_have_text(whole, timeout=30_000)
        page.get_by_test_id("history-chart").press("End")
        page.get_by_test_id("back-to-now").click()
        expect(page.get_by_test_id("back-to-now")).to_be_hidden(timeout=30_000)


def test_on_a_phone_in_chinese_the_page_fits_and_speaks_it(place, chromium):
    with page_of(chromium, place.page, viewport=PHONE, locale="zh-CN", has_touch=True) as page:
        sign_in(page, EMAIL, password_of(place))

        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans-AU")
        for testid in ("bar-spot", "bar-overview"):
            page.get_by_test_id(testid).click()
            page.wait_for_timeout(300)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE["width"], f"{testid}: {width} px wide"


def test_the_spike_is_played_and_every_home_earns_fifty_dollars(place, chromium):
    with page_of(chromium, place.page) as page:
        sign_in(page, EMAIL, password_of(place))
        page.get_by_test_id("nav-spot").click()
        page.get_by_test_id("story").click()
        page.get_by_test_id("story-start").click()
        page.get_by_test_id("story-running").wait_for()

        price = page.get_by_test_id("price-NSW1").or_(page.get_by_test_id("price-now"))
        expect(price.first).to_contain_text("12,500", timeout=STORY_S * 1_000)
        expect(page.get_by_test_id("dispatch").first).to_contain_text("12,500", timeout=20_000)
        expect(page.get_by_test_id("region-battery")).to_contain_text("kW")
        page.get_by_test_id("story-running").wait_for(state="detached", timeout=STORY_S * 1_000)

        story = spike_of(place)
        with place.signed_in() as client:
            place.until(lambda: earned_in(client, story)["settled_intervals"] == 6, "settled", STORY_S)
            expect(page.get_by_test_id("earnings-mean")).to_contain_text("$", timeout=10_000)
            earned = earned_in(client, story)
            homes = [
                client.get(f"/api/sites/{home['site']}/ledger", params=story).json() for home in earned["top"]
            ]
    assert earned["homes"] == HOMES
    assert Decimal(48) <= Decimal(earned["min_aud"]) <= Decimal(earned["max_aud"]) <= Decimal(52)
    for home in homes:
        assert Decimal(48) <= Decimal(home["total_aud"]) <= Decimal(52)
        assert 3.84 <= home["energy_kwh"] <= 4.16


def spike_of(place):
    """Return when the spike was, from the prices in the record."""
    [[(first, last)]] = place.read(
        "select min(interval_end) - interval '5 minutes', max(interval_end) from record.price "
        "where region = 'NSW1' and per_mwh = 12500"
    )
    return {"from": first.isoformat(), "to": last.isoformat()}


def earned_in(client, story):
    return client.get("/api/earnings", params=story).json()
