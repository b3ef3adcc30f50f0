"""A headless Chromium for the tests of the page; they are skipped, and say so, where there is none."""

import os
import shutil
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "frontend"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="session")
def browser():
    """Chromium as the system has it (or `$CHROMIUM`), driven by Playwright; nothing is downloaded."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[browser]'")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium:
        pytest.skip("no Chromium: apt-get install chromium, or set CHROMIUM")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


class Tab:
    """A page, what it asked the network for and what it complained about."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(**{"viewport": {"width": 1200, "height": 800}, **options})
        self.page = self.context.new_page()
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )

    def open(self, path):
        self.page.goto(Path(path).as_uri())
        self.page.get_by_role("tab").first.wait_for()
        return self.page


@pytest.fixture
def tab(browser):
    """Make tabs: `tab(color_scheme="dark")`; at the end none may have complained."""
    tabs = []

    def make(**options) -> Tab:
        tabs.append(Tab(browser, **options))
        return tabs[-1]

    yield make
    for own in tabs:
        complaints = list(own.complaints)
        own.context.close()
        assert not complaints


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    path = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
    if not path.exists():
        pytest.skip("axe-core is not installed: run `npm ci` in frontend/")
    return path.read_text(encoding="utf-8")
