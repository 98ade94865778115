"""Headless Chromium for the tests of the page, drawing WebGL in software."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--no-sandbox",
    "--disable-background-networking",
)
SLOW = 120_000  # ms; a frame of software WebGL takes a second or two


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser; skip the test if none is installed."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: `make test` installs it")
        pytest.skip("no Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


class Tab:
    """A page of landscape in a browser, with all that it complains of and asks for.

    Args:
        browser: Chromium.
        address: Where the page is.
        options: Of playwright's context, such as ``viewport``. By default without motion, so that
            the pictures do not turn when the page opens.
        script: Run before the page's own.
    """

    def __init__(self, browser: Any, address: str, script: str = "", **options: Any) -> None:
        usual = {"viewport": {"width": 1200, "height": 900}, "reduced_motion": "reduce"}
        self.context = browser.new_context(**{**usual, "accept_downloads": True, **options})
        self.page = self.context.new_page()
        self.page.set_default_timeout(SLOW)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type == "error" else None,
        )
        self.page.on("request", lambda request: self.requests.append(request.url))
        if script:
            self.page.add_init_script(script)
        self.page.goto(address)
        self.until("document.documentElement.dataset.drawn >= 1")

    def until(self, condition: str) -> None:
        """Wait for a condition in JavaScript."""
        # Not playwright's own waiting: it evaluates texts, which the page's policy forbids.
        end = time.monotonic() + SLOW / 1000
        while not self.page.evaluate(condition):
            assert time.monotonic() < end, f"waited in vain for {condition}"
            self.page.wait_for_timeout(50)

    def get(self, expression: str) -> Any:
        """Return the value of an expression in JavaScript."""
        return self.page.evaluate(expression)

    def act(self, *steps: Any) -> None:
        """Do something and wait until the page is redrawn.

        Args:
            steps: Functions without arguments.
        """
        before = int(self.get("document.documentElement.dataset.drawn"))
        for step in steps:
            step()
        self.until(f"document.documentElement.dataset.drawn > {before}")

    def trace(self, identifier: str, view: str = "flat", number: int = 0) -> Any:
        """Return what plotly draws in a panel."""
        return self.get(
            f"(() => {{ const trace = {plot(identifier, view)}.data[{number}]; return "
            "{type: trace.type, x: trace.x, y: trace.y, z: trace.z, zmin: trace.zmin, "
            "zmax: trace.zmax, cmin: trace.cmin, cmax: trace.cmax}; })()"
        )

    def readout(self, identifier: str) -> str:
        """Return what a panel says of the point under the pointer."""
        return str(self.page.text_content(f'[data-id="{identifier}"] .readout'))

    def outside(self) -> Sequence[str]:
        """Return the requests that went anywhere."""
        return [url for url in self.requests if not url.startswith(("data:", "blob:"))]

    def close(self) -> None:
        """Close it."""
        self.context.close()


def plot(identifier: str, view: str) -> str:
    """Return the expression for a panel's plot."""
    return f"document.querySelector('[data-id=\"{identifier}\"] .{view}')"
