"""A headless Chromium that may not reach any network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pace import patience

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def chromium() -> str:
    """Give Chromium's path, or skip; where CI=true its absence is a failure."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("no chromium: .ci/run installs it from Debian's packages")
    if found is None:
        pytest.skip("no chromium; it is in Debian's package of that name")
    return found


@contextmanager
def open_browser() -> Iterator[Any]:
    """Start a browser with a profile of its own."""
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS), timeout=1000 * patience(60))
        yield browser
        browser.close()


class Watched:
    """A page that keeps what went wrong: messages, errors, dialogs, and requests to anything but its file."""

    def __init__(self, browser: Any, path: Path, width: int = 1400, height: int = 1100) -> None:
        self.wrong: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": height})
        self.page.set_default_timeout(1000 * patience(60))
        self.page.on("console", lambda m: self.wrong.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.wrong.append(f"error: {e}"))
        self.page.on("request", self._request)
        self.page.on("dialog", lambda d: (self.wrong.append(f"dialog: {d.message}"), d.dismiss()))
        self.path = path
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("#chart .over")

    def _request(self, request: Any) -> None:
        if not request.url.startswith("data:") and request.url != self.path.as_uri():
            self.wrong.append(f"request: {request.url}")

    def drag(self, start: float, stop: float) -> None:
        """Drag across the chart between two shares of its width."""
        self.page.locator("#chart").scroll_into_view_if_needed()
        box = self.page.locator("#chart .over").bounding_box()
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + start * box["width"], y)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + stop * box["width"], y, steps=4)
        self.page.mouse.up()

    def hover(self, share: float) -> None:
        """Move the mouse to a share of the chart's width."""
        self.page.locator("#chart").scroll_into_view_if_needed()
        box = self.page.locator("#chart .over").bounding_box()
        self.page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)

    def place(self) -> int:
        """Give the place on the curve, from 0, of the current specification."""
        return int(self.page.get_attribute("#chart", "aria-valuenow")) - 1

    def rows(self) -> list[list[str]]:
        """Give the cells of the table's page."""
        return self.page.eval_on_selector_all(
            "#table-box tbody tr[data-row]", "rows => rows.map(r => [...r.cells].map(c => c.textContent))"
        )

    def picture(self) -> str:
        """Give what the canvas shows, once it is drawn."""
        self.settle()
        return str(self.page.evaluate("document.querySelector('#chart canvas').toDataURL()"))

    def settle(self) -> None:
        """Wait until a frame has been drawn."""
        self.page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
