"""report.html of 12,288 and 98,304 specifications: how large, how soon written and seen, and how soon it answers.

    PYTHONPATH=. python tests/bench/large_reports.py [--quick]

Least squares and no analyses. Each page is opened in Chromium at the width of a desk and of a telephone, light and
dark, and every control on it is pressed by keyboard. Milliseconds are the processor's, of the page's own process,
from the key or the mouse to the frame drawn after it: what else a machine does is not counted. Exits 1 where an answer
takes more than a second, axe-core finds something, focus is lost or anything is said on the console.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from time import process_time
from unittest.mock import patch

import _bench

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from browser import Watched, open_browser
from pages import large_study, run_report
from specdid._run import report
from undrawn import nothing_drawn

STUDIES = (
    {"controls": 10, "samples": 6},
    {"controls": 12, "samples": 6, "weights": {"none": "1", "people": "w"}},
)
QUICK = ({"controls": 5, "samples": 6},)
WINDOWS = ((1300, "light"), (1300, "dark"), (420, "light"), (420, "dark"))
BAR = 1000.0
"""Milliseconds to an answer."""


def written(study: dict[str, object], folder: Path) -> tuple[Path, float]:
    """Run a study; give its report and the processor's seconds that writing it took."""
    spent = []
    write = report.write_report

    def timed(*given: object, **named: object) -> object:
        began = process_time()
        try:
            return write(*given, **named)  # type: ignore[arg-type]
        finally:
            spent.append(process_time() - began)

    with nothing_drawn(), patch.object(report, "write_report", timed):
        return run_report(study, folder), sum(spent)


def measure(browser: object, path: Path, width: int, scheme: str) -> list[object]:
    """Open a page and press everything on it."""
    seen = Watched(browser, path, width=width, scheme=scheme)
    seen.settle()
    first = seen.spent() / 1000
    seen.unfold()
    filtered = max(seen.press("#filters input[type=checkbox]", "Space") for _ in range(3))
    head = "#table-box thead [data-key=estimate]"
    ordered = max(seen.press(head, "Enter") for _ in range(3))
    hovered = max(hover(seen, share) for share in (0.2, 0.5, 0.8))
    switched = max(seen.press("#measure", key) for key in ("ArrowDown", "ArrowUp"))
    seen.begin()
    wrong = seen.axe()
    controls = seen.controls()
    pressed = seen.drive(controls, watch=False)
    slowest = max(pressed, key=lambda p: p.ms)
    lost = sum(p.lost for p in pressed)
    seen.page.emulate_media(media="print")
    wrong += seen.axe()
    began = seen.spent()
    seen.page.pdf(format="A4")
    printed = (seen.spent() - began) / 1000
    for message in (*seen.wrong, *wrong):
        print(message)
    seen.page.close()
    answers = [filtered, ordered, hovered, switched, slowest.ms]
    return [
        first,
        *answers,
        f"{slowest.name.split(' ')[0]} {slowest.key}",
        len(controls),
        lost,
        printed,
        len(wrong),
        len(seen.wrong),
    ]


def hover(seen: Watched, share: float) -> float:
    """Give the milliseconds from the mouse on a place of the chart to the frame that reads it."""
    began = seen.spent()
    seen.hover(share)
    seen.settle()
    return seen.spent() - began


HEADER = [
    "specifications", "MB", "s to write", "px", "scheme", "s to first picture", "filter, ms", "sort, ms", "hover, ms",
    "errors, ms", "slowest, ms", "slowest", "controls", "focus lost", "s to print", "axe", "console",
]  # fmt: skip


def main() -> int:
    """Print and keep the table; 1 where something is slow or wrong."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch, open_browser() as browser:
        for k, given in enumerate(QUICK if _bench.quick() else STUDIES):
            study = large_study(**given)  # type: ignore[arg-type]
            path, spent = written(study, Path(scratch) / str(k))
            many = 2 ** (given["controls"] + 1) * given["samples"] * len(study.get("weights", "1"))  # type: ignore[operator]
            size = path.stat().st_size / 1e6
            for width, scheme in WINDOWS:
                rows.append([many, size, spent, width, scheme, *measure(browser, path, width, scheme)])
                print(*rows[-1], flush=True)
    _bench.report("large_reports", "Reports of many specifications in a browser", HEADER, rows)
    return int(any(max(row[6:11]) > BAR or row[13] or row[15] or row[16] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
