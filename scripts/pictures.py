"""Takes the pictures of docs/pictures from a running house: sign in, watch the price spike, look at it.

    ./manta up --speed 6 --homes 5000 --story-after -1       (in one terminal)
    .venv/bin/python scripts/pictures.py --data .manta       (in another)

Needs Debian's chromium and, for the Chinese pictures, fonts-noto-cjk.
"""

import argparse
import json
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parents[1]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
ENOUGH = 5
"""Intervals of the spike before the pictures are taken."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / ".manta")
    parser.add_argument("--to", type=Path, default=HERE / "docs" / "pictures")
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    page_url = json.loads((asked.data / "running.json").read_bytes())["page"]
    password = (asked.data / "secrets" / "admin.password").read_text().strip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        play(browser, page_url, password)
        for name, size, scheme, locale in (
            ("light", DESKTOP, "light", "en-AU"),
            ("dark", DESKTOP, "dark", "en-AU"),
            ("phone", PHONE, "light", "en-AU"),
            ("chinese", DESKTOP, "light", "zh-CN"),
        ):
            context = browser.new_context(
                base_url=page_url, viewport=size, color_scheme=scheme, locale=locale, device_scale_factor=1
            )
            page = context.new_page()
            sign_in(page, password)
            for path, waits in (("/", "power-chart"), ("/spot", "price-chart")):
                page.goto(path)
                page.get_by_test_id(waits).wait_for()
                page.wait_for_timeout(2_500)
                title = "overview" if path == "/" else "spot"
                page.screenshot(path=asked.to / f"{title}-{name}.png")
            context.close()
        browser.close()


def play(browser: Browser, page_url: str, password: str) -> None:
    """Begin the spike and return when the fleet has been under it for a while."""
    page = browser.new_page(base_url=page_url, viewport=DESKTOP)
    sign_in(page, password)
    page.goto("/spot")
    either = page.get_by_test_id("story").or_(page.get_by_test_id("story-running"))
    either.first.wait_for()
    if page.get_by_test_id("story").is_visible():
        page.get_by_test_id("story").click()
        page.get_by_test_id("story-start").click()
    while dear_intervals(page) < ENOUGH:
        page.wait_for_timeout(1_000)
    page.close()


def dear_intervals(page: Page) -> int:
    """Return how many intervals of the spike have been published."""
    prices = page.request.get("/api/spot/NSW1?hours=1").json()["intervals"]
    return sum(price["per_mwh"] is not None and price["per_mwh"] > 10_000 for price in prices)


def sign_in(page: Page, password: str) -> None:
    """Sign in as the first user."""
    page.goto("/")
    page.get_by_test_id("field-email").fill("admin@harbour.example")
    page.get_by_test_id("field-password").fill(password)
    page.get_by_test_id("sign-in-submit").click()
    page.get_by_test_id("overview").wait_for()


if __name__ == "__main__":
    main()
