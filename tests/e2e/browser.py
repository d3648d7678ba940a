"""A real browser for the page's tests and for its pictures: Debian's Chromium under Playwright."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def page_of(opened: Browser, base_url: str, **options: Any) -> Iterator[Page]:
    """A page whose errors fail whoever looks at it."""
    context = opened.new_context(
        base_url=base_url,
        viewport=options.pop("viewport", DESKTOP),
        timezone_id="Australia/Sydney",
        **options,
    )
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    try:
        yield page
    finally:
        context.close()
    unexpected = [trouble for trouble in troubles if "401" not in trouble]
    assert not unexpected, f"the page complains: {unexpected}"


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/")
    page.get_by_test_id("sign-in").wait_for()
    page.locator("input[type=email]").fill(email)
    page.locator("input[type=password]").fill(password)
    page.get_by_test_id("sign-in-submit").click()
    page.get_by_test_id("overview").wait_for()
