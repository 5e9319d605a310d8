"""A headless Chromium that may not reach any network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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


CONTROLS = """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")]
  .filter(e => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({ visibilityProperty: true }))"""
NAME = """e => {
  const own = [];
  for (; e && !e.id && e !== document.body; e = e.parentElement)
    own.unshift(`:nth-child(${[...e.parentElement.children].indexOf(e) + 1})`);
  return [e && e.id ? `#${CSS.escape(e.id)}` : "body", ...own].join(" > ");
}"""
"""A selector of one element, which finds it again when what is around it was built anew."""
LOOKS = """() => JSON.stringify([location.hash, document.body.innerText,
  [...document.querySelectorAll("input, select")].map(e => [e.value, e.checked]),
  [...document.querySelectorAll("details")].map(e => e.open),
  [...document.querySelectorAll("canvas")].map(c => c.toDataURL()),
  [...document.querySelectorAll("[aria-sort]")].map(e => [e.cellIndex, e.ariaSort]),
  document.querySelector("#chart").getAttribute("aria-valuenow")])"""
CHANGED = f"""() => {{
  const before = window.looked;
  window.looked = ({LOOKS})();
  return before !== window.looked;
}}"""
"""Whether a reader sees anything else than when this was last asked; the text, of all that is drawn, stays there."""
MAKE = r"""row => row.outerHTML.replace(/>[^<]+/g, ">").replace(/ (id|data-[a-z-]+|title|aria-label)="[^"]*"/g, "")"""
"""What a table's row is but for its words and numbers."""
ALIKE = f"""() => [...document.querySelectorAll("tbody")].flatMap(body => {{
  const makes = new Set();
  return [...body.rows].filter(row => {{
    const make = ({MAKE})(row), known = makes.has(make);
    makes.add(make);
    return known;
  }});
}})"""
"""The rows that are of the make of an earlier one of their table."""
KEYS = {
    "select": ("ArrowDown", "End", "Home"),
    "checkbox": ("Space", "Space"),
    "range": ("ArrowRight", "End", "Home"),
    "number": ("ArrowUp", "Enter", "ArrowDown", "Enter"),
    "slider": (
        "Home",
        "ArrowRight",
        "PageDown",
        "End",
        "p",
        "Shift+ArrowLeft",
        "a",
        "Enter",
        "ArrowLeft",
        "b",
        "Escape",
    ),
    "row": ("ArrowDown", "Enter", "Home"),
    "region": (),
}
"""What a reader presses on each kind of control; Enter on all others."""


class Pressed(NamedTuple):
    """What a key did: processor's milliseconds to its answer, whether anything changed, whether focus was lost."""

    name: str
    key: str
    ms: float
    changed: bool
    lost: bool


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

    def __init__(self, browser: Any, path: Path, width: int = 1400, height: int = 1100, scheme: str = "light") -> None:
        self.wrong: list[str] = []
        self._meter: Any = None
        self.page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.page.set_default_timeout(1000 * patience(60))
        self.page.on("console", lambda m: self.wrong.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.wrong.append(f"error: {e}"))
        self.page.on("request", self._request)
        self.page.on("dialog", lambda d: (self.wrong.append(f"dialog: {d.message}"), d.dismiss()))
        self.path = path
        self._open()

    def _open(self) -> None:
        self.page.goto(self.path.as_uri())
        self.page.wait_for_selector("#chart .over")

    def again(self) -> None:
        """Open the page anew in its tab: by way of another, as what is typed would outlast a reload."""
        self.page.mouse.move(0, 0)
        self.page.goto("about:blank")
        self.wrong.clear()
        self._open()

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

    def controls(self) -> list[str]:
        """Name, from top to bottom, all controls that are shown and can be used."""
        return list(self.page.evaluate(f"() => ({CONTROLS})().map({NAME})"))

    def repeated(self) -> set[str]:
        """Name the controls in rows that differ from an earlier one of their table in nothing but words and numbers."""
        there = f"new Set(({ALIKE})().flatMap(row => [row, ...row.querySelectorAll('*')]))"
        return set(
            self.page.evaluate(
                f"() => {{ const rows = {there}; return ({CONTROLS})().filter(e => rows.has(e)).map({NAME}) }}"
            )
        )

    def walk(self) -> list[tuple[str, bool]]:
        """Press Tab from the top to the end; give what had focus in turn, and whether that was seen."""
        seen = """e => { const s = getComputedStyle(e), b = e.getBoundingClientRect();
          return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 && b.bottom > 0 && b.top < innerHeight }"""
        self.page.focus(".skip")
        found: list[tuple[str, bool]] = []
        while len(found) < 2_000:
            told = self.page.evaluate(f"() => [({NAME})(document.activeElement), ({seen})(document.activeElement)]")
            if told[0] == "body" or (found and told[0] == found[0][0]):
                break
            found.append((told[0], told[1]))
            self.page.keyboard.press("Tab")
        return found

    def keys(self, name: str) -> tuple[str, ...]:
        """Give what to press on the control of this name; nothing where it is not there, or leaves the page."""
        kind = self.page.evaluate(
            """name => { const e = document.querySelector(name);
              if (!e || e.disabled || !e.checkVisibility()) return "region";
              const role = e.getAttribute("role"), tag = e.tagName.toLowerCase();
              if (tag === "a") return e.getAttribute("href").startsWith("#") ? "link" : "region";
              return role === "slider" || role === "region" ? role : tag === "table" ? "region" :
                e.dataset.row ? "row" : tag === "input" ? e.type : tag }""",
            name,
        )
        return KEYS.get(kind, ("Enter",))

    def press(self, name: str, key: str) -> float:
        """Press a key on a control; give the processor's milliseconds until its answer is drawn."""
        self.page.focus(name)
        began = self.spent()
        self.page.keyboard.press(key)
        self.settle()
        return self.spent() - began

    def spent(self) -> float:
        """Give the milliseconds that the page's process has taken of the processor."""
        if self._meter is None:
            self._meter = self.page.context.new_cdp_session(self.page)
            self._meter.send("Performance.enable")
        found = self._meter.send("Performance.getMetrics")["metrics"]
        return 1000 * next(float(m["value"]) for m in found if m["name"] == "ProcessTime")

    def begin(self) -> None:
        """Select, keep and pin by keyboard, so that every control has something to do."""
        for key in ("Home", *["Shift+PageUp"] * 4, "a", "ArrowRight", "b", "Enter"):
            self.press("#chart", key)

    def drive(self, names: Sequence[str], watch: bool = True) -> list[Pressed]:
        """Press on each of these controls what it takes; ``watch`` sees whether anything changes (and takes longer)."""
        there = "name => [!!document.querySelector(name)?.checkVisibility(), document.querySelector(name)?.tagName]"
        found = []
        if watch:
            self.settle()
            self.page.evaluate(CHANGED)
        for name in names:
            for key in self.keys(name):
                shown, tag = self.page.evaluate(there, name)
                if not shown:
                    break
                if name.startswith("#save"):
                    with self.page.expect_download():
                        ms = self.press(name, key)
                    found.append(Pressed(name, key, ms, True, False))
                    continue
                ms = self.press(name, key)
                lost = tag != "A" and self.page.evaluate("document.activeElement === document.body")
                changed = watch and self.page.evaluate(CHANGED)
                found.append(Pressed(name, key, ms, bool(changed), bool(lost)))
        return found

    def unfold(self) -> None:
        """Open all that is folded, but what spells out rows."""
        self.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")

    def leave_one_of_each(self) -> None:
        """Remove of each table the rows that differ from an earlier one in nothing but their words and numbers."""
        self.page.evaluate(f"() => ({ALIKE})().forEach(row => row.remove())")

    def axe(self, contrast: bool = True) -> list[Any]:
        """Give what axe-core finds wrong, as rules and elements; skips without it. Contrast takes most of its time."""
        axe = pytest.importorskip("axe_playwright_python")
        self.page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
        rules = {"rules": {"color-contrast": {"enabled": contrast}}}
        told = "rules => axe.run(rules).then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))"
        return list(self.page.evaluate(told, rules))

    def picture(self) -> str:
        """Give what the canvas shows, once it is drawn."""
        self.settle()
        return str(self.page.evaluate("document.querySelector('#chart canvas').toDataURL()"))

    def settle(self) -> None:
        """Wait until a frame has been drawn."""
        self.page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
