"""report.html read back: its embedded columns and its tables, and the runs that the tests open."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import specdid
from small_studies import small_panel, small_study

HOSTILE = "</script><img src=x onerror=alert(1)> & 'q' \"qq\" <!-- ${x} `b`"


def hostile_study(**changes: Any) -> dict[str, Any]:
    """Some 400 specifications with two estimands, a null, analyses, Chinese and hostile labels."""
    base = small_study(
        study={"title": f"智慧城市 {HOSTILE}", "data": "given.csv", "unit": "id", "time": "year", "seed": 7},
        outcome={
            "人均排放": {"formula": "y", "scale": "对数点"},
            HOSTILE: {"formula": "log(z)", "scale": "对数点"},
        },
        controls={"any": "mvsw(x1, x2, x3, w)"},
        sample={"所有": "TRUE", "later": "year >= 2002", "now": "year >= 2003", "nobody": "year > 3000"},
        estimator={"OLS": "feols", "Sun-Abraham": "sunab"},
        variant={"裁剪": {"无": {}, "=1%": {"derive": {"y": "winsorize(y, 0.01)"}}}},
        exclude=[{"when": {"estimator": "Sun-Abraham", "fixed_effects": "unit"}, "because": f"no years {HOSTILE}"}],
        preferred={"controls": "x1"},
        inference={"draws": 49, "null": ["wild", "permutation"], "assign": "d + cohort"},
        event_study={"window": [-3, 2], "reference": -1},
        placebo={"draws": 150},
        heterogeneity={f"按组 {HOSTILE}": {"groups": {"low": "group < 3", "high": "group >= 3"}}},
        figure={"formats": ["png"]},
    )
    return {**base, **changes}


def large_study(controls: int = 10, samples: int = 5, **changes: Any) -> dict[str, Any]:
    """Subsets of controls in samples of one outcome under two fixed effects: 10,240 unless asked otherwise."""
    names = ["x1", "x2", "x3", "w", *(f"I(x{k}^2)" for k in (1, 2, 3)), "I(w^2)", "x1:x2", "x1:x3", "x2:x3", "x1:w"]
    return small_study(
        outcome={"y": "y"},
        controls={"any": f"mvsw({', '.join(names[:controls])})"},
        sample={f"no {k}": f"group != {k}" for k in range(samples)},
        inference={"draws": 19},
        figure={"formats": ["png"]},
        **changes,
    )


def run_report(study: dict[str, Any], directory: Path, frame: pl.DataFrame | None = None) -> Path:
    """Run a study into ``directory`` and give its report."""
    specdid.run(study, data=small_panel() if frame is None else frame, out=directory, jobs=1, audit=0)
    return directory / "report.html"


@dataclass
class Node:
    """An element with its text, as the browser reads it."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Any] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    def find(self, tag: str, **attributes: str) -> list[Node]:
        wanted = {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items()}
        found = []
        for child in self.children:
            if isinstance(child, Node):
                if child.tag == tag and wanted.items() <= child.attributes.items():
                    found.append(child)
                found += child.find(tag, **attributes)
        return found


class _Reader(HTMLParser):
    VOID = ("meta", "img", "input", "br", "hr", "link")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, dict(attrs))
        self.open[-1].children.append(node)
        if tag not in self.VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        while len(self.open) > 1 and self.open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_page(path: Path) -> Node:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.root


def table_rows(table: Node) -> list[list[str]]:
    """Give the cells of a table, the header first."""
    return [[c.text for c in row.children if c.tag in ("th", "td")] for row in table.find("tr")]


def embedded(page: Node) -> dict[str, Any]:
    return json.loads(page.find("script", id="data")[0].text)


def column(encoded: dict[str, Any]) -> np.ndarray:
    if "t" not in encoded:
        return np.full(encoded["n"], float(encoded["c"]))
    return np.frombuffer(base64.b64decode(encoded["d"]), dtype=f"<{encoded['t']}").astype(float)


def words(encoded: dict[str, Any]) -> list[str | None]:
    codes = column(encoded["codes"]).astype(int).tolist()
    return [encoded["words"][c] if c >= 0 else None for c in codes]


def number(text: str) -> float:
    """Read a number as it is written on the page."""
    return float(text.replace("−", "-").replace(",", "")) if text not in ("", "–") else float("nan")
