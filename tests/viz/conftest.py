"""A browser, for the tests of what runs in one."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

#: Nothing asks for anything: no update, no report home.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
#: With this environment variable a browser that is missing fails the tests.
REQUIRED = os.environ.get("AUTOGRAD_BROWSER") == "required"


def missing(what: str) -> None:
    """Skip the tests that need a browser, or fail where one is required."""
    if REQUIRED:
        pytest.fail(f"{what}, and AUTOGRAD_BROWSER=required")
    pytest.skip(what)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what needs a browser last: Playwright leaves an event loop running in this thread."""
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, headless; one for all tests."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("Playwright is not installed")
    path = shutil.which("chromium")
    if path is None:
        missing("there is no `chromium` on the PATH")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()
